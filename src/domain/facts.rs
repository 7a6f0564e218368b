//! Facts about a target, each under a name: how it was before a step. A command writes them from a type of its own and reads
//! them back as that; the other rooms show and store them as they are.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Named facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(Map<String, Value>);

impl Facts {
    /// The fields of a value, each as a fact. A value that is no structure has none.
    pub fn of<T: Serialize>(value: &T) -> Self {
        match serde_json::to_value(value) {
            Ok(Value::Object(fields)) => Self(fields),
            _ => Self::default(),
        }
    }

    /// The value whose fields they are; `None` where they are of another.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(&self.0).ok()
    }

    /// Each fact as a person reads it, `public_ip 203.0.113.7`; what is empty, unknown or not so is left out.
    pub fn words(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::Null | Value::Bool(false) => None,
            Value::Bool(true) => Some(name.clone()),
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(format!("{name} {text}")),
            other => Some(format!("{name} {other}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Queue {
        state: String,
        depth: u64,
        paused: bool,
        owner: Option<String>,
    }

    #[test]
    fn facts_are_shown_by_their_names_and_come_back_as_the_type_of_their_command() {
        let queue = Queue { state: "ready".into(), depth: 7, paused: false, owner: None };
        let facts = Facts::of(&queue);
        let words = facts.words().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(words.into_iter().collect::<Vec<_>>(), ["depth 7", "state ready"]);
        let stored: Facts = serde_json::from_str(&serde_json::to_string(&facts).expect("JSON")).expect("facts");
        assert_eq!(stored.read::<Queue>(), Some(queue));
        assert_eq!(Facts::of(&"no structure").read::<Queue>(), None);
    }
}

//! Triggers: what a person did lately, good for one modal within three seconds, or as long as the settings say.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Instant;
use crate::ids;

/// How long a trigger may be used at Slack.
const LIFE: Duration = Duration::from_secs(3);
/// How many are remembered, so that an old one is called expired and not invalid.
const KEPT: usize = 10_000;

#[derive(Debug)]
struct Trigger {
    user: String,
    made: Instant,
    used: bool,
}

/// All of them.
#[derive(Debug)]
pub struct Triggers {
    /// How long each may be used.
    pub life: Duration,
    known: HashMap<String, Trigger>,
    order: VecDeque<String>,
}

impl Default for Triggers {
    fn default() -> Self {
        Self { life: LIFE, known: HashMap::new(), order: VecDeque::new() }
    }
}

impl Triggers {
    /// A new trigger of this person.
    pub fn make(&mut self, user: &str) -> String {
        if self.order.len() == KEPT
            && let Some(old) = self.order.pop_front()
        {
            self.known.remove(&old);
        }
        let id = ids::trigger();
        self.order.push_back(id.clone());
        self.known.insert(id.clone(), Trigger { user: user.to_owned(), made: Instant::now(), used: false });
        id
    }

    /// Whose it is, if it may still be used.
    pub fn of(&self, id: &str) -> Result<&str, &'static str> {
        let trigger = self.known.get(id).ok_or("invalid_trigger_id")?;
        if trigger.used {
            return Err("exchanged_trigger_id");
        }
        if trigger.made.elapsed() > self.life {
            return Err("expired_trigger_id");
        }
        Ok(&trigger.user)
    }

    /// It was used.
    pub fn spend(&mut self, id: &str) {
        if let Some(trigger) = self.known.get_mut(id) {
            trigger.used = true;
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.known.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trigger_is_good_once_and_for_three_seconds() {
        let mut triggers = Triggers::default();
        let (first, second) = (triggers.make("UMAYA"), triggers.make("UMAYA"));
        assert_eq!(triggers.of("12.34.56"), Err("invalid_trigger_id"));
        assert_eq!(triggers.of(&first), Ok("UMAYA"));
        triggers.spend(&first);
        assert_eq!(triggers.of(&first), Err("exchanged_trigger_id"));
        tokio::time::advance(Duration::from_millis(2_999)).await;
        assert_eq!(triggers.of(&second), Ok("UMAYA"));
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!(triggers.of(&second), Err("expired_trigger_id"));
        triggers.life = Duration::from_secs(30);
        assert_eq!(triggers.of(&second), Ok("UMAYA"), "a person who waits for a slow machine is given longer");
    }
}

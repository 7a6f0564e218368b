//! Between values and what a store keeps of them, the same for every implementation.

use crate::domain::{ChannelId, Reply, ReplyTo, RequestId, Tone, UserId};
use crate::store::{Address, StoreError};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

/// A value as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Failed(format!("value cannot be written as JSON: {error}")))
}

/// JSON that a program of another version may have written. What cannot be read is logged and left out, so that it
/// does not keep all else from being taken up.
pub(super) fn readable<T: serde::de::DeserializeOwned>(
    text: &str,
    request: RequestId,
    what: &'static str,
) -> Option<T> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::error!(%request, what, %error, "stored value cannot be read"))
        .ok()
}

/// A value as JSON, written in the place of what was read as such a value. What a newer program had put there, and this one
/// does not know, stays.
pub(super) fn rewritten<T: Serialize + serde::de::DeserializeOwned>(was: &str, new: &T) -> Result<String, StoreError> {
    let read = |text: &str| Some((serde_json::from_str(text).ok()?, serde_json::from_str::<T>(text).ok()?));
    let value = |value: &T| serde_json::to_value(value).ok();
    let Some((was, known)) = read(was) else { return json(new) };
    match (value(&known), value(new)) {
        (Some(known), Some(new)) => json(&carry(was, &known, new)),
        _ => json(new),
    }
}

/// The new value with what stands in the old one beside what is known of it. What is not changed stays as it was.
fn carry(was: Value, known: &Value, new: Value) -> Value {
    if new == *known {
        return was;
    }
    match (was, known, new) {
        (Value::Object(was), Value::Object(known), Value::Object(mut new)) => {
            for (key, was) in was {
                match (known.get(&key), new.get_mut(&key)) {
                    (None, None) => drop(new.insert(key, was)),
                    (Some(known), Some(new)) if *known == *new || is_same(&was, new) => {
                        *new = carry(was, known, new.take());
                    }
                    _ => {}
                }
            }
            Value::Object(new)
        }
        // what is a list here only grows
        (Value::Array(was), Value::Array(known), Value::Array(new)) if was.len() == known.len() => {
            let mut before = was.into_iter().zip(known);
            let carried = new.into_iter().map(|new| match before.next() {
                Some((was, known)) => carry(was, known, new),
                None => new,
            });
            Value::Array(carried.collect())
        }
        (_, _, new) => new,
    }
}

/// Whether this is the same thing, changed, and not another in its place.
fn is_same(was: &Value, new: &Value) -> bool {
    match (was, new) {
        (Value::Object(was), Value::Object(new)) => {
            was.get("number").is_some_and(Value::is_number) && was.get("number") == new.get("number")
        }
        (Value::Array(_), Value::Array(_)) => true,
        _ => false,
    }
}

/// What is sent in place of a reply that cannot be read.
pub(super) fn unreadable() -> Reply {
    Reply::new(Tone::Unknown).sentence(
        "My answer was written by another version of me and I cannot read it, so I do not know what was done. \
         Please look before you try again.",
    )
}

/// The `place`, `thread_ts` and `url` of a request.
pub(super) fn place(reply_to: &ReplyTo) -> (&'static str, Option<&str>, Option<&str>) {
    match reply_to {
        ReplyTo::Caller { response_url } => ("caller", None, response_url.as_ref().map(|url| url.expose_secret())),
        ReplyTo::Presser { response_url } => ("presser", None, Some(response_url.expose_secret())),
        ReplyTo::Alone { thread_ts } => ("alone", thread_ts.as_deref(), None),
        ReplyTo::Thread { thread_ts, begun: false } => ("thread", Some(thread_ts), None),
        ReplyTo::Thread { thread_ts, begun: true } => ("in_thread", Some(thread_ts), None),
        ReplyTo::Channel => ("channel", None, None),
        ReplyTo::Beside { thread_ts, response_url } => {
            ("beside", thread_ts.as_deref(), response_url.as_ref().map(|url| url.expose_secret()))
        }
    }
}

/// What [`place`] says of the answers that are messages of their channel, where they are found again. What went to one
/// person alone is none.
pub(super) const OF_THE_CHANNEL: [&str; 4] = ["thread", "in_thread", "channel", "beside"];

/// Whether an answer is a message of its channel.
pub(super) fn is_of_the_channel(reply_to: &ReplyTo) -> bool {
    OF_THE_CHANNEL.contains(&place(reply_to).0)
}

/// The reverse of [`place`]; `None` for a word of a newer program: a guess could tell all what was meant for one.
pub(super) fn reply_to(place: &str, thread_ts: Option<String>, response_url: Option<SecretString>) -> Option<ReplyTo> {
    Some(match (place, response_url) {
        ("thread", _) => ReplyTo::Thread { thread_ts: thread_ts.unwrap_or_default(), begun: false },
        ("in_thread", _) => ReplyTo::Thread { thread_ts: thread_ts.unwrap_or_default(), begun: true },
        ("alone", _) => ReplyTo::Alone { thread_ts },
        ("channel", _) => ReplyTo::Channel,
        ("beside", response_url) => ReplyTo::Beside { thread_ts, response_url },
        ("presser", Some(response_url)) => ReplyTo::Presser { response_url },
        // a press whose address is gone
        ("caller" | "presser", response_url) => ReplyTo::Caller { response_url },
        _ => return None,
    })
}

/// Which kind of place an [`Address`] is, by the word that a store keeps of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressKind {
    ResponseUrl,
    ClickUrl,
    Post,
    Beside,
    Ephemeral,
}

impl AddressKind {
    const ALL: [Self; 5] = [Self::ResponseUrl, Self::ClickUrl, Self::Post, Self::Beside, Self::Ephemeral];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ResponseUrl => "response_url",
            Self::ClickUrl => "click_url",
            Self::Post => "post",
            Self::Beside => "beside",
            Self::Ephemeral => "ephemeral",
        }
    }

    /// The reverse of [`Self::as_str`]; `None` for a word of a newer program: a guess would send the letter to the wrong place,
    /// or to nobody.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An address in its parts.
pub(super) struct AddressRow {
    pub(super) kind: AddressKind,
    pub(super) channel: String,
    pub(super) user: Option<String>,
    pub(super) thread_ts: Option<String>,
    pub(super) url: Option<SecretString>,
}

impl From<&Address> for AddressRow {
    fn from(address: &Address) -> Self {
        let (kind, channel, user, thread_ts, url) = match address {
            Address::ResponseUrl { url, channel, user } => {
                (AddressKind::ResponseUrl, channel, Some(user), None, Some(url))
            }
            Address::ClickUrl { url, channel, user } => (AddressKind::ClickUrl, channel, Some(user), None, Some(url)),
            Address::Post { channel, thread_ts, asker } => {
                (AddressKind::Post, channel, asker.as_ref(), thread_ts.as_ref(), None)
            }
            Address::Beside { channel, thread_ts, user, url } => {
                (AddressKind::Beside, channel, Some(user), thread_ts.as_ref(), url.as_ref())
            }
            Address::Ephemeral { channel, thread_ts, user } => {
                (AddressKind::Ephemeral, channel, Some(user), thread_ts.as_ref(), None)
            }
        };
        Self {
            kind,
            channel: channel.0.clone(),
            user: user.map(|user| user.0.clone()),
            thread_ts: thread_ts.cloned(),
            url: url.cloned(),
        }
    }
}

impl From<AddressRow> for Address {
    fn from(AddressRow { kind, channel, user, thread_ts, url }: AddressRow) -> Self {
        let (channel, asker) = (ChannelId(channel), user.map(UserId));
        if kind == AddressKind::Post {
            return Self::Post { channel, thread_ts, asker };
        }
        let user = asker.unwrap_or_else(|| UserId(String::new()));
        match (kind, url) {
            (AddressKind::ResponseUrl, Some(url)) => Self::ResponseUrl { url, channel, user },
            (AddressKind::ClickUrl, Some(url)) => Self::ClickUrl { url, channel, user },
            (AddressKind::Beside, url) => Self::Beside { channel, thread_ts, user, url },
            // one whose own address is gone is for the same person's eyes
            _ => Self::Ephemeral { channel, thread_ts, user },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Serialize, Deserialize)]
    struct Thing {
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<u8>,
        #[serde(default)]
        parts: Vec<Part>,
        #[serde(default)]
        letter: Option<Part>,
        #[serde(default)]
        plan: Option<Part>,
    }

    #[derive(Serialize, Deserialize)]
    struct Part {
        number: Option<u8>,
        state: String,
    }

    #[test]
    fn what_a_newer_program_added_stays_where_it_was_and_goes_with_what_it_was_said_of() {
        let was = json!({
            "name": "a", "end": 1, "mood": {"deep": [1]},
            "parts": [{"number": 0, "state": "x", "colour": "red"}, {"number": 1, "state": "x", "colour": "blue"}],
            "letter": {"number": 4, "state": "x", "colour": "green"},
            "plan": {"number": null, "state": "x", "colour": "grey"},
        });
        let edit = |edit: &dyn Fn(&mut Thing)| -> Value {
            let mut thing: Thing = serde_json::from_value(was.clone()).unwrap();
            edit(&mut thing);
            serde_json::from_str(&rewritten(&was.to_string(), &thing).unwrap()).unwrap()
        };
        assert_eq!(edit(&|_| {}), was);
        let grown = edit(&|thing| {
            thing.end = None;
            thing.parts[1].state = "y".into();
            thing.parts.push(Part { number: Some(2), state: "new".into() });
            thing.letter.as_mut().unwrap().state = "tried".into();
        });
        assert_eq!(
            grown,
            json!({
                "name": "a", "mood": {"deep": [1]},
                "parts": [
                    {"number": 0, "state": "x", "colour": "red"},
                    {"number": 1, "state": "y", "colour": "blue"},
                    {"number": 2, "state": "new"},
                ],
                "letter": {"number": 4, "state": "tried", "colour": "green"},
                "plan": {"number": null, "state": "x", "colour": "grey"},
            })
        );
        let replaced = edit(&|thing| {
            thing.letter = Some(Part { number: Some(5), state: "x".into() });
            thing.plan = Some(Part { number: None, state: "other".into() });
        });
        assert_eq!(replaced["letter"], json!({"number": 5, "state": "x"}), "another letter");
        assert_eq!(replaced["plan"], json!({"number": null, "state": "other"}), "another plan");
        assert_eq!(replaced["mood"], was["mood"]);
    }

    #[test]
    fn a_kind_of_place_is_read_as_it_was_written_and_no_other_word_is_one() {
        for kind in AddressKind::ALL {
            assert_eq!(AddressKind::parse(kind.as_str()), Some(kind));
        }
        for strange in ["", "pigeon", "Post", "ephemeral "] {
            assert_eq!(AddressKind::parse(strange), None, "{strange}");
        }
    }

    #[test]
    fn an_address_is_read_as_it_was_written_and_one_of_an_older_version_without_its_asker() {
        let post = |asker: Option<&str>| Address::Post {
            channel: "C1".into(),
            thread_ts: Some("1.5".to_owned()),
            asker: asker.map(UserId::from),
        };
        for asker in [Some("U1"), None] {
            let row = AddressRow::from(&post(asker));
            assert_eq!(row.user.as_deref(), asker);
            let Address::Post { channel, thread_ts, asker: read } = Address::from(row) else { panic!("a post") };
            assert_eq!((channel.as_str(), thread_ts.as_deref()), ("C1", Some("1.5")));
            assert_eq!(read.as_ref().map(UserId::as_str), asker);
        }
    }
}

//! What comes back from a button or a form is what went out with it.
//!
//! Slack gives a button's value back as it was sent, and so would it give back one that somebody else has sent: who has
//! got hold of a response_url of the bot's can post as the bot. So each value goes out with a keyed hash of what it says
//! and of where it stands, and a press is believed only with that hash: a button that was made up, changed, or taken to
//! another place runs nothing.
//!
//! The key is made of the app-level token. All replicas have that and it outlives each of them, so there is nothing to keep
//! and nothing to agree on. Above all it is not where response_urls are: who reads the store would find a key there beside
//! them. And no message is posted with that token, so that who has got hold of the bot token alone cannot make buttons that
//! count. When the app-level token is rotated, which is done when others may know it, what was made before counts no more:
//! its press is answered by a sentence.

use super::token::Token;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use sha2::Sha256;

/// What the key is for: another use of the token has another key.
const USE: &[u8] = b"dronebot: buttons and forms, 1";

/// What stands between a value and its hash.
const MARK: &str = " ~";

/// How many characters a seal adds.
pub const LENGTH: usize = MARK.len() + 43;

/// How a button begins in serialised blocks. What people say cannot look so: its quotes are escaped.
const BUTTON: &str = r#""type":"button""#;

/// Makes seals and tells them from others.
#[derive(Clone, Debug)]
pub struct Seals(Token);

impl Seals {
    /// Those of this app, by its app-level token; they follow its rotation.
    pub fn new(app_token: Token) -> Self {
        Self(app_token)
    }

    /// Blocks with every button sealed that says something, for this place: a channel, or the person of a direct message
    /// or a Home. `None` where there is no button.
    pub fn blocks(&self, blocks: &RawValue, place: &str) -> Option<Box<RawValue>> {
        if !blocks.get().contains(BUTTON) {
            return None;
        }
        let mut sealed = serde_json::from_str(blocks.get()).ok()?;
        self.seal_within(&mut sealed, place);
        to_raw_value(&sealed).ok()
    }

    fn seal_within(&self, part: &mut Value, place: &str) {
        match part {
            Value::Array(parts) => parts.iter_mut().for_each(|part| self.seal_within(part, place)),
            Value::Object(fields) => {
                if fields.get("type").is_some_and(|kind| kind == "button")
                    && let (Some(Value::String(line)), Some(Value::String(action))) =
                        (fields.get("value"), fields.get("action_id"))
                {
                    let sealed = self.button(action, line, place);
                    fields.insert("value".to_owned(), Value::String(sealed));
                }
                fields.values_mut().for_each(|part| self.seal_within(part, place));
            }
            _ => {}
        }
    }

    /// The value of a button that says this, for this place.
    pub fn button(&self, action: &str, line: &str, place: &str) -> String {
        let hash = self.hash(&["button", action, line, place]).finalize().into_bytes();
        format!("{line}{MARK}{}", URL_SAFE_NO_PAD.encode(hash))
    }

    /// What a pressed button says, which stands in one of these places.
    ///
    /// # Errors
    /// What it seems to say, as it was not made by this app, or not like this, or not for any of these places.
    pub fn pressed<'v>(&self, action: &str, value: &'v str, places: &[&str]) -> Result<&'v str, &'v str> {
        let Some((line, hash)) = value.rsplit_once(MARK) else { return Err(value) };
        let Ok(hash) = URL_SAFE_NO_PAD.decode(hash) else { return Err(value) };
        let fits = |place: &&str| self.hash(&["button", action, line, place]).verify_slice(&hash).is_ok();
        if self.has_key() && places.iter().any(fits) { Ok(line) } else { Err(line) }
    }

    /// A view whose private metadata is sealed.
    pub fn view(&self, view: &RawValue) -> Option<Box<RawValue>> {
        let mut view: Value = serde_json::from_str(view.get()).ok()?;
        let memo = view["private_metadata"].as_str()?;
        view["private_metadata"] = Value::String(self.form(memo));
        to_raw_value(&view).ok()
    }

    /// The private metadata of a form that remembers this.
    pub fn form(&self, memo: &str) -> String {
        let hash = self.hash(&["form", memo]).finalize().into_bytes();
        format!("{memo}{MARK}{}", URL_SAFE_NO_PAD.encode(hash))
    }

    /// What a form remembers; `None` when it was not made by this app, or not like this.
    pub fn remembered<'m>(&self, private_metadata: &'m str) -> Option<&'m str> {
        let (memo, hash) = private_metadata.rsplit_once(MARK)?;
        let hash = URL_SAFE_NO_PAD.decode(hash).ok()?;
        (self.has_key() && self.hash(&["form", memo]).verify_slice(&hash).is_ok()).then_some(memo)
    }

    /// Without a token everybody would have the key.
    fn has_key(&self) -> bool {
        !self.0.get().expose_secret().is_empty()
    }

    /// The hash of these words: each goes in with its length, so that no two lists of words are one.
    fn hash(&self, words: &[&str]) -> Hmac<Sha256> {
        let key = keyed(self.0.get().expose_secret().as_bytes()).chain_update(USE).finalize().into_bytes();
        words.iter().fold(keyed(&key), |hash, word| {
            hash.chain_update((word.len() as u64).to_be_bytes()).chain_update(word.as_bytes())
        })
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(key) {
        Ok(hash) => hash,
        Err(_) => unreachable!("a key of this hash may have any length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::testing::a_seal;
    use secrecy::SecretString;
    use serde_json::json;

    fn seals(token: &str) -> Seals {
        Seals::new(token.into())
    }

    /// A press of each kind of button, and what becomes of it with one thing about it changed.
    #[test]
    fn a_press_counts_only_as_it_was_made_and_where_it_was_put() {
        let ours = a_seal();
        let lines = [
            ("run:0", "ec2 stop web-2", "C1"),
            ("run:17", "approve 01JD8Z3K4M5N6P7Q8R9SATBVCW/0123456789ab", "C1"),
            ("run:1", "decline 01JD8Z3K4M5N6P7Q8R9SATBVCW", "C1"),
            ("run:2", "ec2 list --tag \"a ~b\" --page 2", "D1"),
            ("form:0", "ec2 stop", "U1"),
            ("run:3", "", "C1"),
        ];
        for (action, line, place) in lines {
            let value = ours.button(action, line, place);
            assert_eq!(value.len(), line.len() + LENGTH);
            assert_eq!(ours.pressed(action, &value, &["C9", place]), Ok(line));
            let hash = &value[line.len()..];
            let other = |line: &str| format!("{line}{hash}");
            let forged = [
                ("another action", "run:99", value.clone(), place),
                ("another verb", if action.starts_with("run") { "form:0" } else { "run:0" }, value.clone(), place),
                ("another place", action, value.clone(), "C2"),
                ("another line", action, other("ec2 stop db-1"), place),
                ("a word more", action, other(&format!("{line} --force")), place),
                ("another plan", action, other(&format!("{line}0")), place),
                ("no hash", action, line.to_owned(), place),
                ("half a hash", action, value[..value.len() - 4].to_owned(), place),
                ("an empty hash", action, format!("{line}{MARK}"), place),
                ("another app's", action, seals("xapp-other").button(action, line, place), place),
                ("one of no key", action, seals("").button(action, line, place), place),
                ("a form's", action, ours.form(line), place),
            ];
            for (what, action, value, place) in forged {
                assert!(ours.pressed(action, &value, &[place]).is_err(), "{what}: {value}");
            }
            assert!(seals("").pressed(action, &seals("").button(action, line, place), &[place]).is_err());
        }
    }

    #[test]
    fn a_form_counts_only_as_it_was_made() {
        let ours = a_seal();
        let memo = r#"{"v":1,"command":"ec2 stop","channel":"C1"}"#;
        let sealed = ours.form(memo);
        assert_eq!(ours.remembered(&sealed), Some(memo));
        for place in 0..sealed.len() {
            let mut other = sealed.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("ASCII");
            assert_eq!(ours.remembered(&other), None, "{other}");
        }
        for other in [memo, "", &seals("xapp-other").form(memo), &ours.button("run:0", memo, "C1")] {
            assert_eq!(ours.remembered(other), None, "{other}");
        }
    }

    #[test]
    fn all_buttons_that_say_something_are_sealed_and_nothing_else_is_touched() {
        let ours = a_seal();
        let button = |action: &str, value: &str| json!({"type": "button", "action_id": action, "value": value});
        let blocks = json!([
            {"type": "section", "text": {"type": "plain_text", "text": "\"type\":\"button\""}, "accessory": button("run:0", "ping")},
            {"type": "actions", "elements": [button("form:1", "ec2 stop"), {"type": "button", "action_id": "home:refresh"}]},
        ]);
        let sealed = ours.blocks(&to_raw_value(&blocks).expect("JSON"), "C1").expect("there are buttons");
        let sealed: Value = serde_json::from_str(sealed.get()).expect("JSON");
        let mut expected = blocks;
        expected[0]["accessory"]["value"] = json!(ours.button("run:0", "ping", "C1"));
        expected[1]["elements"][0]["value"] = json!(ours.button("form:1", "ec2 stop", "C1"));
        assert_eq!(sealed, expected);
        let words = json!([{"type": "section", "text": {"type": "plain_text", "text": "\"type\":\"button\""}}]);
        assert!(ours.blocks(&to_raw_value(&words).expect("JSON"), "C1").is_none(), "people's words are no button");
    }

    #[test]
    fn a_rotated_token_makes_other_seals_at_once_and_nothing_shows_the_key() {
        let token = Token::from("xapp-1");
        let ours = Seals::new(token.clone());
        let before = ours.button("run:0", "ping", "C1");
        token.replace(SecretString::from("xapp-2"));
        assert_eq!(ours.pressed("run:0", &before, &["C1"]), Err("ping"));
        let now = ours.button("run:0", "ping", "C1");
        assert_eq!(ours.pressed("run:0", &now, &["C1"]), Ok("ping"));
        assert!(!format!("{ours:?}").contains("xapp") && !now.contains("xapp"));
    }
}

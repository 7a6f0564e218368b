//! What Slack and a person's device make of a typed line: the text and the blocks that arrive.
//!
//! By Slack's documentation of formatted text and the fixtures of its SDKs: three characters become entities in the text and
//! stay in the blocks; addresses, hosts and e-mail become links with what was typed as their label; a phone turns quotes
//! and dashes and puts in hard spaces; formatting is marks in the text and style in the blocks.

use serde_json::{Value, json};

/// How a word looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Plain,
    Bold,
    Italic,
    Struck,
    Code,
}

/// What kind of word it is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Letters that Slack leaves as they are.
    Letters,
    /// A name with spaces, in double quotes as typed.
    Quoted,
    /// `https://…`
    Url,
    /// A host, perhaps with a path.
    Host,
    /// `a@b.dev`
    Email,
    /// A person chosen from the list: the word is `<@U…>`.
    Person(&'static str),
    /// A channel chosen from the list.
    Channel(&'static str),
    /// With a part that Slack takes for an emoji, from `.0` to `.1` of the word, colons included.
    Emoji(usize, usize),
}

/// A word as the person means it.
#[derive(Clone, Debug)]
pub struct Word {
    pub meant: String,
    pub kind: Kind,
    pub look: Look,
}

/// How the line is sent.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Whether the device has smart quotes and dashes.
    pub smart: bool,
    /// What is between words.
    pub space: char,
    /// How the bot is named before it: not at all, plainly, by label and colon, in bold.
    pub naming: u8,
    /// All in a code block.
    pub fenced: bool,
}

/// What arrives.
#[derive(Debug)]
pub struct Sent {
    /// Of a message.
    pub text: String,
    /// Of a message.
    pub blocks: String,
    /// Of the slash command with the same words.
    pub slash: String,
}

struct Element {
    json: Value,
    text: String,
    slash: String,
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn words(text: &str) -> Element {
    Element { json: json!({"type": "text", "text": text}), text: escape(text), slash: escape(text) }
}

fn link(url: &str, label: Option<&str>) -> Element {
    let json = match label {
        Some(label) => json!({"type": "link", "url": url, "text": label}),
        None => json!({"type": "link", "url": url}),
    };
    let text = match label {
        Some(label) => format!("<{}|{}>", escape(url), escape(label)),
        None => format!("<{}>", escape(url)),
    };
    Element { json, slash: text.clone(), text }
}

/// The word without what Slack makes of it, as a device sends it.
fn typed(text: &str, way: Way) -> String {
    if !way.smart {
        return text.to_owned();
    }
    let mut open = false;
    let mut out = String::new();
    let text = match text.strip_prefix("--") {
        Some(option) => format!("—{option}"),
        None => text.to_owned(),
    };
    for letter in text.chars() {
        match letter {
            '"' => {
                open = !open;
                out.push(if open { '“' } else { '”' });
            }
            '\'' => out.push('’'),
            letter => out.push(letter),
        }
    }
    out
}

impl Word {
    fn elements(&self, way: Way) -> Vec<Element> {
        let meant = self.meant.as_str();
        // what is code is nothing else
        if self.look == Look::Code || way.fenced {
            return vec![words(meant)];
        }
        match &self.kind {
            Kind::Letters | Kind::Quoted => vec![words(&typed(meant, way))],
            Kind::Url => vec![link(meant, None)],
            Kind::Host => vec![link(&format!("http://{}", meant.to_lowercase()), Some(meant))],
            Kind::Email => vec![link(&format!("mailto:{meant}"), Some(meant))],
            Kind::Person(id) => vec![Element {
                json: json!({"type": "user", "user_id": id}),
                text: format!("<@{id}>"),
                slash: format!("<@{id}|some.name>"),
            }],
            Kind::Channel(id) => vec![Element {
                json: json!({"type": "channel", "channel_id": id}),
                text: format!("<#{id}|ops>"),
                slash: format!("<#{id}|ops>"),
            }],
            Kind::Emoji(from, to) => {
                let name = &meant[*from..*to];
                let mut all = vec![words(&typed(&meant[..*from], way)), words(name), words(&meant[*to..])];
                all[1].json = json!({"type": "emoji", "name": name.trim_matches(':'), "unicode": "1f600"});
                all.retain(|element| !element.text.is_empty());
                all
            }
        }
    }
}

impl Look {
    fn style(self) -> Option<(&'static str, char)> {
        match self {
            Self::Plain => None,
            Self::Bold => Some(("bold", '*')),
            Self::Italic => Some(("italic", '_')),
            Self::Struck => Some(("strike", '~')),
            Self::Code => Some(("code", '`')),
        }
    }
}

/// What arrives when this line is sent in this way.
pub fn sent(line: &[Word], way: Way) -> Sent {
    let mut elements = Vec::new();
    let (mut text, mut slash) = (String::new(), String::new());
    for (index, word) in line.iter().enumerate() {
        if index > 0 {
            let space = if way.fenced { ' ' } else { way.space };
            elements.push(json!({"type": "text", "text": space.to_string()}));
            text.push(space);
            slash.push(space);
        }
        let style = word.look.style().filter(|_| !way.fenced);
        let mark = style.map(|(_, mark)| mark.to_string()).unwrap_or_default();
        text.push_str(&mark);
        slash.push_str(&mark);
        for mut element in word.elements(way) {
            if let Some((style, _)) = style {
                element.json["style"] = json!({style: true});
            }
            elements.push(element.json);
            text.push_str(&element.text);
            slash.push_str(&element.slash);
        }
        text.push_str(&mark);
        slash.push_str(&mark);
    }
    let part = if way.fenced {
        text = format!("```{text}```");
        slash = format!("```{slash}```");
        json!({"type": "rich_text_preformatted", "elements": elements})
    } else {
        json!({"type": "rich_text_section", "elements": elements})
    };
    named(part, text, slash, way)
}

/// With the bot's name before it.
fn named(part: Value, text: String, slash: String, way: Way) -> Sent {
    let user = json!({"type": "user", "user_id": "UBOT"});
    let bold = json!({"type": "user", "user_id": "UBOT", "style": {"bold": true}});
    let then = |words: &str| json!({"type": "text", "text": words});
    let (before, prefix) = match way.naming {
        0 => (vec![], ""),
        1 => (vec![user, then(" ")], "<@UBOT> "),
        2 => (vec![user, then(": ")], "<@UBOT|drone>: "),
        _ => (vec![bold, then(" ")], "*<@UBOT>* "),
    };
    let mut parts = vec![json!({"type": "rich_text_section", "elements": before}), part];
    if !way.fenced {
        let more = parts[1]["elements"].as_array().cloned().unwrap_or_default();
        parts.truncate(1);
        if let Some(elements) = parts[0]["elements"].as_array_mut() {
            elements.extend(more);
        }
    }
    let blocks = json!([{"type": "rich_text", "block_id": "x", "elements": parts}]);
    Sent { text: format!("{prefix}{text}"), blocks: blocks.to_string(), slash }
}

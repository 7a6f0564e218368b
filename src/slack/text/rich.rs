//! Blocks of `rich_text`, read leniently: an element of a kind that Slack adds one day is read by its text, and where it
//! has none, the message is read from its text instead.
//!
//! Formatting is not text here, so it simply goes. But Slack takes the stars of `"*web*"` and of `--name=*web*` for
//! formatting too, as they are typed: in quotes, and where a value begins, the marks are put back.

use super::pieces::{Piece, pieces};
use super::{characters, tokens};
use serde_json::Value;
use std::ops::Range;

/// The words of the blocks (a JSON array); `None` when they are not rich text, say nothing, or cannot be read as a whole.
pub(super) fn read(blocks: &str) -> Option<String> {
    let blocks: Vec<Value> = serde_json::from_str(blocks).ok()?;
    let mut tree = Tree::default();
    for block in &blocks {
        if kind(block) != "rich_text" {
            return None;
        }
        for part in elements(block)? {
            tree.part(part)?;
        }
    }
    (!tree.words.trim().is_empty()).then(|| tree.finished())
}

fn kind(element: &Value) -> &str {
    element["type"].as_str().unwrap_or_default()
}

fn elements(element: &Value) -> Option<&Vec<Value>> {
    element["elements"].as_array()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    bold: bool,
    italic: bool,
    strike: bool,
    code: bool,
}

impl Style {
    fn of(element: &Value) -> Self {
        let has = |name: &str| element["style"][name].as_bool().unwrap_or(false);
        Self { bold: has("bold"), italic: has("italic"), strike: has("strike"), code: has("code") }
    }

    /// The marks before the words, in the order in which Slack writes them.
    fn marks(self) -> String {
        let marks = [(self.bold, '*'), (self.italic, '_'), (self.strike, '~'), (self.code, '`')];
        marks.iter().filter(|(has, _)| *has).map(|(_, mark)| *mark).collect()
    }
}

/// What has been read so far.
#[derive(Default)]
struct Tree {
    words: String,
    styled: Vec<(Range<usize>, Style)>,
}

impl Tree {
    /// A section, a list, a quote, a block of code.
    fn part(&mut self, part: &Value) -> Option<()> {
        let own_line = !self.words.is_empty() && !self.words.ends_with('\n');
        if kind(part) == "rich_text_list" {
            return elements(part)?.iter().try_for_each(|item| self.part(item));
        }
        if own_line {
            self.words.push('\n');
        }
        elements(part)?.iter().try_for_each(|element| self.element(element))
    }

    fn element(&mut self, element: &Value) -> Option<()> {
        let text = |key: &str| element[key].as_str();
        let id = |key: &str| text(key).filter(|id| tokens::is_id(id));
        let words = match kind(element) {
            "text" => text("text")?.to_owned(),
            "link" => tokens::link(text("url")?, text("text").filter(|label| !label.is_empty())),
            "user" => format!("<@{}>", id("user_id")?),
            "channel" => format!("<#{}>", id("channel_id")?),
            "usergroup" => format!("<!subteam^{}>", id("usergroup_id")?),
            "broadcast" => format!("@{}", text("range")?),
            // a shortcode swallows what only looks like one, as in `arn:aws:…`: its name gives back what was typed
            "emoji" => match (element["skin_tone"].as_u64(), self.character(element)) {
                (Some(tone), _) => format!(":{}::skin-tone-{tone}:", text("name")?),
                (None, Some(character)) => character,
                (None, None) => format!(":{}:", text("name")?),
            },
            "color" => text("value")?.to_owned(),
            _ => text("text").or(text("fallback")).or(text("value"))?.to_owned(),
        };
        self.push(&characters::plain(&words), Style::of(element));
        Some(())
    }

    /// The character of an emoji, as Slack gives its code points, where nobody can have typed its name for its letters:
    /// those of an ARN or of a value stand behind letters, `:` or `=`.
    fn character(&self, element: &Value) -> Option<String> {
        let is_letters = self.words.ends_with(|before: char| before.is_alphanumeric() || matches!(before, ':' | '='));
        let points = element["unicode"].as_str().filter(|_| !is_letters)?.split('-');
        let all = points.map(|point| u32::from_str_radix(point, 16).ok().and_then(char::from_u32));
        all.collect::<Option<String>>().filter(|all| !all.is_ascii())
    }

    fn push(&mut self, words: &str, style: Style) {
        let start = self.words.len();
        self.words.push_str(words);
        let end = self.words.len();
        match self.styled.last_mut() {
            Some((range, same)) if range.end == start && *same == style => range.end = end,
            _ if start < end && style != Style::default() => self.styled.push((start..end, style)),
            _ => {}
        }
    }

    /// The words, with the marks that are an argument's own put back.
    fn finished(&self) -> String {
        let pieces = pieces(&self.words, false);
        let mut quotes = pieces.iter().filter_map(|piece| match piece {
            Piece::Quoted(range) => Some(range),
            Piece::Words(_) | Piece::Code { .. } => None,
        });
        let mut quote = quotes.next();
        let mut out = String::with_capacity(self.words.len() + 8);
        let mut from = 0;
        for (range, style) in &self.styled {
            while quote.is_some_and(|quote| quote.end <= range.start) {
                quote = quotes.next();
            }
            let quoted = quote.is_some_and(|quote| quote.start < range.start && range.end < quote.end);
            let value = !style.code && self.words[..range.start].ends_with('=');
            if !quoted && !value {
                continue;
            }
            let marks = style.marks();
            out.push_str(&self.words[from..range.start]);
            out.push_str(&marks);
            out.push_str(&self.words[range.clone()]);
            out.extend(marks.chars().rev());
            from = range.end;
        }
        out.push_str(&self.words[from..]);
        out
    }
}

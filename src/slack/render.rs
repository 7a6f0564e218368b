//! A reply as Block Kit with its plain-text twin. Everything in a reply is untrusted: words go into rich text and
//! plain text elements, which have no markup to break out of, and are escaped in the twin.
//!
//! [`render`] makes one message, and cuts what does not fit. [`answer`] makes as many as it takes, and a file of what
//! is longer than that.

mod answer;
mod buttons;
mod elsewhere;
mod file;
pub mod home;
pub mod modal;
mod split;
mod table;
mod twin;

pub use answer::{Answer, FilePlace, answer};
pub use elsewhere::{below, elsewhere};
pub use file::File;

use super::api::Message;
use crate::domain::{Line, Part, Reply, Span, Table, Tone, is_invisible};
use serde::Serialize;
use table::Shape;

/// Slack's limit is 50; the rest is for the note of what was cut and for the footer.
const MAX_BLOCKS: usize = 46;
/// How many characters one block may hold: below the 3,000 of a section.
const BLOCK_CHARS: usize = 2_800;
/// How many characters all blocks may hold; Slack refuses long messages with `msg_blocks_too_long`.
const TOTAL_CHARS: usize = 11_000;
/// The limit of a header block.
const HEADER_CHARS: usize = 150;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Header { text: PlainText },
    RichText { elements: Vec<Rich> },
    Context { elements: [PlainText; 1] },
    Actions { elements: Vec<buttons::Element> },
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Rich {
    #[serde(rename = "rich_text_section")]
    Section { elements: Vec<Inline> },
    #[serde(rename = "rich_text_list")]
    List { style: &'static str, elements: Vec<Self> },
    #[serde(rename = "rich_text_preformatted")]
    Preformatted { elements: Vec<Inline> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Inline {
    Text {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        style: Option<Style>,
    },
    User {
        user_id: String,
    },
    Channel {
        channel_id: String,
    },
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
struct Style {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    code: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bold: bool,
}

#[derive(Serialize)]
struct PlainText {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
    emoji: bool,
}

/// The sign and the word of a tone. An answer to a question needs neither.
fn sign(tone: Tone) -> Option<(&'static str, &'static str)> {
    match tone {
        Tone::Info => None,
        Tone::Done => Some(("\u{2705}", "Done")),
        Tone::Progress => Some(("\u{23F3}", "Working")),
        Tone::Approval => Some(("\u{270B}", "Approval needed")),
        Tone::Usage => Some(("\u{2754}", "Not run")),
        Tone::Refused => Some(("\u{26D4}", "Refused")),
        Tone::Failed => Some(("\u{274C}", "Failed")),
        Tone::Unknown => Some(("\u{26A0}\u{FE0F}", "Outcome unknown")),
        // what is half done is neither ✅ nor ❌: a reader who skims must not believe that nothing was
        Tone::Partly => Some(("\u{26A0}\u{FE0F}", "Partly done")),
        Tone::NotApproved => Some(("\u{26D4}", "Not approved")),
        Tone::CalledOff => Some(("\u{26D4}", "Called off")),
    }
}

/// Renders a reply, with `footer` (the request's short id) as small print. What does not fit into one message is cut,
/// and the message says so.
pub fn render(reply: &Reply, footer: Option<&str>) -> Message {
    let mut page = Page::default();
    let opening = sign(reply.tone);
    let carried = matches!(reply.parts.first(), Some(Part::Title(_) | Part::Text(_)));
    if let Some((sign, word)) = opening.filter(|_| !carried) {
        page.section(vec![text(format!("{sign} ")), bold(word)], word.len() + 2);
    }
    for (index, part) in reply.parts.iter().enumerate() {
        let opening = opening.filter(|_| index == 0);
        page.part(part, opening);
    }
    page.finish(footer);
    let blocks = serde_json::value::to_raw_value(&page.blocks).ok().filter(|_| !page.blocks.is_empty());
    Message { text: twin::twin(reply, footer), blocks }
}

/// The blocks so far.
#[derive(Default)]
struct Page {
    blocks: Vec<Block>,
    open: Vec<Rich>,
    open_chars: usize,
    total_chars: usize,
    /// How many lines found no place.
    cut: usize,
    /// How many buttons there were so far.
    buttons: usize,
}

impl Page {
    fn part(&mut self, part: &Part, opening: Option<(&'static str, &'static str)>) {
        match part {
            Part::Title(title) => self.title(title, opening),
            Part::Text(line) => {
                let mut elements = Vec::with_capacity(line.0.len() + 2);
                if let Some((sign, word)) = opening {
                    elements.extend([text(format!("{sign} ")), bold(word), text(": ")]);
                }
                let chars = inline(line, &mut elements);
                self.section(elements, chars);
            }
            Part::List(lines) => self.list(lines.iter().map(|line| {
                let mut elements = Vec::with_capacity(line.0.len());
                let chars = inline(line, &mut elements);
                (elements, chars)
            })),
            Part::Fields(fields) => self.list(fields.iter().map(|(name, value)| {
                let mut elements = Vec::with_capacity(value.0.len() + 2);
                let name = clean(name, 200);
                if !name.is_empty() {
                    elements.push(bold(name.as_str()));
                }
                elements.push(text(": "));
                let chars = name.len() + 2 + inline(value, &mut elements);
                (elements, chars)
            })),
            Part::Table(table) => self.table(table),
            Part::Note(line) => self.note(&line.plain()),
            Part::Buttons(buttons) => self.buttons(buttons),
        }
    }

    fn title(&mut self, title: &str, opening: Option<(&'static str, &'static str)>) {
        self.close();
        let title = match opening {
            Some((sign, word)) => format!("{sign} {word}: {title}"),
            None => title.to_owned(),
        };
        let title = clean(&title, HEADER_CHARS);
        if !title.trim().is_empty() && self.has_room(title.len()) {
            self.total_chars += title.len();
            self.blocks.push(Block::Header { text: plain_text(title) });
        }
    }

    fn note(&mut self, words: &str) {
        self.close();
        let words = clean(words, 2_000);
        if !words.trim().is_empty() && self.has_room(words.len()) {
            self.total_chars += words.len();
            self.blocks.push(Block::Context { elements: [plain_text(words)] });
        }
    }

    fn section(&mut self, elements: Vec<Inline>, chars: usize) {
        if !elements.is_empty() {
            self.add(Rich::Section { elements }, chars, 1);
        }
    }

    fn list(&mut self, items: impl Iterator<Item = (Vec<Inline>, usize)>) {
        let mut elements = Vec::new();
        let mut length = 0;
        for (item, chars) in items {
            if item.is_empty() {
                continue;
            }
            if length + chars > BLOCK_CHARS && !elements.is_empty() {
                self.bullets(&mut elements, &mut length);
            }
            length += chars;
            elements.push(Rich::Section { elements: item });
        }
        self.bullets(&mut elements, &mut length);
    }

    fn bullets(&mut self, elements: &mut Vec<Rich>, length: &mut usize) {
        if elements.is_empty() {
            return;
        }
        let elements = std::mem::take(elements);
        let lines = elements.len();
        self.add(Rich::List { style: "bullet", elements }, std::mem::take(length), lines);
    }

    fn table(&mut self, table: &Table) {
        let lines = match table::shape(table) {
            Shape::Columns(lines) => lines,
            Shape::Records(records) => return self.part(&Part::List(records), None),
        };
        let Some((head, rows)) = lines.split_first() else { return };
        let mut chunk = head.clone();
        let mut count = 0;
        for row in rows {
            if chunk.len() + row.len() + 1 > BLOCK_CHARS {
                self.preformatted(std::mem::replace(&mut chunk, head.clone()), std::mem::take(&mut count));
            }
            chunk.push('\n');
            chunk.push_str(row);
            count += 1;
        }
        self.preformatted(chunk, count);
    }

    fn preformatted(&mut self, lines: String, rows: usize) {
        if lines.trim().is_empty() {
            return;
        }
        let chars = lines.len();
        self.add(Rich::Preformatted { elements: vec![text(lines)] }, chars, rows.max(1));
    }

    fn add(&mut self, rich: Rich, chars: usize, lines: usize) {
        if self.open_chars + chars > BLOCK_CHARS {
            self.close();
        }
        if !self.has_room(chars) {
            self.cut += lines;
            return;
        }
        self.total_chars += chars;
        self.open_chars += chars;
        self.open.push(rich);
    }

    /// Once something was cut, nothing follows: a hole in the middle would mislead.
    fn has_room(&self, chars: usize) -> bool {
        self.cut == 0 && self.total_chars + chars <= TOTAL_CHARS && self.blocks.len() < MAX_BLOCKS
    }

    fn close(&mut self) {
        self.open_chars = 0;
        if !self.open.is_empty() {
            self.blocks.push(Block::RichText { elements: std::mem::take(&mut self.open) });
        }
    }

    fn finish(&mut self, footer: Option<&str>) {
        self.close();
        if self.cut > 0 {
            let lines =
                if self.cut == 1 { "1 more line is".to_owned() } else { format!("{} more lines are", self.cut) };
            let note = format!(
                "{lines} not shown: the answer is longer than a message. Ask for less, for example with a filter."
            );
            self.blocks.push(Block::Context { elements: [plain_text(note)] });
        }
        if let Some(footer) = footer.filter(|footer| !footer.trim().is_empty()) {
            self.blocks.push(Block::Context { elements: [plain_text(clean(footer, 300))] });
        }
    }
}

fn inline(line: &Line, elements: &mut Vec<Inline>) -> usize {
    let mut chars = 0;
    for span in &line.0 {
        let left = BLOCK_CHARS.saturating_sub(chars + 100);
        let (words, style) = match span {
            Span::User(user) => {
                elements.push(Inline::User { user_id: user.as_str().to_owned() });
                chars += user.as_str().len();
                continue;
            }
            Span::Plain(words) => (words, None),
            Span::Code(words) => (words, Some(Style { code: true, bold: false })),
            Span::Bold(words) => (words, Some(Style { code: false, bold: true })),
        };
        if left == 0 {
            continue;
        }
        let words = clean(words, left);
        // Slack refuses empty elements
        chars += words.len();
        if !words.is_empty() {
            elements.push(Inline::Text { text: words, style });
        }
    }
    chars
}

fn text(words: impl Into<String>) -> Inline {
    Inline::Text { text: words.into(), style: None }
}

fn bold(words: impl Into<String>) -> Inline {
    Inline::Text { text: words.into(), style: Some(Style { code: false, bold: true }) }
}

fn plain_text(text: String) -> PlainText {
    PlainText { kind: "plain_text", text, emoji: false }
}

/// Without control characters, text direction marks and invisible characters, by which words could look like
/// others, on one line, and not longer than `limit` bytes; a cut is shown.
fn clean(words: &str, limit: usize) -> String {
    let space = |character: char| matches!(character, '\t' | '\r' | '\n' | '\u{2028}' | '\u{2029}');
    // the one that makes an emoji of a sign is seen
    let hidden = |character: char| character.is_control() || (is_invisible(character) && character != '\u{FE0F}');
    if words.len() <= limit && !words.contains(|character| space(character) || hidden(character)) {
        return words.to_owned();
    }
    let mut out = String::with_capacity(words.len().min(limit));
    for character in words.chars() {
        let character = if space(character) { ' ' } else { character };
        if hidden(character) {
            continue;
        }
        if out.len() + character.len_utf8() + '…'.len_utf8() > limit {
            out.push('…');
            break;
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests;

//! The Home of one person as Block Kit. What people typed stands in plain text, which has no markup to break out of;
//! the small print below it is mrkdwn for the sake of a channel's name, and holds nothing but the bot's own words and ids.

use super::buttons::{self, Element};
use super::{Block, Inline, PlainText, Rich, clean, inline, plain_text};
use crate::domain::{Button, ChannelId, Line};
use serde::Serialize;
use serde_json::value::RawValue;

/// Slack takes 100 blocks; the rest is for the note of what was cut.
const MAX_BLOCKS: usize = 98;
/// How much of a command line is shown.
const LINE_CHARS: usize = 300;
/// By which the button that shows the Home anew is known.
pub const REFRESH: &str = "home:refresh";

/// What a person's Home says.
#[derive(Clone, Debug, Default)]
pub struct Home {
    /// How the bot is, with the button that shows the Home anew.
    pub opening: Vec<Line>,
    /// What follows.
    pub sections: Vec<Section>,
    /// Small print at the end.
    pub closing: String,
}

/// A part of the Home with a title.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What it says before its rows.
    pub lines: Vec<Line>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// What it says of rows that are not shown.
    pub more: Option<String>,
}

/// One row: a line, perhaps with something to press, and small print.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The line. Untrusted.
    pub line: String,
    /// The bot's own words below it.
    pub below: Option<String>,
    /// The channel that is named after them.
    pub channel: Option<ChannelId>,
    /// What can be pressed.
    pub button: Option<Button>,
}

/// A block of the Home: one of messages too, or one of its own.
#[derive(Serialize)]
#[serde(untagged)]
enum Piece {
    Common(Block),
    Own(Own),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Own {
    Section {
        text: PlainText,
        #[serde(skip_serializing_if = "Option::is_none")]
        accessory: Option<Box<Element>>,
    },
    #[serde(rename = "context")]
    Small {
        elements: [Small; 1],
    },
    Divider {},
}

#[derive(Serialize)]
struct Small {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
}

/// Renders a Home: the blocks of its view. What does not fit is left out, and the page says so.
pub fn render(home: &Home) -> Option<Box<RawValue>> {
    let mut page = Page::default();
    page.lines(&home.opening);
    let refresh = Element::of_ours("Refresh", REFRESH);
    page.add(vec![Piece::Common(Block::Actions { elements: vec![refresh] })]);
    for section in &home.sections {
        page.section(section);
    }
    if page.cut > 0 {
        let what = if page.cut == 1 { "1 more line finds".to_owned() } else { format!("{} more lines find", page.cut) };
        page.blocks.push(note(&format!("{what} no place here.")));
    }
    if !home.closing.is_empty() {
        page.blocks.push(note(&home.closing));
    }
    serde_json::value::to_raw_value(&page.blocks).ok()
}

#[derive(Default)]
struct Page {
    blocks: Vec<Piece>,
    /// How many buttons there are: each has its number.
    buttons: usize,
    /// How many lines found no place.
    cut: usize,
}

impl Page {
    /// Adds blocks that belong together, or none of them.
    fn add(&mut self, blocks: Vec<Piece>) {
        if self.cut > 0 || self.blocks.len() + blocks.len() > MAX_BLOCKS {
            self.cut += 1;
            return;
        }
        self.blocks.extend(blocks);
    }

    fn section(&mut self, section: &Section) {
        let title = Block::Header { text: plain_text(clean(&section.title, super::HEADER_CHARS)) };
        self.add(vec![Piece::Own(Own::Divider {}), Piece::Common(title)]);
        self.lines(&section.lines);
        for row in &section.rows {
            self.row(row);
        }
        if let Some(more) = &section.more {
            self.add(vec![note(more)]);
        }
    }

    fn lines(&mut self, lines: &[Line]) {
        let sections = lines.iter().map(|line| {
            let mut elements: Vec<Inline> = Vec::new();
            inline(line, &mut elements);
            Rich::Section { elements }
        });
        let elements: Vec<Rich> = sections.collect();
        if !elements.is_empty() {
            self.add(vec![Piece::Common(Block::RichText { elements })]);
        }
    }

    fn row(&mut self, row: &Row) {
        let accessory = row.button.as_ref().and_then(|button| buttons::element(self.buttons, button)).map(Box::new);
        self.buttons += usize::from(accessory.is_some());
        let line = clean(&row.line, LINE_CHARS).replace('\n', " ");
        // Slack refuses empty text
        let line = if line.trim().is_empty() { "…".to_owned() } else { line };
        let mut blocks = vec![Piece::Own(Own::Section { text: plain_text(line), accessory })];
        blocks.extend(small(row).map(|text| Piece::Own(Own::Small { elements: [Small { kind: "mrkdwn", text }] })));
        self.add(blocks);
    }
}

/// The small print of a row. Everything but an id that looks like one is escaped.
fn small(row: &Row) -> Option<String> {
    let below = row.below.as_deref().map(|words| super::twin::escape(&clean(words, LINE_CHARS)));
    let channel = row.channel.as_ref().map(ChannelId::as_str);
    let channel = channel.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    match (below, channel) {
        (Some(below), Some(id)) => Some(format!("{below} · <#{id}>")),
        (Some(below), None) => Some(below),
        (None, Some(id)) => Some(format!("<#{id}>")),
        (None, None) => None,
    }
}

fn note(words: &str) -> Piece {
    Piece::Common(Block::Context { elements: [plain_text(clean(words, LINE_CHARS))] })
}

#[cfg(test)]
mod tests;

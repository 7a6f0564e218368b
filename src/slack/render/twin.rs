//! The plain-text twin: the whole reply for notifications, screen readers, and for when Slack refuses the blocks.

use super::table::Shape;
use super::{clean, sign, table};
use crate::domain::{Button, Line, Part, Press, Reply, Span};

/// chat.update refuses a text of more than 4,000 characters.
pub(super) const TEXT_LIMIT: usize = 3_900;
const CUT: &str = "\n… (shortened)";

/// The reply as text.
pub(super) fn twin(reply: &Reply, footer: Option<&str>) -> String {
    let footer = footer.map(|footer| format!("\n({})", escape(footer))).unwrap_or_default();
    let mut out = Text {
        out: String::with_capacity(256),
        limit: TEXT_LIMIT - length(&footer) - length(CUT),
        used: 0,
        full: false,
    };
    if let Some((sign, word)) = sign(reply.tone) {
        let alone = !matches!(reply.parts.first(), Some(Part::Title(_) | Part::Text(_)));
        out.start(&format!("{sign} {word}{}", if alone { "" } else { ": " }), alone);
    }
    for part in &reply.parts {
        match part {
            Part::Title(title) => out.line(&heading(title)),
            Part::Text(line) | Part::Note(line) => out.line(&words(line)),
            Part::List(lines) => lines.iter().for_each(|line| out.line(&item(line))),
            Part::Fields(fields) => fields.iter().for_each(|(name, value)| out.line(&field(name, value))),
            Part::Buttons(buttons) => buttons.iter().for_each(|one| out.line(&button(one))),
            Part::Table(table) => match table::shape(table) {
                Shape::Columns(lines) => out.fenced(lines.iter().map(|line| row(line))),
                Shape::Records(records) => records.iter().for_each(|record| out.line(&item(record))),
            },
        }
    }
    if out.full {
        out.out.push_str(CUT);
    }
    out.out + &footer
}

struct Text {
    out: String,
    limit: usize,
    used: usize,
    full: bool,
}

impl Text {
    fn start(&mut self, words: &str, whole: bool) {
        self.out.push_str(words);
        self.used += length(words);
        if whole {
            self.out.push('\n');
        }
    }

    fn line(&mut self, words: &str) {
        let broken = self.out.is_empty() || self.out.ends_with('\n') || self.out.ends_with(": ");
        let size = length(words) + 1;
        if self.full || self.used + size > self.limit {
            // the first line is worth more cut than missing
            if !self.full && self.used < self.limit / 2 {
                let room = self.limit - self.used;
                let cut: String = words.chars().take(room / 2).collect();
                // never half an entity
                let cut = match cut.rfind('&') {
                    Some(at) if !cut[at..].contains(';') => &cut[..at],
                    _ => cut.as_str(),
                };
                if !broken {
                    self.out.push('\n');
                }
                self.out.push_str(cut);
            }
            self.full = true;
            return;
        }
        if !broken {
            self.out.push('\n');
        }
        self.out.push_str(words);
        self.used += size;
    }

    fn fenced(&mut self, lines: impl Iterator<Item = String>) {
        if self.full || self.used + 8 > self.limit {
            self.full = true;
            return;
        }
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.out.push_str("```\n");
        self.used += 8;
        for line in lines {
            let size = length(&line) + 1;
            if self.full || self.used + size > self.limit {
                self.full = true;
                break;
            }
            self.out.push_str(&line);
            self.out.push('\n');
            self.used += size;
        }
        self.out.push_str("```");
    }
}

/// A title as a line of the twin.
pub(super) fn heading(title: &str) -> String {
    escape(&unfenced(&clean(title, 300)))
}

/// An item of a list as a line of the twin.
pub(super) fn item(line: &Line) -> String {
    format!("• {}", words(line))
}

/// A name with its value as a line of the twin.
pub(super) fn field(name: &str, value: &Line) -> String {
    format!("• {}: {}", escape(&unfenced(&clean(name, 200))), words(value))
}

/// A button as a line of the twin: what it would run.
pub(super) fn button(button: &Button) -> String {
    let (Press::Run(line) | Press::Form(line)) = &button.press;
    let plain = |text: &str, limit: usize| escape(&unfenced(&clean(text, limit)));
    format!("▸ {}: {}", plain(&button.label, 75), plain(line, 300))
}

/// A row of a table as a line of the twin.
pub(super) fn row(line: &str) -> String {
    escape(&unfenced(line))
}

/// A line in the twin. Backticks of others would pair with ours.
pub(super) fn words(line: &Line) -> String {
    let mut out = String::new();
    for span in &line.0 {
        match span {
            Span::Plain(words) | Span::Bold(words) => out.push_str(&escape(&unfenced(&clean(words, 8_000)))),
            Span::Code(words) => {
                out.push('`');
                out.push_str(&escape(&unfenced(&clean(words, 8_000))));
                out.push('`');
            }
            // no control form: a name in a notification must not ring anybody
            Span::User(user) => {
                out.push('@');
                out.push_str(&escape(&unfenced(&clean(user.as_str(), 200))));
            }
        }
    }
    out
}

/// Backticks would end the code around them.
fn unfenced(words: &str) -> String {
    words.replace('`', "'")
}

/// The three characters by which Slack's text forms begin.
pub(super) fn escape(words: &str) -> String {
    if !words.contains(['&', '<', '>']) {
        return words.to_owned();
    }
    let mut out = String::with_capacity(words.len() + 16);
    for character in words.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            character => out.push(character),
        }
    }
    out
}

/// Slack does not say which units it counts; UTF-16 is the larger of the two likely ones.
pub(super) fn length(words: &str) -> usize {
    if words.is_ascii() { words.len() } else { words.encode_utf16().count() }
}

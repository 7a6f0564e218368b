//! What is longer than a message, as a file: a reply as text, a table as CSV.

use super::{clean, sign, table};
use crate::domain::{Part, Press, Reply, Table};

/// A file to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, with its ending.
    pub name: String,
    /// What is in it.
    pub title: String,
    /// UTF-8.
    pub content: String,
}

/// A name or a title without anything that could be taken for more.
pub(super) fn harmless(words: &str, limit: usize) -> String {
    clean(words, limit).replace(['<', '>', '&', '`'], "'")
}

/// The whole reply as plain text: nothing cut, tables as wide as they are.
pub(super) fn text(reply: &Reply, footer: Option<&str>) -> String {
    let mut out = String::new();
    let mut line = |words: &str| {
        out.push_str(words);
        out.push('\n');
    };
    let plain = |words: &str| clean(words, usize::MAX);
    if let Some((_, word)) = sign(reply.tone) {
        line(&format!("{word}:"));
    }
    let rows = |rows: &Table| table::lines(rows, usize::MAX);
    for part in &reply.parts {
        match part {
            Part::Title(title) => line(&plain(title)),
            Part::Text(words) | Part::Note(words) => line(&plain(&words.plain())),
            Part::List(lines) => lines.iter().for_each(|item| line(&format!("- {}", plain(&item.plain())))),
            Part::Fields(fields) => {
                fields.iter().for_each(|(name, value)| line(&format!("- {}: {}", plain(name), plain(&value.plain()))));
            }
            Part::Table(table) => rows(table).iter().for_each(|row| line(row)),
            Part::Buttons(buttons) => {
                for button in buttons {
                    let (Press::Run(command) | Press::Form(command)) = &button.press;
                    line(&format!("{}: {}", plain(&button.label), plain(command)));
                }
            }
        }
    }
    if let Some(attachment) = &reply.attachment {
        line("");
        line(&plain(&attachment.title));
        rows(&attachment.table).iter().for_each(|row| line(row));
    }
    if let Some(footer) = footer {
        line(&format!("({footer})"));
    }
    out
}

/// The table as CSV (RFC 4180), which every spreadsheet opens. What a spreadsheet would take for a formula gets an
/// apostrophe before it.
pub(super) fn csv(table: &Table) -> String {
    let mut out = String::new();
    for row in std::iter::once(&table.head).chain(&table.rows) {
        let cells: Vec<String> = row.iter().map(|one| cell(one)).collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

fn cell(words: &str) -> String {
    let mut words = clean(words, usize::MAX);
    if words.trim_start().starts_with(['=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠']) && words != "-" {
        words.insert(0, '\'');
    }
    if words.contains([',', '"', '\'', ';', ' ']) { format!("\"{}\"", words.replace('"', "\"\"")) } else { words }
}

//! A reply in pieces that each fit a message whole: its blocks, and its twin, which is the smaller of the two.

use super::table::{Shape, shape};
use super::twin;
use crate::domain::{Line, Part, Span, Table};

/// What one message holds, counted as its twin: the rest up to [`twin::TEXT_LIMIT`] is for the sign and the footer.
pub(super) const PAGE: usize = 3_500;
/// The longest line that stays whole, in bytes and in the twin's units.
const LINE: usize = 2_400;
/// The longest note that stays whole, in bytes.
const NOTE: usize = 1_900;
/// The longest title that stays one, in bytes; the sign may come before it.
const TITLE: usize = 120;
/// Blocks of one message, a few below Slack's 50.
const BLOCKS: usize = 40;

/// The parts, distributed over pages of this size.
pub(super) fn pages(parts: &[Part], size: usize) -> Vec<Vec<Part>> {
    let mut pages = Pages { size, done: Vec::new(), open: Vec::new(), used: 0, blocks: 0 };
    parts.iter().for_each(|part| pages.part(part));
    pages.turn();
    pages.done
}

struct Pages {
    size: usize,
    done: Vec<Vec<Part>>,
    open: Vec<Part>,
    used: usize,
    blocks: usize,
}

impl Pages {
    fn part(&mut self, part: &Part) {
        match part {
            Part::Title(title) if title.len() <= TITLE => {
                self.add(part.clone(), twin::length(&twin::heading(title)), 2)
            }
            Part::Title(title) => self.part(&Part::Text(Line::new().bold(title))),
            Part::Text(line) => {
                for line in shortened(line, LINE) {
                    self.add(Part::Text(line.clone()), twin::length(&twin::words(&line)), 1);
                }
            }
            Part::Note(line) => {
                for line in shortened(line, NOTE) {
                    self.add(Part::Note(line.clone()), twin::length(&twin::words(&line)), 2);
                }
            }
            Part::List(lines) => lines.iter().flat_map(|line| shortened(line, LINE)).for_each(|line| self.item(line)),
            Part::Fields(fields) => {
                for (name, value) in fields {
                    for value in shortened(value, LINE) {
                        self.field(name, value);
                    }
                }
            }
            Part::Table(table) => self.table(table),
            Part::Buttons(buttons) => {
                let size = buttons.iter().map(|button| twin::length(&twin::button(button)) + 1).sum();
                self.add(part.clone(), size, 1 + buttons.len().div_ceil(5));
            }
        }
    }

    /// Makes room for this much more; true when it begins a new page.
    fn room(&mut self, size: usize, blocks: usize) -> bool {
        let full = self.used + size + 1 > self.size || self.blocks + blocks > BLOCKS;
        if full && !self.open.is_empty() {
            self.turn();
            return true;
        }
        false
    }

    fn take(&mut self, size: usize, blocks: usize) {
        self.used += size + 1;
        self.blocks += blocks;
    }

    fn turn(&mut self) {
        (self.used, self.blocks) = (0, 0);
        if !self.open.is_empty() {
            self.done.push(std::mem::take(&mut self.open));
        }
    }

    fn add(&mut self, part: Part, size: usize, blocks: usize) {
        self.room(size, blocks);
        self.take(size, blocks);
        self.open.push(part);
    }

    fn item(&mut self, line: Line) {
        let size = twin::length(&twin::item(&line));
        self.room(size, 1);
        // the items of one list share a block
        let joins = matches!(self.open.last(), Some(Part::List(_)));
        self.take(size, usize::from(!joins));
        match self.open.last_mut() {
            Some(Part::List(lines)) => lines.push(line),
            _ => self.open.push(Part::List(vec![line])),
        }
    }

    fn field(&mut self, name: &str, value: Line) {
        let size = twin::length(&twin::field(name, &value));
        self.room(size, 1);
        let joins = matches!(self.open.last(), Some(Part::Fields(_)));
        self.take(size, usize::from(!joins));
        let field = (name.to_owned(), value);
        match self.open.last_mut() {
            Some(Part::Fields(fields)) => fields.push(field),
            _ => self.open.push(Part::Fields(vec![field])),
        }
    }

    /// The head stands on each page again.
    fn table(&mut self, table: &Table) {
        let lines = match shape(table) {
            Shape::Columns(lines) => lines,
            Shape::Records(records) => return self.part(&Part::List(records)),
        };
        let sizes: Vec<usize> = lines.iter().map(|line| twin::length(&twin::row(line))).collect();
        let Some((head, sizes)) = sizes.split_first() else { return };
        let begun = || Table { head: table.head.clone(), rows: Vec::new() };
        let mut rows = begun();
        // the fences too
        self.room(head + 10 + sizes.first().copied().unwrap_or_default(), 2);
        self.take(head + 10, 2);
        for (row, size) in table.rows.iter().zip(sizes) {
            if !rows.rows.is_empty() && self.used + size + 1 > self.size {
                self.open.push(Part::Table(std::mem::replace(&mut rows, begun())));
                self.turn();
                self.take(head + 10, 2);
            }
            self.take(*size, 0);
            rows.rows.push(row.clone());
        }
        self.open.push(Part::Table(rows));
    }
}

/// The line, in as many as it takes for none to be longer than this; between words where there are any.
fn shortened(line: &Line, most: usize) -> Vec<Line> {
    if twin::length(&twin::words(line)) <= most && line.0.iter().map(bytes).sum::<usize>() <= most {
        return vec![line.clone()];
    }
    let mut lines = Vec::new();
    let (mut open, mut used) = (Line::new(), 0);
    for span in &line.0 {
        let again: fn(String) -> Span = match span {
            Span::Plain(_) => Span::Plain,
            Span::Code(_) => Span::Code,
            Span::Bold(_) => Span::Bold,
            Span::User(user) => {
                used += user.as_str().len();
                open.0.push(Span::User(user.clone()));
                continue;
            }
        };
        let (Span::Plain(words) | Span::Code(words) | Span::Bold(words)) = span else { continue };
        for words in chunks(words) {
            // a character may be an entity in the twin, or several bytes
            let size =
                words.chars().map(|c| if matches!(c, '&' | '<' | '>') { 5 } else { c.len_utf8() }).sum::<usize>() + 2;
            if used + size > most && used > 0 {
                lines.push(std::mem::take(&mut open));
                used = 0;
            }
            used += size;
            open.0.push(again(words.to_owned()));
        }
    }
    lines.push(open);
    lines
}

fn bytes(span: &Span) -> usize {
    match span {
        Span::Plain(words) | Span::Code(words) | Span::Bold(words) => words.len(),
        Span::User(user) => user.as_str().len(),
    }
}

/// Pieces of up to 200 characters, ended after a space where there is one.
fn chunks(words: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = words;
    while let Some((most, _)) = rest.char_indices().nth(200) {
        let at = rest[..most].rfind(' ').map_or(most, |space| space + 1);
        let (chunk, tail) = rest.split_at(at);
        out.push(chunk);
        rest = tail;
    }
    if !rest.is_empty() {
        out.push(rest);
    }
    out
}

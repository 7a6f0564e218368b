//! What of a line is literal: quotes, as the command line's parser will see them, and code.

use std::ops::Range;

/// A piece of a line. All pieces, in order, are the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Words in which marks may be formatting.
    Words(Range<usize>),
    /// What stands in quotes, with its quotes.
    Quoted(Range<usize>),
    /// What stands in code, without the backticks around it.
    Code {
        /// The code.
        inner: Range<usize>,
        /// Whether it is a block of its own.
        fence: bool,
    },
}

/// The line in pieces; backticks count only with `code`. A quote or a backtick that nothing closes is a letter.
pub(super) fn pieces(text: &str, code: bool) -> Vec<Piece> {
    let mut scan = Scan { text, found: Vec::new(), words: 0, at: 0, open: Open::default() };
    while let Some(byte) = text.as_bytes().get(scan.at) {
        match byte {
            // the next character means itself
            b'\\' => scan.at += 1 + text[scan.at + 1..].chars().next().map_or(0, char::len_utf8),
            b'"' => scan.double_quote(),
            b'\'' => scan.single_quote(),
            b'`' if code => scan.code(),
            _ => scan.at += 1,
        }
    }
    scan.words_until(text.len());
    scan.found
}

struct Scan<'a> {
    text: &'a str,
    found: Vec<Piece>,
    /// Where the present words begin.
    words: usize,
    at: usize,
    open: Open,
}

/// What nothing closes any more: it is not searched for again, which keeps the time linear.
#[derive(Default)]
struct Open {
    double: bool,
    single: bool,
    fence: bool,
}

impl Scan<'_> {
    fn words_until(&mut self, end: usize) {
        if self.words < end {
            self.found.push(Piece::Words(self.words..end));
        }
    }

    /// A literal piece over all of `range`.
    fn literal(&mut self, range: Range<usize>, piece: Piece) {
        self.words_until(range.start);
        self.found.push(piece);
        self.words = range.end;
        self.at = range.end;
    }

    fn double_quote(&mut self) {
        let start = self.at;
        let mut escaped = false;
        let closes = |byte: &u8| {
            let end = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            end
        };
        let found = if self.open.double { None } else { self.text.as_bytes()[start + 1..].iter().position(closes) };
        match found {
            Some(length) => {
                let range = start..start + length + 2;
                self.literal(range.clone(), Piece::Quoted(range));
            }
            None => {
                self.open.double = true;
                self.at += 1;
            }
        }
    }

    fn single_quote(&mut self) {
        let start = self.at;
        // an apostrophe inside a word opens nothing
        let opens = self.text[..start].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
        let found = if opens && !self.open.single { self.text[start + 1..].find('\'') } else { None };
        match found {
            Some(length) => {
                let range = start..start + length + 2;
                self.literal(range.clone(), Piece::Quoted(range));
            }
            None => {
                self.open.single |= opens;
                self.at += 1;
            }
        }
    }

    fn code(&mut self) {
        let start = self.at;
        let rest = &self.text[start..];
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let found = match ticks {
            1 => rest[1..].find(['`', '\n']).filter(|end| rest.as_bytes()[1 + end] == b'`'),
            3 if !self.open.fence => rest[3..].find("```"),
            _ => None,
        };
        match found {
            Some(length) => {
                let inner = start + ticks..start + ticks + length;
                self.literal(start..inner.end + ticks, Piece::Code { inner, fence: ticks == 3 });
            }
            None => {
                self.open.fence |= ticks == 3;
                self.at += ticks;
            }
        }
    }
}

//! The catalogue: which commands there are. It is a value that is handed down to wherever commands are listed, read, guessed
//! or judged, so that one with more rows than the program's own needs no other code.

mod guess;
pub(super) mod meant;

use super::{BUILT_IN, Catalog, Command, Inspect, Row, split, words};
use crate::domain::{Line, Risk, UsageError};

/// The command that an empty line and `--help` stand for.
const HELP: &str = "help";

/// A row is not added whose name another one has: a line must mean one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is a command `{0}` already")]
pub struct NameTaken(pub &'static str);

/// A row whose name the words begin with.
#[derive(Clone, Copy)]
pub struct Match {
    /// The row.
    pub row: &'static Row,
    /// How many of the words are its name; the others are its arguments.
    pub used: usize,
}

impl Catalog {
    /// The commands of the program itself.
    pub fn built_in() -> Self {
        Self { rows: BUILT_IN.to_vec() }
    }

    /// With one more command, after the others.
    pub fn with(mut self, row: &'static Row) -> Result<Self, NameTaken> {
        // a name is found in any case of letters
        if self.rows.iter().any(|known| known.name.eq_ignore_ascii_case(row.name)) {
            return Err(NameTaken(row.name));
        }
        self.rows.push(row);
        Ok(self)
    }

    /// What the policies are about: each action once, with the class of its commands.
    pub fn actions(&self) -> Vec<(&'static str, Risk)> {
        let mut actions = Vec::with_capacity(self.rows.len());
        for action in self.rows.iter().map(|row| (row.action, row.risk)) {
            // another name for a command is judged as the command
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
        actions
    }

    /// The row of `help`.
    pub fn help(&self) -> Option<&'static Row> {
        self.row(HELP)
    }

    /// The row with the longest name that the words begin with, in any case of letters.
    pub fn find(&self, words: &[String]) -> Result<Match, UsageError> {
        let matching = self.rows.iter().copied().filter_map(|row| {
            let name: Vec<&str> = row.name.split(' ').collect();
            let fits = words.len() >= name.len() && name.iter().zip(words).all(|(a, b)| a.eq_ignore_ascii_case(b));
            fits.then_some(Match { row, used: name.len() })
        });
        matching.max_by_key(|found| found.used).ok_or_else(|| guess::unknown(self, words))
    }

    /// Reads a line: finds the command and reads its arguments. An empty line is `help`, and `--help` after a command
    /// explains it. The error says what is wrong and how the command is used.
    pub fn parse(&self, text: &str) -> Result<(&'static Row, Box<dyn Command>), UsageError> {
        let words = split(text)?;
        if words.is_empty() {
            return self.explained(&words);
        }
        let Match { row, used } = self.find(&words)?;
        let rest = &words[used..];
        // what follows `--` is somebody's value, whatever it looks like
        if rest.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h") {
            return self.explained(&words[..used]);
        }
        match (row.parse)(rest) {
            Ok(command) => Ok((row, command)),
            Err(error) => Err(self.with_usage(row, error)),
        }
    }

    /// `help` on a command, or on all of them.
    fn explained(&self, command: &[String]) -> Result<(&'static Row, Box<dyn Command>), UsageError> {
        let help = self.help().ok_or_else(|| guess::unknown(self, command))?;
        Ok((help, (help.parse)(command)?))
    }

    /// The error with how the command is used, and what is below it.
    fn with_usage(&self, row: &'static Row, mut error: UsageError) -> UsageError {
        error.lines.push(Line::new().text("Usage: ").code((row.usage)()));
        let others: Vec<String> = self.below(row).map(|other| (other.usage)()).collect();
        if !others.is_empty() {
            error.lines.push(Line::sentence(&format!("There is also {}.", words::list(&others, "and"))));
        }
        error
    }

    /// How one looks at what a line is about, for when its outcome is not known; `None` for one that changes nothing.
    pub fn inspect(&self, text: &str) -> Option<&'static Inspect> {
        self.find(&split(text).ok()?).ok()?.row.inspect
    }

    /// The rows whose names begin with the whole name of this one: `deploy status` is below `deploy`.
    pub(super) fn below(&self, row: &Row) -> impl Iterator<Item = &'static Row> {
        let prefix = format!("{} ", row.name);
        self.rows.iter().copied().filter(move |other| other.name.starts_with(&prefix))
    }

    /// The first words after this one in the names that begin with it: of `ec2`.
    pub(super) fn group(&self, word: &str) -> Vec<&'static str> {
        let prefix = format!("{} ", word.to_lowercase());
        self.rows.iter().filter_map(|row| row.name.strip_prefix(prefix.as_str())).map(words::first).collect()
    }
}

#[cfg(test)]
mod tests;

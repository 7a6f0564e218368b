//! What the bot can do: one file per command, and the [`COMMANDS`] table. A command never sees Slack, the store or
//! actix: it reads, plans, executes and verifies, and everything it says is a value.
//!
//! `.github/CONTRIBUTING.md` has the recipe. A command that only reads is a copy of `ping.rs`, its `mod` line and its row in
//! [`COMMANDS`], and its action in the schema of the policies. One that changes something gives [`change`], the kernel, what is
//! its own; `ec2/run.rs` and `deploy/run.rs` are its users. A call to AWS that no command has made yet stands in
//! [`crate::aws::call`] first; a service that none has called yet says by a [`Reach`] where it is called.

mod approve;
mod args;
mod change;
mod command;
mod config;
mod decline;
mod deploy;
mod ec2;
mod emoji;
mod folded;
mod form;
mod help;
mod iam;
mod meant;
mod ping;
mod status;
mod version;
mod whoami;
mod words;

pub use command::{
    Action, Command, Context, Decide, Enters, Found, Inspect, Journalled, Limits, MayOrWhy, Parse, Planned, Row, Scope,
    SeesOrWhy, StepError,
};
pub use config::CommandsConfig;
pub use deploy::{DeployConfig, ServiceConfig};
pub use form::{Answers, Wrong, fill, form};
pub use iam::{Named, Place, Reach, STORE as STORE_CALLS, document as iam_document, policy as iam_policy};
pub use status::troubles;

use crate::domain::{Button, Line, Risk, UsageError};

/// Every command, in the order of help.
pub static COMMANDS: &[&Row] = &[
    &help::ROW,
    &ping::ROW,
    &whoami::ROW,
    &version::ROW,
    &status::ROW,
    &approve::ROW,
    &decline::ROW,
    &ec2::list::ROW,
    &ec2::show::ROW,
    &ec2::start::ROW,
    &ec2::stop::ROW,
    &ec2::reboot::ROW,
    &ec2::terminate::ROW,
    &deploy::status::ROW,
    &deploy::version::ROW,
    &deploy::rollback::ROW,
];

/// Where the services are called whose calls the rows name.
pub static REACHES: &[&Reach] = &[&ec2::REACH, &deploy::REACH];

/// A row whose name the words begin with.
#[derive(Clone, Copy)]
pub struct Match {
    /// The row.
    pub row: &'static Row,
    /// How many of the words are its name; the others are its arguments.
    pub used: usize,
}

/// How unlike a name may be to be suggested: this share of its letters.
const NEAR: f64 = 0.45;

/// The same for a command whose work cannot be undone: a letter or two of its own name.
const NEAR_DESTROY: f64 = 0.2;

/// Reads a line: finds the command and reads its arguments. An empty line is `help`, and `--help` after a command
/// explains it. The error says what is wrong and how the command is used.
pub fn parse(text: &str) -> Result<(&'static Row, Box<dyn Command>), UsageError> {
    let words = split(text)?;
    if words.is_empty() {
        return Ok((&help::ROW, Box::new(help::Help::default())));
    }
    let Match { row, used } = find(&words)?;
    let rest = &words[used..];
    // what follows `--` is somebody's value, whatever it looks like
    if rest.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h") {
        return Ok((&help::ROW, Box::new(help::Help { command: words[..used].to_vec() })));
    }
    match (row.parse)(rest) {
        Ok(command) => Ok((row, command)),
        Err(mut error) => {
            error.lines.push(Line::new().text("Usage: ").code((row.usage)()));
            let others: Vec<String> = below(row).map(|other| (other.usage)()).collect();
            if !others.is_empty() {
                error.lines.push(Line::sentence(&format!("There is also {}.", words::list(&others, "and"))));
            }
            Err(error)
        }
    }
}

/// The rows whose names begin with the whole name of this one: `deploy status` is below `deploy`.
fn below(row: &'static Row) -> impl Iterator<Item = &'static Row> {
    let prefix = format!("{} ", row.name);
    COMMANDS.iter().copied().filter(move |other| other.name.starts_with(&prefix))
}

/// The row of exactly this name.
pub fn row(name: &str) -> Option<&'static Row> {
    COMMANDS.iter().copied().find(|row| row.name == name)
}

/// How one looks at what a line is about, for when its outcome is not known; `None` for one that changes nothing.
pub fn inspect(text: &str) -> Option<&'static Inspect> {
    find(&split(text).ok()?).ok()?.row.inspect
}

/// The row with the longest name that the words begin with, in any case of letters.
pub fn find(words: &[String]) -> Result<Match, UsageError> {
    let matching = COMMANDS.iter().copied().filter_map(|row| {
        let name: Vec<&str> = row.name.split(' ').collect();
        let fits = words.len() >= name.len() && name.iter().zip(words).all(|(a, b)| a.eq_ignore_ascii_case(b));
        fits.then_some(Match { row, used: name.len() })
    });
    matching.max_by_key(|found| found.used).ok_or_else(|| unknown(words))
}

fn unknown(words: &[String]) -> UsageError {
    let first = words.first().map(String::as_str).unwrap_or_default();
    let group = help::group(first);
    if words.len() == 1 && !group.is_empty() {
        let text = format!(
            "`{}` needs one of {} after it. Say `help {0}` for what each does.",
            words::name(first),
            words::list(&group, "or")
        );
        return UsageError::sentence(&text);
    }
    match meant::meaning(words).or_else(|| nearest(words)) {
        Some((row, length)) => {
            let said = words::name(&words[..length].join(" ").to_lowercase());
            let text = format!("I do not know `{said}`. Did you mean `{}`? Say `help` for the list.", row.name);
            UsageError::sentence(&text).buttons(corrected(row.name, &words[length..]).into_iter().collect())
        }
        None => {
            let said = words[..words.len().min(if group.is_empty() { 1 } else { 2 })].join(" ");
            // `never say @drone ec2 stop web-1` is no command, and its writer reads why
            let named = words.iter().skip(1).any(|word| word.starts_with("<@"));
            let hint = if named { " If it was meant for me, begin with my name and the command." } else { "" };
            UsageError::sentence(&format!("I do not know `{}`. Say `help` for the list.{hint}", words::name(&said)))
        }
    }
}

/// The corrected line as a button. One that changes something is shown as a form first: a guess never runs it.
fn corrected(name: &str, rest: &[String]) -> Option<Button> {
    let line = words::line(name.split(' ').chain(rest.iter().map(String::as_str)))?;
    match parse(&line) {
        Ok((row, _)) if row.risk < Risk::Change => Some(Button::run(words::cut(&line, 60), line)),
        _ => Some(Button::form(format!("{}…", words::cut(&line, 60)), line)),
    }
}

/// The command whose name, or what people say for it, is the least unlike the first words, and how many of them that
/// are. Of what is equally far, what only reads is meant: a mistyped read is never guessed into a change. What cannot be undone
/// is meant only by what is all but its own name.
fn nearest(words: &[String]) -> Option<(&'static Row, usize)> {
    let names = COMMANDS.iter().map(|row| (row.name.to_owned(), *row));
    let all = names.chain(meant::below(Risk::Change)).flat_map(|(name, row)| {
        alike(words, &name).into_iter().map(move |(distance, share, length)| (distance, row, share, length))
    });
    let most = |row: &Row| if row.risk == Risk::Destroy { NEAR_DESTROY } else { NEAR };
    let near = all.filter(|(_, row, share, _)| *share <= most(row));
    let order = |a: &(usize, &'static Row, f64, usize), b: &(usize, &'static Row, f64, usize)| {
        (a.0, a.1.risk).cmp(&(b.0, b.1.risk)).then(a.2.total_cmp(&b.2))
    };
    near.min_by(order).map(|(_, row, _, length)| (row, length))
}

/// How unlike the first words are to a name, or the first word to the end of a name (`stop` for `ec2 stop`): in letters,
/// and as a share of the name. With how many of the words that are.
fn alike(words: &[String], name: &str) -> Vec<(usize, f64, usize)> {
    let unlike = |said: &str, name: &str| {
        // a text this long is no mistyped name, and comparing all of it would hold up everybody else
        let far = said.len() > 8 * name.len();
        let distance = if far { usize::MAX } else { strsim::damerau_levenshtein(said, name) };
        (distance, distance as f64 / name.chars().count() as f64)
    };
    let parts: Vec<&str> = name.split(' ').collect();
    let said = |length: usize| words[..length].join(" ").to_lowercase();
    let starts = 1..=parts.len().min(words.len());
    let alike = |length: usize, name: &str| {
        let (distance, share) = unlike(&said(length), name);
        (distance, share, length)
    };
    let mut found: Vec<_> = starts.map(|length| alike(length, name)).collect();
    if let (Some(_), Some(last)) = (words.first(), parts.last()) {
        found.push(alike(1, last));
    }
    found
}

/// Splits a line as a shell does. A `#` is a letter like any other: nothing of a command may vanish as a comment.
pub fn split(text: &str) -> Result<Vec<String>, UsageError> {
    let unclosed = || {
        let text = if text.contains(['"', '\'']) {
            "A quotation mark is not closed. Nothing was done. Write names with spaces like `\"web 1\"`."
        } else {
            "The line ends with a `\\`. Nothing was done. Leave it out, or write two."
        };
        UsageError::sentence(text)
    };
    let mut quote: Option<char> = None;
    let mut previous = ' ';
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        match quote {
            Some(open) if c == open && (open == '\'' || previous != '\\') => quote = None,
            None if (c == '"' || c == '\'') && previous != '\\' => quote = Some(c),
            None if c == '#' && previous.is_whitespace() => kept.push('\\'),
            _ => {}
        }
        kept.push(c);
        previous = if previous == '\\' && c == '\\' { ' ' } else { c };
    }
    shlex::split(&kept).ok_or_else(unclosed)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

//! From clap's definitions and errors to this bot's sentences. The leaf says what is wrong; where it is wrong (the
//! usage line) is added by [`super::parse`].

use super::words;
use crate::aws::{is_region, region_like, region_of_place};
use crate::domain::{RequestId, SHOWN, UsageError};
use clap::builder::ArgAction;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;

thread_local! {
    /// What was read before: to build a definition costs as much as all else that reading a short line does.
    static DEFINITIONS: RefCell<HashMap<TypeId, clap::Command>> = RefCell::default();
}

/// Reads the words after a command's name.
pub(super) fn parse<A: clap::Args + 'static>(words: &[String]) -> Result<A, UsageError> {
    DEFINITIONS.with_borrow_mut(|known| {
        let definition = known.entry(TypeId::of::<A>()).or_insert_with(definition::<A>);
        let matches = definition.try_get_matches_from_mut(words).map_err(|error| mistake(&error, definition))?;
        A::from_arg_matches(&matches).map_err(|error| mistake(&error, definition))
    })
}

fn mistake(error: &clap::Error, definition: &clap::Command) -> UsageError {
    UsageError {
        field: field(error, definition),
        incomplete: error.kind() == ErrorKind::MissingRequiredArgument,
        ..UsageError::sentence(&sentence(error))
    }
}

/// `ec2 stop <target>… [--region <region>]…`
pub(super) fn usage<A: clap::Args>(name: &str) -> String {
    let definition = definition::<A>();
    let positionals = definition.get_arguments().filter(|arg| arg.is_positional());
    let options = definition.get_arguments().filter(|arg| !arg.is_positional());
    let words: Vec<String> = positionals.chain(options).map(usage_of).collect();
    [name.to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// Each argument and option with its help, arguments first.
pub(super) fn options<A: clap::Args>() -> Vec<(String, String)> {
    let definition = definition::<A>();
    let positionals = definition.get_arguments().filter(|arg| arg.is_positional());
    let options = definition.get_arguments().filter(|arg| !arg.is_positional());
    positionals
        .chain(options)
        .map(|arg| (bare(arg), arg.get_help().map(ToString::to_string).unwrap_or_default()))
        .collect()
}

/// The definition of what follows a command's name.
pub(super) fn definition<A: clap::Args>() -> clap::Command {
    let command = clap::Command::new("command")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true);
    A::augment_args(command)
}

/// `<target>` or `--region <region>`.
fn bare(arg: &clap::Arg) -> String {
    let value = arg.get_value_names().and_then(|names| names.first()).map_or("value", |name| name.as_str());
    match arg.get_long() {
        Some(long) if arg.get_action().takes_values() => format!("--{long} <{value}>"),
        Some(long) => format!("--{long}"),
        None => format!("<{value}>"),
    }
}

fn usage_of(arg: &clap::Arg) -> String {
    let many = matches!(arg.get_action(), ArgAction::Append);
    let dots = if many { "…" } else { "" };
    let bare = bare(arg);
    match (arg.is_positional(), arg.is_required_set()) {
        (_, true) => format!("{bare}{dots}"),
        (true, false) => format!("[{}]{dots}", bare.trim_matches(['<', '>'])),
        (false, false) => format!("[{bare}]{dots}"),
    }
}

/// What clap says of an error, the first of it where it says several things.
fn said(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    }
}

/// The argument that an error is about, as one types it: `--state <state>` and `<target>...` begin with that.
fn about(error: &clap::Error) -> String {
    let arg = said(error, ContextKind::InvalidArg).unwrap_or_default();
    if error.kind() == ErrorKind::UnknownArgument && !arg.starts_with('-') {
        // a word of somebody's, and not of the definition: all of it
        return arg;
    }
    arg.split([' ', '=']).next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// The id of the argument that an error is about, if the definition has it.
fn field(error: &clap::Error, definition: &clap::Command) -> Option<String> {
    let about = about(error);
    let unbracketed = |word: &str| word.trim_matches(['<', '>', '[', ']']).to_owned();
    let known = definition.get_arguments().find(|arg| {
        let bare = bare(arg);
        unbracketed(bare.split(' ').next().unwrap_or_default()) == unbracketed(&about)
    });
    known.filter(|_| !about.is_empty()).map(|arg| arg.get_id().to_string())
}

fn sentence(error: &clap::Error) -> String {
    let text = |kind| said(error, kind);
    let arg = words::name(&about(error));
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument if arg.starts_with('-') => match text(ContextKind::SuggestedArg) {
            Some(near) => format!(
                "I do not know the option `{arg}`. Did you mean `{}`?",
                words::name(near.split(' ').next().unwrap_or_default())
            ),
            None => format!("I do not know the option `{arg}`."),
        },
        ErrorKind::UnknownArgument => format!("I do not know what to do with {}.", words::said(&about(error))),
        ErrorKind::MissingRequiredArgument => format!("`{arg}` is missing."),
        ErrorKind::InvalidValue if value.is_empty() => format!("`{arg}` needs a value."),
        ErrorKind::ValueValidation => match error.source() {
            Some(phrase) => format!("`{arg}` {phrase}."),
            None => format!("`{arg}` does not take {}.", words::said(&value)),
        },
        ErrorKind::ArgumentConflict => format!("`{arg}` can be given only once."),
        ErrorKind::TooFewValues | ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues | ErrorKind::NoEquals => {
            format!("`{arg}` needs one value.")
        }
        _ => format!("I do not understand `{}`.", if value.is_empty() { arg } else { words::name(&value) }),
    }
}

/// A region as one types it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RegionWord {
    /// Every region of the account.
    All,
    /// This one.
    Named(String),
}

impl RegionWord {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::All => "all",
            Self::Named(name) => name,
        }
    }
}

/// Reads a region; the error is a phrase that follows the option's name.
pub(super) fn region(text: &str) -> Result<RegionWord, String> {
    let lower = text.trim().to_lowercase();
    if lower == "all" {
        return Ok(RegionWord::All);
    }
    if is_region(&lower) {
        return Ok(RegionWord::Named(lower));
    }
    let example = region_of_place(&lower).or_else(|| region_like(&lower)).unwrap_or("eu-central-1");
    Err(format!("must be an AWS region such as `{example}`, not {}", words::said(text)))
}

/// Reads `key=value`.
pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("must be a tag such as `env=dev`, not {}", words::said(text))),
    }
}

/// Reads the id of a request, whole or short, in any case of letters.
pub(super) fn request(text: &str) -> Result<String, String> {
    let id = text.trim().to_uppercase();
    let is_short = id.len() == SHORT && id.chars().all(|c| c.is_ascii_alphanumeric());
    match is_short || RequestId::parse(&id).is_some() {
        true => Ok(id),
        false => Err(format!("must be the id of a request such as `7F3K`, not {}", words::said(text))),
    }
}

/// The same; a button says behind the id by a short word which plan was shown with it.
pub(super) fn shown_request(text: &str) -> Result<String, String> {
    match text.split_once(SHOWN) {
        Some((id, shown)) if !shown.is_empty() && shown.chars().all(|c| c.is_ascii_alphanumeric()) => {
            Ok(format!("{}{SHOWN}{shown}", request(id)?))
        }
        _ => request(text),
    }
}

/// How long the short id of a request is.
const SHORT: usize = 4;

/// Reads the number of a page.
pub(super) fn page(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(page) if (1..=100_000).contains(&page) => Ok(page),
        _ => Err(format!("must be a number from 1, not {}", words::said(text))),
    }
}

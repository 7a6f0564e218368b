//! What the bot can do: one file per command, and the [`Catalog`] of them, which is handed down as a value. A command never
//! sees Slack, the store or actix: it reads, plans, executes and verifies, and everything it says is a value.
//!
//! To add a command that reads: copy `ping.rs`, and add two lines here, its `mod` and its row in `BUILT_IN`. One that
//! changes something gives [`change`], the kernel, what is its own; `ec2/run.rs` and `deploy/run.rs` are its users. A call to
//! AWS that no command has made yet stands in [`crate::aws::call`] first; a service that none has called yet says by a
//! [`Reach`] where it is called.

mod approve;
mod args;
mod catalog;
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
mod ping;
mod status;
mod version;
mod whoami;
mod words;

pub use catalog::{Match, NameTaken};
pub use command::{
    Action, Catalog, Command, Context, Decide, Enters, Found, Inspect, Journalled, Limits, MayOrWhy, Parse, Planned,
    Row, Scope, SeesOrWhy, StepError,
};
pub use config::CommandsConfig;
pub use deploy::{DeployConfig, ServiceConfig};
pub use form::{Answers, Wrong};
pub use iam::{Named, Place, Reach, STORE as STORE_CALLS, document as iam_document, policy as iam_policy};
pub use status::troubles;

use crate::domain::UsageError;

/// The commands of the program itself, in the order of help: what [`Catalog::built_in`] has.
static BUILT_IN: &[&Row] = &[
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

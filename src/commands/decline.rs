//! `decline`: says that a change is not to be done; who asked for it calls it off by the same word.

use super::args;
use super::{Command, Context, Planned, Row, Scope};
use crate::domain::{CommandError, Risk, Word};
use async_trait::async_trait;

/// What to decline.
#[derive(clap::Args, Debug)]
pub(super) struct Decline {
    /// The id of the request, as the message that asks for it says
    #[arg(value_name = "request", value_parser = args::request)]
    request: String,
}

/// The row of `decline`.
pub(super) const ROW: Row = Row {
    name: "decline",
    summary: "Declines a change that waits for approval, or calls your own off",
    examples: &["decline 7F3K"],
    risk: Risk::Basic,
    action: "decline",
    calls: &[],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<Decline>(words)?)),
    usage: || args::usage::<Decline>(ROW.name),
    options: args::options::<Decline>,
    definition: args::definition::<Decline>,
};

#[async_trait]
impl Command for Decline {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    fn word(&self) -> Option<(&str, Word)> {
        Some((&self.request, Word::Decline))
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        Ok(Planned::Answer((cx.decide)(self.request.clone(), Word::Decline).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answer, cx};

    #[tokio::test]
    async fn it_carries_the_word() {
        assert_eq!(answer("decline 7F3K", &cx()).await, "[done] Decline 7F3K");
    }
}

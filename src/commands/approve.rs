//! `approve`: says that somebody else's change may be done. Whether the word counts is decided where changes are judged:
//! this command only carries it there, as the person who said it.

use super::args;
use super::{Command, Context, Planned, Row, Scope};
use crate::domain::{CommandError, Risk, Word};
use async_trait::async_trait;

/// What to approve.
#[derive(clap::Args, Debug)]
pub(super) struct Approve {
    /// The id of the request, as the message that asks for it says
    #[arg(value_name = "request", value_parser = args::shown_request)]
    request: String,
}

/// The row of `approve`.
pub(super) const ROW: Row = Row {
    name: "approve",
    summary: "Approves a change that somebody else asked for",
    examples: &["approve 7F3K"],
    risk: Risk::Basic,
    action: "approve",
    calls: &[],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<Approve>(words)?)),
    usage: || args::usage::<Approve>(ROW.name),
    options: args::options::<Approve>,
    definition: args::definition::<Approve>,
};

#[async_trait]
impl Command for Approve {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    fn word(&self) -> Option<(&str, Word)> {
        Some((&self.request, Word::Approve))
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        Ok(Planned::Answer((cx.decide)(self.request.clone(), Word::Approve).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answer, cx};

    #[tokio::test]
    async fn it_carries_the_word_and_knows_what_an_id_is() {
        assert_eq!(answer("approve 7f3k", &cx()).await, "[done] Approve 7F3K");
        let whole = "01JD8Z3K4M5N6P7Q8R9SATBVCW";
        assert_eq!(answer(&format!("approve {whole}"), &cx()).await, format!("[done] Approve {whole}"));
        let shown = format!("{whole}/0123456789ab");
        assert_eq!(answer(&format!("approve {shown}"), &cx()).await, format!("[done] Approve {shown}"));
        for odd in [format!("{whole}/"), format!("{whole}/a b"), format!("{whole}/a/b"), "/a".to_owned()] {
            assert!(answer(&format!("approve '{odd}'"), &cx()).await.contains("must be the id"), "{odd}");
        }
        insta::assert_snapshot!(answer("approve web-1", &cx()).await, @r"
        [usage] `<request>` must be the id of a request such as `7F3K`, not `web-1`.
        Usage: `approve <request>`
        ");
    }
}

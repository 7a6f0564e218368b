//! `ping`: the shortest way through every room and back. A developer who adds a command copies this file.

use super::args;
use super::{Command, Context, Planned, Row, Scope};
use crate::domain::{CommandError, Reply, Risk, Source, Tone};
use async_trait::async_trait;

/// `ping` takes nothing.
#[derive(clap::Args, Debug)]
struct Ping {}

/// The row of `ping`.
pub(super) const ROW: Row = Row {
    name: "ping",
    summary: "Says whether I am here, and how long the way took",
    examples: &["ping"],
    risk: Risk::Basic,
    action: "ping",
    calls: &[],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<Ping>(words)?)),
    usage: || args::usage::<Ping>(ROW.name),
    options: args::options::<Ping>,
    definition: args::definition::<Ping>,
};

#[async_trait]
impl Command for Ping {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        // The request's id carries the time at which it was accepted.
        let accepted = i64::try_from(cx.request.0.timestamp_ms()).unwrap_or(i64::MAX);
        let took = cx.clock.now().as_millisecond().saturating_sub(accepted).max(0);
        let said = match cx.source {
            // the one who deploys reads in it which version has answered
            Source::SelfTest => {
                let build = cx.vitals.vitals().build;
                format!(
                    "Pong, as self-test {}: I am {} (revision {}). It took {took} ms from my listener to here.",
                    cx.request, build.version, build.revision
                )
            }
            _ => format!("Pong. It took {took} ms from Slack to here."),
        };
        Ok(Planned::Answer(Reply::new(Tone::Info).sentence(&said)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answer, cx};
    use super::*;

    #[tokio::test]
    async fn it_answers_with_the_time_it_took() {
        insta::assert_snapshot!(answer("ping", &cx()).await, @"[info] Pong. It took 42 ms from Slack to here.");
        let tested = Context { source: Source::SelfTest, ..cx() };
        let named = format!("[info] Pong, as self-test {}: I am 0.1.0 (revision abc1234).", tested.request);
        assert_eq!(answer("ping", &tested).await, format!("{named} It took 42 ms from my listener to here."));
    }
}

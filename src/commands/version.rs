//! `version`: which program answers. After a deployment, this is how one sees that it is the new one.

use super::args;
use super::{Command, Context, Planned, Row, Scope, words};
use crate::domain::{CommandError, Line, Reply, Risk, Tone};
use async_trait::async_trait;

/// `version` takes nothing.
#[derive(clap::Args, Debug)]
struct Version {}

/// The row of `version`.
pub(super) const ROW: Row = Row {
    name: "version",
    summary: "Says which version and revision I am",
    examples: &["version"],
    risk: Risk::Read,
    action: "version",
    calls: &[],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<Version>(words)?)),
    usage: || args::usage::<Version>(ROW.name),
    options: args::options::<Version>,
    definition: args::definition::<Version>,
};

#[async_trait]
impl Command for Version {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        let vitals = cx.vitals.vitals();
        let line = Line::new()
            .text("Dronebot ")
            .code(vitals.build.version)
            .text(", revision ")
            .code(vitals.build.revision)
            .text(" of ")
            .code(vitals.build.created)
            .text(", source ")
            .code(vitals.build.source)
            .text(format!(", up for {}.", words::span(vitals.uptime)));
        Ok(Planned::Answer(Reply::new(Tone::Info).text(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answer, cx};

    #[tokio::test]
    async fn it_names_version_and_revision() {
        insta::assert_snapshot!(answer("version", &cx()).await, @"[info] Dronebot `0.1.0`, revision `abc1234` of `2026-11-24T10:00:00Z`, source `https://git.test/drone`, up for 3 h 5 min.");
    }
}

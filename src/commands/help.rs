//! `help`: everything one may run, derived from the catalogue; nobody has to be told about a command twice.

use super::args;
use super::{Command, Context, Planned, Row, Scope};
use crate::domain::{CommandError, Line, Part, Reply, Risk, Tone};
use async_trait::async_trait;

/// What to explain.
#[derive(clap::Args, Debug)]
struct Help {
    /// The command to explain, such as `ec2 stop`; without it, all commands are listed
    #[arg(value_name = "command")]
    command: Vec<String>,
}

/// The row of `help`.
pub(super) const ROW: Row = Row {
    name: "help",
    summary: "Lists what you may run, or explains one command",
    examples: &["help", "help ec2 stop", "help ec2"],
    risk: Risk::Basic,
    action: "help",
    calls: &[],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<Help>(words)?)),
    usage: || args::usage::<Help>(ROW.name),
    options: args::options::<Help>,
    definition: args::definition::<Help>,
};

#[async_trait]
impl Command for Help {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        let group = self.command.join(" ").to_lowercase();
        let in_group = |row: &&&Row| row.name.starts_with(&format!("{group} "));
        let commands = cx.catalog.rows();
        let is_row = cx.catalog.row(&group).is_some();
        if group.is_empty() || !is_row && commands.iter().filter(in_group).count() > 0 {
            let rows = commands.iter().filter(|row| group.is_empty() || in_group(row));
            let rows: Vec<&Row> = rows.copied().filter(|row| (cx.may)(row)).collect();
            // of a group of which nothing may be run, one is as good as all
            let first = commands.iter().find(in_group).filter(|_| rows.is_empty());
            first.map_or(Ok(()), |row| (cx.may_or_why)(row))?;
            return Ok(Planned::Answer(all(&rows)));
        }
        // what may have been meant is to be explained, not run
        let row = cx.catalog.find(&self.command).map_err(|error| error.buttons(Vec::new()))?.row;
        let below: Vec<&Row> = cx.catalog.below(row).filter(|row| (cx.may)(row)).collect();
        if !(cx.may)(row) && !below.is_empty() {
            return Ok(Planned::Answer(all(&below)));
        }
        (cx.may_or_why)(row)?;
        Ok(Planned::Answer(one(row, &below)))
    }
}

fn all(rows: &[&Row]) -> Reply {
    let mut reply = Reply::new(Tone::Info);
    let classes =
        [(Risk::Basic, "About me"), (Risk::Read, "Look"), (Risk::Change, "Change"), (Risk::Destroy, "Destroy")];
    for (risk, title) in classes {
        let lines: Vec<Line> = rows
            .iter()
            .filter(|row| row.risk == risk)
            .map(|row| Line::new().code(row.name).text(format!(" – {}", row.summary)))
            .collect();
        if !lines.is_empty() {
            reply = reply.title(title).part(Part::List(lines));
        }
    }
    if reply.parts.is_empty() {
        return reply.text("There is nothing here that you may run.");
    }
    reply.note(Line::sentence("`help <command>` explains one, with examples."))
}

fn one(row: &Row, below: &[&Row]) -> Reply {
    let options: Vec<Line> = (row.options)()
        .into_iter()
        .map(|(name, help)| {
            let help = Line::sentence(&help).0;
            let mut line = Line::new().code(name).text(" – ");
            line.0.extend(help);
            line
        })
        .collect();
    let examples = row.examples.iter().map(|example| Line::new().code(*example)).collect();
    let mut reply = Reply::new(Tone::Info)
        .title(row.name)
        .text(format!("{}.", row.summary))
        .text(Line::new().text("Usage: ").code((row.usage)()));
    if !options.is_empty() {
        reply = reply.part(Part::List(options));
    }
    reply = reply.text("Examples:").part(Part::List(examples));
    if !below.is_empty() {
        let lines = below.iter().map(|row| Line::new().code(row.name).text(format!(" – {}", row.summary)));
        reply = reply.text("There is also:").part(Part::List(lines.collect()));
    }
    reply.note(match row.risk {
        Risk::Basic => "It says something about me, and changes nothing.",
        Risk::Read => "It reads, and changes nothing.",
        Risk::Change => "It changes something in AWS.",
        Risk::Destroy => "It takes something in AWS away, and that cannot be undone.",
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answer, cx};
    use crate::domain::{Refusal, Risk};
    use std::sync::Arc;

    #[tokio::test]
    async fn it_lists_everything_one_may_run() {
        insta::assert_snapshot!(answer("help", &cx()).await, @r"
        [info] # About me
        - `help` – Lists what you may run, or explains one command
        - `ping` – Says whether I am here, and how long the way took
        - `whoami` – Says who you are to me, and what you may run
        - `approve` – Approves a change that somebody else asked for
        - `decline` – Declines a change that waits for approval, or calls your own off
        # Look
        - `version` – Says which version and revision I am
        - `status` – Says how I am: links to Slack, actors and their restarts, queues, store
        - `ec2 list` – Lists instances, with their state and type
        - `ec2 show` – Shows one instance: state, addresses, protection, tags, volumes
        - `deploy status` – Shows what a service runs, its rollout, and the versions there are
        # Change
        - `ec2 start` – Starts stopped instances, and waits until they run
        - `ec2 stop` – Stops running instances, and waits until they are stopped
        - `ec2 reboot` – Reboots running instances, and looks at their status checks
        - `deploy` – Deploys a version to a service, me included, and follows it to its end
        - `deploy rollback` – Brings back what a service ran before, or stops its rollout
        # Destroy
        - `ec2 terminate` – Terminates instances for good, and waits until they are gone
        (`help <command>` explains one, with examples.)
        ");
    }

    #[tokio::test]
    async fn what_one_may_not_run_is_not_listed_and_not_explained() {
        let mut cx = cx();
        cx.may = Arc::new(|row| row.risk < Risk::Change);
        cx.may_or_why = Arc::new(|row| Err(Refusal::sentence(&format!("`{}` is for others. Ask them.", row.name))));
        assert!(!answer("help", &cx).await.contains("ec2 stop"));
        assert!(answer("help ec2", &cx).await.contains("ec2 list"));
        assert_eq!(answer("help ec2 stop", &cx).await, "[refused] `ec2 stop` is for others. Ask them.");
        // in the refusal's own words, also of a whole group
        cx.may = Arc::new(|row| row.risk == Risk::Basic);
        assert_eq!(answer("help ec2", &cx).await, "[refused] `ec2 list` is for others. Ask them.");
    }

    #[tokio::test]
    async fn it_explains_one_command() {
        insta::assert_snapshot!(answer("help ec2 stop", &cx()).await, @r"
        [info] # ec2 stop
        Stops running instances, and waits until they are stopped.
        Usage: `ec2 stop <target>… [--region <region>]…`
        - `<target>` – An instance: its id, its name, `name:web-*` for all names that fit, or `tag:key=value` for all that have the tag
        - `--region <region>` – Where the instances are: a region, several by commas; without it, the usual one
        Examples:
        - `ec2 stop web-1`
        - `ec2 stop i-0123456789abcdef0 web-2 --region us-east-1`
        - `ec2 stop tag:env=dev`
        (It changes something in AWS.)
        ");
        assert_eq!(answer("ec2 stop --help", &cx()).await, answer("help EC2 Stop", &cx()).await);
    }

    #[tokio::test]
    async fn an_unknown_command_gets_a_suggestion() {
        insta::assert_snapshot!(answer("help ec2 stpo", &cx()).await, @"[usage] I do not know `ec2 stpo`. Did you mean `ec2 stop`? Say `help` for the list.");
    }
}

//! `whoami`: how the bot sees the person who asks, and so why something was allowed or refused.

use super::args;
use super::{Command, Context, Planned, Row, Scope, words};
use crate::domain::{CommandError, Line, Membership, Part, Principal, Reply, Risk, Tone};
use async_trait::async_trait;

/// `whoami` takes nothing.
#[derive(clap::Args, Debug)]
struct Whoami {}

/// The row of `whoami`.
pub(super) const ROW: Row = Row {
    name: "whoami",
    summary: "Says who you are to me, and what you may run",
    examples: &["whoami"],
    risk: Risk::Basic,
    action: "whoami",
    calls: &[],
    inspect: None,
    parse: |words| Ok(Box::new(args::parse::<Whoami>(words)?)),
    usage: || args::usage::<Whoami>(ROW.name),
    options: args::options::<Whoami>,
    definition: args::definition::<Whoami>,
};

#[async_trait]
impl Command for Whoami {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        let (may, may_not): (Vec<&Row>, Vec<&Row>) = cx.catalog.rows().iter().copied().partition(|row| (cx.may)(row));
        let names = |rows: &[&Row]| {
            let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
            if names.is_empty() { Line::from("nothing") } else { Line::sentence(&words::list(&names, "and")) }
        };
        let person = &cx.principal;
        let mut fields = vec![
            ("You are".to_owned(), identity(person)),
            ("Here you are".to_owned(), Line::from(membership(person.membership))),
            ("Groups".to_owned(), groups(person)),
            ("You may run".to_owned(), names(&may)),
        ];
        if !may_not.is_empty() {
            fields.push(("Not".to_owned(), names(&may_not)));
        }
        Ok(Planned::Answer(Reply::new(Tone::Info).part(Part::Fields(fields))))
    }
}

fn identity(person: &Principal) -> Line {
    Line::new().text(words::name(&person.name)).text(" ").code(person.user.as_str())
}

fn membership(membership: Membership) -> &'static str {
    match membership {
        Membership::Member => "a full member of this workspace",
        Membership::Guest => "a guest of this workspace",
        Membership::Outside => "a person of another workspace",
        Membership::Inactive => "deactivated, or not a person",
        Membership::Itself => "the bot itself",
    }
}

fn groups(person: &Principal) -> Line {
    let names: Vec<&String> = person.groups.iter().collect();
    if names.is_empty() { Line::from("none") } else { Line::sentence(&words::list(&names, "and")) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answer, cx};
    use crate::domain::Risk;
    use std::sync::Arc;

    #[tokio::test]
    async fn it_says_what_one_is_and_may() {
        let mut cx = cx();
        cx.may = Arc::new(|row| row.risk < Risk::Change);
        insta::assert_snapshot!(answer("whoami", &cx).await, @r"
        [info] You are: Maya `U01`
        Here you are: a full member of this workspace
        Groups: `operators` and `viewers`
        You may run: `help`, `ping`, `whoami`, `version`, `status`, `approve`, `decline`, `ec2 list`, `ec2 show` and `deploy status`
        Not: `ec2 start`, `ec2 stop`, `ec2 reboot`, `ec2 terminate`, `deploy` and `deploy rollback`
        ");
    }
}

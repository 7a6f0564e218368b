//! `status`: how the bot itself is, for somebody on call with a phone: first whether all is well, then the parts.

use super::args;
use super::{Command, Context, Planned, Row, Scope, words};
use crate::domain::{
    ActorVitals, CommandError, Line, LinkVitals, Part, QueueVitals, ReplicaVitals, Reply, Risk, Table, Tone, Vitals,
};
use async_trait::async_trait;

/// `status` takes nothing.
#[derive(clap::Args, Debug)]
struct Status {}

/// The row of `status`.
pub(super) const ROW: Row = Row {
    name: "status",
    summary: "Says how I am: links to Slack, actors and their restarts, queues, store",
    examples: &["status"],
    risk: Risk::Read,
    action: "status",
    calls: &[],
    parse: |words| Ok(Box::new(args::parse::<Status>(words)?)),
    usage: || args::usage::<Status>(ROW.name),
    options: args::options::<Status>,
    definition: args::definition::<Status>,
};

#[async_trait]
impl Command for Status {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        Ok(Planned::Answer(render(&cx.vitals.vitals())))
    }
}

fn render(vitals: &Vitals) -> Reply {
    let troubles = troubles(vitals);
    let mut reply = Reply::new(Tone::Info).title("Dronebot");
    if troubles.is_empty() {
        reply = reply.text("All is well.");
    } else {
        reply = reply.text(Line::new().bold("Not all is well:")).part(Part::List(troubles));
    }
    reply = reply.part(Part::Fields(vec![
        ("Version".into(), Line::new().code(vitals.build.version).text(" ").code(vitals.build.revision)),
        ("Up".into(), Line::from(words::span(vitals.uptime))),
        ("Host".into(), Line::new().code(words::name(&vitals.host))),
        (
            "Store".into(),
            Line::from(format!("{}, {}", vitals.store.kind, if vitals.store.ok { "ok" } else { "failing" })),
        ),
    ]));
    if vitals.replicas.len() > 1 {
        reply = reply.part(Part::Table(replicas(&vitals.replicas)));
    }
    reply = reply.part(Part::Table(actors(&vitals.actors)));
    let details: Vec<Line> =
        vitals.links.iter().map(link).chain(queues(&vitals.queues)).chain(failures(&vitals.actors)).collect();
    if details.is_empty() { reply } else { reply.part(Part::List(details)) }
}

/// What is not as it should be, the worst first.
pub fn troubles(vitals: &Vitals) -> Vec<Line> {
    let mut found = Vec::new();
    if !vitals.links.iter().any(|link| link.up) {
        found.push(Line::from("no link to Slack is up"));
    }
    let strange = vitals.links.iter().map(|link| link.strange_connections).max().unwrap_or_default();
    if strange > 0 {
        found.push(Line::from(format!(
            "Slack counts {} of this app that {} not mine: another process uses its token, or old ones are not gone yet; \
             what Slack gives to them does not reach me",
            words::count(strange as usize, "connection"),
            if strange == 1 { "is" } else { "are" },
        )));
    }
    if !vitals.store.ok {
        let error = vitals.store.last_error.as_deref().unwrap_or("no reason known");
        found.push(Line::from(format!("the store is failing: {}", words::name(error))));
    }
    for gone in vitals.replicas.iter().filter(|replica| !replica.is_alive) {
        let line = Line::from("the replica on ")
            .code(words::name(&gone.host))
            .text(format!(" fell silent {} ago without a word; the others have its work", words::span(gone.seen)));
        found.push(line);
    }
    for actor in vitals.actors.iter().filter(|actor| actor.phase != "up") {
        found.push(Line::new().code(words::name(&actor.name)).text(format!(" is {}", actor.phase)));
    }
    for queue in vitals.queues.iter().filter(|queue| queue.name.contains("dead") && queue.depth > 0) {
        found.push(Line::new().code(words::name(&queue.name)).text(format!(" holds {}", queue.depth)));
    }
    found
}

fn replicas(replicas: &[ReplicaVitals]) -> Table {
    let row = |replica: &ReplicaVitals| {
        let state = match (replica.is_alive, replica.is_ready) {
            (false, _) => "gone",
            (true, true) => "ready",
            (true, false) => "not ready",
        };
        let host = words::cut(&replica.host, 20);
        let host = if replica.is_me { format!("{host} (me)") } else { host };
        let version = replica.version.split(' ').next().unwrap_or_default().to_owned();
        vec![host, state.to_owned(), version, replica.links.to_string(), replica.in_work.to_string()]
    };
    Table {
        head: ["replica", "state", "version", "links", "in work"].map(str::to_owned).to_vec(),
        rows: replicas.iter().map(row).collect(),
    }
}

fn actors(actors: &[ActorVitals]) -> Table {
    let row = |actor: &ActorVitals| {
        vec![words::cut(&actor.name, 20), actor.phase.clone(), words::span(actor.since), actor.restarts.to_string()]
    };
    Table {
        head: ["actor", "phase", "for", "restarts"].map(str::to_owned).to_vec(),
        rows: actors.iter().map(row).collect(),
    }
}

fn link(link: &LinkVitals) -> Line {
    let mut line = Line::from(format!("link {}: {}", link.slot, link.phase));
    if let Some(ago) = link.last_frame {
        line = line.text(format!(", last frame {} ago", words::span(ago)));
    }
    if let Some(ago) = link.last_event {
        line = line.text(format!(", last event {} ago", words::span(ago)));
    }
    if let Some(number) = link.num_connections {
        line = line.text(format!(", Slack counts {number}"));
    }
    match &link.last_error {
        Some(error) => line.text(format!(", last error: {}", words::name(error))),
        None => line,
    }
}

/// What waits where; one line when nothing waits anywhere.
fn queues(queues: &[QueueVitals]) -> Vec<Line> {
    let waiting: Vec<Line> = queues.iter().filter(|queue| queue.depth > 0).map(queue).collect();
    if waiting.is_empty() { vec![Line::from("queues: nothing waits")] } else { waiting }
}

fn queue(queue: &QueueVitals) -> Line {
    let oldest = queue.oldest.map(|age| format!(", oldest {}", words::span(age))).unwrap_or_default();
    Line::from(format!("{}: {} waiting{oldest}", words::name(&queue.name), queue.depth))
}

fn failures(actors: &[ActorVitals]) -> impl Iterator<Item = Line> {
    actors.iter().filter_map(|actor| {
        let failure = actor.last_failure.as_deref()?;
        Some(Line::new().code(words::name(&actor.name)).text(format!(" last failed: {}", words::name(failure))))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answer, cx, plain, vitals};
    use super::*;

    #[tokio::test]
    async fn a_healthy_bot_says_so_first() {
        insta::assert_snapshot!(answer("status", &cx()).await, @r"
        [info] # Dronebot
        All is well.
        Version: `0.1.0` `abc1234`
        Up: 3 h 5 min
        Host: `drone-1`
        Store: sqlite, ok
        actor | phase | for | restarts
        courier | up | 1 h 6 min | 0
        dispatcher | up | 1 h 6 min | 1
        - link 0: up, last frame 3 s ago, last event 40 s ago, Slack counts 1
        - outbox: 2 waiting, oldest 1 s
        - `dispatcher` last failed: panic at src/dispatch/mod.rs:7: oops
        ");
    }

    // row 2
    #[test]
    fn connections_that_are_not_ours_stand_on_top() {
        let mut vitals = vitals();
        vitals.links[0].strange_connections = 3;
        let text = plain(&render(&vitals));
        insta::assert_snapshot!(text.lines().take(3).collect::<Vec<_>>().join("\n"), @r"
        [info] # Dronebot
        *Not all is well:*
        - Slack counts 3 connections of this app that are not mine: another process uses its token, or old ones are not gone yet; what Slack gives to them does not reach me
        ");
    }

    #[test]
    fn all_replicas_are_shown_and_one_that_fell_silent_stands_on_top() {
        let replica = |host: &str, is_me, is_alive| crate::domain::ReplicaVitals {
            name: host.into(),
            host: host.into(),
            version: "0.1.0 abc1234".into(),
            is_me,
            is_alive,
            is_ready: true,
            links: 2,
            in_work: 3,
            seen: std::time::Duration::from_secs(40),
        };
        let mut vitals = vitals();
        vitals.replicas = vec![replica("drone-1", true, true), replica("drone-2", false, false)];
        let text = plain(&render(&vitals));
        insta::assert_snapshot!(text.lines().take(10).collect::<Vec<_>>().join("\n"), @r"
        [info] # Dronebot
        *Not all is well:*
        - the replica on `drone-2` fell silent 40 s ago without a word; the others have its work
        Version: `0.1.0` `abc1234`
        Up: 3 h 5 min
        Host: `drone-1`
        Store: sqlite, ok
        replica | state | version | links | in work
        drone-1 (me) | ready | 0.1.0 | 2 | 3
        drone-2 | gone | 0.1.0 | 2 | 3
        ");
    }

    #[test]
    fn what_is_wrong_stands_on_top() {
        let mut vitals = vitals();
        vitals.links.iter_mut().for_each(|link| link.up = false);
        vitals.store.ok = false;
        vitals.store.last_error = Some("disk full".into());
        vitals.actors[1].phase = "back-off".into();
        let text = plain(&render(&vitals));
        insta::assert_snapshot!(text.lines().take(6).collect::<Vec<_>>().join("\n"), @r"
        [info] # Dronebot
        *Not all is well:*
        - no link to Slack is up
        - the store is failing: disk full
        - `dispatcher` is back-off
        Version: `0.1.0` `abc1234`
        ");
    }
}

//! `status`: how the bot itself is, for somebody on call with a phone: first whether all is well, then the parts.

use super::args;
use super::{Command, Context, Planned, Row, Scope, words};
use crate::domain::{
    ActorPhase, ActorVitals, Body, CommandError, Line, LinkVitals, Part, QueueName, QueueVitals, ReplicaVitals, Reply,
    Risk, Table, Tone, Vitals,
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
    inspect: None,
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
    let mut fields = vec![
        ("Version".into(), Line::new().code(vitals.build.version).text(" ").code(vitals.build.short())),
        ("Up".into(), Line::from(words::span(vitals.uptime))),
        ("Host".into(), Line::new().code(words::name(&vitals.host))),
        (
            "Store".into(),
            Line::from(format!("{}, {}", vitals.store.kind, if vitals.store.ok { "ok" } else { "failing" })),
        ),
    ];
    fields.extend(body(&vitals.body));
    reply = reply.part(Part::Fields(fields));
    if vitals.replicas.len() > 1 {
        reply = reply.part(Part::Table(replicas(&vitals.replicas)));
    }
    reply = reply.part(Part::Table(actors(&vitals.actors)));
    let details: Vec<Line> =
        vitals.links.iter().map(link).chain(queues(&vitals.queues)).chain(failures(&vitals.actors)).collect();
    if details.is_empty() { reply } else { reply.part(Part::List(details)) }
}

/// Where it runs, as far as that is more than a host's name.
fn body(body: &Body) -> Vec<(String, Line)> {
    let mut fields = Vec::new();
    let mut machine = Line::new();
    if let Some(instance) = &body.instance {
        machine = machine.code(words::name(instance));
    }
    for fact in [&body.zone, &body.instance_type, &body.lifecycle].into_iter().flatten() {
        let comma = if machine.0.is_empty() { "" } else { ", " };
        machine = machine.text(format!("{comma}{}", words::name(fact)));
    }
    if !machine.0.is_empty() {
        fields.push(("Body".into(), machine));
    }
    if let Some(task) = &body.task {
        let line = Line::new().code(words::name(&task.id)).text(" of ").code(words::name(&task.definition));
        fields.push(("Task".into(), line.text(" in ").code(words::name(&task.cluster))));
    }
    if let Some(image) = body.short_image() {
        fields.push(("Image".into(), Line::new().code(words::name(image))));
    }
    fields
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
    if let Some(trouble) = vitals.store.trouble() {
        found.push(Line::from(format!("the store is failing: {}", words::name(&trouble))));
    }
    for notice in &vitals.notices {
        found.push(Line::from(notice.says_of(&words::name(&vitals.body.name()))));
    }
    for noticed in vitals.replicas.iter().filter(|replica| replica.is_noticed && !replica.is_me) {
        found
            .push(Line::from("AWS has told the replica on ").code(place(noticed)).text(" that its body will not last"));
    }
    let others = vitals.replicas.iter().filter(|replica| replica.is_alive && !replica.is_me).count();
    for gone in vitals.replicas.iter().filter(|replica| !replica.is_alive) {
        let heirs = if others == 0 { "mine" } else { "with the others" };
        let work = match gone.in_work {
            0 => "it had nothing in hand".to_owned(),
            1 => format!("the request that it had in hand is {heirs} now"),
            number => format!("the {number} requests that it had in hand are {heirs} now"),
        };
        let silent = format!(" fell silent {} ago without a word; {work}", words::span(gone.seen));
        found.push(Line::from("the replica on ").code(place(gone)).text(silent));
    }
    for actor in vitals.actors.iter().filter(|actor| actor.phase != ActorPhase::Up) {
        found.push(Line::new().code(words::name(&actor.name)).text(format!(" is {}", actor.phase)));
    }
    for queue in vitals.queues.iter().filter(|queue| queue.name == QueueName::DeadLetters && queue.depth > 0) {
        found.push(Line::new().code(words::name(queue.name.as_str())).text(format!(" holds {}", queue.depth)));
    }
    found
}

/// What a replica is called: by its body, else by its host.
fn place(replica: &ReplicaVitals) -> String {
    words::name(if replica.body.is_empty() { &replica.host } else { &replica.body })
}

fn replicas(replicas: &[ReplicaVitals]) -> Table {
    // on a laptop nobody has a zone
    let zones = replicas.iter().any(|replica| !replica.zone.is_empty());
    let row = |replica: &ReplicaVitals| {
        let state = match (replica.is_alive, replica.is_ready) {
            (false, _) => "gone",
            (true, true) => "ready",
            (true, false) => "not ready",
        };
        let place = words::cut(&place(replica), 20);
        let place = if replica.is_me { format!("{place} (me)") } else { place };
        let zone = if replica.zone.is_empty() { "-".to_owned() } else { words::cut(&replica.zone, 20) };
        let version = replica.version.split(' ').next().unwrap_or_default().to_owned();
        // what one that is gone said last is so no longer
        let of_living = |number: String| if replica.is_alive { number } else { "–".to_owned() };
        let (links, in_work) = (of_living(replica.links.to_string()), of_living(replica.in_work.to_string()));
        let rest = [state.to_owned(), version, links, in_work];
        [place].into_iter().chain(zones.then_some(zone)).chain(rest).collect()
    };
    let head = ["replica"].into_iter().chain(zones.then_some("zone")).chain(["state", "version", "links", "in work"]);
    Table { head: head.map(str::to_owned).collect(), rows: replicas.iter().map(row).collect() }
}

fn actors(actors: &[ActorVitals]) -> Table {
    let row = |actor: &ActorVitals| {
        vec![words::cut(&actor.name, 20), actor.phase.to_string(), words::span(actor.since), actor.restarts.to_string()]
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
    Line::from(format!("{}: {} waiting{oldest}", words::name(queue.name.as_str()), queue.depth))
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
    use crate::domain::Notice;

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

    // failure 2
    #[test]
    fn connections_that_are_not_ours_stand_on_top() {
        let mut vitals = vitals();
        vitals.links[0].strange_connections = 3;
        let text = plain(&render(&vitals));
        insta::assert_snapshot!(text, @r"
        [info] # Dronebot
        *Not all is well:*
        - Slack counts 3 connections of this app that are not mine: another process uses its token, or old ones are not gone yet; what Slack gives to them does not reach me
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

    #[test]
    fn all_replicas_are_shown_and_one_that_fell_silent_stands_on_top() {
        let replica = |host: &str, is_me, is_alive| crate::domain::ReplicaVitals {
            name: host.into(),
            host: host.into(),
            body: String::new(),
            zone: String::new(),
            is_noticed: false,
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
        insta::assert_snapshot!(text, @r"
        [info] # Dronebot
        *Not all is well:*
        - the replica on `drone-2` fell silent 40 s ago without a word; the 3 requests that it had in hand are mine now
        Version: `0.1.0` `abc1234`
        Up: 3 h 5 min
        Host: `drone-1`
        Store: sqlite, ok
        replica | state | version | links | in work
        drone-1 (me) | ready | 0.1.0 | 2 | 3
        drone-2 | gone | 0.1.0 | – | –
        actor | phase | for | restarts
        courier | up | 1 h 6 min | 0
        dispatcher | up | 1 h 6 min | 1
        - link 0: up, last frame 3 s ago, last event 40 s ago, Slack counts 1
        - outbox: 2 waiting, oldest 1 s
        - `dispatcher` last failed: panic at src/dispatch/mod.rs:7: oops
        ");
    }

    #[test]
    fn the_body_and_the_zones_of_all_replicas_are_shown_and_what_aws_says_of_their_end() {
        let replica = |body: &str, zone: &str, is_me| crate::domain::ReplicaVitals {
            name: body.into(),
            host: "ip-10-0-0-1".into(),
            body: body.into(),
            zone: zone.into(),
            is_noticed: true,
            version: "0.1.0 abc1234".into(),
            is_me,
            is_alive: true,
            is_ready: true,
            links: 2,
            in_work: 0,
            seen: std::time::Duration::ZERO,
        };
        let mut vitals = vitals();
        vitals.body = Body {
            host: "ip-10-0-0-1".into(),
            instance: Some("i-0abc".into()),
            instance_type: Some("t3.micro".into()),
            zone: Some("eu-central-1a".into()),
            region: Some("eu-central-1".into()),
            lifecycle: Some("spot".into()),
            task: Some(crate::domain::EcsTask {
                cluster: "ops".into(),
                id: "158d1c8083dd".into(),
                definition: "dronebot:26".into(),
            }),
            image: Some("sha256:0123456789abcdef0123".into()),
        };
        vitals.notices = vec![
            Notice::Rebalance { at: "2026-11-24T12:00:00Z".parse().unwrap() },
            Notice::Interruption { action: "terminate".into(), at: "2026-11-24T12:04:05Z".parse().unwrap() },
        ];
        vitals.replicas = vec![replica("i-0abc", "eu-central-1a", true), replica("i-0def", "eu-central-1b", false)];
        let text = plain(&render(&vitals));
        insta::assert_snapshot!(text, @r"
        [info] # Dronebot
        *Not all is well:*
        - AWS recommends since 12:00:00 UTC to leave i-0abc (eu-central-1a): it may be taken back
        - AWS takes i-0abc (eu-central-1a) back at 12:04:05 UTC (terminate)
        - AWS has told the replica on `i-0def` that its body will not last
        Version: `0.1.0` `abc1234`
        Up: 3 h 5 min
        Host: `drone-1`
        Store: sqlite, ok
        Body: `i-0abc`, eu-central-1a, t3.micro, spot
        Task: `158d1c8083dd` of `dronebot:26` in `ops`
        Image: `sha256:0123456789ab`
        replica | zone | state | version | links | in work
        i-0abc (me) | eu-central-1a | ready | 0.1.0 | 2 | 0
        i-0def | eu-central-1b | ready | 0.1.0 | 2 | 0
        actor | phase | for | restarts
        courier | up | 1 h 6 min | 0
        dispatcher | up | 1 h 6 min | 1
        - link 0: up, last frame 3 s ago, last event 40 s ago, Slack counts 1
        - outbox: 2 waiting, oldest 1 s
        - `dispatcher` last failed: panic at src/dispatch/mod.rs:7: oops
        ");
    }

    #[test]
    fn what_is_wrong_stands_on_top() {
        let mut vitals = vitals();
        vitals.links.iter_mut().for_each(|link| link.up = false);
        vitals.store.ok = false;
        vitals.store.last_error = Some("disk full".into());
        vitals.actors[1].phase = ActorPhase::BackOff;
        let text = plain(&render(&vitals));
        insta::assert_snapshot!(text, @r"
        [info] # Dronebot
        *Not all is well:*
        - no link to Slack is up
        - the store is failing: its last operation failed: disk full
        - `dispatcher` is back-off
        Version: `0.1.0` `abc1234`
        Up: 3 h 5 min
        Host: `drone-1`
        Store: sqlite, failing
        actor | phase | for | restarts
        courier | up | 1 h 6 min | 0
        dispatcher | back-off | 1 h 6 min | 1
        - link 0: up, last frame 3 s ago, last event 40 s ago, Slack counts 1
        - outbox: 2 waiting, oldest 1 s
        - `dispatcher` last failed: panic at src/dispatch/mod.rs:7: oops
        ");
    }
}

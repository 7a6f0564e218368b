//! The three questions and their answers, from vitals alone.

use super::spec::BoardSpec;
use crate::domain::{ActorPhase, LinkVitals, Notice, Vitals};
use serde::Serialize;

/// An answer with its causes, as the probes show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// `ok`, or what is not so: `stuck`, `unready`, `starting`.
    pub status: &'static str,
    /// Why not; empty when ok.
    pub causes: Vec<Cause>,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Its name, for alerts.
    pub cause: &'static str,
    /// What is so, for people.
    pub detail: String,
}

/// What the vitals do not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub started: bool,
    pub draining: bool,
    pub store_watched: bool,
}

impl Judgement {
    fn of(otherwise: &'static str, causes: Vec<Cause>) -> Self {
        Self { status: if causes.is_empty() { "ok" } else { otherwise }, causes }
    }

    /// Whether it is as it should be.
    pub fn is_ok(&self) -> bool {
        self.causes.is_empty()
    }

    pub(super) fn live(verdict: Result<(), String>) -> Self {
        let cause = verdict.err().map(|detail| Cause { cause: "watchdog", detail });
        Self::of("stuck", cause.into_iter().collect())
    }

    pub(super) fn startup(started: bool) -> Self {
        let starting = Cause { cause: "starting", detail: "not everything has been started yet".to_owned() };
        Self::of("starting", if started { Vec::new() } else { vec![starting] })
    }

    pub(super) fn ready(spec: &BoardSpec, seen: Seen, vitals: &Vitals) -> Self {
        let mut causes = Vec::new();
        let mut add = |cause, detail| causes.push(Cause { cause, detail });
        if seen.draining {
            let taken = vitals.notices.iter().find(|notice| matches!(notice, Notice::Interruption { .. }));
            let why = taken.map(|notice| format!("{}; ", notice.says_of(&vitals.body.name()))).unwrap_or_default();
            add("draining", format!("{why}the bot is stopping and takes no new commands"));
        }
        if !seen.started {
            add("starting", "not everything has been started yet".to_owned());
        }
        if let Some(detail) = links(spec, vitals) {
            add("slack_links", detail);
        }
        if let Some(trouble) = vitals.store.trouble() {
            add("store", if seen.store_watched { trouble } else { "not opened yet".to_owned() });
        }
        for name in &spec.needed_actors {
            match vitals.actors.iter().find(|actor| actor.name == *name) {
                Some(actor) if actor.phase == ActorPhase::Up => {}
                Some(actor) => {
                    let failure = actor.last_failure.as_ref().map(|failure| format!(", last failure: {failure}"));
                    add("actor", format!("{name} is {}{}", actor.phase, failure.unwrap_or_default()));
                }
                None => add("actor", format!("{name} does not exist yet")),
            }
        }
        Self::of("unready", causes)
    }
}

/// Why no link is usable, if none is: deaf is not healthy.
fn links(spec: &BoardSpec, vitals: &Vitals) -> Option<String> {
    let heard = |link: &LinkVitals| link.up && link.last_frame.is_some_and(|age| age <= spec.idle_bound);
    if vitals.links.iter().any(heard) {
        return None;
    }
    if vitals.links.is_empty() {
        return Some("no link has been opened yet".to_owned());
    }
    let each = vitals.links.iter().map(|link| {
        let silence = match (link.up, link.last_frame) {
            (true, Some(age)) => format!(" but silent for {} s", age.as_secs()),
            (true, None) => " but no frame has arrived".to_owned(),
            (false, _) => String::new(),
        };
        let error = link.last_error.as_ref().map(|error| format!(", last error: {error}"));
        format!("link {} is {}{silence}{}", link.slot, link.phase, error.unwrap_or_default())
    });
    let each: Vec<String> = each.collect();
    Some(format!("0 of {} links usable: {}", vitals.links.len(), each.join("; ")))
}

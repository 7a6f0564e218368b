//! What joins rooms that may not know each other: the status board reads the links, the tree, the store and the
//! watchdog.

use crate::dispatch::policy::Policies;
use crate::domain::{ActorPhase, ActorVitals, Build};
use crate::health::{Board, BoardSpec};
use crate::intake::SelfTest;
use crate::settings::Settings;
use crate::slack::socket::LinkBoard;
use crate::store::{Store, StoreHealth};
use crate::supervision::{ChildStatus, Drills, Phase, StatusReader, Verdict, VerdictReader};
use std::sync::Arc;

/// What is no actor and can be broken by a drill too: the thread that writes the SQLite file.
const STORE_WRITER: &str = "store-writer";

/// The status board, which reads the links and the store.
pub(super) fn board(
    build: Build,
    settings: &Settings,
    policies: &Policies,
    store: &Store,
    links: &Arc<LinkBoard>,
) -> Arc<Board> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let board = Board::new(BoardSpec {
        build,
        host: host.trim().to_owned(),
        policy_hash: policies.hash().to_owned(),
        idle_bound: settings.slack.idle_timeout,
        needed_actors: vec!["dispatcher".to_owned(), "courier".to_owned()],
    });
    let links = Arc::clone(links);
    board.watch_links(move || links.vitals());
    let health = store.health.clone();
    board.watch_store(move || health.vitals());
    board
}

/// Lets the board read the tree and the watchdog.
pub(super) fn attach(board: &Board, tree: StatusReader, watchdog: VerdictReader) {
    board.watch_actors(move || tree.read().iter().map(actor).collect());
    board.watch_liveness(move || match watchdog.verdict() {
        Verdict::Alive => Ok(()),
        Verdict::Stuck(stuck) => Err(stuck.to_string()),
    });
}

/// Lets a caller that reaches the probes break actors.
pub(super) fn allow_drills(board: &Board, drills: Drills, store: StoreHealth) {
    tracing::warn!("drills are allowed: whoever reaches the probes can break actors");
    board.allow_drills(move |actor, drill| match actor {
        STORE_WRITER => store.drill(drill),
        actor => drills.run(actor, drill).is_ok(),
    });
}

/// Lets a caller that signs ask for a self-test.
pub(super) fn allow_self_tests(board: &Board, door: SelfTest) {
    let door = Arc::new(door);
    board.allow_self_tests(move |call| {
        let door = Arc::clone(&door);
        Box::pin(async move { door.ask(call).await })
    });
}

fn phase(phase: Phase) -> ActorPhase {
    match phase {
        Phase::Starting => ActorPhase::Starting,
        Phase::Up => ActorPhase::Up,
        Phase::BackOff { .. } => ActorPhase::BackOff,
        Phase::Stopping => ActorPhase::Stopping,
        Phase::Stopped => ActorPhase::Stopped,
        Phase::Dead => ActorPhase::Dead,
    }
}

fn actor(status: &ChildStatus) -> ActorVitals {
    ActorVitals {
        name: status.name.clone(),
        phase: phase(status.phase),
        incarnation: status.incarnation,
        restarts: status.restarts,
        last_failure: status.last_failure.as_ref().map(ToString::to_string),
        since: status.since.elapsed(),
    }
}

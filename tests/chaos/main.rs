//! Everything breaks at random, and at the end it is counted from outside: the Slack sandbox's and the proxies' own records say
//! which commands were accepted, how often each was answered, whether the answers are true, and which changes were made.
//!
//! Once with two replicas that share a DynamoDB table, once with one bot and its SQLite file. What chooses the run:
//!
//! - `DRONEBOT_CHAOS_COMMANDS`: how many commands the replicas get (300); the one bot gets a third of
//!   them. More than a thousand make a long run: with more time between faults, and more people.
//! - `DRONEBOT_CHAOS_SEED`: which ones, and which faults; the seed of a run is printed.
//! - `DRONEBOT_CHAOS_WITHOUT`: kinds of faults to leave out, by commas, to find out which one it takes.
//! - `DRONEBOT_CHAOS_PLANT=drop_letter` or `blind_step`: a bug, which the counting must find. Each has a test of its own too.
#![expect(clippy::disallowed_methods, reason = "its size, its seed and its bug are told by its environment")]

mod approver;
mod count;
mod faults;
mod forget;
mod load;
mod plant;
mod service;
#[allow(dead_code, unused_imports, reason = "shared with tests/bot")]
#[path = "../bot/support/mod.rs"]
mod support;

use approver::Approver;
use count::{Report, count};
use faults::{Saboteur, Store};
use forget::forget;
use load::{Load, Mix};
use plant::Plant;
use std::cell::Cell;
use std::io::Write;
use std::time::Duration;
use support::{Options, World};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A run of more commands than this is a long one.
const LONG: usize = 1_000;

/// How many people wait for an answer at the same time, and how many milliseconds there are between two faults: a short run
/// is to see much in little time, a long one is to come through.
fn pace(commands: usize) -> (usize, std::ops::Range<u64>) {
    if commands > LONG { (32, 150..700) } else { (16, 20..250) }
}

/// How long everything may take to come to rest when nothing breaks any more.
const REST: Duration = Duration::from_secs(180);

/// One run at a time: what two of them would do to each other's times says nothing.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|value| value.parse().ok())
}

fn commands() -> usize {
    usize::try_from(number("DRONEBOT_CHAOS_COMMANDS").unwrap_or(300)).expect("a count")
}

fn seed() -> u64 {
    number("DRONEBOT_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000))
}

/// Written past the capture of a test's output: whoever runs it reads the table of a run that passes too.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

async fn world(store: Store) -> World {
    let env = [
        ("DRONEBOT__DELIVERY__POLL_MS", "200"),
        ("DRONEBOT__DELIVERY__RETRY_MIN_MS", "100"),
        ("DRONEBOT__DELIVERY__RETRY_MAX_SECONDS", "2"),
        ("DRONEBOT__AWS__RATE_SHARE", "1.0"),
        ("DRONEBOT__AWS__CALL_TIMEOUT_SECONDS", "3"),
        ("DRONEBOT__SLACK__API_TIMEOUT_SECONDS", "3"),
        ("DRONEBOT__SLACK__IDLE_TIMEOUT_SECONDS", "5"),
        ("DRONEBOT__SLACK__PING_INTERVAL_SECONDS", "1"),
        ("DRONEBOT__SLACK__BACKOFF_MIN_SECONDS", "0.1"),
        ("DRONEBOT__SLACK__BACKOFF_MAX_SECONDS", "1"),
        ("DRONEBOT__SLACK__TOO_MANY_BACKOFF_SECONDS", "1"),
        ("DRONEBOT__SLACK__PACING__CHANNEL_INTERVAL_SECONDS", "0.02"),
        ("DRONEBOT__SLACK__PACING__POSTS_PER_MINUTE", "30000"),
        ("DRONEBOT__SLACK__PACING__TIER2_PER_MINUTE", "6000"),
        ("DRONEBOT__SLACK__PACING__TIER3_PER_MINUTE", "6000"),
        ("DRONEBOT__SLACK__PACING__TIER4_PER_MINUTE", "6000"),
        ("DRONEBOT__SUPERVISION__DRILLS", "true"),
        ("DRONEBOT__SUPERVISION__HUNG_AFTER_SECONDS", "3"),
        ("DRONEBOT__SUPERVISION__STUCK_AFTER_SECONDS", "2"),
        ("DRONEBOT__SHUTDOWN__DRAIN_SECONDS", "5"),
        ("DRONEBOT__EXECUTION__APPROVE_WITHIN_SECONDS", "30"),
        // few people ask what hundreds would
        ("DRONEBOT__EXECUTION__MAX_OPEN_EACH", "5000"),
        ("DRONEBOT__LOG__FILTER", "info,dronebot::intake=debug,dronebot::delivery=debug"),
    ];
    let env = env.map(|(key, value)| (key, value.to_owned())).into();
    let lease = (store == Store::Shared).then_some(3);
    let mut world = World::with(Options { lease, env, shim: true, ..Options::default() }).await;
    if store == Store::Shared {
        world.one_more().await;
    }
    world.slack.ack_timeout(Duration::from_millis(3_000)).await;
    world
}

/// Whether nobody has anything to do any more, Slack included: what it has sent and was not acked for, comes again.
async fn is_quiet(world: &mut World) -> bool {
    let (_, acks) = world.slack.get("acks", &[("limit", "1")]).await;
    acks["pending"].as_array().is_some_and(Vec::is_empty) && world.is_quiet().await
}

/// Runs commands and faults side by side, waits until all is quiet, and counts. The world comes with the report, so that its logs
/// are kept where the report is not as it should be.
async fn run(store: Store, commands: usize, seed: u64, plant: Option<Plant>) -> (Report, World) {
    let _alone = ONE_AT_A_TIME.lock().await;
    let planted = plant.map(|plant| format!(", planted: {plant:?}")).unwrap_or_default();
    tell(&format!("chaos on {store:?}: {commands} commands, seed {seed}{planted}"));
    let begun = Instant::now();
    let mut world = world(store).await;
    let mut load = Load::prepare(&world, commands, seed, plant.map_or(Mix::People, Plant::mix)).await;
    let over = Cell::new(false);
    let (people, apart) = pace(commands);
    let mut saboteur = Saboteur::new(store, seed, apart);
    let mut approver = Approver::new(world.slack.url.clone(), load::rooms(), seed).await;
    {
        let slack = world.slack.url.clone();
        let sending = async {
            load.send(&slack, people).await;
            over.set(true);
        };
        let table = world.table_url.clone();
        let forgetting = async {
            if store == Store::Shared {
                forget(&table, &over).await;
            }
        };
        let breaking = async {
            match plant {
                Some(plant) => plant.work(&mut world).await,
                None => saboteur.work(&mut world, &over).await,
            }
        };
        tokio::join!(sending, breaking, forgetting, approver.work(&over));
    }
    saboteur.heal(&mut world).await;
    let healed = Instant::now();
    let mut quiet = 0;
    while quiet < 3 && healed.elapsed() < REST {
        // one that was told to stick may end only now
        saboteur.revive(&mut world);
        approver.turn().await;
        quiet = if is_quiet(&mut world).await { quiet + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let report = count(&world, &load, &saboteur, &approver, healed.elapsed(), begun.elapsed()).await;
    tell(&report.table());
    (report, world)
}

fn is_clean(report: &Report, seed: u64) {
    assert!(report.misses.is_empty(), "seed {seed}: {} misses\n{}", report.misses.len(), report.misses.join("\n"));
    assert!(report.faults > 0 && report.accepted > 0, "nothing happened");
}

#[actix_web::test]
async fn whatever_breaks_each_accepted_command_is_answered_once_and_nothing_is_done_twice() {
    let seed = seed();
    let plant = std::env::var("DRONEBOT_CHAOS_PLANT").ok().map(|name| Plant::named(&name).expect("a known bug"));
    let (report, _world) = Box::pin(run(Store::Shared, commands(), seed, plant)).await;
    is_clean(&report, seed);
}

#[actix_web::test]
async fn whatever_breaks_one_bot_with_a_file_answers_each_accepted_command_once_and_does_nothing_twice() {
    let seed = seed();
    let (report, _world) = Box::pin(run(Store::File, commands() / 3, seed, None)).await;
    is_clean(&report, seed);
}

#[actix_web::test]
async fn a_lost_letter_is_found_by_the_counting() {
    let (report, _world) = Box::pin(run(Store::Shared, 12, 7, Some(Plant::DropLetter))).await;
    assert!(report.misses.iter().any(|miss| miss.contains("never answered")), "{:#?}", report.misses);
}

#[actix_web::test]
async fn a_step_that_is_run_blindly_is_found_by_the_counting() {
    let (report, _world) = Box::pin(run(Store::Shared, 12, 11, Some(Plant::BlindStep))).await;
    assert!(report.misses.iter().any(|miss| miss.contains("calls that change")), "{:#?}", report.misses);
}

//! Everything breaks at random, and at the end it is counted from outside: the Slack sandbox's and the proxies' own records say
//! which commands were accepted, how often each was answered, and which changes were made.
//!
//! Two replicas share a DynamoDB table. `DRONEBOT_CHAOS_COMMANDS` (default 300) and `DRONEBOT_CHAOS_SEED` choose the run; the
//! seed of a run is printed. `DRONEBOT_CHAOS_PLANT=drop_letter` or `blind_step` plants a bug, which the counting must find.
#![expect(clippy::print_stderr, reason = "whoever runs it reads the table")]
#![expect(clippy::disallowed_methods, reason = "its size, its seed and its bug are told by its environment")]

mod count;
mod faults;
mod load;
#[allow(dead_code, unused_imports, reason = "shared with tests/bot")]
#[path = "../bot/support/mod.rs"]
mod support;

use count::{Report, count};
use faults::Saboteur;
use load::Load;
use std::cell::Cell;
use std::time::Duration;
use support::{Options, World};
use tokio::time::Instant;

/// How long everything may take to come to rest when nothing breaks any more.
const REST: Duration = Duration::from_secs(180);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|value| value.parse().ok())
}

async fn world() -> World {
    let mut env: Vec<(&'static str, String)> = [
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
    ]
    .into_iter()
    .map(|(key, value)| (key, value.to_owned()))
    .collect();
    env.push(("DRONEBOT__LOG__FILTER", "info".to_owned()));
    let mut world = World::with(Options { lease: Some(2), env, ..Options::default() }).await;
    world.one_more().await;
    world.slack.ack_timeout(Duration::from_millis(3_000)).await;
    world
}

/// Runs commands and faults side by side, waits until all is quiet, and counts.
async fn run(commands: usize, seed: u64, plant: Option<&str>) -> Report {
    eprintln!(
        "chaos: {commands} commands, seed {seed}{}",
        plant.map(|p| format!(", planted: {p}")).unwrap_or_default()
    );
    let begun = Instant::now();
    let mut world = world().await;
    let mut load = Load::prepare(&world, commands, seed).await;
    let over = Cell::new(false);
    let mut saboteur = Saboteur::new(seed, plant);
    {
        let slack = world.slack.url.clone();
        let sending = async {
            load.send(&slack).await;
            over.set(true);
        };
        let breaking = saboteur.work(&mut world, &over);
        tokio::join!(sending, breaking);
    }
    saboteur.heal(&mut world).await;
    let healed = Instant::now();
    let mut quiet = 0;
    while quiet < 3 && healed.elapsed() < REST {
        quiet = if world.held().await.is_empty() { quiet + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(1_000)).await;
    }
    let report = count(&world, &load, &saboteur, healed.elapsed(), begun.elapsed()).await;
    eprintln!("{}", report.table());
    report
}

#[actix_web::test]
async fn whatever_breaks_each_accepted_command_is_answered_once_and_nothing_is_done_twice() {
    let commands = number("DRONEBOT_CHAOS_COMMANDS").unwrap_or(300);
    let seed = number("DRONEBOT_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let plant = std::env::var("DRONEBOT_CHAOS_PLANT").ok();
    let report = run(usize::try_from(commands).expect("a count"), seed, plant.as_deref()).await;
    assert!(report.misses.is_empty(), "seed {seed}: {} misses\n{}", report.misses.len(), report.misses.join("\n"));
    assert!(report.faults > 0 && report.accepted > 0, "nothing happened");
}

#[actix_web::test]
async fn a_lost_letter_is_found_by_the_counting() {
    let report = run(40, 7, Some("drop_letter")).await;
    assert!(report.misses.iter().any(|miss| miss.contains("never answered")), "{:#?}", report.misses);
}

#[actix_web::test]
async fn a_step_that_is_run_blindly_is_found_by_the_counting() {
    let report = run(40, 11, Some("blind_step")).await;
    assert!(report.misses.iter().any(|miss| miss.contains("calls that change")), "{:#?}", report.misses);
}

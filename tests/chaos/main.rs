//! Everything breaks at random, and at the end it is counted from outside: the Slack sandbox's and the proxies' own records say
//! which commands were taken, what Slack told of those that were not, how often each was answered and with what, whether the
//! answers are true, and which changes were made.
//!
//! Once with two replicas that share a DynamoDB table, once with one bot and its SQLite file. What chooses the run:
//!
//! - `DRONEBOT_CHAOS_COMMANDS`: how many commands the replicas get (300); the one bot gets a third of
//!   them. More than a thousand make a long run: with more time between faults, and more people.
//! - `DRONEBOT_CHAOS_SEED`: which ones, and which faults; the seed of a run is printed.
//! - `DRONEBOT_CHAOS_FORM=shipped`: the bot's pacing, lease and time-outs as they ship, Slack's rate limits, and Slack's own
//!   times before an event comes again (at once, after 1 and after 5 minutes), in place of those that make a run short.
//! - `DRONEBOT_CHAOS_WITHOUT`: kinds of faults to leave out, by commas, to find out which one it takes.
//! - `DRONEBOT_CHAOS_PLANT`: a bug, which the counting must find (`plant.rs`). Each has a test of its own too.
#![expect(clippy::disallowed_methods, reason = "its size, its seed and its bug are told by its environment")]

mod acts;
mod approver;
mod count;
mod deploys;
mod ends;
mod faults;
mod forget;
mod form;
mod load;
mod made_up;
mod plant;
mod said;
mod service;
#[allow(dead_code, unused_imports, reason = "shared with tests/bot")]
#[path = "../bot/support/mod.rs"]
mod support;
mod tally;
mod thief;

use approver::Approver;
use count::{Report, count};
use faults::{Saboteur, Store};
use forget::forget;
use form::Form;
use load::{Load, Mix};
use plant::Plant;
use serde_json::json;
use std::cell::Cell;
use std::io::Write;
use std::time::Duration;
use support::{Exit, Options, World};
use tokio::sync::Mutex;
use tokio::time::Instant;

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

async fn world(store: Store, form: Form, plant: Option<Plant>) -> World {
    let lease = (store == Store::Shared).then(|| u32::try_from(form.lease().as_secs()).expect("seconds"));
    let env = form.settings().into_iter().chain(deploys::settings()).collect();
    let (rate_limits, slack_proxy) = (form == Form::Shipped, plant.is_some());
    let mut world =
        World::with(Options { lease, env, shim: true, rate_limits, slack_proxy, ..Options::default() }).await;
    if store == Store::Shared {
        world.one_more().await;
    }
    let pauses = form.retries().map(|pause| u64::try_from(pause.as_millis()).expect("millis"));
    let mut settings = json!({"ack_timeout_ms": 3_000, "retry_after_ms": pauses});
    if form != Form::Shipped {
        // as often as the bots ping, or most of what is sent goes to links that nobody is behind any more
        settings["ping_ms"] = 1_000.into();
    }
    world.slack.post("settings", settings).await;
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
    let form = if plant.is_some() { Form::Short } else { Form::of(commands) };
    let begun = Instant::now();
    let mut world = world(store, form, plant).await;
    let mut load = Load::prepare(&world, commands, seed, plant.map_or(Mix::People, Plant::mix)).await;
    if let Some(plant) = plant {
        plant.prepare(&world);
    }
    let over = Cell::new(false);
    let mut saboteur = Saboteur::new(store, form.lease(), seed, form.between_faults());
    let is_forgetful = store == Store::Shared && form.forgets();
    saboteur.is_forgetful = is_forgetful;
    let mut approver = Approver::new(world.slack.url.clone(), load::rooms(), seed).await;
    let service = saboteur.service.clone();
    {
        let slack = world.slack.url.clone();
        let sending = async {
            load.send(&slack, form.people(), form.between_commands(), form.patience()).await;
            over.set(true);
        };
        let table = world.table_url.clone();
        let forgetting = async {
            if is_forgetful {
                forget(&table, &over).await;
            }
        };
        let breaking = async {
            match plant {
                Some(plant) => plant.work(&mut world, &over).await,
                None => saboteur.work(&mut world, &over).await,
            }
        };
        let watching = service.watch_all(&over);
        tokio::join!(sending, breaking, forgetting, watching, approver.work(&over));
    }
    saboteur.heal(&mut world).await;
    let healed = Instant::now();
    let mut misses: Vec<String> = rests(&mut world, &mut saboteur, &mut approver, form).await.into_iter().collect();
    let rest = healed.elapsed();
    if plant.is_none() {
        // of a machine that is out of breath a replica may have lost its lease while all came to rest
        saboteur.heal(&mut world).await;
        load.send_in_calm(&world.slack.url, form.patience()).await;
        misses.extend(rests(&mut world, &mut saboteur, &mut approver, form).await);
    }
    if plant.is_none() {
        // an answer that comes a second time comes after a lease, or when a courier that is not sure looks again
        tokio::time::sleep(form.late()).await;
    }
    misses.extend(end(&mut world, store).await);
    let report = count(&world, &load, &saboteur, &approver, (rest, begun.elapsed()), form.ceilings(), misses).await;
    tell(&report.table());
    (report, world)
}

/// Waits until nobody has anything to do any more; what is wrong with that.
async fn rests(world: &mut World, saboteur: &mut Saboteur, approver: &mut Approver, form: Form) -> Option<String> {
    let (begun, mut quiet) = (Instant::now(), 0);
    while quiet < 3 {
        if begun.elapsed() > form.rest() {
            return Some(format!("not at rest after {:.0} s", begun.elapsed().as_secs_f64()));
        }
        // one that was told to stick may end only now
        saboteur.revive(world);
        approver.turn().await;
        quiet = if is_quiet(world).await { quiet + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    None
}

/// Everybody is told to end, and does; what is wrong with that or with what is left in the store.
async fn end(world: &mut World, store: Store) -> Vec<String> {
    let mut misses = Vec::new();
    for bot in world.bot.take().into_iter().chain(std::mem::take(&mut world.others)) {
        let exit = bot.terminate().await;
        if exit != Exit::Code(0) {
            misses.push(format!("a bot that was told to end when all was done ended with {exit:?}"));
        }
    }
    // with what is known of them: the table is gone when this is read
    let (left, which) = match store {
        Store::Shared => {
            let (held, replicas) = (world.held().await, world.replicas().await);
            (held.len(), format!(": {held:#?} of the replicas {replicas:?}"))
        }
        Store::File => {
            let of = |sql: &str| usize::try_from(world.count(sql)).expect("a count");
            let left = of(
                "SELECT count(*) FROM requests WHERE state IN ('accepted', 'awaiting_approval', 'planned', 'running')",
            ) + of("SELECT count(*) FROM letters");
            (left, String::new())
        }
    };
    if left > 0 {
        misses.push(format!("{left} requests or letters are left in the store{which}"));
    }
    misses
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

/// A run with a bug must find it, in these words.
async fn finds(plant: Plant, seed: u64, words: &str) {
    let (report, _world) = Box::pin(run(Store::Shared, plant.commands(), seed, Some(plant))).await;
    assert!(report.misses.iter().any(|miss| miss.contains(words)), "{:#?}", report.misses);
}

#[actix_web::test]
async fn a_lost_letter_is_found_by_the_counting() {
    finds(Plant::DropLetter, 7, "never answered").await;
}

#[actix_web::test]
async fn a_step_that_is_run_blindly_is_found_by_the_counting() {
    finds(Plant::BlindStep, 11, "calls that change").await;
}

#[actix_web::test]
async fn a_second_post_is_found_by_the_counting() {
    finds(Plant::SecondPost, 13, "answered 2 times").await;
}

#[actix_web::test]
async fn a_lie_is_found_by_the_counting() {
    finds(Plant::Lie, 17, "not true, 0 changes were made").await;
}

#[actix_web::test]
async fn a_lost_whisper_is_found_by_the_counting() {
    finds(Plant::LostWhisper, 19, "never answered").await;
}

#[actix_web::test]
async fn an_acknowledgement_before_the_journal_is_found_by_the_counting() {
    finds(Plant::AckBeforeJournal, 23, "never answered").await;
}

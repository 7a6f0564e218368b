//! A machine that fails under the bot: a store that cannot be used at the start, a disk that hangs, a log that nobody reads.
//! It is done by a library before libc, and by a pipe, which no container has.

use crate::support::{Exit, MAYA, NEVER, NINA, Options, Trouble, World, until};
use nix::sys::signal::Signal;
use std::fs::File;
use std::process::Command;
use std::time::Duration;

/// Waits until the bot says that it waits for its store.
async fn waits_for_its_store(world: &mut World) {
    world.start_bot();
    until("it waits for its store", async || world.log().contains("store cannot be used yet; trying again")).await;
}

#[actix_web::test]
async fn a_disk_that_is_full_at_the_start_is_waited_for() {
    let mut world = World::with(Options { shim: true, asleep: true, ..Options::default() }).await;
    world.next_machine().fill_disk();
    waits_for_its_store(&mut world).await;
    assert!(world.log().contains("full; make room on the disk, or set store.path to another file"), "{}", world.log());
    world.bot().machine().mend();
    world.bot().ready().await;
    world.slack.slash(MAYA, "ops", "ping").await;
    world.slack.final_answer("ops", MAYA, None, 0).await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn one_that_is_told_to_end_while_it_waits_for_its_store_ends_at_once() {
    let mut full = World::with(Options { shim: true, asleep: true, ..Options::default() }).await;
    full.next_machine().fill_disk();
    let mut down = World::with(Options { lease: Some(5), asleep: true, ..Options::default() }).await;
    for action in ["DescribeTable", "Query", "GetItem", "PutItem"] {
        down.table.break_next(action, Trouble::Error("InternalServerError", 500), 1_000);
    }
    for world in [&mut full, &mut down] {
        waits_for_its_store(world).await;
        world.bot().signal(Signal::SIGTERM);
        assert_eq!(world.bot().exit().await, Exit::Code(0), "{}", world.log());
    }
}

#[actix_web::test]
async fn a_disk_that_hangs_makes_it_unready_and_nothing_piles_up_behind_it() {
    let mut world = World::with(Options { shim: true, ..Options::default() }).await;
    world.still_works().await;
    world.bot().machine().hang_disk();
    let begun = tokio::time::Instant::now();
    let before = world.slack.cursor().await;
    world.slack.slash(NINA, "ops", "ping").await;
    let bot = world.bot();
    until("it is not ready", async || bot.json("/readyz").await.0 == 503).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "after {:?}", begun.elapsed());
    let says = async || {
        let (status, body) = bot.json("/readyz").await;
        let detail = body["causes"][0]["detail"].as_str().unwrap_or_default().to_owned();
        let number =
            |word: &str| detail.split(word).nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        (status, number("no answer for "), number(" s, "))
    };
    until("it has hung for long", async || says().await.1 >= Some(12)).await;
    let (status, _, queued) = says().await;
    assert!(status == 503 && queued.is_some_and(|queued| queued <= 6), "{status}: {queued:?} operations wait");
    assert_eq!(bot.json("/livez").await.0, 200, "another start would meet the same disk");
    bot.machine().mend();
    world.bot().ready().await;
    world.slack.final_answer("ops", NINA, None, before).await;
    world.still_works().await;
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_log_that_nobody_reads_stops_nothing_and_what_is_lost_is_counted() {
    let env = [("DRONEBOT__LOG__FILTER", "trace"), ("DRONEBOT__SUPERVISION__STUCK_AFTER_SECONDS", "2")];
    let env = env.map(|(key, value)| (key, value.to_owned())).into();
    let mut world = World::with(Options { env, asleep: true, ..Options::default() }).await;
    let log = world.folder.path().join("bot.log");
    assert!(Command::new("mkfifo").arg(&log).status().expect("mkfifo runs").success());
    // it has a reader, who never reads
    let held = File::options().read(true).write(true).open(&log).expect("the pipe opens");
    world.start_bot();
    // the bot has it
    std::fs::remove_file(&log).expect("the pipe's name goes");
    world.bot().ready().await;
    let begun = tokio::time::Instant::now();
    let mut lost = None;
    while lost < Some(1.0) || begun.elapsed() < Duration::from_secs(6) {
        assert!(begun.elapsed() < NEVER, "{lost:?} lines were lost");
        world.still_works().await;
        lost = world.bot().metric("dronebot_log_lines_lost_total", &[]).await;
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(world.bot().json(path).await.0, 200, "{path}");
    }
    let bot = world.bot.take().expect("the bot");
    assert_eq!(bot.terminate().await, Exit::Code(0), "the end waits for no reader");
    drop(held);
    world.leaves_nothing();
}

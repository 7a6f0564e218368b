//! A start while the store cannot be used. The disk is full by a library before libc, which no container has.

use crate::support::{Exit, MAYA, Options, Trouble, World, until};
use nix::sys::signal::Signal;

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

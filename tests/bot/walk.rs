//! The whole way of one command, by each door.

use crate::support::{MAYA, NINA, World};

#[actix_web::test]
async fn a_slash_command_is_answered_to_the_caller_alone() {
    let world = World::new().await;
    let answer = world.asks_in(MAYA, "ops", "ping").await;
    assert!(answer.text.starts_with("Pong."), "{}", answer.text);
    assert_eq!((answer.ephemeral, answer.via.as_str()), (true, "response_url"));
    assert!(world.slack.from_bot("ops", NINA, 0).await.is_empty(), "nobody else sees it");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_mention_is_answered_in_its_thread() {
    let world = World::new().await;
    let ts = world.says(MAYA, "ops", "@drone ping").await;
    let answer = world.slack.final_answer("ops", NINA, Some(&ts), 0).await;
    assert!(answer.text.starts_with("Pong."), "{}", answer.text);
    assert!(!answer.ephemeral, "the channel sees it");
    world.ends_clean().await;
}

#[actix_web::test]
async fn a_direct_message_is_answered_where_it_was_written() {
    let world = World::new().await;
    world.says(MAYA, "dm", "ping").await;
    let answer = world.slack.final_answer("dm", MAYA, None, 0).await;
    assert!(answer.text.starts_with("Pong."), "{}", answer.text);
    assert_eq!(answer.thread_ts, None);
    world.ends_clean().await;
}

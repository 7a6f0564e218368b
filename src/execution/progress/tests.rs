use super::*;
use crate::domain::{RequestId, Source, Tone};
use secrecy::SecretString;

fn request(reply_to: ReplyTo) -> Request {
    Request {
        id: RequestId::new(1, 1),
        source: Source::SlashCommand,
        team: "T1".into(),
        user: "U1".into(),
        channel: "C1".into(),
        text: "ec2 stop web-1".to_owned(),
        reply_to,
        accepted_at: jiff::Timestamp::UNIX_EPOCH,
        trigger: None,
    }
}

fn reply(words: &str) -> Reply {
    Reply::new(Tone::Progress).text(words)
}

#[test]
fn a_response_url_keeps_two_of_its_five_uses_for_the_answer() {
    let url = SecretString::from("https://hooks.slack.com/commands/secret");
    let by_url = request(ReplyTo::Caller { response_url: Some(url) });
    assert_eq!((0..10).filter(|sent| pause(&by_url, *sent).is_some()).count(), 3);
    let alone = request(ReplyTo::Caller { response_url: None });
    assert_eq!((0..10).filter(|sent| pause(&alone, *sent).is_some()).count(), 1);
    let pressed = request(ReplyTo::Presser { response_url: SecretString::from("https://x") });
    assert_eq!((0..10).filter(|sent| pause(&pressed, *sent).is_some()).count(), 1);
    let home = Request { channel: "U1".into(), ..request(ReplyTo::Channel) };
    assert_eq!((0..10).filter(|sent| pause(&home, *sent).is_some()).count(), 1);
    let thread = request(ReplyTo::Thread { thread_ts: "1.2".to_owned(), begun: false });
    assert_eq!([pause(&thread, 0), pause(&thread, 100)], [Some(Duration::ZERO), Some(EDIT_EVERY)]);
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_the_newest_state_is_shown() {
    let (sink, mut replies) = channel();
    sink(reply("one"));
    let pausing = next(&mut replies, Some(Duration::from_secs(10)));
    let ((), shown) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            sink(reply("two"));
        },
        pausing
    );
    assert_eq!(shown, Some(reply("two")));
    assert_eq!(next(&mut replies, None).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_command_ends_the_longest_pause_and_shows_nothing_more() {
    let (sink, mut replies) = channel();
    sink(reply("one"));
    let began = Instant::now();
    let pausing = next(&mut replies, Some(Duration::from_secs(3_600)));
    let (shown, ()) = tokio::join!(pausing, async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(sink);
    });
    assert_eq!(shown, None);
    assert_eq!(began.elapsed(), Duration::from_secs(1));
}

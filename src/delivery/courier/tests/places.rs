//! Places that take nothing for good: the last word goes to the asker, who reads where it was asked.

use super::*;
use crate::domain::{Attachment, Button, Line, Part, Table};

/// Codes of Slack by which a place says no for good, and one that nobody knows yet.
const NOES: [&str; 11] = [
    "is_archived",
    "not_in_channel",
    "channel_not_found",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_locked",
    "restricted_action_non_threadable_channel",
    "cannot_reply_to_message",
    "thread_not_found",
    "team_access_not_granted",
    "a_code_of_next_year",
];

fn is_direct(body: &serde_json::Value) -> bool {
    let channel = body["channel"].as_str().or(body["channel_id"].as_str()).unwrap_or_default();
    channel.starts_with(['U', 'D'])
}

/// Slack where all but direct messages are closed with this code.
async fn closed(code: &'static str) -> Post {
    Post::new(move |request| match request.path() {
        "/api/conversations.open" => answer(r#"{"ok":true,"channel":{"id":"D1"}}"#),
        "/api/files.getUploadURLExternal" => refused("missing_scope"),
        "/api/chat.postMessage" if is_direct(&request.json()) => {
            answer(r#"{"ok":true,"channel":"D1","ts":"3.000003","message":{}}"#)
        }
        "/api/chat.postMessage" | "/api/chat.update" | "/api/chat.postEphemeral" => refused(code),
        other => panic!("{other}"),
    })
    .await
}

fn asked_in(thread_ts: Option<&str>) -> Address {
    Address::Post { channel: "C1".into(), thread_ts: thread_ts.map(str::to_owned), asker: Some("U1".into()) }
}

fn question() -> Reply {
    let buttons = vec![Button::run("Approve", "approve 01"), Button::run("Decline", "decline 01")];
    Reply::new(Tone::Approval).text("UMAYA asks.").buttons(buttons)
}

/// What was posted to the asker, as text.
fn told(post: &Post) -> Vec<String> {
    let requests = post.server.requests.borrow();
    let posts = requests.iter().filter(|request| request.path() == "/api/chat.postMessage").map(Request::json);
    let told = posts.filter(|body| body["channel"] == "U1");
    told.map(|body| body["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_place_that_takes_nothing_for_good_does_not_keep_the_last_word_from_its_asker() {
    run(async {
        for code in NOES {
            for (thread, replaces) in [(None, None), (Some("1.5"), None), (Some("1.5"), Some("1.6"))] {
                let of = |reply: Reply, last: bool| {
                    let mut letter = letter(1, asked_in(thread));
                    letter.replaces = replaces.map(str::to_owned);
                    letter.letter.reply = reply;
                    letter.letter.last = last;
                    letter
                };
                let shown = format!("sent {}", replaces.unwrap_or("-"));
                let post = closed(code).await;
                assert_eq!(post.send(&of(Reply::new(Tone::Done).text("It is stopped."), true)).await, shown, "{code}");
                let said = told(&post);
                assert_eq!(said.len(), 1, "{code}: {said:?}");
                let has = |word: &str| said[0].contains(word);
                assert!(has("<#C1>") && has(code) && has("It is stopped."), "{said:?}");

                let post = closed(code).await;
                assert_eq!(post.send(&of(question(), false)).await, shown, "{code}");
                let said = told(&post);
                assert_eq!(said.len(), 1, "{code}: {said:?}");
                let has = |word: &str| said[0].contains(word);
                assert!(has("<#C1>") && has("Nobody else sees this question") && has("UMAYA asks."), "{said:?}");
                assert!(has("send me `approve 0001`") && has("decline 01") && !has("approve 01\n"), "{said:?}");

                let post = closed(code).await;
                assert_eq!(post.send(&of(Reply::new(Tone::Progress).text("Wait."), false)).await, shown, "{code}");
                assert_eq!(told(&post), [""; 0], "what its answer could not replace is not shown");
            }
        }
    });
}

#[test]
fn every_part_of_a_long_answer_reaches_the_asker() {
    run(async {
        let post = closed("is_archived").await;
        let mut long = letter(1, asked_in(Some("1.5")));
        let lines = (0..60).map(|n| Line::from(format!("{n} {}", "x".repeat(100)))).collect();
        long.letter.reply = Reply::new(Tone::Info).part(Part::List(lines));
        assert_eq!(post.send(&long).await, "sent -");
        let said = told(&post);
        assert!(said.len() > 1 && said.iter().all(|text| text.contains("<#C1>")), "{said:?}");
        // and one with a file, which goes to the same place
        let table = Table { head: vec!["id".into()], rows: vec![vec!["i-1".into()]] };
        let file = Attachment { name: "all".into(), title: "all".into(), table };
        let shared = Rc::new(Cell::new(0));
        let count = Rc::clone(&shared);
        let url = Rc::new(Cell::new(None));
        let upload = Rc::clone(&url);
        let post = Post::new(move |request| match request.path() {
            "/api/conversations.open" => answer(r#"{"ok":true,"channel":{"id":"D1"}}"#),
            "/api/files.getUploadURLExternal" => {
                let address: std::net::SocketAddr = upload.get().expect("an address");
                answer(format!(r#"{{"ok":true,"upload_url":"http://{address}/upload","file_id":"F1"}}"#))
            }
            "/upload" => answer("OK"),
            "/api/files.completeUploadExternal" if is_direct(&request.json()) => {
                count.set(count.get() + 1);
                answer(r#"{"ok":true,"files":[{"id":"F1"}]}"#)
            }
            "/api/chat.postMessage" if is_direct(&request.json()) => {
                answer(r#"{"ok":true,"channel":"D1","ts":"3.000003","message":{}}"#)
            }
            _ => refused("not_in_channel"),
        })
        .await;
        url.set(Some(post.server.address));
        let mut with_file = letter(2, asked_in(None));
        with_file.letter.reply = Reply::new(Tone::Info).text("All.").attach(file);
        post.put(&with_file);
        post.look().await;
        assert_eq!(*post.shelf.outcomes.lock(), ["2 sent -"]);
        assert_eq!((told(&post).len(), shared.get()), (1, 1), "{:?}", post.server.paths());
    });
}

#[test]
fn a_letter_without_an_asker_and_one_that_is_direct_already_are_dead() {
    run(async {
        let post = Post::new(|_| refused("is_archived")).await;
        let of = |channel: &str, asker: Option<&str>| {
            letter(1, Address::Post { channel: channel.into(), thread_ts: None, asker: asker.map(Into::into) })
        };
        for letter in [of("C1", None), of("D1", Some("U1")), of("U1", Some("U1"))] {
            assert_eq!(post.send(&letter).await, "dead slack does not permit this to the app: is_archived");
        }
        assert_eq!(post.server.paths().len(), 3);
    });
}

#[test]
fn a_question_that_only_the_asker_can_see_says_so_by_every_way() {
    run(async {
        for (has_url, used) in [(true, false), (true, true), (false, false)] {
            let post = Post::new(move |request| match request.path() {
                "/api/chat.postMessage" => refused("not_in_channel"),
                "/commands/secret" if used => status(404, "", r#"{"ok":false,"error":"used_url"}"#),
                _ => answer(r#"{"ok":true}"#),
            })
            .await;
            let Address::ResponseUrl { url, channel, user } = post.response_url() else { unreachable!() };
            let url = has_url.then_some(url);
            let mut asked = letter(1, Address::Beside { channel, thread_ts: None, user, url });
            asked.letter.last = false;
            asked.letter.reply = question();
            // its progress was for the caller alone: that says nothing of the channel
            asked.replaces = Some("response_url".to_owned());
            assert!(post.send(&asked).await.starts_with("sent"));
            assert_eq!(post.server.paths()[0], "/api/chat.postMessage", "others are asked where they can see it");
            let last = post.bodies().pop().expect("a message");
            let text = last["text"].as_str().unwrap_or_default();
            assert!(text.contains("Nobody else sees this question") && !text.contains("approve 01\n"), "{text}");
        }
    });
}

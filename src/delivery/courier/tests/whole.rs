//! Answers of several messages and of files, and what becomes of them when they are interrupted.

use super::*;
use crate::domain::{Line, Part, Table};
use crate::store::FileWay;
use serde_json::json;
use std::cell::RefCell;

/// Two messages' worth of lines.
fn two_messages() -> Reply {
    let lines = (0..50).map(|index| Line::from(format!("{index} {}", "word ".repeat(20)))).collect();
    Reply::new(Tone::Info).part(Part::List(lines))
}

/// More rows than a message shows.
fn long_table() -> Reply {
    let rows = (0..300).map(|index| vec![format!("web-{index}"), "running".to_owned()]).collect();
    let table = Table { head: vec!["name".to_owned(), "state".to_owned()], rows };
    Reply::new(Tone::Info).text("300 instances.").part(Part::Table(table))
}

fn saying(reply: Reply, address: Address) -> Letter {
    let mut letter = letter(1, address);
    letter.letter.reply = reply;
    letter
}

/// A Slack that takes everything, but for what `odd` answers.
async fn slack(odd: impl Fn(&Request) -> Option<Action> + 'static) -> Post {
    let own = Rc::new(RefCell::new(String::new()));
    let address = Rc::clone(&own);
    let post = Post::new(move |request| {
        if let Some(action) = odd(request) {
            return action;
        }
        match request.path() {
            "/api/files.getUploadURLExternal" => {
                answer(format!(r#"{{"ok":true,"upload_url":"{}/upload/v1/secret","file_id":"F1"}}"#, address.borrow()))
            }
            "/upload/v1/secret" => answer("OK - 1"),
            "/api/conversations.open" => answer(r#"{"ok":true,"channel":{"id":"D1"}}"#),
            "/api/files.info" => answer(r#"{"ok":true,"file":{"id":"F1","channels":[],"shares":{}}}"#),
            "/commands/secret" => answer("ok"),
            _ => posted(),
        }
    })
    .await;
    own.replace(format!("http://{}", post.server.address));
    post
}

/// Puts a letter into the outbox and looks until it is gone; returns how often.
async fn delivered(post: &Post, letter: &Letter) -> usize {
    post.put(letter);
    let mut looks = 0;
    while !post.shelf.letters.lock().is_empty() {
        assert!(looks < 20, "{:?}", post.shelf.outcomes.lock());
        looks += 1;
        post.look().await;
        for letter in post.shelf.letters.lock().iter_mut() {
            letter.not_before = Timestamp::UNIX_EPOCH;
        }
    }
    looks
}

fn calls(post: &Post) -> Vec<String> {
    post.server.paths().iter().map(|path| path.trim_start_matches("/api/").to_owned()).collect()
}

/// What the last call of this method sent.
fn body(post: &Post, path: &str) -> serde_json::Value {
    let requests = post.server.requests.borrow();
    requests.iter().rev().find(|request| request.path() == path).expect("a call").json()
}

#[test]
fn a_long_answer_is_several_messages_of_one_thread_and_the_first_edits_the_progress_message() {
    run(async {
        let post = slack(|_| None).await;
        let edit = Letter { replaces: Some("1.5".to_owned()), ..saying(two_messages(), thread()) };
        assert_eq!(delivered(&post, &edit).await, 1);
        assert_eq!(calls(&post), ["chat.update", "chat.postMessage"]);
        let bodies = post.bodies();
        assert_eq!((&bodies[0]["ts"], &bodies[1]["thread_ts"]), (&json!("1.5"), &json!("1.000001")));
        assert!(bodies[0]["text"].as_str().is_some_and(|text| text.ends_with("(part 1 of 2)")), "{}", bodies[0]);
        assert!(bodies[1]["text"].as_str().is_some_and(|text| text.ends_with("(part 2 of 2)")), "{}", bodies[1]);
    });
}

#[test]
fn an_answer_interrupted_after_its_first_message_goes_on_with_the_second() {
    run(async {
        let refusals = Cell::new(2);
        let post = slack(move |request| {
            let second = request.body.contains("part 2 of 2");
            (second && refusals.replace(refusals.get() - 1) > 0).then(|| refused("internal_error"))
        })
        .await;
        let edit = Letter { replaces: Some("1.5".to_owned()), ..saying(two_messages(), thread()) };
        assert_eq!(delivered(&post, &edit).await, 3);
        assert_eq!(calls(&post), ["chat.update", "chat.postMessage", "chat.postMessage", "chat.postMessage"]);
    });
}

#[test]
fn an_answer_that_another_replica_has_by_now_is_left_to_it_in_the_middle() {
    run(async {
        let shelf = Rc::new(RefCell::new(None::<Arc<Shelf>>));
        let taken = Rc::clone(&shelf);
        let post = slack(move |request| {
            // it is taken over while its first message is on its way
            if let Some(shelf) = taken.borrow().as_ref().filter(|_| request.path() == "/api/chat.postMessage") {
                *shelf.lost.lock() = true;
            }
            None
        })
        .await;
        shelf.replace(Some(Arc::clone(&post.shelf)));
        post.put(&saying(two_messages(), thread()));
        post.look().await;
        assert_eq!(calls(&post), ["chat.postMessage"], "the second message is the other one's to send");
        assert_eq!(*post.shelf.outcomes.lock(), ["1 later slack cannot do this now: fenced"]);
    });
}

#[test]
fn what_only_the_caller_sees_is_not_replaced_by_its_own_second_message() {
    run(async {
        let lost = Cell::new(true);
        let post = slack(move |request| {
            let second = request.body.contains("part 2 of 2");
            (second && lost.replace(false)).then_some(Action::Drop)
        })
        .await;
        let letter = saying(two_messages(), post.response_url());
        delivered(&post, &letter).await;
        let replaced: Vec<_> = post.bodies().iter().map(|body| body["replace_original"] == true).collect();
        assert_eq!(replaced, [false, false, false], "the others follow the first");
    });
}

#[test]
fn a_table_too_long_is_a_file_in_the_same_thread() {
    run(async {
        let post = slack(|_| None).await;
        delivered(&post, &saying(long_table(), thread())).await;
        assert_eq!(
            calls(&post),
            ["files.getUploadURLExternal", "/upload/v1/secret", "chat.postMessage", "files.completeUploadExternal"],
            "nobody is promised a file that Slack does not have"
        );
        let requests = post.server.requests.borrow().clone();
        assert_eq!(requests[0].body, format!("filename=answer.txt&length={}", requests[1].body.len()));
        assert!(requests[0].header("authorization").is_some());
        assert_eq!(requests[1].header("authorization"), None, "no token goes to the upload's address");
        assert_eq!(requests[1].body.lines().count(), 302);
        let text = requests[2].json()["text"].as_str().expect("text").to_owned();
        assert!(text.ends_with("This is the beginning. The whole answer is in the file answer.txt below."), "{text}");
        assert_eq!(
            requests[3].json(),
            json!({"files": [{"id": "F1", "title": "300 instances."}], "channel_id": "C1", "thread_ts": "1.000001"})
        );
    });
}

#[test]
fn the_file_of_an_answer_for_one_person_goes_into_their_direct_messages() {
    run(async {
        let post = slack(|_| None).await;
        let letter = saying(long_table(), post.response_url());
        delivered(&post, &letter).await;
        assert_eq!(
            calls(&post),
            [
                "conversations.open",
                "files.getUploadURLExternal",
                "/upload/v1/secret",
                "/commands/secret",
                "files.completeUploadExternal"
            ]
        );
        assert_eq!(body(&post, "/api/conversations.open"), json!({"users": "U1"}));
        let said = body(&post, "/commands/secret");
        assert_eq!(said["response_type"], "ephemeral");
        assert!(
            said["text"].as_str().is_some_and(|text| text.ends_with("answer.txt in our direct messages.")),
            "{said}"
        );
        let shown = body(&post, "/api/files.completeUploadExternal");
        assert_eq!((&shown["channel_id"], shown.get("thread_ts")), (&json!("D1"), None), "never in the channel");
    });
}

#[test]
fn a_file_whose_answer_was_lost_is_looked_for_before_it_is_shown_again() {
    for (shared, shown) in [(true, 1), (false, 2)] {
        run(async move {
            let lost = Cell::new(true);
            let post = slack(move |request| match request.path() {
                "/api/files.completeUploadExternal" if lost.replace(false) => Some(Action::Drop),
                "/api/files.info" if shared => Some(answer(
                    r#"{"ok":true,"file":{"id":"F1","shares":{"public":{"C1":[{"ts":"3.1","thread_ts":"1.000001"}]}}}}"#,
                )),
                _ => None,
            })
            .await;
            assert_eq!(delivered(&post, &saying(long_table(), thread())).await, 2);
            let calls = calls(&post);
            let count = |method: &str| calls.iter().filter(|call| *call == method).count();
            assert_eq!(count("files.completeUploadExternal"), shown, "{calls:?}");
            assert_eq!((count("chat.postMessage"), count("files.getUploadURLExternal")), (1, 1), "{calls:?}");
        });
    }
}

#[test]
fn an_answer_without_its_file_says_so_from_the_start() {
    run(async {
        for (code, attempts) in [("missing_scope", 1), ("file_uploads_disabled", 1), ("internal_error", 4)] {
            let post = slack(move |request| match request.path() {
                "/api/files.getUploadURLExternal" => Some(refused(code)),
                _ => None,
            })
            .await;
            assert_eq!(delivered(&post, &saying(long_table(), thread())).await, attempts, "{code}");
            let text = body(&post, "/api/chat.postMessage")["text"].as_str().expect("text").to_owned();
            let missing = format!("Slack did not take it as a file ({code}). Ask for less");
            assert!(text.contains(&missing), "{text}");
            assert!(!calls(&post).contains(&"files.completeUploadExternal".to_owned()));
        }
    });
}

#[test]
fn a_file_that_slack_does_not_show_after_all_has_a_last_word() {
    run(async {
        let post = slack(|request| match request.path() {
            "/api/files.completeUploadExternal" => Some(refused("posting_to_channel_denied")),
            _ => None,
        })
        .await;
        assert_eq!(delivered(&post, &saying(long_table(), thread())).await, 1);
        let last = body(&post, "/api/chat.postMessage");
        assert_eq!(
            last["text"],
            "❌ Failed: The file `answer.txt` is missing after all: Slack did not take it (posting_to_channel_denied). Ask \
             for less, for example with a filter."
        );
        assert_eq!(last["thread_ts"], "1.000001");
    });
}

#[test]
fn a_store_that_cannot_note_what_was_said_holds_back_what_follows() {
    run(async {
        let post = slack(|_| None).await;
        *post.shelf.deaf.lock() = 2;
        delivered(&post, &saying(two_messages(), thread())).await;
        assert_eq!(calls(&post), ["chat.postMessage", "chat.postMessage"]);
        assert_eq!(*post.shelf.deaf.lock(), 0);
        let noted = post.shelf.notes.lock().clone();
        assert_eq!(noted, [Way { sent: 1, file: FileWay::Unsent }]);
    });
}

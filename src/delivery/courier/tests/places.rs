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
        "/api/chat.postMessage" | "/api/chat.update" | "/api/chat.delete" | "/api/chat.postEphemeral" => refused(code),
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

/// Codes by which Slack lets a message not be edited where it takes new ones, and one that nobody knows yet.
const NO_EDITS: [&str; 6] = [
    "cant_update_message",
    "edit_window_closed",
    "is_inactive",
    "message_not_found",
    "restricted_action",
    "a_code_of_next_year",
];

const OUT_OF_DATE: &str = "still says that I am working on this is out of date";

/// Whatever Slack does with an edit and with taking the message away: what shows the progress does not stand there as if
/// the work went on, but where the answer says that it does.
#[test]
fn a_message_that_cannot_be_edited_is_not_left_as_if_the_work_went_on() {
    run(async {
        for (edit, takes_away) in NO_EDITS.into_iter().flat_map(|edit| {
            [None, Some("message_not_found"), Some("cant_delete_message"), Some("internal_error")]
                .map(|takes_away| (edit, takes_away))
        }) {
            let here = async |reply: Reply, last: bool, address: Address| {
                let post = Post::new(move |request| match request.path() {
                    "/api/chat.update" => refused(edit),
                    "/api/chat.delete" => takes_away.map_or_else(|| answer(r#"{"ok":true}"#), refused),
                    "/api/chat.postMessage" | "/api/chat.postEphemeral" => posted(),
                    other => panic!("{other}"),
                })
                .await;
                let mut letter = Letter { replaces: Some("1.6".to_owned()), ..letter(1, address) };
                (letter.letter.reply, letter.letter.last) = (reply, last);
                let outcome = post.send(&letter).await;
                let calls: Vec<String> =
                    post.server.paths().iter().map(|path| path.replace("/api/chat.", "")).collect();
                let said = post.bodies().pop().expect("a call")["text"].as_str().unwrap_or_default().to_owned();
                (outcome, calls.join(" "), said)
            };
            let case = format!("{edit} {takes_away:?}");
            let is_gone = edit == "message_not_found";
            let stands = !is_gone && !matches!(takes_away, None | Some("message_not_found"));
            let calls = |post: &str| if is_gone { format!("update {post}") } else { format!("update delete {post}") };
            let done = || Reply::new(Tone::Done).text("It is stopped.");
            for (reply, last) in [(done(), true), (question(), false)] {
                let (outcome, called, said) = here(reply, last, asked_in(Some("1.5"))).await;
                assert_eq!((outcome.as_str(), called), ("sent 2.000002", calls("postMessage")), "{case}");
                assert_eq!(said.contains(OUT_OF_DATE) && said.contains(edit), stands, "{case}: {said}");
                assert!(said.contains("It is stopped.") || said.contains("UMAYA asks."), "{case}: {said}");
            }
            let beside =
                Address::Beside { channel: "C1".into(), thread_ts: Some("1.5".into()), user: "U1".into(), url: None };
            let (outcome, called, said) = here(done(), true, beside).await;
            assert_eq!((outcome.as_str(), called), ("sent 2.000002", calls("postMessage")), "{case}");
            assert_eq!(said.contains(OUT_OF_DATE), stands, "{case}: {said}");
            let whisper = Address::Ephemeral { channel: "C1".into(), thread_ts: Some("1.5".into()), user: "U1".into() };
            let (outcome, called, said) = here(done(), true, whisper).await;
            assert_eq!((outcome.as_str(), called), ("sent -", calls("postEphemeral")), "{case}");
            assert_eq!(said.contains(OUT_OF_DATE), stands, "{case}: {said}");
            // progress is one message: where that is still there, no other is posted beside it
            let (outcome, called, _) =
                here(Reply::new(Tone::Progress).text("Wait."), false, asked_in(Some("1.5"))).await;
            let expected = if is_gone { ("sent 2.000002", "update postMessage") } else { ("sent 1.6", "update") };
            assert_eq!((outcome.as_str(), called.as_str()), expected, "{case}");
        }
    });
}

#[test]
fn the_asker_reads_in_the_direct_message_what_still_stands_in_a_closed_channel() {
    run(async {
        let post = closed("is_archived").await;
        let letter = Letter { replaces: Some("1.6".to_owned()), ..letter(1, asked_in(None)) };
        assert_eq!(post.send(&letter).await, "sent 1.6");
        let said = told(&post);
        assert!(said.len() == 1 && said[0].contains(OUT_OF_DATE) && said[0].contains("<#C1>"), "{said:?}");
    });
}

/// What could not be edited is no trace of the answer: that is looked for beside it.
#[test]
fn an_answer_that_may_be_there_is_not_taken_for_the_message_that_it_could_not_replace() {
    run(async {
        let mark = |ts: &str, request: RequestId| {
            let payload = serde_json::json!({"request": request, "message": 0});
            serde_json::json!({"ts": ts, "metadata": {"event_type": "dronebot.answer", "event_payload": payload}})
        };
        for is_there in [true, false] {
            let sent = Letter { replaces: Some("1.6".to_owned()), unsure: true, ..letter(1, asked_in(Some("1.5"))) };
            let mut messages = vec![mark("1.6", sent.letter.request)];
            messages.extend(is_there.then(|| mark("2.7", sent.letter.request)));
            let page = serde_json::json!({"ok": true, "messages": messages}).to_string();
            let post = Post::new(move |request| match request.path() {
                "/api/chat.update" if request.json()["ts"] == "1.6" => refused("edit_window_closed"),
                "/api/chat.delete" => refused("cant_delete_message"),
                "/api/conversations.replies" => answer(page.clone()),
                "/api/chat.update" | "/api/chat.postMessage" => posted(),
                other => panic!("{other}"),
            })
            .await;
            assert_eq!(post.send(&sent).await, if is_there { "sent 2.7" } else { "sent 2.000002" });
            let last = post.server.paths().pop().expect("a call");
            assert_eq!(last, if is_there { "/api/chat.update" } else { "/api/chat.postMessage" });
        }
    });
}

#[test]
fn progress_in_a_direct_message_that_is_named_by_its_person_is_edited_too() {
    run(async {
        let post = Post::new(|request| match request.path() {
            "/api/conversations.open" => answer(r#"{"ok":true,"channel":{"id":"D1"}}"#),
            "/api/chat.update" => posted(),
            other => panic!("{other}"),
        })
        .await;
        let address = Address::Post { channel: "U1".into(), thread_ts: None, asker: Some("U1".into()) };
        assert_eq!(post.send(&Letter { replaces: Some("1.6".to_owned()), ..letter(1, address) }).await, "sent 1.6");
        assert_eq!((&post.bodies()[1]["channel"], &post.bodies()[1]["ts"]), (&"D1".into(), &"1.6".into()));
    });
}

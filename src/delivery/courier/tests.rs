mod storm;

use super::*;
use crate::clock;
use crate::delivery::{DeliveryConfig, Lanes};
use crate::domain::{Reply, RequestId, Tone};
use crate::slack::testing::{Action, Request, Server, answer, run, status, within};
use crate::slack::{PacingConfig, Proxy, SlackConfig, api::Pacer};
use crate::store::{Address, LONGEST_WAIT, LetterId, NewLetter, Outbox, QueueDepth, StoreError, Way};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use secrecy::SecretString;
use std::cell::Cell;

mod places;
mod whole;

/// An outbox in memory that can refuse to record.
#[derive(Default)]
struct Shelf {
    letters: Mutex<Vec<Letter>>,
    refusals: Mutex<u32>,
    outcomes: Mutex<Vec<String>>,
    /// How many notes fail.
    deaf: Mutex<u32>,
    notes: Mutex<Vec<Way>>,
    /// Whether others have taken the letters over.
    lost: Mutex<bool>,
}

#[async_trait]
impl Outbox for Shelf {
    async fn put(&self, _: NewLetter) -> Result<Option<Letter>, StoreError> {
        Ok(None)
    }
    async fn due(&self, now: Timestamp, wanted: Wanted) -> Result<Vec<Letter>, StoreError> {
        let letters = self.letters.lock();
        let mut queues = std::collections::HashMap::<_, usize>::new();
        let due = letters.iter().filter(|letter| letter.not_before <= now);
        let due = due.filter(|letter| {
            let count = queues.entry(letter.letter.queue()).or_default();
            *count += 1;
            *count <= wanted.per_queue && !wanted.known.contains(&letter.id)
        });
        Ok(due.take(wanted.limit).cloned().collect())
    }
    async fn delivered(&self, id: LetterId, delivery: Delivery) -> Result<(), StoreError> {
        let mut refusals = self.refusals.lock();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(StoreError::Failed("disk is full".to_owned()));
        }
        let number = id.number;
        let outcome = match &delivery {
            Delivery::Sent { ts } => format!("{number} sent {}", ts.as_deref().unwrap_or("-")),
            Delivery::Later { error, .. } => format!("{number} later {error}"),
            Delivery::Dead { error } => format!("{number} dead {error}"),
        };
        self.outcomes.lock().push(outcome);
        let mut letters = self.letters.lock();
        if let Delivery::Later { not_before, unsure, .. } = delivery {
            for letter in letters.iter_mut().filter(|letter| letter.id == id) {
                letter.not_before = not_before;
                letter.attempts += 1;
                letter.unsure |= unsure;
            }
        } else {
            letters.retain(|letter| letter.id != id);
        }
        Ok(())
    }
    async fn note(&self, id: LetterId, way: &Way) -> Result<(), StoreError> {
        if *self.lost.lock() {
            return Err(StoreError::Fenced(id.request));
        }
        let mut deaf = self.deaf.lock();
        if *deaf > 0 {
            *deaf -= 1;
            return Err(StoreError::Failed("disk is full".to_owned()));
        }
        self.notes.lock().push(way.clone());
        for letter in self.letters.lock().iter_mut().filter(|letter| letter.id == id) {
            letter.way = way.clone();
        }
        Ok(())
    }
    fn mine_for(&self, _: LetterId) -> Option<Duration> {
        (!*self.lost.lock()).then_some(Duration::from_secs(60))
    }
    async fn depth(&self) -> Result<QueueDepth, StoreError> {
        Ok(QueueDepth { waiting: self.letters.lock().len() as u64, ..QueueDepth::default() })
    }
}

struct Post {
    server: Server,
    shelf: Arc<Shelf>,
    round: Round,
}

impl Post {
    async fn new(handler: impl Fn(&Request) -> Action + 'static) -> Self {
        let server = Server::start(handler).await;
        let config = SlackConfig {
            api_url: server.url(),
            app_token: "xapp-secret".into(),
            bot_token: "xoxb-secret".into(),
            api_timeout: Duration::from_millis(500),
            pacing: PacingConfig {
                max_wait: Duration::ZERO,
                channel_interval: Duration::ZERO,
                ..PacingConfig::default()
            },
            ..SlackConfig::default()
        };
        let shelf = Arc::new(Shelf::default());
        let proxy = Arc::new(Proxy::for_config(&config, None, None).expect("a valid proxy"));
        let parts = CourierParts {
            outbox: Arc::clone(&shelf) as Arc<dyn Outbox>,
            lanes: Arc::default(),
            clock: clock::system(),
            turns: clock::system(),
            web_api: Arc::new(move || WebApi::new(&config, Arc::clone(&proxy), Arc::new(Pacer::new(&config.pacing)))),
            config: DeliveryConfig { retry_min_ms: 1, ..DeliveryConfig::default() },
        };
        Self { server, shelf, round: Round { api: Rc::new((parts.web_api)()), parts } }
    }

    fn put(&self, letter: &Letter) {
        self.shelf.letters.lock().push(letter.clone());
    }

    /// What one look into the outbox does, to the end.
    async fn look(&self) {
        let search = self.round.parts.lanes.search().expect("no other search");
        poll(search, self.round.clone()).await;
        self.idle().await;
    }

    async fn idle(&self) {
        within("the lanes to be empty", async {
            while !self.round.parts.lanes.is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    async fn send(&self, letter: &Letter) -> String {
        match letter::send(&self.round.api, letter, &self.round.parts).await {
            Delivery::Sent { ts } => format!("sent {}", ts.as_deref().unwrap_or("-")),
            Delivery::Later { error, .. } => format!("later {error}"),
            Delivery::Dead { error } => format!("dead {error}"),
        }
    }

    fn response_url(&self) -> Address {
        let url = SecretString::from(format!("http://{}/commands/secret", self.server.address));
        Address::ResponseUrl { url, channel: "C1".into(), user: "U1".into() }
    }

    fn bodies(&self) -> Vec<serde_json::Value> {
        self.server.requests.borrow().iter().map(Request::json).collect()
    }
}

fn thread() -> Address {
    Address::Post { channel: "C1".into(), thread_ts: Some("1.000001".to_owned()), asker: None }
}

fn letter(id: i64, address: Address) -> Letter {
    let now = clock::system().now();
    let reply = Reply::new(Tone::Info).text("hello");
    let request = RequestId::new(1, id.unsigned_abs().into());
    let letter = NewLetter { request, address, reply, last: true, trigger: None };
    let id = LetterId { request, number: id };
    Letter {
        id,
        letter,
        attempts: 0,
        created_at: now,
        not_before: now,
        replaces: None,
        way: Way::default(),
        unsure: false,
    }
}

fn posted() -> Action {
    answer(r#"{"ok":true,"channel":"C1","ts":"2.000002","message":{}}"#)
}

fn refused(code: &str) -> Action {
    answer(format!(r#"{{"ok":false,"error":"{code}"}}"#))
}

#[test]
fn a_letter_is_not_sent_again_because_the_store_cannot_record_that_it_was_sent() {
    run(async {
        let post = Post::new(|_| posted()).await;
        *post.shelf.refusals.lock() = 3;
        post.put(&letter(1, thread()));
        post.put(&letter(2, thread()));
        post.look().await;
        post.look().await;
        assert_eq!(post.server.paths(), ["/api/chat.postMessage", "/api/chat.postMessage"]);
        let mut outcomes = post.shelf.outcomes.lock().clone();
        outcomes.sort();
        assert_eq!(outcomes, ["1 sent 2.000002", "2 sent 2.000002"]);
    });
}

#[test]
fn a_letter_that_another_replica_has_by_now_is_not_sent() {
    run(async {
        let post = Post::new(|_| posted()).await;
        post.put(&letter(1, thread()));
        *post.shelf.lost.lock() = true;
        post.look().await;
        assert!(post.server.paths().is_empty());
        assert!(post.shelf.outcomes.lock().is_empty());
        *post.shelf.lost.lock() = false;
        post.look().await;
        assert_eq!(post.server.paths(), ["/api/chat.postMessage"]);
    });
}

#[test]
fn a_letter_that_is_lost_while_it_waits_for_its_turn_is_not_sent() {
    run(async {
        let mut post = Post::new(|_| posted()).await;
        let pacing = PacingConfig { channel_interval: Duration::from_millis(300), ..PacingConfig::default() };
        let config = SlackConfig { api_url: post.server.url(), pacing, ..SlackConfig::default() };
        let proxy = Arc::new(Proxy::for_config(&config, None, None).expect("a valid proxy"));
        post.round.api = Rc::new(WebApi::new(&config, proxy, Arc::new(Pacer::new(&config.pacing))));
        // the second waits for its channel, and by then somebody else has it
        post.put(&letter(1, thread()));
        post.put(&letter(2, thread()));
        let search = post.round.parts.lanes.search().expect("no other search");
        poll(search, post.round.clone()).await;
        within("the first letter", async {
            while post.shelf.outcomes.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        *post.shelf.lost.lock() = true;
        post.idle().await;
        assert_eq!(post.server.paths().len(), 1);
        assert_eq!(*post.shelf.outcomes.lock(), ["1 sent 2.000002", "2 later slack cannot do this now: fenced"]);
        // and when it was only the lease that was late, it is sent
        *post.shelf.lost.lock() = false;
        tokio::time::sleep(Duration::from_millis(2)).await;
        post.look().await;
        assert_eq!(post.server.paths().len(), 2);
    });
}

/// A line to Slack on which one word breaks whoever says it.
struct Fragile(Rc<Cell<u32>>);

impl crate::slack::api::Wire for Fragile {
    fn post<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a awc::http::header::HeaderValue>,
        content: crate::slack::api::Content,
        _: Duration,
    ) -> futures_util::future::LocalBoxFuture<'a, Result<crate::slack::api::Answer, crate::slack::api::CallError>> {
        let crate::slack::api::Content::Json(body) = content else { panic!("JSON") };
        self.0.set(self.0.get() + 1);
        assert!(!String::from_utf8_lossy(&body).contains("poison"), "the sender breaks");
        let body = bytes::Bytes::from_static(br#"{"ok":true,"channel":"C1","ts":"2.000002","message":{}}"#);
        Box::pin(async {
            Ok(crate::slack::api::Answer { status: 200, retry_after: None, scopes: None, date: None, body })
        })
    }
}

#[test]
fn an_answer_that_breaks_the_sender_twice_gives_way_to_a_word_about_it() {
    run(async {
        let mut post = Post::new(|_| posted()).await;
        let (calls, config) = (Rc::new(Cell::new(0)), SlackConfig::default());
        let pacing = PacingConfig { channel_interval: Duration::ZERO, ..PacingConfig::default() };
        let line = Box::new(Fragile(Rc::clone(&calls)));
        post.round.api = Rc::new(WebApi::over(line, &config, Arc::new(Pacer::new(&pacing))));
        let mut poison = letter(1, Address::Ephemeral { channel: "C1".into(), thread_ts: None, user: "U1".into() });
        poison.letter.reply = Reply::new(Tone::Done).text("poison");
        let mut progress = letter(2, Address::Ephemeral { channel: "C2".into(), thread_ts: None, user: "U1".into() });
        progress.letter.last = false;
        progress.letter.reply = Reply::new(Tone::Progress).text("poison");
        post.put(&poison);
        post.put(&progress);
        for _ in 0..3 {
            post.look().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut outcomes = post.shelf.outcomes.lock().clone();
        outcomes.sort();
        outcomes.dedup();
        assert_eq!(outcomes, ["1 later the sender broke", "1 sent -", "2 later the sender broke"]);
        let instead = letter::unsayable(&poison);
        assert_eq!(crate::slack::render::render(&instead.letter.reply, None).text.lines().count(), 1);
        assert!(instead.letter.reply.tone == Tone::Done, "how it ended is still said");
    });
}

#[test]
fn a_slow_channel_does_not_hide_what_waits_behind_it_in_the_outbox() {
    run(async {
        let post = Post::new(|_| posted()).await;
        let many = POLL_LIMIT as i64 + 88;
        for id in 1..=many {
            post.put(&letter(id, thread()));
            // nobody drives this lane: it waits, as for a channel's turn
            let _ = post.round.parts.lanes.push(letter(id, thread())).map(std::mem::forget);
        }
        post.put(&letter(many + 1, Address::Post { channel: "C2".into(), thread_ts: None, asker: None }));
        let search = post.round.parts.lanes.search().expect("no other search");
        poll(search, post.round.clone()).await;
        within("the other channel's letter", async {
            while post.shelf.outcomes.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        assert_eq!(*post.shelf.outcomes.lock(), [format!("{} sent 2.000002", many + 1)]);
    });
}

#[test]
fn a_letter_whose_predecessor_was_put_off_waits_as_long() {
    run(async {
        let post = Post::new(|_| posted()).await;
        let later = clock::system().now() + SignedDuration::from_hours(1);
        post.put(&Letter { not_before: later, ..letter(1, thread()) });
        let parts = post.round.parts.clone();
        let tree = crate::supervision::Tree::new(crate::supervision::TreeSpec::new("test"));
        let spec = crate::supervision::ChildSpec::new("courier");
        let courier = tree.add(spec, move |_| Courier::new(parts.clone())).await;
        courier.tell(Deliver(Letter { not_before: later, ..letter(1, thread()) })).expect("it lives");
        courier.tell(Deliver(letter(2, thread()))).expect("it lives");
        within("the second letter", async {
            while post.shelf.outcomes.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        tree.stop().await;
        assert_eq!(*post.shelf.outcomes.lock(), ["2 sent 2.000002"]);
    });
}

#[test]
fn a_courier_killed_while_a_letter_is_on_its_way_sends_it_once() {
    run(async {
        let post = Post::new(|_| posted()).await;
        let parts = post.round.parts.clone();
        let tree = crate::supervision::Tree::new(crate::supervision::TreeSpec::new("test"));
        let spec = crate::supervision::ChildSpec::new("courier");
        let courier = tree.add(spec, move |_| Courier::new(parts.clone())).await;
        post.put(&letter(1, thread()));
        courier.tell(Deliver(letter(1, thread()))).expect("it lives");
        tree.kill_child("courier", "a test").expect("it is there");
        let second = |status: &crate::supervision::ChildStatus| {
            status.incarnation == 2 && status.phase == crate::supervision::Phase::Up
        };
        within("its second life", courier.wait_for(second)).await;
        within("the letter", async {
            while post.shelf.outcomes.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        post.idle().await;
        tree.stop().await;
        assert_eq!(post.server.paths(), ["/api/chat.postMessage"]);
    });
}

#[test]
fn an_answer_beside_a_message_is_posted_there_and_else_given_to_the_caller_alone() {
    run(async {
        let closed = Rc::new(Cell::new(false));
        let post = {
            let closed = Rc::clone(&closed);
            Post::new(move |request| match request.path() {
                "/api/chat.postMessage" if closed.get() => refused("not_in_channel"),
                "/commands/secret" => answer("ok"),
                _ => posted(),
            })
            .await
        };
        let beside = |has_url: bool| {
            let Address::ResponseUrl { url, channel, user } = post.response_url() else { unreachable!() };
            let url = has_url.then_some(url);
            letter(1, Address::Beside { channel, thread_ts: Some("1.000001".into()), user, url })
        };
        assert_eq!(post.send(&beside(true)).await, "sent 2.000002");
        assert_eq!(post.bodies()[0]["thread_ts"], "1.000001");
        closed.set(true);
        assert_eq!(post.send(&beside(true)).await, "sent response_url");
        assert_eq!(post.send(&Letter { attempts: 1, ..beside(true) }).await, "sent response_url");
        assert_eq!(post.send(&beside(false)).await, "sent response_url", "as an ephemeral message");
        let replacing = post.bodies().iter().any(|body| body["replace_original"] == true);
        assert!(!replacing, "the original is somebody's message");
        let calls = post.server.paths();
        assert_eq!(
            calls[1..],
            [
                "/api/chat.postMessage",
                "/commands/secret",
                "/api/chat.postMessage",
                "/commands/secret",
                "/api/chat.postMessage",
                "/api/chat.postEphemeral"
            ]
        );
        // progress is shown once, and the place that was closed is not tried again for the answer
        let shown = Some("response_url".to_owned());
        let mut progress = Letter { replaces: shown.clone(), ..beside(true) };
        progress.letter.last = false;
        assert_eq!(post.send(&progress).await, "sent response_url");
        assert_eq!(post.server.paths().len(), calls.len(), "nothing was sent");
        assert_eq!(post.send(&Letter { replaces: shown, ..beside(true) }).await, "sent response_url");
        assert_eq!(post.server.paths()[calls.len()..], ["/commands/secret"]);
    });
}

#[test]
fn an_answer_whose_fate_is_unknown_replaces_itself_on_a_response_url() {
    run(async {
        let calls = Cell::new(0);
        let post = Post::new(move |_| {
            calls.set(calls.get() + 1);
            if calls.get() == 1 { Action::Drop } else { answer("ok") }
        })
        .await;
        let first = letter(1, post.response_url());
        assert_eq!(post.send(&first).await, "later it is not known whether slack did this: connection_lost");
        assert_eq!(post.send(&Letter { attempts: 1, unsure: true, ..first }).await, "sent response_url");
        let replaces: Vec<_> = post.bodies().iter().map(|body| body["replace_original"].clone()).collect();
        assert_eq!(replaces, [serde_json::json!(false), serde_json::json!(true)]);
    });
}

/// The form was opened though its answer was lost, and was sent: what that led to was said by the same url meanwhile.
#[test]
fn a_text_in_place_of_a_form_never_replaces_what_the_form_led_to() {
    run(async {
        let post = Post::new(|_| answer("ok")).await;
        let text = form_letter(1, post.response_url(), SignedDuration::ZERO);
        for sure in [true, false] {
            let again = Letter { attempts: 1, unsure: !sure, ..text.clone() };
            assert_eq!(post.send(&again).await, "sent response_url");
        }
        let replaced: Vec<_> = post.bodies().iter().map(|body| body["replace_original"].clone()).collect();
        assert_eq!(replaced, [false, false]);
    });
}

#[test]
fn a_letter_found_in_the_outbox_may_have_been_sent_by_a_former_life() {
    run(async {
        let post = Post::new(|_| answer("ok")).await;
        post.put(&Letter { unsure: true, ..letter(1, post.response_url()) });
        post.look().await;
        assert_eq!(post.bodies()[0]["replace_original"], true);
    });
}

#[test]
fn a_used_up_response_url_gives_way_to_a_whisper_and_that_to_a_direct_message() {
    run(async {
        let post = Post::new(|request| match request.path() {
            "/commands/secret" => status(404, "", r#"{"ok":false,"error":"used_url"}"#),
            "/api/chat.postEphemeral" => refused("user_not_in_channel"),
            _ => posted(),
        })
        .await;
        assert_eq!(post.send(&letter(1, post.response_url())).await, "sent -");
        assert_eq!(post.server.paths(), ["/commands/secret", "/api/chat.postEphemeral", "/api/chat.postMessage"]);
        assert_eq!(post.bodies()[2]["channel"], "U1");
        let old = clock::system().now() - SignedDuration::from_mins(30);
        post.send(&Letter { created_at: old, ..letter(2, post.response_url()) }).await;
        assert_eq!(post.server.paths()[3], "/api/chat.postEphemeral", "not even tried after half an hour");
    });
}

#[test]
fn progress_that_its_answer_could_not_replace_is_not_shown() {
    run(async {
        let post = Post::new(|request| match request.path() {
            "/commands/secret" => status(404, "", r#"{"ok":false,"error":"used_url"}"#),
            _ => posted(),
        })
        .await;
        let of = |last: bool| {
            let mut letter = letter(1, post.response_url());
            letter.letter.last = last;
            letter
        };
        assert_eq!(post.send(&of(false)).await, "sent -");
        assert_eq!(post.server.paths(), ["/commands/secret"], "nobody can take a whisper back");
        // the clock was set ahead: as if half an hour had gone by
        let ahead = clock::system().now() - SignedDuration::from_mins(120);
        assert_eq!(post.send(&Letter { created_at: ahead, ..of(false) }).await, "sent -");
        assert_eq!(post.server.paths().len(), 1);
        let shown = Letter { created_at: ahead, replaces: Some("response_url".to_owned()), ..of(true) };
        assert_eq!(post.send(&shown).await, "sent -");
        assert_eq!(
            post.server.paths()[1..],
            ["/commands/secret", "/api/chat.postEphemeral"],
            "the url may be good all the same"
        );
        assert_eq!(post.bodies()[1]["replace_original"], true);
    });
}

#[test]
fn a_whisper_is_shown_in_its_thread_and_edits_what_all_have_seen_begin() {
    run(async {
        let strange = Rc::new(Cell::new(false));
        let post = {
            let strange = Rc::clone(&strange);
            Post::new(move |request| match request.path() {
                "/api/chat.postEphemeral" if strange.get() => refused("user_not_in_channel"),
                "/api/chat.update" if request.json()["ts"] == "1.5" => refused("message_not_found"),
                _ => posted(),
            })
            .await
        };
        let whisper = |thread_ts: Option<&str>| {
            let thread_ts = thread_ts.map(str::to_owned);
            letter(1, Address::Ephemeral { channel: "C1".into(), thread_ts, user: "U1".into() })
        };
        assert_eq!(post.send(&whisper(Some("1.000001"))).await, "sent -");
        assert_eq!(post.send(&whisper(None)).await, "sent -");
        let bodies = post.bodies();
        assert_eq!((&bodies[0]["user"], &bodies[0]["thread_ts"]), (&"U1".into(), &"1.000001".into()));
        assert!(bodies[1]["thread_ts"].is_null(), "{}", bodies[1]);
        // a former life of the process has shown that it works on it
        let shown = |ts: &str| Letter { replaces: Some(ts.to_owned()), ..whisper(Some("1.000001")) };
        assert_eq!(post.send(&shown("2.5")).await, "sent 2.5");
        assert_eq!(post.send(&shown("1.5")).await, "sent -", "it is gone");
        // whoever is not in the channel reads it in the direct message
        strange.set(true);
        assert_eq!(post.send(&whisper(Some("1.000001"))).await, "sent -");
        let calls = ["update", "update", "postEphemeral", "postEphemeral", "postMessage"];
        assert_eq!(post.server.paths()[2..], calls.map(|call| format!("/api/chat.{call}")));
        let last = &post.bodies()[6];
        assert_eq!((&last["channel"], &last["thread_ts"]), (&"U1".into(), &serde_json::Value::Null));
    });
}

#[test]
fn an_answer_edits_the_progress_message_and_is_posted_anew_when_that_is_gone() {
    run(async {
        let post = Post::new(|request| match request.path() {
            "/api/chat.update" if request.json()["ts"] == "1.5" => refused("message_not_found"),
            _ => posted(),
        })
        .await;
        let edit = |ts: &str| Letter { replaces: Some(ts.to_owned()), ..letter(1, thread()) };
        assert_eq!(post.send(&edit("1.4")).await, "sent 1.4");
        assert_eq!(post.send(&edit("1.5")).await, "sent 2.000002");
        assert_eq!(post.server.paths(), ["/api/chat.update", "/api/chat.update", "/api/chat.postMessage"]);
        assert_eq!(post.bodies()[2]["thread_ts"], "1.000001", "where it was asked");
    });
}

#[test]
fn blocks_that_slack_refuses_are_left_out() {
    run(async {
        let post = Post::new(|request| match request.json().get("blocks") {
            Some(_) => refused("msg_blocks_too_long"),
            None => posted(),
        })
        .await;
        assert_eq!(post.send(&letter(1, thread())).await, "sent 2.000002");
        assert_eq!(post.bodies()[1]["text"], "hello");
    });
}

#[test]
fn a_no_for_ever_is_a_dead_letter_and_a_passing_fault_is_not() {
    run(async {
        let code = Rc::new(Cell::new(""));
        let said = Rc::clone(&code);
        let post = Post::new(move |_| refused(said.get())).await;
        for (slack, outcome) in [
            ("is_archived", "dead"),
            ("channel_not_found", "dead"),
            ("internal_error", "later"),
            ("token_revoked", "later"),
            ("ratelimited", "later"),
        ] {
            code.set(slack);
            let delivery = post.send(&letter(1, thread())).await;
            assert!(delivery.starts_with(outcome), "{slack}: {delivery}");
        }
    });
}

#[test]
fn waiting_for_our_own_pace_doubles_nothing() {
    run(async {
        let post = Post::new(|_| status(429, "retry-after: 5\r\n", "")).await;
        let tried = Letter { attempts: 16, ..letter(1, thread()) };
        post.send(&tried).await;
        let now = clock::system().now();
        let Delivery::Later { not_before, error, .. } = letter::send(&post.round.api, &tried, &post.round.parts).await
        else {
            panic!("slack asked for silence")
        };
        assert_eq!(error, "the pace of calls to slack has no room for this yet");
        assert!(not_before.duration_since(now) <= SignedDuration::from_secs(6), "not the longest pause");
        assert_eq!(post.server.paths().len(), 1, "the second was not sent");
    });
}

#[test]
fn a_letter_too_old_is_dead_and_is_not_sent() {
    run(async {
        let post = Post::new(|_| posted()).await;
        let old = clock::system().now() - SignedDuration::from_hours(25);
        post.put(&Letter { created_at: old, attempts: TRIED, ..letter(1, thread()) });
        post.look().await;
        assert_eq!(*post.shelf.outcomes.lock(), ["1 dead not delivered within 24 hours"]);
        assert!(post.server.paths().is_empty());
    });
}

#[test]
fn a_clock_that_jumps_makes_no_letter_dead_and_keeps_none_back() {
    run(async {
        let post = Post::new(|_| posted()).await;
        let day = SignedDuration::from_hours(25);
        let now = clock::system().now();
        // the clock went ahead by a day since it was put in, or back
        post.put(&Letter { created_at: now - day, ..letter(1, thread()) });
        post.put(&Letter { created_at: now + day, attempts: TRIED, ..letter(2, thread()) });
        post.look().await;
        assert_eq!(*post.shelf.outcomes.lock(), ["1 sent 2.000002", "2 sent 2.000002"]);
        // Slack takes a response_url for half an hour, and it knows better than a clock that went back
        post.send(&Letter { created_at: now + day, ..letter(3, post.response_url()) }).await;
        assert_eq!(post.server.paths()[2], "/commands/secret");
    });
}

#[test]
fn no_letter_is_put_off_for_longer_than_the_store_believes() {
    run(async {
        let post = Post::new(|_| status(429, "retry-after: 3600\r\n", "")).await;
        let longest = SignedDuration::try_from(LONGEST_WAIT).expect("a time");
        for _ in 0..2 {
            let now = clock::system().now();
            let put_off = letter::send(&post.round.api, &letter(1, thread()), &post.round.parts).await;
            let Delivery::Later { not_before, .. } = put_off else { panic!("Slack asked for silence") };
            assert!(not_before.duration_since(now) <= longest + SignedDuration::from_secs(1), "{not_before}");
        }
        assert_eq!(post.server.paths().len(), 1, "and Slack is left alone all the same");
    });
}

/// An answer with a form, given to somebody whose act was so long ago.
fn form_letter(id: i64, address: Address, age: SignedDuration) -> Letter {
    let form = crate::domain::Form {
        command: "ec2 stop".to_owned(),
        intro: None,
        fields: Vec::new(),
        submit: "Run".to_owned(),
    };
    let mut letter = letter(id, address);
    let acted = clock::system().now() - age;
    letter.letter.request = RequestId::new(u64::try_from(acted.as_millisecond()).expect("a time"), 7);
    letter.letter.reply.form = Some(Box::new(form));
    letter.letter.trigger = Some(SecretString::from("1.2.secret"));
    letter
}

#[test]
fn a_form_takes_the_place_of_its_letter_and_remembers_where_that_would_have_gone() {
    run(async {
        let post = Post::new(|_| answer(r#"{"ok":true,"view":{"id":"V1"}}"#)).await;
        let click = match post.response_url() {
            Address::ResponseUrl { url, channel, user } => Address::ClickUrl { url, channel, user },
            other => other,
        };
        let whisper = Address::Ephemeral { channel: "C1".into(), thread_ts: None, user: "U1".into() };
        for (id, address) in (1..).zip([post.response_url(), click, thread(), whisper]) {
            assert_eq!(post.send(&form_letter(id, address, SignedDuration::ZERO)).await, "sent -");
        }
        assert_eq!(post.server.paths(), ["/api/views.open"; 4]);
        let memos: Vec<_> = post.bodies().iter().map(|body| body["view"]["private_metadata"].clone()).collect();
        let read = |memo: &serde_json::Value| {
            let seals = crate::slack::testing::a_seal();
            let memo = seals.remembered(memo.as_str().expect("text")).expect("it is sealed");
            let memo = crate::slack::render::modal::Memo::read(memo).expect("a memo");
            assert_eq!(memo.channel, Some("C1".into()));
            format!("{:?}", memo.reply_to())
        };
        let places: Vec<String> = memos.iter().map(read).collect();
        assert!(places[0].starts_with("Caller { response_url: Some("), "{}", places[0]);
        assert!(places[1].starts_with("Presser {"), "{}", places[1]);
        assert_eq!(places[2..], ["Thread { thread_ts: \"1.000001\", begun: true }", "Caller { response_url: None }"]);
        assert!(post.bodies().iter().all(|body| body["trigger_id"] == "1.2.secret"));
    });
}

#[test]
fn where_no_form_is_opened_the_text_says_it() {
    run(async {
        for (what, broken) in [
            ("expired", refused("expired_trigger_id")),
            ("used", refused("exchanged_trigger_id")),
            ("limited", status(429, "retry-after: 5\r\n", "")),
            ("lost", Action::Drop),
            ("silent", Action::Hang),
        ] {
            let post = Post::new(move |request| match request.path() {
                "/api/views.open" => broken.clone(),
                _ => answer("ok"),
            })
            .await;
            let letter = form_letter(1, post.response_url(), SignedDuration::ZERO);
            assert_eq!(post.send(&letter).await, "sent response_url", "{what}");
            assert_eq!(post.server.paths(), ["/api/views.open", "/commands/secret"], "{what}");
        }
    });
}

#[test]
fn a_trigger_that_is_old_or_may_have_been_used_is_not_tried() {
    run(async {
        let post = Post::new(|_| answer("ok")).await;
        let old = form_letter(1, post.response_url(), SignedDuration::from_secs(3));
        assert_eq!(post.send(&old).await, "sent response_url");
        let again = Letter { attempts: 1, ..form_letter(2, post.response_url(), SignedDuration::ZERO) };
        assert_eq!(post.send(&again).await, "sent response_url");
        assert_eq!(post.server.paths(), ["/commands/secret"; 2]);
        assert!(!format!("{old:?}").contains("1.2.secret"), "it is a capability");
    });
}

#[test]
fn a_form_does_not_wait_behind_the_messages_of_its_channel() {
    let lanes = Arc::new(Lanes::default());
    let first = lanes.push(letter(1, thread()));
    assert!(first.is_some() && lanes.push(letter(2, thread())).is_none(), "one after the other");
    assert!(lanes.push(form_letter(3, thread(), SignedDuration::ZERO)).is_some(), "at once");
}

#[test]
fn what_is_said_by_the_url_of_a_click_leaves_the_message_with_the_button() {
    run(async {
        let post = Post::new(|_| answer("ok")).await;
        let Address::ResponseUrl { url, channel, user } = post.response_url() else { panic!("a url") };
        let click = letter(1, Address::ClickUrl { url, channel, user });
        let after_progress = Letter { replaces: Some("response_url".to_owned()), ..click.clone() };
        let after_a_loss = Letter { attempts: 1, ..click.clone() };
        for letter in [click, after_progress, after_a_loss] {
            assert_eq!(post.send(&letter).await, "sent response_url");
        }
        assert!(post.bodies().iter().all(|body| body["replace_original"] == false));
    });
}

#[test]
fn in_a_direct_message_that_the_bot_may_not_open_the_answer_is_posted_anew() {
    run(async {
        let post = Post::new(|request| match request.path() {
            "/api/conversations.open" => refused("missing_scope"),
            _ => posted(),
        })
        .await;
        let home = Address::Post { channel: "U1".into(), thread_ts: None, asker: Some("U1".into()) };
        let answer = Letter { replaces: Some("1.5".to_owned()), ..letter(1, home) };
        assert_eq!(post.send(&answer).await, "sent 2.000002");
        assert_eq!(post.server.paths(), ["/api/conversations.open", "/api/chat.postMessage"]);
    });
}

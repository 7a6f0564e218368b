//! The counting on runs that never were: for each thing that may be wrong one run in which nothing else is, and the words in
//! which it must be found. A counting that finds nothing in these would find nothing in a real one.

use crate::form::Ceilings;
use crate::load::{Asked, Kind, Way};
use crate::support::Message;
use crate::tally::{Seen, Taken, Tally};
use serde_json::{Value, json};

const ID: &str = "i-0aaaaaaaaaaaaaaa1";

/// A command and everything that was seen.
struct Made {
    asked: Vec<Asked>,
    seen: Seen,
}

fn envelope(number: usize) -> String {
    format!("envelope-{number}")
}

impl Made {
    fn new() -> Self {
        Self { asked: Vec::new(), seen: Seen::default() }
    }

    /// Somebody asks, and Slack holds this of it.
    fn asks(mut self, way: Way, kind: Kind, text: &str, taken: Taken) -> Self {
        let number = self.asked.len();
        let mut asked = Asked::new(way, kind, &format!("UQ{number}"), "room1", text);
        asked.sent = json!({"envelope_id": envelope(number)});
        if way == Way::Mention {
            asked.thread = Some(format!("{number}.1"));
        }
        if taken != Taken::Never {
            self.seen.acks.insert(envelope(number), taken);
        }
        self.asked.push(asked);
        self
    }

    fn pings(self) -> Self {
        self.asks(Way::Mention, Kind::Ping, "ping", Taken::InTime)
    }

    fn types(self, taken: Taken) -> Self {
        self.asks(Way::Slash, Kind::Token("q1z".into()), "q1z please", taken)
    }

    fn reboots(self, taken: Taken) -> Self {
        self.asks(Way::Mention, Kind::Change(ID.into()), &format!("ec2 reboot {ID}"), taken)
    }

    fn says(mut self, text: &str, how: impl FnOnce(&mut Message)) -> Self {
        let mut message = Message {
            channel: "CROOM1".into(),
            ts: format!("9.{}", self.seen.messages.len()),
            bot_id: Some("BDRONE".into()),
            text: text.into(),
            via: "chat.postMessage".into(),
            ..Message::default()
        };
        how(&mut message);
        self.seen.messages.push(message);
        self
    }

    /// In the thread of this command.
    fn answers(self, number: usize, text: &str) -> Self {
        self.says(text, |message| message.thread_ts = Some(format!("{number}.1")))
    }

    /// To whoever gave this command alone.
    fn whispers(self, number: usize, via: &str, text: &str) -> Self {
        self.says(text, |message| {
            message.only_for = Some(format!("UQ{number}"));
            message.via = via.into();
        })
    }

    /// What Slack says itself.
    fn slack_says(self, number: usize) -> Self {
        self.says("/drone failed with the error \"operation_timeout\"", |message| {
            message.bot_id = None;
            message.user = Some("USLACKBOT".into());
            message.only_for = Some(format!("UQ{number}"));
        })
    }

    fn made(mut self, times: usize) -> Self {
        self.seen.changes.insert(ID.into(), times);
        self
    }

    fn tally(&self) -> Tally {
        Tally::of(&self.asked, &self.seen, Ceilings { not_taken: 0.12, lost: 0.02, is_derived: false })
    }
}

fn clean(made: &Made) -> Tally {
    let tally = made.tally();
    assert!(tally.misses.is_empty(), "{:#?}", tally.misses);
    tally
}

/// It is found, and nothing else.
fn found(words: &str, made: &Made) {
    let misses = made.tally().misses;
    assert!(misses.len() == 1 && misses[0].contains(words), "`{words}` in {misses:#?}");
}

const PONG: &str = "Pong. 12 ms from Slack to me.";
const UNKNOWN_WORD: &str = "❔ Not run: I do not know `q1z`. Say `help` for the list.";
const EPHEMERAL: &str = "chat.postEphemeral";
const URL: &str = "response_url";

fn rebooted() -> String {
    format!("✅ Done: AWS accepted the reboot of `{ID}`; it is running.\n(req 7F3K)")
}

#[test]
fn what_is_as_it_should_be_is_no_miss() {
    let tally = clean(&Made::new().pings().answers(0, PONG));
    assert_eq!((tally.answered, tally.right), (1, 1));
    clean(&Made::new().types(Taken::InTime).whispers(0, URL, UNKNOWN_WORD));
    clean(&Made::new().reboots(Taken::InTime).answers(0, &rebooted()).made(1));
    let tally = clean(&Made::new().types(Taken::Never).slack_says(0));
    assert_eq!((tally.told, tally.answered), (1, 0));
    // the acknowledgement was lost on its way, so Slack says that it failed, and it was done
    let tally = clean(&Made::new().types(Taken::Never).slack_says(0).whispers(0, URL, UNKNOWN_WORD));
    assert_eq!(tally.surprised, 1);
    let tally = clean(&Made::new().pings().answers(0, "❌ Failed: Something broke on my side while running `ping`."));
    assert_eq!((tally.right, tally.sorry), (0, 1));
    let lost = format!("⚠️ Outcome unknown: I looked: `{ID}` is running; whether it was rebooted, AWS does not tell.");
    let tally = clean(&Made::new().reboots(Taken::InTime).answers(0, &lost).made(1));
    assert_eq!(tally.unknown, 1);
    // a form in place of an answer
    let mut made = Made::new().asks(Way::Slash, Kind::NoTarget(ID.into()), "ec2 stop", Taken::InTime);
    made.asked[0].opened = true;
    clean(&made);
}

#[test]
fn what_was_taken_and_not_answered_is_found_however_late_it_was_taken() {
    found("never answered", &Made::new().pings());
    found("never answered", &Made::new().types(Taken::Late).slack_says(0));
    found("never answered", &Made::new().asks(Way::Slash, Kind::NoTarget(ID.into()), "ec2 stop", Taken::InTime));
    // an answer to somebody else is none
    found("never answered", &Made::new().pings().pings().answers(0, PONG));
    let other = Made::new().types(Taken::InTime).types(Taken::InTime).whispers(1, URL, UNKNOWN_WORD);
    found("never answered", &other);
}

#[test]
fn a_double_hides_the_lost_answer_of_nobody_else() {
    let made = Made::new().pings().pings().answers(0, PONG).answers(0, PONG);
    let misses = made.tally().misses.join("\n");
    assert!(misses.contains("answered 2 times") && misses.contains("never answered"), "{misses}");
    let twice = Made::new().types(Taken::InTime).types(Taken::InTime);
    let twice = twice.whispers(0, EPHEMERAL, UNKNOWN_WORD).whispers(0, EPHEMERAL, UNKNOWN_WORD);
    found("never answered", &twice);
}

#[test]
fn who_was_not_heard_and_not_told_is_found() {
    found("Slack told the person 0 times", &Made::new().types(Taken::Never));
    found("Slack told the person 2 times", &Made::new().types(Taken::Never).slack_says(0).slack_says(0));
    found("Slack told the person 0 times", &Made::new().asks(Way::Press, Kind::Page, "ec2 list", Taken::Never));
    let mut form = Made::new().asks(Way::Form, Kind::Change(ID.into()), "ec2 stop", Taken::Never);
    found("Slack told the person 0 times", &form);
    form.seen.troubled.insert("UQ0".into());
    clean(&form);
}

#[test]
fn a_bot_that_hears_little_is_found() {
    let mut made = Made::new();
    for number in 0..100 {
        made = if number < 13 { made.types(Taken::Never).slack_says(number) } else { made.types(Taken::InTime) };
        if number >= 13 {
            made = made.whispers(number, URL, UNKNOWN_WORD);
        }
    }
    found("13 of 100 were not taken, as Slack told the person", &made);
    let mut made = Made::new();
    for number in 0..100 {
        let taken = if number < 4 { Taken::Never } else { Taken::InTime };
        made = made.asks(Way::Mention, Kind::Ping, "ping", taken);
        if number >= 4 {
            made = made.answers(number, PONG);
        }
    }
    found("4 of 100 came again and again and were not taken", &made);
    let mut made = Made::new();
    for number in 0..100 {
        let late = number < 6;
        made = made.types(if late { Taken::Late } else { Taken::InTime }).whispers(number, URL, UNKNOWN_WORD);
        made = if late { made.slack_says(number) } else { made };
    }
    found("6 of 100 were acknowledged when Slack had given up", &made);
}

#[test]
fn a_bot_that_stays_deaf_when_all_is_mended_is_found() {
    let mut made = Made::new().pings().answers(0, PONG);
    made.asked[0].calm = true;
    clean(&made);
    made.seen.acks.clear();
    found("not taken, and nothing was broken", &made);
    let mut sorry = Made::new().pings().answers(0, "❌ Failed: Something broke on my side while running `ping`.");
    sorry.asked[0].calm = true;
    found("not answered as asked", &sorry);
}

#[test]
fn an_apology_that_names_nothing_takes_no_other_answer_s_place() {
    let word = |target: &str, id: &str| Kind::Word(target.into(), id.into());
    let made = Made::new().asks(Way::Direct, word(ID, "01AA"), "decline 01AA", Taken::InTime);
    let mut made = made.asks(Way::Direct, word("i-2", "01BB"), "approve 01BB", Taken::InTime);
    made.asked.iter_mut().for_each(|asked| asked.user = "UBOSS".into());
    let in_direct = |message: &mut Message| message.channel = "DBOSS".into();
    let sorry = "❌ Failed: I could not ask Slack who you are, so nothing was run. Try again in a minute.\n(req 7F3K)";
    let done = "✅ Done: `ec2 stop i-2` of <@UQ9> is approved and runs now.\n(req 8F3K)";
    clean(&made.says(sorry, in_direct).says(done, in_direct));
}

#[test]
fn words_that_nothing_tells_apart_take_one_answer_each() {
    let word = || Kind::Word(ID.into(), "01AA".into());
    let said = |id: &str| format!("✅ Done: `ec2 stop {ID}` of <@UQ9> is declined and will not be run.\n(req {id})");
    let mut made = Made::new();
    for taken in [Taken::InTime, Taken::Never] {
        made = made.asks(Way::Press, word(), "decline 01AA", taken);
    }
    for asked in &mut made.asked {
        (asked.user, asked.thread) = ("UBOSS".into(), Some("0.1".into()));
    }
    let made = made.answers(0, &said("7F3K")).answers(0, &said("8F3K"));
    found("1 presses of UBOSS in CROOM1 were not taken, and Slack told of 0", &made);
    let mut made = made.slack_says(0);
    made.seen.messages.last_mut().expect("a note").only_for = Some("UBOSS".into());
    clean(&made);
    found("answered 2 times", &made.answers(0, &said("7F3K")));
}

#[test]
fn a_second_post_is_found_wherever_it_stands() {
    found("answered 2 times", &Made::new().pings().answers(0, PONG).answers(0, PONG));
    // at the top of the channel, beside the thread, and in a direct message
    found("answers no command", &Made::new().pings().answers(0, PONG).says(PONG, |_| ()));
    let direct = Made::new().pings().answers(0, PONG).says(PONG, |message| message.channel = "DQ0".into());
    found("answers no command", &direct);
    // one that one person alone sees, so that nobody can look for it, may come twice, and no third time
    let whisper = |made: Made| made.whispers(0, EPHEMERAL, UNKNOWN_WORD);
    let twice = whisper(whisper(Made::new().types(Taken::InTime)));
    assert_eq!(clean(&twice).whispered_twice, 1);
    found("answered 3 times", &whisper(twice));
    let stranger = Made::new().pings().answers(0, PONG).whispers(7, EPHEMERAL, PONG);
    found("answers no command", &stranger);
    let elsewhere = Made::new().types(Taken::InTime).whispers(0, URL, UNKNOWN_WORD);
    let elsewhere = elsewhere.whispers(0, URL, UNKNOWN_WORD);
    let mut moved = elsewhere;
    moved.seen.messages[1].channel = "CROOM2".into();
    found("answers no command", &moved);
}

#[test]
fn whispers_that_come_twice_too_often_are_found() {
    let mut made = Made::new();
    for number in 0..100 {
        made = made.types(Taken::InTime).whispers(number, EPHEMERAL, UNKNOWN_WORD);
        made = if number < 4 { made.whispers(number, EPHEMERAL, UNKNOWN_WORD) } else { made };
    }
    found("4 of 100 were answered twice where one person alone sees it", &made);
}

#[test]
fn an_answer_to_something_else_and_too_many_apologies_are_found() {
    found("answered with something else", &Made::new().pings().answers(0, UNKNOWN_WORD));
    found("answered with something else", &Made::new().types(Taken::InTime).whispers(0, URL, PONG));
    let another = UNKNOWN_WORD.replace("q1z", "q2z");
    found("answered with something else", &Made::new().types(Taken::InTime).whispers(0, URL, &another));
    let mut made = Made::new();
    for number in 0..20 {
        let sorry = "❌ Failed: I am busy with 9 commands. `ping` was not run. Try again in a minute.";
        made = made.pings().answers(number, if number < 4 { sorry } else { PONG });
    }
    found("4 of 20 were answered by an apology", &made);
}

#[test]
fn a_lie_is_found() {
    found("not true, 0 changes", &Made::new().reboots(Taken::InTime).answers(0, &rebooted()));
    let denied = format!("❌ Failed: `{ID}` was not rebooted. Nothing was changed.");
    found("not true, 1 changes", &Made::new().reboots(Taken::InTime).answers(0, &denied).made(1));
    found("2 calls that change", &Made::new().reboots(Taken::InTime).answers(0, &rebooted()).made(2));
    found("changed, and nobody was told", &Made::new().reboots(Taken::Never).made(1));
}

#[test]
fn what_several_change_adds_up() {
    let contested = |answers: [&str; 2], made: usize| {
        let mut all = Made::new();
        for (number, answer) in answers.into_iter().enumerate() {
            all = all.asks(Way::Mention, Kind::Contested(ID.into()), &format!("ec2 reboot {ID}"), Taken::InTime);
            all = all.answers(number, answer);
        }
        all.made(made)
    };
    let done = rebooted();
    let busy = format!(
        "⛔ Refused: `{ID}` is being changed by `ec2 reboot {ID}` of <@UQ0>. Nothing was changed by your command."
    );
    clean(&contested([&done, &busy], 1));
    clean(&contested([&done, &done], 2));
    found("not true: 1 changes", &contested([&done, &done], 1));
    found("not true: 2 changes", &contested([&done, &busy], 2));
    found("not true: 0 changes", &contested([&done, &busy], 0));
}

#[test]
fn what_was_not_approved_or_not_permitted_is_found() {
    let mut made = Made::new().reboots(Taken::InTime).answers(0, &rebooted()).made(1);
    made.asked[0].needs_approval = true;
    found("nobody approved", &made);
    made.seen.approved.insert(ID.into());
    assert_eq!(clean(&made).approved, 1);
    let line = format!("ec2 reboot {ID}");
    let refused = "⛔ Refused: `ec2 reboot` needs the group operators; you are in no group. Nothing was changed.";
    let asks = || Made::new().asks(Way::Mention, Kind::Forbidden(ID.into()), &line, Taken::InTime);
    clean(&asks().whispers(0, EPHEMERAL, refused));
    let misses = asks().whispers(0, EPHEMERAL, refused).made(1).tally().misses.join("\n");
    assert!(misses.contains("changed by who may not"), "{misses}");
    found("never answered", &asks());
}

#[test]
fn progress_that_stays_and_files_that_do_not_come_are_found() {
    let working = format!("⏳ Working: rebooting `{ID}`");
    let both = Made::new().reboots(Taken::InTime).answers(0, &working).answers(0, &rebooted()).made(1);
    found("progress stands beside the answer", &both);
    found("never answered", &Made::new().reboots(Taken::InTime).answers(0, &working));
    let list = |files: usize| {
        let text = "45 instances in `us-east-1`.\nPage 1 of 3. The next: `…`\nAll 45 rows are in the file instances.csv below.";
        let mut made = Made::new().asks(Way::Mention, Kind::List, "ec2 list", Taken::InTime).answers(0, text);
        for _ in 0..files {
            made = made.says("", |message| {
                message.thread_ts = Some("0.1".into());
                message.files = vec![Value::Null];
            });
        }
        made
    };
    assert_eq!(clean(&list(1)).files, 1);
    found("0 files where 1", &list(0));
    found("2 files where 1", &list(2));
}

#[test]
fn the_answers_in_one_thread_go_each_to_its_command() {
    let mut made = Made::new().asks(Way::Mention, Kind::List, "ec2 list", Taken::InTime);
    made = made.asks(Way::Press, Kind::Page, "ec2 list --page 2", Taken::InTime);
    made.asked[1].thread = Some("0.1".into());
    let (first, second) = ("45 instances.\nPage 1 of 3. The next: `…`", "45 instances.\nPage 2 of 3. The next: `…`");
    let both = made.answers(0, second).answers(0, first);
    assert_eq!(clean(&both).right, 2);
    found("answered 2 times", &both.answers(0, second));
}

/// A question for approval and the words on it stand in one thread; what takes the question's place may name nothing.
#[test]
fn what_takes_the_place_of_a_question_answers_what_was_asked_first() {
    let asks = || {
        let mut made = Made::new().reboots(Taken::InTime);
        made = made.asks(Way::Press, Kind::Word(ID.into(), "01AA".into()), "approve 01AA", Taken::InTime);
        (made.asked[1].user, made.asked[1].thread) = ("UBOSS".into(), Some("0.1".into()));
        made
    };
    let sorry =
        "❌ Failed: I cannot write to my journal, so I did not make the change. Try again when the store works.";
    let question = format!("✋ Approval needed: <@UQ0> asks for `ec2 reboot {ID}`\n▸ Approve: approve 01AA");
    let replaced = |made: Made| {
        made.says(sorry, |message| {
            message.thread_ts = Some("0.1".into());
            message.history = vec![json!({"text": question})];
        })
    };
    let word = format!("✅ Done: `ec2 reboot {ID}` of <@UQ0> is approved and runs now.\n(req 7F3K)");
    assert_eq!(clean(&replaced(asks().answers(0, &word))).sorry, 1);
    found("never answered", &replaced(asks()));
}

//! The one final answer: state and letter by one transaction, then the courier is told. A store that fails is tried
//! again for as long as the process lives; after that the journal still has the request.

use super::former::{broke, interrupted};
use super::inspection::with_command;
use super::onlookers::Onlookers;
use crate::clock::Clock;
use crate::commands::{Catalog, Found};
use crate::delivery::{Courier, Deliver};
use crate::domain::{
    CommandError, Decision, Failure, Line, Part, Refusal, Reply, ReplyTo, Request, Source, Tone, UnknownOutcome,
    UsageError,
};
use crate::store::{Address, Final, Former, Journal, NewLetter, StoreError};
use crate::supervision::Handle;
use std::sync::Arc;
use std::time::Duration;

/// What a request came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What it came to.
    pub end: Final,
    /// The label in metrics: `ok`, `usage`, `refused`, `failed`, `partly`, `unknown`, `bug`, `poison`.
    pub outcome: &'static str,
    /// What the person reads.
    pub reply: Reply,
    /// Whether it is for the asker alone: a refusal.
    pub alone: bool,
    /// What the policies decided, where that led to it.
    pub decision: Option<Arc<Decision>>,
}

impl Answer {
    /// It was done.
    pub fn ok(reply: Reply) -> Self {
        Self { end: Final::Succeeded, outcome: "ok", reply, alone: false, decision: None }
    }

    /// It failed, and the reply says how.
    pub fn failed(reply: Reply) -> Self {
        Self { end: Final::Failed, outcome: "failed", reply, alone: false, decision: None }
    }

    /// A part of it was done, and the reply says which.
    pub fn partly(reply: Reply) -> Self {
        Self { outcome: "partly", ..Self::failed(reply) }
    }

    /// It is not known, and the reply says what was seen.
    pub fn unknown(reply: Reply) -> Self {
        Self { end: Final::Unknown, outcome: "unknown", reply, alone: false, decision: None }
    }

    /// It was not understood, or does not name what it means.
    pub fn usage(error: &UsageError) -> Self {
        let mut reply = lines(Tone::Usage, &error.lines);
        if !error.candidates.is_empty() {
            reply = reply.part(Part::List(error.candidates.clone()));
        }
        let reply = reply.buttons(error.buttons.clone());
        Self { end: Final::Refused, outcome: "usage", reply, alone: false, decision: None }
    }

    /// It was refused.
    pub fn refused(refusal: &Refusal) -> Self {
        let reply = lines(Tone::Refused, &refusal.lines);
        let decision = refusal.decision.clone();
        Self { end: Final::Refused, outcome: "refused", reply, alone: true, decision }
    }

    /// The person has the form of what was asked for, or is shown the button for it.
    pub fn form(reply: Reply) -> Self {
        Self { end: Final::Refused, outcome: "form", reply, alone: false, decision: None }
    }

    /// Processes have died with it more than once: what it did to them it may do again, so it is not tried again. What
    /// else they had in hand may have been the cause as well, and nobody is left who knows.
    pub fn poison(request: &Request, former: &Former, deaths: u32, begun: bool, catalog: &Catalog) -> Self {
        tracing::error!(req = %request.id, deaths, begun, "request is not tried again: processes died with it in hand");
        let first = Line::new()
            .text(broke(former, deaths))
            .text(if *former == Former::Own { " while I had " } else { " while they had " })
            .code(&request.text)
            .text(" in hand, perhaps because of it, so I do not try it again. ");
        let first = match begun {
            false => {
                first.text("Nothing was changed by it. Send it again if you still want it; if I break again, give ")
            }
            true => {
                let line = first.text("I do not know what was done. Check the targets");
                with_command(line, &request.text, catalog).text(" before anything else, and give ")
            }
        };
        let line = first.code(format!("req {}", request.id.short())).text(" to the platform team.");
        let tone = if begun { Tone::Unknown } else { Tone::Failed };
        let end = Final::Poison { deaths, begun };
        Self { end, outcome: "poison", reply: lines(tone, &[line]), alone: false, decision: None }
    }

    /// A failure of ours: the sentence that names nothing but the command.
    pub fn bug(command: &str, request: &Request) -> Self {
        let line = Line::new()
            .text("Something broke on my side while running ")
            .code(command)
            .text(". Nothing was changed. Please give ")
            .code(format!("req {}", request.id.short()))
            .text(" to the platform team.");
        Self { outcome: "bug", ..Self::failed(lines(Tone::Failed, &[line])) }
    }

    /// A failure of ours when calls may have been made before it.
    pub fn bug_after_begin(request: &Request, former: &Former, catalog: &Catalog) -> Self {
        let line = interrupted(former, &request.text)
            .text(", and something broke on my side when I took it up. I do not know what was done. Check the targets");
        let line = with_command(line, &request.text, catalog)
            .text(" and give ")
            .code(format!("req {}", request.id.short()))
            .text(" to the platform team.");
        Self { outcome: "bug", ..Self::unknown(lines(Tone::Unknown, &[line])) }
    }

    /// A command's error; its cause goes to the log and nowhere else.
    pub fn of_error(error: &CommandError, request: &Request) -> Self {
        match error {
            CommandError::Usage(error) => Self::usage(error),
            CommandError::Refused(refusal) => Self::refused(refusal),
            CommandError::Failed(Failure { lines: said, cause }) => {
                tracing::warn!(req = %request.id, cause, "command failed");
                Self::failed(lines(Tone::Failed, said))
            }
            CommandError::Unknown(UnknownOutcome { lines: said, cause }) => {
                tracing::warn!(req = %request.id, cause, "outcome of command is unknown");
                Self::unknown(lines(Tone::Unknown, said))
            }
        }
    }
    /// What a look at the targets came to.
    pub fn of_found(found: Found) -> Self {
        match found {
            Found::Done(reply) => Self::ok(reply),
            Found::NotDone(reply) => Self::failed(Reply { tone: Tone::Failed, ..reply }),
            Found::Partly(reply) => Self::partly(Reply { tone: Tone::Partly, ..reply }),
            Found::Unknown(reply) => Self::unknown(Reply { tone: Tone::Unknown, ..reply }),
        }
    }
}

fn lines(tone: Tone, lines: &[Line]) -> Reply {
    lines.iter().fold(Reply::new(tone), |reply, line| reply.text(line.clone()))
}

/// Where the letters of a request go.
pub(super) fn address(request: &Request) -> Address {
    let channel = request.channel.clone();
    match &request.reply_to {
        ReplyTo::Caller { response_url: Some(url) } => {
            Address::ResponseUrl { url: url.clone(), channel, user: request.user.clone() }
        }
        ReplyTo::Presser { response_url: url } => {
            Address::ClickUrl { url: url.clone(), channel, user: request.user.clone() }
        }
        ReplyTo::Caller { response_url: None } => {
            Address::Ephemeral { channel, thread_ts: None, user: request.user.clone() }
        }
        ReplyTo::Alone { thread_ts } => {
            Address::Ephemeral { channel, thread_ts: thread_ts.clone(), user: request.user.clone() }
        }
        ReplyTo::Thread { thread_ts, .. } => {
            Address::Post { channel, thread_ts: Some(thread_ts.clone()), asker: Some(request.user.clone()) }
        }
        ReplyTo::Channel => Address::Post { channel, thread_ts: None, asker: Some(request.user.clone()) },
        ReplyTo::Beside { thread_ts, response_url } => {
            let (thread_ts, url) = (thread_ts.clone(), response_url.clone());
            Address::Beside { channel, thread_ts, user: request.user.clone(), url }
        }
    }
}

/// Where the final answer goes. A refusal concerns the asker, and no other person in the thread. And a shortcut
/// on a message that was not run is told to the asker alone: the thread of that message may be another person's.
fn last_address(request: &Request, answer: &Answer) -> Address {
    let not_run = request.source == Source::Shortcut && answer.end == Final::Refused && answer.reply.form.is_none();
    if !answer.alone && !not_run {
        return address(request);
    }
    match (address(request), &request.reply_to) {
        (Address::Beside { channel, user, url: Some(url), .. }, _) => Address::ClickUrl { url, channel, user },
        (Address::Beside { channel, user, url: None, .. }, _) => Address::Ephemeral { channel, thread_ts: None, user },
        (Address::Post { channel, .. }, ReplyTo::Thread { thread_ts, begun }) if !channel.is_direct() => {
            let thread_ts = begun.then(|| thread_ts.clone());
            Address::Ephemeral { channel, thread_ts, user: request.user.clone() }
        }
        (other, _) => other,
    }
}

/// Gives final answers.
#[derive(Clone)]
pub struct AnswerDesk {
    /// Where the final state goes.
    pub journal: Arc<dyn Journal>,
    /// Who takes the letter.
    pub courier: Handle<Courier>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Who is shown that a request has ended.
    pub onlookers: Arc<Onlookers>,
}

impl AnswerDesk {
    /// Gives a request its final answer. Returns when it is durable.
    pub async fn give(&self, request: &Request, command: &'static str, answer: Answer) {
        let address = last_address(request, &answer);
        let Answer { end, outcome, reply, decision, .. } = answer;
        let trigger = request.trigger.clone().filter(|_| reply.form.is_some());
        let letter = NewLetter { request: request.id, address, reply, last: true, trigger };
        let mut pause = Duration::from_millis(100);
        loop {
            match self.journal.finish_judged(request.id, end, letter.clone(), decision.clone()).await {
                Ok(letter) => {
                    // a courier that is down finds the letter in the outbox
                    let _ = self.courier.tell(Deliver(letter));
                    break;
                }
                Err(error @ (StoreError::Transition { .. } | StoreError::Fenced(_))) => {
                    tracing::warn!(req = %request.id, %error, "answer is another's to give");
                    return;
                }
                Err(error) => {
                    tracing::error!(req = %request.id, %error, "answer could not be stored; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
            }
        }
        self.onlookers.changed(&request.user);
        let took = self.clock.now().duration_since(request.accepted_at).as_secs_f64().max(0.0);
        metrics::counter!("dronebot_commands_total", "command" => command, "outcome" => outcome).increment(1);
        metrics::histogram!("dronebot_command_seconds", "command" => command).record(took);
        tracing::info!(req = %request.id, command, outcome, seconds = took, "command finished");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RequestId;
    use secrecy::SecretString;

    fn request(source: Source, channel: &str, reply_to: ReplyTo) -> Request {
        Request {
            id: RequestId::new(1, 1),
            source,
            team: "T1".into(),
            user: "U1".into(),
            channel: channel.into(),
            text: "ec2 stop web-1".to_owned(),
            reply_to,
            accepted_at: jiff::Timestamp::UNIX_EPOCH,
            trigger: None,
        }
    }

    fn place(address: &Address) -> String {
        let thread = |ts: &Option<String>| ts.clone().unwrap_or_else(|| "-".to_owned());
        match address {
            Address::ResponseUrl { user, .. } | Address::ClickUrl { user, .. } => format!("{user} by url"),
            Address::Post { channel, thread_ts, .. } => format!("all of {channel} {}", thread(thread_ts)),
            Address::Beside { channel, thread_ts, .. } => format!("beside {channel} {}", thread(thread_ts)),
            Address::Ephemeral { channel, thread_ts, user } => format!("{user} in {channel} {}", thread(thread_ts)),
        }
    }

    #[test]
    fn a_refusal_goes_to_whoever_asked_and_every_other_answer_where_it_was_asked() {
        let url = || SecretString::from("https://hooks.slack.com/x");
        let thread = |begun| ReplyTo::Thread { thread_ts: "1.5".to_owned(), begun };
        let beside = |url| ReplyTo::Beside { thread_ts: Some("1.5".to_owned()), response_url: url };
        let table = [
            (Source::Mention, "C1", thread(false), "U1 in C1 -", "all of C1 1.5"),
            (Source::Mention, "C1", thread(true), "U1 in C1 1.5", "all of C1 1.5"),
            (Source::Button, "G1", thread(true), "U1 in G1 1.5", "all of G1 1.5"),
            (Source::Modal, "C1", thread(true), "U1 in C1 1.5", "all of C1 1.5"),
            // nobody else reads there
            (Source::DirectMessage, "D1", thread(true), "all of D1 1.5", "all of D1 1.5"),
            (Source::DirectMessage, "D1", ReplyTo::Channel, "all of D1 -", "all of D1 -"),
            (Source::Button, "U1", ReplyTo::Channel, "all of U1 -", "all of U1 -"),
            (Source::SlashCommand, "C1", ReplyTo::Caller { response_url: Some(url()) }, "U1 by url", "U1 by url"),
            (Source::SlashCommand, "C1", ReplyTo::Caller { response_url: None }, "U1 in C1 -", "U1 in C1 -"),
            (Source::Button, "C1", ReplyTo::Presser { response_url: url() }, "U1 by url", "U1 by url"),
            (Source::Modal, "C1", beside(Some(url())), "U1 by url", "beside C1 1.5"),
            (Source::Modal, "C1", beside(None), "U1 in C1 -", "beside C1 1.5"),
        ];
        let refused = Answer::refused(&Refusal::sentence("No."));
        let said = |tone| Reply::new(tone).sentence("So it is.");
        let others = [
            Answer::ok(said(Tone::Info)),
            Answer::failed(said(Tone::Failed)),
            Answer::unknown(said(Tone::Unknown)),
            Answer::usage(&UsageError::sentence("What?")),
            Answer::form(said(Tone::Usage)),
        ];
        for (source, channel, reply_to, alone, open) in table {
            let request = request(source, channel, reply_to);
            assert_eq!(place(&last_address(&request, &refused)), alone, "{request:?}");
            for answer in &others {
                assert_eq!(place(&last_address(&request, answer)), open, "{request:?} {answer:?}");
            }
        }
        let again = request(Source::Shortcut, "C1", beside(Some(url())));
        for not_run in [&refused, &others[3]] {
            assert_eq!(place(&last_address(&again, not_run)), "U1 by url");
        }
        assert_eq!(place(&last_address(&again, &others[0])), "beside C1 1.5");
    }
}

//! The one final answer: state and letter by one transaction, then the courier is told. A store that fails is tried
//! again for as long as the process lives; after that the journal still has the request.

use super::onlookers::Onlookers;
use crate::clock::Clock;
use crate::delivery::{Courier, Deliver};
use crate::domain::{
    CommandError, Failure, Line, Part, Refusal, Reply, ReplyTo, Request, Source, Tone, UnknownOutcome, UsageError,
};
use crate::store::{Address, Final, Journal, NewLetter, StoreError};
use crate::supervision::Handle;
use std::sync::Arc;
use std::time::Duration;

/// What a request came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What it came to.
    pub end: Final,
    /// The label in metrics: `ok`, `usage`, `refused`, `failed`, `unknown`, `bug`, `poison`.
    pub outcome: &'static str,
    /// What the person reads.
    pub reply: Reply,
}

impl Answer {
    /// It was done.
    pub fn ok(reply: Reply) -> Self {
        Self { end: Final::Succeeded, outcome: "ok", reply }
    }

    /// It failed, and the reply says how.
    pub fn failed(reply: Reply) -> Self {
        Self { end: Final::Failed, outcome: "failed", reply }
    }

    /// It is not known, and the reply says what was seen.
    pub fn unknown(reply: Reply) -> Self {
        Self { end: Final::Unknown, outcome: "unknown", reply }
    }

    /// It was not understood, or does not name what it means.
    pub fn usage(error: &UsageError) -> Self {
        let mut reply = lines(Tone::Usage, &error.lines);
        if !error.candidates.is_empty() {
            reply = reply.part(Part::List(error.candidates.clone()));
        }
        let reply = reply.buttons(error.buttons.clone());
        Self { end: Final::Refused, outcome: "usage", reply }
    }

    /// It was refused.
    pub fn refused(refusal: &Refusal) -> Self {
        Self { end: Final::Refused, outcome: "refused", reply: lines(Tone::Refused, &refusal.lines) }
    }

    /// Processes have died with it more than once: what it did to them it may do again, so it is not tried again.
    pub fn poison(request: &Request, deaths: u32, begun: bool) -> Self {
        let first = Line::new()
            .text("I broke ")
            .text(words(deaths))
            .text(" while I had ")
            .code(&request.text)
            .text(" in hand, so I do not try it again. ");
        let first = match begun {
            false => first.text("Nothing was changed by it."),
            true => first
                .text("I do not know what was done. Check the targets with ")
                .code("ec2 show")
                .text(" before anything else."),
        };
        let line =
            first.text(" Please give ").code(format!("req {}", request.id.short())).text(" to the platform team.");
        let tone = if begun { Tone::Unknown } else { Tone::Failed };
        Self { end: Final::Poison { deaths, begun }, outcome: "poison", reply: lines(tone, &[line]) }
    }

    /// A failure of ours: the sentence that names nothing but the command.
    pub fn bug(command: &str, request: &Request) -> Self {
        let line = Line::new()
            .text("Something broke on my side while running ")
            .code(command)
            .text(". Nothing was changed. Please give ")
            .code(format!("req {}", request.id.short()))
            .text(" to the platform team.");
        Self { end: Final::Failed, outcome: "bug", reply: lines(Tone::Failed, &[line]) }
    }

    /// A failure of ours when calls may have been made before it.
    pub fn bug_after_begin(request: &Request) -> Self {
        let line = Line::new()
            .text("I was restarted while running ")
            .code(&request.text)
            .text(", and something broke on my side when I took it up again. I do not know what was done. Check the targets with ")
            .code("ec2 show")
            .text(" and give ")
            .code(format!("req {}", request.id.short()))
            .text(" to the platform team.");
        Self { end: Final::Unknown, outcome: "bug", reply: lines(Tone::Unknown, &[line]) }
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
}

fn words(times: u32) -> String {
    match times {
        2 => "twice".to_owned(),
        times => format!("{times} times"),
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
        ReplyTo::Caller { response_url: None } => Address::Ephemeral { channel, user: request.user.clone() },
        ReplyTo::Thread { thread_ts } => Address::Post { channel, thread_ts: Some(thread_ts.clone()) },
        ReplyTo::Channel => Address::Post { channel, thread_ts: None },
        ReplyTo::Beside { thread_ts, response_url } => {
            let (thread_ts, url) = (thread_ts.clone(), response_url.clone());
            Address::Beside { channel, thread_ts, user: request.user.clone(), url }
        }
    }
}

/// Where the final answer goes. That a shortcut was not run concerns whoever used it, and nobody in the thread of a
/// message that may be somebody else's.
fn last_address(request: &Request, answer: &Answer) -> Address {
    let alone = request.source == Source::Shortcut && answer.end == Final::Refused && answer.reply.form.is_none();
    match address(request) {
        Address::Beside { channel, user, url: Some(url), .. } if alone => Address::ClickUrl { url, channel, user },
        Address::Beside { channel, user, url: None, .. } if alone => Address::Ephemeral { channel, user },
        other => other,
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
        let Answer { end, outcome, reply } = answer;
        let trigger = request.trigger.clone().filter(|_| reply.form.is_some());
        let letter = NewLetter { request: request.id, address, reply, last: true, trigger };
        let mut pause = Duration::from_millis(100);
        loop {
            match self.journal.finish(request.id, end, letter.clone()).await {
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

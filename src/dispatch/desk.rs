//! The work of the dispatcher on one request.

use super::approvals::{self, Review};
use super::cache::Trust;
use super::decision::action;
use super::forms::Forms;
use super::incoming::How;
use super::parts::DeskParts;
use super::people::{self, People};
use super::permits::{Members, Permits};
use super::places::{Places, Reach};
use super::shortcuts;
use super::stopped::Stopped;
use crate::commands::{Catalog, Command, Context, Row, Scope};
use crate::domain::{
    ApprovalRequest, Decision, Failure, Line, Principal, Refusal, Reply, ReplyTo, Request, Risk, Source, Tone,
    UsageError,
};
use crate::execution::{self, Answer, Flight, Job, Task};
use crate::slack::api::ApiError;
use crate::store::{Former, State};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// The bound to a crash loop: a request with which so many processes have died is not tried again. One that had begun is looked
/// at before that: its first death may have been at the call itself, and it may be none of what they died of.
fn most_deaths(begun: bool) -> u32 {
    if begun { 4 } else { 2 }
}

/// One that had begun is looked at for the last time when so many have died with it. The asker is told of them then.
const LAST_LOOK: u32 = 3;

/// How long a question about a place waits for its turn.
const PLACE_WAITS: Duration = Duration::from_secs(20);

/// The action of a word that lets a change be made.
const APPROVE: &str = "approve";

/// One life's desk.
pub struct Desk {
    pub(super) parts: DeskParts,
    people: People,
    places: Places,
    forms: Forms,
}

/// A line, read: a command, or why it is none.
type Parsed = Result<(&'static Row, Box<dyn Command>), UsageError>;

/// A request that got this far: understood, by a known person.
struct Understood {
    row: &'static Row,
    command: Box<dyn Command>,
    permits: Permits,
    principal: Principal,
    /// What was decided already; nothing for a change, which is decided with its plan.
    decision: Option<Arc<Decision>>,
}

impl Desk {
    pub(super) fn new(parts: DeskParts) -> Self {
        let people = People::new(parts.people.clone());
        let places = Places::new((parts.people.web_api)().patient(PLACE_WAITS), Arc::clone(&parts.places));
        let forms = Forms::new(Arc::clone(&parts.catalog));
        Self { parts, people, places, forms }
    }

    /// Works on a request until it is answered or handed on.
    pub(super) async fn work(&self, request: &Request, how: How, flight: Arc<Flight>) {
        if let How::Forged { line } = &how {
            approvals::note_forged(&self.parts, request, line).await;
        }
        // before anything is asked or read of it: that may be what it breaks
        let former = self.parts.shop.desk.journal.former(request.id);
        if let Some(poison) = poison(request, &how, &former, &self.parts.catalog) {
            return self.parts.shop.desk.give(request, "unknown", poison).await;
        }
        let approval = match self.review(request, &how).await {
            Ok(approval) => approval,
            Err(Some(over)) => return self.parts.shop.desk.give(request, "unknown", over).await,
            Err(None) => return approvals::keep(&self.parts, request, how),
        };
        let (taken_up, begun) = (matches!(how, How::TakenUp { .. }), how.is_begun());
        let parsed = self.parts.catalog.parse(&request.text);
        let reach = match self.reach(request, &how, &parsed).await {
            Ok(reach) => reach,
            Err(Stopped::Answered(name, answer)) => return self.parts.shop.desk.give(request, name, answer).await,
            Err(Stopped::Unknown(failure)) => return waits_for_slack(request, &failure),
        };
        // from here on it is answered where no person reads of it who should not
        let request = &*reach.spares(request);
        let understood = match self.understand(request, &how, parsed, reach).await {
            Ok(understood) => understood,
            Err(Stopped::Answered(name, answer)) => return self.parts.shop.desk.give(request, name, answer).await,
            Err(Stopped::Unknown(failure)) => return waits_for_slack(request, &failure),
        };
        let row = understood.row;
        let task = match self.task(request, &understood, how, approval) {
            Ok(task) => task,
            Err(answer) => return self.parts.shop.desk.give(request, row.name, answer).await,
        };
        let flight = Arc::clone(&flight);
        let job = Job { alone: reach.is_external(), ..self.job(request.clone(), understood, task, flight) };
        if row.risk < Risk::Change && job.command.scope() == Scope::Bot {
            // says something about the bot itself: nothing to wait for, so no other thread is troubled, and it is said
            // however busy those are
            return execution::run(&job, &self.parts.shop).await;
        }
        let submitted = match taken_up {
            true => self.parts.pool.submit_in_turn(job).await,
            false => self.parts.pool.submit(job, self.parts.callers.may_change(&request.user)),
        };
        match submitted {
            Ok(()) => {}
            // it may have been made, so it cannot be refused: the journal has it, and brings it to a replica that lives
            Err(_) if begun => tracing::warn!(req = %request.id, "nobody is there to look at what was begun"),
            Err(refusal) => self.parts.shop.desk.give(request, row.name, Answer::refused(&refusal)).await,
        }
    }

    /// What others said of it, where that matters. `Err`: its answer, or nothing where it waits on.
    async fn review(&self, request: &Request, how: &How) -> Result<Option<Box<ApprovalRequest>>, Option<Answer>> {
        if !approvals::concerns(how) {
            return Ok(None);
        }
        match approvals::review(&self.parts, request, how).await {
            Review::Granted(approval) => self.still_granted(request, approval).await.map(Some),
            Review::Over(answer) => Err(Some(answer)),
            Review::Waits => Err(None),
            Review::NotKnown(error) => {
                tracing::warn!(req = %request.id, %error, "what others said is not known; asked again");
                Err(None)
            }
        }
    }

    /// Judges each again who approved it, now that it is to be done: a right that was taken away since lets nothing be done.
    async fn still_granted(
        &self,
        request: &Request,
        approval: Box<ApprovalRequest>,
    ) -> Result<Box<ApprovalRequest>, Option<Answer>> {
        for given in &approval.given {
            let (principal, members) = self.people.principal_now(&given.by).await.map_err(|failure| {
                tracing::warn!(req = %request.id, cause = failure.cause, "who approved it is not known now; asked again");
                None::<Answer>
            })?;
            // it is about the person: the place is judged with whoever asked
            let permits = self.permits(principal, members, request, Reach::Own);
            let row = approvals::row_of(&self.parts.catalog, &approval.plan)
                .map_err(|refusal| Some(Answer::refused(&refusal)))?;
            if let Err(refusal) = permits.may_approve(row, &approval) {
                return Err(Some(approvals::withdrawn(&approval, &given.by, refusal.decision)));
            }
        }
        Ok(approval)
    }

    /// Who reads where it was asked. Where Slack cannot be asked now, what only reads is answered to the asker alone.
    async fn reach(&self, request: &Request, how: &How, parsed: &Parsed) -> Result<Reach, Stopped> {
        // what is said to these says nothing but what they said themselves, or that the bot works
        if matches!(request.source, Source::House | Source::SelfTest) || matches!(how, How::Crowded) {
            return Ok(Reach::Own);
        }
        // nor is Slack asked about each channel for what the asker alone reads and no policy judges by the place
        if self.place_means_nothing(request, parsed) {
            return Ok(self.places.known(&request.channel).unwrap_or(Reach::Own));
        }
        let trust = if is_weighty(parsed) { Trust::LITTLE } else { Trust::USUAL };
        match self.places.reach(&request.channel, trust).await {
            Ok(reach) => Ok(reach),
            Err(error) if matches!(how, How::TakenUp { .. }) => Err(Stopped::Unknown(place_unasked(&error))),
            Err(error) if is_weighty(parsed) => {
                Err(Stopped::Answered("unknown", alone(failed(request, place_unasked(&error)))))
            }
            Err(error) => {
                tracing::warn!(req = %request.id, %error, "slack does not tell now who reads here; taken for shared");
                Ok(Reach::Unknown)
            }
        }
    }

    fn place_means_nothing(&self, request: &Request, parsed: &Parsed) -> bool {
        let is_alone =
            matches!(request.reply_to, ReplyTo::Caller { .. } | ReplyTo::Presser { .. } | ReplyTo::Alone { .. });
        let is_judged = |row: &'static Row| is_weighty(parsed) || self.parts.policies.look_at_place(action(row));
        is_alone && !parsed.as_ref().is_ok_and(|(row, _)| is_judged(row))
    }

    async fn understand(
        &self,
        request: &Request,
        how: &How,
        parsed: Parsed,
        reach: Reach,
    ) -> Result<Understood, Stopped> {
        // the bot's own words, of which Slack need not be asked
        if request.source == Source::House {
            let said = Reply::new(Tone::Info).text(request.text.as_str());
            return Err(Stopped::Answered("announcement", Answer::ok(said)));
        }
        // before Slack is asked anything: a person who asks without end is not to cost more than this
        if matches!(how, How::Crowded) {
            return Err(Stopped::Answered("unknown", crowded(request)));
        }
        let taken_up = matches!(how, How::TakenUp { .. });
        let person = match is_weighty(&parsed) {
            // no person whom Slack knows asks for it, and it waits for none
            _ if request.source == Source::SelfTest => Ok(people::itself(request)),
            true => self.people.principal_now(&request.user).await,
            false => self.people.principal(&request.user).await,
        };
        let (principal, members) = person.map_err(|failure| match taken_up {
            true => Stopped::Unknown(failure),
            false => Stopped::Answered("unknown", failed(request, failure)),
        })?;
        let permits = self.permits(principal.clone(), members, request, reach);
        self.parts.callers.learn(&request.user, || permits.rights());
        let begun = how.is_begun();
        if request.source.asks_for_form() {
            return Err(self.forms.asked(&permits, request));
        }
        if request.source == Source::Shortcut && !shortcuts::says_a_command(&self.parts.catalog, &request.text) {
            return Err(shortcuts::nothing_found(&permits));
        }
        let (row, command) = parsed.map_err(|error| match begun {
            true => Stopped::Answered("unknown", self.lost_plan(request)),
            false => self.forms.mistake(&permits, request, error),
        })?;
        // what was permitted and begun is looked at and reported, whatever the policies say by now
        let decided = if begun { Ok(None) } else { permits.decide_ahead(row) };
        if let (Err(refusal), Some((which, word))) = (&decided, command.word()) {
            approvals::note_refused(&self.parts, &request.user, which, word, refusal.decision.clone()).await;
        }
        let decision = decided.map_err(|refusal| Stopped::Answered(row.name, Answer::refused(&refusal)))?;
        if request.source == Source::Shortcut && row.risk >= Risk::Change {
            return Err(shortcuts::ask_first(row, request));
        }
        Ok(Understood { row, command, permits, principal, decision })
    }

    /// What this person may, here and now.
    fn permits(&self, principal: Principal, members: Members, request: &Request, reach: Reach) -> Permits {
        let (policies, catalog) = (Arc::clone(&self.parts.policies), Arc::clone(&self.parts.catalog));
        Permits::new(policies, catalog, principal, members, request, self.parts.clock.now(), reach)
    }

    fn task(
        &self,
        request: &Request,
        understood: &Understood,
        how: How,
        approval: Option<Box<ApprovalRequest>>,
    ) -> Result<Task, Answer> {
        // wanted since the last word that it needed
        let asked_at = approval.as_ref().map_or(request.accepted_at, |approval| approval.decided_at());
        let changes = understood.row.risk >= Risk::Change;
        match how {
            How::Fresh | How::Forged { .. } => Ok(Task::Run),
            How::Late => {
                let line = Line::new()
                    .text("My journal was slow, and Slack had already told you that it failed, so I did not run ")
                    .code(&request.text)
                    .text(". Send it again.");
                Err(Answer::refused(&Refusal::of(vec![line])))
            }
            How::Crowded => Err(crowded(request)),
            How::TakenUp { state: State::Running, plan: Some(plan), deaths } if changes => Ok(match deaths {
                0..LAST_LOOK => Task::Verify(plan),
                _ => Task::LastLook(plan, deaths),
            }),
            How::TakenUp { state: State::Running, .. } => Err(self.lost_plan(request)),
            How::TakenUp { .. } if changes && self.too_old(asked_at) => Err(self.not_begun(request)),
            How::TakenUp { .. } => Ok(approval.map_or(Task::Run, Task::Approved)),
        }
    }

    /// Whether the asker may not want it any more. A request from the future has no known age: the clock has been set back
    /// since.
    fn too_old(&self, asked_at: Timestamp) -> bool {
        let age = self.parts.clock.now().duration_since(asked_at).unsigned_abs();
        age > Duration::from_secs(self.parts.shop.config.resume_within_seconds)
    }

    fn not_begun(&self, request: &Request) -> Answer {
        let former = self.parts.shop.desk.journal.former(request.id);
        let first = execution::not_begun(&former, &request.text)
            .text(". Nothing was changed. Send it again if you still want it.");
        Answer::failed(Reply::new(Tone::Failed).text(first))
    }

    /// Begun by a former version of the program whose plan or command this one does not understand, or the journal's row
    /// is damaged: which calls were made is not known.
    fn lost_plan(&self, request: &Request) -> Answer {
        let former = self.parts.shop.desk.journal.former(request.id);
        let first = execution::interrupted(&former, &request.text)
            .text(", and I do not understand any more what my journal says of it. I do not know what was done. Check the targets");
        let first = execution::with_command(first, &request.text, &self.parts.catalog).text(".");
        Answer::unknown(Reply::new(Tone::Unknown).text(first))
    }

    fn job(&self, request: Request, understood: Understood, task: Task, flight: Arc<Flight>) -> Job {
        let Understood { row, command, permits, principal, decision } = understood;
        let decide = approvals::door(&self.parts, &permits);
        let context = Context {
            request: request.id,
            source: request.source,
            principal,
            catalog: Arc::clone(&self.parts.catalog),
            may: permits.may(),
            sees: permits.sees(row),
            shows: permits.shows(row),
            may_or_why: permits.may_or_why(),
            sees_or_why: permits.sees_or_why(row),
            enters: permits.enters(row),
            aws: Arc::clone(&self.parts.aws),
            vitals: Arc::clone(&self.parts.vitals),
            clock: Arc::clone(&self.parts.clock),
            limits: self.parts.limits.clone(),
            deploy: Arc::clone(&self.parts.deploy),
            progress: Arc::new(|_| ()),
            bequeath: Arc::new(|| ()),
            decide,
        };
        let judge = permits.judge(row);
        Job { request, row, command, context, judge, task, flight, decision, alone: false }
    }
}

/// Whether it changes something, or lets something be changed: then what Slack said is not believed for long.
fn is_weighty(parsed: &Parsed) -> bool {
    matches!(parsed, Ok((row, _)) if row.risk >= Risk::Change || row.action == APPROVE)
}

fn place_unasked(error: &ApiError) -> Failure {
    let text = "I could not ask Slack whether this channel is shared with another organisation, so nothing was run. Try again \
                in a minute.";
    Failure::sentence(text, error.to_string())
}

/// For the asker alone.
fn alone(answer: Answer) -> Answer {
    Answer { alone: true, ..answer }
}

/// Slack does not say who it was, or who reads it, and calls may have been made: the next sweep brings it again.
fn waits_for_slack(request: &Request, failure: &Failure) {
    tracing::warn!(req = %request.id, cause = failure.cause, "request from the journal waits for slack");
}

/// The answer to a request with which too many processes have died.
fn poison(request: &Request, how: &How, former: &Former, catalog: &Catalog) -> Option<Answer> {
    let How::TakenUp { deaths, .. } = how else { return None };
    let begun = how.is_begun();
    (*deaths >= most_deaths(begun)).then(|| Answer::poison(request, former, *deaths, begun, catalog))
}

fn failed(request: &Request, failure: Failure) -> Answer {
    Answer::of_error(&failure.into(), request)
}

fn crowded(request: &Request) -> Answer {
    let line = Line::new()
        .text("This thread has asked me more within a minute than people do, so I did not run ")
        .code(&request.text)
        .text(". For a minute I answer nothing more in it. Ask in a new message, outside of the thread.");
    // it concerns all who are in it
    Answer { alone: false, ..Answer::refused(&Refusal::of(vec![line])) }
}

#[cfg(test)]
mod tests;

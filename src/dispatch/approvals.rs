//! The approval desk: the changes that wait for the approval of others, and what those say. All of it is in the store: a word is
//! taken by whichever replica hears it, and acted on by the one that has the request, or adopts it.

use super::incoming::{How, Incoming};
use super::parts::DeskParts;
use super::permits::Permits;
use crate::commands::{Catalog, Decide, Row};
use crate::domain::{
    ApprovalRequest, CommandError, Decision, Failure, Line, NotTaken, Plan, Refusal, Reply, Request, RequestId, SHOWN,
    Standing, Tone, UsageError, UserId, Word, WordRecord, WordRefusal,
};
use crate::execution::{Answer, Waiting, concerning};
use crate::store::{State, StoreError, plan_hash};
use actix::Recipient;
use jiff::Timestamp;
use std::sync::Arc;

/// How many requests of one short id are looked at.
const ALIKE: usize = 5;

/// What becomes of a request that waited for others, or was approved by them.
pub(super) enum Review {
    /// It waits on.
    Waits,
    /// It is over.
    Over(Answer),
    /// It may be done, if it is still the same.
    Granted(Box<ApprovalRequest>),
    /// The store did not tell. The next look asks again.
    NotKnown(StoreError),
}

/// Whether what the journal says of a request is to be compared with what others said.
pub(super) fn concerns(how: &How) -> bool {
    match how {
        How::TakenUp { state: State::AwaitingApproval, .. } => true,
        How::TakenUp { state: State::Planned, plan: Some(plan), .. } => !plan.approved.is_empty(),
        _ => false,
    }
}

/// Looks what others said of a request that the journal has like this.
pub(super) async fn review(parts: &DeskParts, request: &Request, how: &How) -> Review {
    let How::TakenUp { plan, .. } = how else { return Review::Waits };
    let now = parts.clock.now();
    let mut approval = parts.shop.approvals.asked(request.id).await;
    if matches!(&approval, Ok(Some(found)) if found.standing(now) == Standing::Expired) {
        // before anybody is told that it is over: another one's clock may still take a word
        approval = parts.shop.approvals.close(request.id, now).await;
    }
    let approval = match approval {
        Ok(approval) => approval,
        Err(error) => return Review::NotKnown(error),
    };
    // of two replicas that both thought that they had it, one has asked: the journal knows what was shown
    let shown = |approval: &ApprovalRequest| plan.as_ref().is_some_and(|plan| approval.is_for(plan));
    let Some(approval) = approval.filter(shown) else { return Review::Over(not_known(request)) };
    match approval.standing(now) {
        Standing::Pending(_) => Review::Waits,
        Standing::Granted => Review::Granted(Box::new(approval)),
        Standing::Declined(by) => Review::Over(declined(&approval, by)),
        Standing::Expired => Review::Over(expired(&approval, now)),
    }
}

/// The request waits on: [`look`] asks again every second whether it is decided.
pub(super) fn keep(parts: &DeskParts, request: &Request, how: How) {
    if let How::TakenUp { plan: Some(plan), deaths, .. } = how {
        parts.shop.awaiting.add(Waiting { request: request.clone(), plan, deaths });
    }
}

/// Looks at each request that waits, and brings those to the dispatcher that are decided.
pub(super) async fn look(parts: &DeskParts, dispatcher: &Recipient<Incoming>) {
    let in_work = parts.flights.ids();
    for id in parts.shop.awaiting.ids().into_iter().filter(|id| !in_work.contains(id)) {
        match parts.shop.approvals.asked(id).await {
            Ok(Some(approval)) if matches!(approval.standing(parts.clock.now()), Standing::Pending(_)) => continue,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(req = %id, %error, "what others said is not known; asked again");
                continue;
            }
        }
        let Some(Waiting { request, plan, deaths }) = parts.shop.awaiting.take(id) else { continue };
        let how = How::TakenUp { state: State::AwaitingApproval, plan: Some(plan), deaths };
        // the next sweep brings it again if this mailbox is full
        let _ = dispatcher.try_send(Incoming { request, how });
    }
}

/// The door through which a command says its person's word.
pub(super) fn door(parts: &DeskParts, permits: &Permits) -> Decide {
    let (parts, permits) = (parts.clone(), permits.clone());
    Arc::new(move |which, word| {
        let (parts, permits) = (parts.clone(), permits.clone());
        Box::pin(async move { decide(&parts, &permits, &which, word).await })
    })
}

async fn decide(parts: &DeskParts, permits: &Permits, said: &str, word: Word) -> Result<Reply, CommandError> {
    // a button says behind the id what was shown with it
    let (which, shown) = said.split_once(SHOWN).map_or((said, None), |(id, shown)| (id, Some(shown)));
    let approval = find(parts, which).await?;
    let (me, own, now) = (permits.user(), approval.user == *permits.user(), parts.clock.now());
    let mut said = WordRecord::new(me.clone(), now, word);
    // a person who may not do it cannot let others do it; but what one asked for oneself one may call off
    if !(own && word == Word::Decline) {
        let row = row_of(&parts.catalog, &approval.plan)?;
        match permits.may_approve(row, &approval) {
            Ok(decision) => said = said.judged(decision),
            Err(refusal) => {
                let said = said.judged(refusal.decision.clone());
                note(parts, &approval, said.refused(WordRefusal::NotPermitted)).await;
                // a short id is soon guessed: it tells those nothing who may run this on nothing at all
                if RequestId::parse(which).is_none() && !permits.could_elsewhere(row) {
                    return Err(unknown(which).into());
                }
                return Err(undecided(parts, &approval, refusal).into());
            }
        }
    }
    if word == Word::Approve && shown.is_some_and(|shown| shown != plan_hash(&approval.plan)) {
        note(parts, &approval, said.refused(WordRefusal::OtherPlan)).await;
        return Err(Refusal::of(vec![of_another_plan(&approval)]).into());
    }
    let said = parts.shop.approvals.say(approval.request, &said).await.map_err(|error| unread(which, error))?;
    let Some(said) = said else { return Err(unknown(which).into()) };
    let standing = said.approval.standing(now);
    tracing::info!(req = %said.approval.request, by = %me, ?word, ?standing, taken = said.taken.is_ok(), "word on a change");
    match said.taken {
        Ok(()) => Ok(taken(&said.approval, &standing, own)),
        Err(NotTaken::Said) => Ok(Reply::new(Tone::Info).text(already(&said.approval, word, &standing))),
        Err(not) => {
            let others = match (&not, row_of(&parts.catalog, &said.approval.plan)) {
                (NotTaken::Own, Ok(row)) => permits.could_approve(row, &said.approval),
                _ => Vec::new(),
            };
            let ask = others.split_first().map(|(first, rest)| {
                let line = Line::from("Ask ").user(first.clone());
                rest.iter().fold(line, |line, other| line.text(" or ").user(other.clone())).text(".")
            });
            let lines = [not_taken(&said.approval, not, now)].into_iter().chain(ask).collect();
            Err(Refusal::of(lines).into())
        }
    }
}

/// Notes with a change that a word on it is not taken. A store that does not write it keeps the person from nothing: it is logged.
async fn note(parts: &DeskParts, approval: &ApprovalRequest, said: WordRecord) {
    tracing::info!(req = %approval.request, by = %said.by, word = ?said.word, why = ?said.refused, "refused word on a change");
    if let Err(error) = parts.shop.approvals.refuse(approval.request, &said).await {
        tracing::warn!(req = %approval.request, %error, "a refused word on a change is not noted");
    }
}

/// Notes that a word was refused of a person who may say none, before the change was looked for. What is named by no id, or by a
/// short one of several changes, is noted nowhere.
pub(super) async fn note_refused(
    parts: &DeskParts,
    by: &UserId,
    which: &str,
    word: Word,
    decision: Option<Arc<Decision>>,
) {
    let said = WordRecord::new(by.clone(), parts.clock.now(), word).judged(decision);
    note_unread(parts, which, said.refused(WordRefusal::NotPermitted)).await;
}

/// Notes that somebody pressed a button which the bot did not make, where it says a word on a change.
pub(super) async fn note_forged(parts: &DeskParts, request: &Request, line: &str) {
    let Ok((_, command)) = parts.catalog.parse(line) else { return };
    let Some((which, word)) = command.word() else { return };
    let said = WordRecord::new(request.user.clone(), parts.clock.now(), word);
    note_unread(parts, which, said.refused(WordRefusal::Forged)).await;
}

async fn note_unread(parts: &DeskParts, which: &str, said: WordRecord) {
    let which = which.split_once(SHOWN).map_or(which, |(id, _)| id);
    if let Ok(approval) = find(parts, which).await {
        note(parts, &approval, said).await;
    }
}

/// The refusal of a word on somebody's change: it is about the word, and the change is none of the refused person's.
fn undecided(parts: &DeskParts, approval: &ApprovalRequest, Refusal { lines, decision }: Refusal) -> Refusal {
    let first = Line::from("You may not decide on ").code(&approval.text).text(" of ").user(approval.user.clone());
    let still = match approval.standing(parts.clock.now()) {
        Standing::Pending(_) => "It still waits.",
        _ => "It waits no longer.",
    };
    let mut reasons = lines.into_iter();
    let mut first = first.text(": ");
    first.0.extend(reasons.next().unwrap_or_default().0);
    Refusal { lines: [first.text(format!(" {still}"))].into_iter().chain(reasons).collect(), decision }
}

/// What is asked about under this id, whole or short.
async fn find(parts: &DeskParts, which: &str) -> Result<ApprovalRequest, CommandError> {
    let ids = match RequestId::parse(which) {
        Some(id) => vec![id],
        None => {
            let short = which.to_uppercase();
            let mut ids = parts.shop.approvals.asked_as(&short, ALIKE).await.map_err(|error| unread(which, error))?;
            // what waits here is known here, also where the index is late or from before
            ids.extend(parts.shop.awaiting.ids().into_iter().filter(|id| id.short() == short));
            ids.sort_unstable_by(|a, b| b.cmp(a));
            ids.dedup();
            ids
        }
    };
    let mut found: Vec<ApprovalRequest> = Vec::new();
    for id in ids {
        found.extend(parts.shop.approvals.asked(id).await.map_err(|error| unread(which, error))?);
    }
    let now = parts.clock.now();
    let waits = |approval: &&ApprovalRequest| matches!(approval.standing(now), Standing::Pending(_));
    let waiting: Vec<&ApprovalRequest> = found.iter().filter(waits).collect();
    match waiting[..] {
        [one] => Ok(one.clone()),
        // the newest of those that wait no longer: it is said what became of it
        [] => found.into_iter().next().ok_or_else(|| unknown(which).into()),
        _ => {
            let candidates =
                waiting.iter().map(|one| Line::new().code(one.request.to_string()).text(": ").code(&one.text));
            let candidates = candidates.collect();
            let line =
                Line::new().code(which).text(" may mean several. Nothing was approved. Say the whole id of one:");
            Err(UsageError::of(line).candidates(candidates).into())
        }
    }
}

pub(super) fn row_of(catalog: &Catalog, plan: &Plan) -> Result<&'static Row, Refusal> {
    let row = catalog.row(&plan.command);
    row.ok_or_else(|| Refusal::sentence("I do not know that command any more. Nothing was approved."))
}

fn unread(which: &str, error: StoreError) -> CommandError {
    let line = Line::from("I cannot reach my journal, so your word on ")
        .code(which)
        .text(" was not taken. Nothing was changed. Say it again when the store works; ")
        .code("status")
        .text(" shows it.");
    Failure { lines: vec![line], cause: error.to_string() }.into()
}

fn unknown(which: &str) -> UsageError {
    let line = Line::from("Nothing waits for approval under ")
        .code(which)
        .text(". Nothing was approved. The id stands in the message that asks for it.");
    UsageError::of(line)
}

/// The plan was made anew since the button was shown, and came to something else.
fn of_another_plan(approval: &ApprovalRequest) -> Line {
    named(approval)
        .text(" would do something else by now than stands beside this button. Nothing was approved. What it would do now ")
        .text("stands in the newest message that asks for it; approve it there.")
}

/// `ec2 stop web-1` of @maya
fn named(approval: &ApprovalRequest) -> Line {
    Line::new().code(&approval.text).text(" of ").user(approval.user.clone())
}

fn taken(approval: &ApprovalRequest, standing: &Standing, own: bool) -> Reply {
    match standing {
        Standing::Pending(left) => {
            let others = if *left == 1 { "one more person".to_owned() } else { format!("{left} more people") };
            let line = named(approval).text(format!(" has your approval, and needs that of {others}."));
            Reply::new(Tone::Info).text(line)
        }
        Standing::Declined(_) if own => {
            let line = Line::new().code(&approval.text).text(" is called off. Nothing was changed.");
            Reply::new(Tone::Done).text(line)
        }
        Standing::Declined(_) => {
            Reply::new(Tone::Done).text(named(approval).text(" is declined and will not be run. Nothing was changed."))
        }
        Standing::Granted | Standing::Expired => Reply::new(Tone::Done).text(
            named(approval)
                .text(" is approved and runs now. Its answer comes where it was asked or, if I cannot post there, to ")
                .user(approval.user.clone())
                .text(" alone."),
        ),
    }
}

fn already(approval: &ApprovalRequest, word: Word, standing: &Standing) -> Line {
    let done = if word == Word::Approve { "approved" } else { "declined" };
    let line = Line::from(format!("You have {done} ")).code(&approval.text).text(" already");
    match standing {
        Standing::Pending(1) => line.text("; it needs one more person."),
        Standing::Pending(left) => line.text(format!("; it needs {left} more people.")),
        _ => line.text("."),
    }
}

/// What becomes of a question whose time cannot be told.
const CLOCKS: &str =
    "was not run: one of my clocks was wrong when it was asked, so nobody can tell how long it has waited.";

fn not_taken(approval: &ApprovalRequest, not: NotTaken, now: Timestamp) -> Line {
    match not {
        NotTaken::Own => Line::new()
            .code(&approval.text)
            .text(" is your own, so somebody else must approve it. Nothing was approved."),
        NotTaken::Decided(Standing::Declined(by)) => {
            named(approval).text(" was declined by ").user(by).text(" already. Nothing was changed.")
        }
        NotTaken::Decided(Standing::Expired) if approval.is_of_another_clock(now) => {
            named(approval).text(format!(" {CLOCKS} Nothing was changed. It can be sent again."))
        }
        NotTaken::Decided(Standing::Expired) => named(approval)
            .text(format!(" had to be approved by {}, so it was not run. ", approval.expires_at.strftime("%H:%M UTC")))
            .text("Nothing was changed. It can be sent again."),
        NotTaken::Decided(_) | NotTaken::Said => {
            named(approval).text(" was approved already. Its answer says what became of it.")
        }
    }
}

fn over(tone: Tone, lines: Vec<Line>) -> Answer {
    let refused = Answer::refused(&Refusal::of(lines));
    // who has seen what was to be approved is told what became of it
    Answer { alone: false, reply: Reply { tone, ..refused.reply.clone() }, ..refused }
}

fn declined(approval: &ApprovalRequest, by: UserId) -> Answer {
    match by == approval.user {
        true => {
            let line = Line::new().code(&approval.text).text(" was called off by ").user(by);
            let line = line.text(" and was not run. Nothing was changed.");
            over(Tone::CalledOff, vec![line, concerning(approval)])
        }
        false => {
            let line = Line::new().user(by).text(" declined ").code(&approval.text);
            let line = line.text(", so it was not run. Nothing was changed.");
            over(Tone::NotApproved, vec![line, concerning(approval)])
        }
    }
}

/// One who approved it could not do so now.
pub(super) fn withdrawn(approval: &ApprovalRequest, by: &UserId, decision: Option<Arc<Decision>>) -> Answer {
    let line = Line::new().user(by.clone()).text(" approved ").code(&approval.text).text(
        " and may not run it any more, so it was not run. Nothing was changed. Send it again, and others are asked.",
    );
    Answer { decision, ..over(Tone::NotApproved, vec![line, concerning(approval)]) }
}

/// Nobody approved `ec2 stop i-0abc` within 15 minutes, so it was not run.
fn expired(approval: &ApprovalRequest, now: Timestamp) -> Answer {
    if approval.is_of_another_clock(now) {
        let line = Line::new().code(&approval.text).text(format!(" {CLOCKS} Nothing was changed. Send it again."));
        return over(Tone::NotApproved, vec![line, concerning(approval)]);
    }
    let given = approval.given.len();
    let who = match given {
        0 => "Nobody approved ".to_owned(),
        _ => format!("Only {given} of {} people approved ", approval.needed),
    };
    let within = approval.expires_at.duration_since(approval.asked_at).unsigned_abs();
    let within = match within.as_secs() {
        seconds if seconds % 60 == 0 && seconds > 60 => format!("{} minutes", seconds / 60),
        60 => "a minute".to_owned(),
        seconds => format!("{seconds} seconds"),
    };
    let line = Line::from(who).code(&approval.text);
    let line = line.text(format!(" within {within}, so it was not run. Nothing was changed."));
    over(Tone::NotApproved, vec![line, concerning(approval)])
}

fn not_known(request: &Request) -> Answer {
    let line = Line::from("I do not know any more who was asked to approve ").code(&request.text);
    let line = line.text(", so it was not run. Nothing was changed. Send it again if you still want it.");
    over(Tone::NotApproved, vec![line])
}

//! A request with all that belongs to it, and its item.

use super::body::{Body, EventBody, LetterBody, StepBody};
use super::item::{Item, Value, item, number, text};
use crate::domain::{ChannelId, Plan, Reply, Request, RequestId, Source, Tone, UserId};
use crate::store::ledger;
use crate::store::wire::{self, AddressKind, AddressRow};
use crate::store::{
    Asked, Entry, Held, Letter, LetterId, NewLetter, ReplicaName, State, StepRecord, StepState, StoreError, Way, What,
};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;
use tokio::time::Instant;

/// What this program writes; it reads no newer one.
pub(super) const VERSION: i64 = 1;

/// DynamoDB takes 400 KB in one item; what is longer is kept in pieces.
pub(super) const PIECE: usize = 300_000;

/// What the names of requests begin with.
pub(super) const REQUEST: &str = "request#";

/// Where dead letters are found, in place of a replica that holds them.
pub(super) const DEAD: &str = "#dead";

/// A letter that waits, or a dead one.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) number: i64,
    pub(super) letter: NewLetter,
    pub(super) attempts: u32,
    pub(super) created_at: Timestamp,
    pub(super) not_before: Timestamp,
    pub(super) way: Way,
    pub(super) unsure: bool,
    pub(super) error: Option<String>,
}

/// A request with all that belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) request: Request,
    pub(super) state: State,
    pub(super) plan: Option<Plan>,
    pub(super) steps: Vec<StepRecord>,
    pub(super) progress_ts: Option<String>,
    pub(super) finished_at: Option<Timestamp>,
    /// The letter that waits. There is never more than one.
    pub(super) letter: Option<Waiting>,
    /// The letter that Slack will never take.
    pub(super) dead: Option<Waiting>,
    /// How many letters there were.
    pub(super) letters: i64,
    /// What happened, as JSON.
    pub(super) history: Vec<serde_json::Value>,
    pub(super) deaths: u32,
    pub(super) holder: ReplicaName,
    pub(super) fence: i64,
    pub(super) version: i64,
    /// Made anew for each write: by it a write whose answer was lost is known again.
    pub(super) mark: String,
    /// Whether Slack has told the person that it failed. Known in memory alone, as what follows.
    pub(super) late: bool,
    /// Since when this process has it.
    pub(super) since: Instant,
    /// Whether it was adopted, or journalled unheard.
    pub(super) is_found: bool,
    /// The body as it was read, and attributes that this program does not know: what a newer one wrote stays.
    pub(super) origin: Option<Arc<str>>,
    pub(super) rest: Item,
}

/// The attributes of an item that this program writes.
const ATTRIBUTES: [&str; 15] = [
    "pk", "sk", "v", "state", "holder", "fence", "version", "mark", "deaths", "asked", "held", "expires", "shown",
    "body", "pieces",
];

pub(super) fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

pub(super) fn time(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default()
}

fn exposed(url: Option<&SecretString>) -> Option<String> {
    url.map(|url| url.expose_secret().to_owned())
}

/// The name of a request's item.
pub(super) fn pk(id: RequestId) -> String {
    format!("{REQUEST}{id}")
}

/// The request of an item's name.
pub(super) fn id_of(pk: &str) -> Option<RequestId> {
    pk.strip_prefix(REQUEST).and_then(RequestId::parse)
}

/// What leads from a message to its request.
pub(super) fn shown(channel: &str, ts: &str) -> String {
    format!("{channel} {ts}")
}

impl Waiting {
    fn body(&self) -> Result<LetterBody, StoreError> {
        let AddressRow { kind, channel, user, thread_ts, url } = AddressRow::from(&self.letter.address);
        let reply = serde_json::to_value(&self.letter.reply)
            .map_err(|error| StoreError::Failed(format!("reply cannot be written as JSON: {error}")))?;
        Ok(LetterBody {
            number: self.number,
            kind: kind.as_str().to_owned(),
            channel,
            user,
            thread_ts,
            url: exposed(url.as_ref()),
            reply,
            last: self.letter.last,
            attempts: self.attempts,
            created_at: nanos(self.created_at),
            not_before: nanos(self.not_before),
            way: self.way.clone(),
            unsure: self.unsure,
            error: self.error.clone(),
        })
    }

    fn of(body: LetterBody, request: RequestId) -> Result<Self, String> {
        let LetterBody { kind, channel, user, thread_ts, url, reply, .. } = body;
        let kind = AddressKind::parse(&kind).ok_or_else(|| format!("`{kind}` is no place for a letter"))?;
        let reply = serde_json::from_value::<Reply>(reply).unwrap_or_else(|error| {
            tracing::error!(%request, %error, "stored reply cannot be read");
            wire::unreadable()
        });
        let address = AddressRow { kind, channel, user, thread_ts, url: url.map(SecretString::from) };
        let letter = NewLetter { request, address: address.into(), reply, last: body.last, trigger: None };
        Ok(Self {
            number: body.number,
            letter,
            attempts: body.attempts,
            created_at: time(body.created_at),
            not_before: time(body.not_before),
            way: body.way,
            unsure: body.unsure,
            error: body.error,
        })
    }
}

impl Row {
    /// A request that has just come in.
    pub(super) fn new(request: Request, holder: ReplicaName) -> Self {
        let (at, user, text) = (request.accepted_at, request.user.clone(), request.text.clone());
        let mut row = Self {
            request,
            state: State::Accepted,
            plan: None,
            steps: Vec::new(),
            progress_ts: None,
            finished_at: None,
            letter: None,
            dead: None,
            letters: 0,
            history: Vec::new(),
            deaths: 0,
            holder,
            fence: 1,
            version: 1,
            mark: mark(),
            late: false,
            since: Instant::now(),
            is_found: false,
            origin: None,
            rest: Item::new(),
        };
        row.tell(at, &What::Accepted { user, text });
        row
    }

    /// Tells that something happened to it. It is written with whatever else is changed.
    pub(super) fn tell(&mut self, at: Timestamp, what: &What) {
        let event = EventBody { at: nanos(at), replica: self.holder.clone(), fence: self.fence, what };
        match serde_json::to_value(event) {
            Ok(event) => self.history.push(event),
            Err(error) => tracing::error!(request = %self.request.id, %error, "event cannot be written"),
        }
    }

    /// Whether there is anything left to do for it.
    pub(super) fn is_open(&self) -> bool {
        ledger::is_open(self.state, self.letter.is_some())
    }

    /// How far this step has come, if it was started.
    pub(super) fn step(&self, index: u32) -> Option<StepState> {
        self.steps.iter().find(|record| record.step.index == index).map(|record| record.state)
    }

    /// The body, which may be too long for one item.
    pub(super) fn body(&self) -> Result<String, StoreError> {
        let request = &self.request;
        let (place, thread_ts, url) = wire::place(&request.reply_to);
        let steps = self
            .steps
            .iter()
            .map(|record| StepBody { state: record.state.as_str().to_owned(), step: record.step.clone() });
        let body = Body {
            source: request.source.as_str().to_owned(),
            team: request.team.as_str().to_owned(),
            user: request.user.as_str().to_owned(),
            channel: request.channel.as_str().to_owned(),
            text: request.text.clone(),
            place: place.to_owned(),
            thread_ts: thread_ts.map(str::to_owned),
            // the letter has the response_url from then on
            url: url.filter(|_| !self.state.is_final()).map(str::to_owned),
            accepted_at: nanos(request.accepted_at),
            finished_at: self.finished_at.map(nanos),
            plan: self.plan.clone(),
            steps: steps.collect(),
            progress_ts: self.progress_ts.clone(),
            letter: self.letter.as_ref().map(Waiting::body).transpose()?,
            dead: self.dead.as_ref().map(Waiting::body).transpose()?,
            letters: self.letters,
            history: self.history.clone(),
        };
        match &self.origin {
            None => wire::json(&body),
            Some(origin) => wire::rewritten(origin, &body),
        }
    }

    /// The item, without its body. It may go at `expires` once nothing is left to do for it.
    pub(super) fn item(&self, expires: Timestamp) -> Item {
        let mut made = self.rest.clone();
        made.extend(item([
            ("pk", pk(self.request.id).into()),
            ("sk", "-".into()),
            ("v", VERSION.into()),
            ("state", self.state.as_str().into()),
            ("holder", self.holder.0.as_str().into()),
            ("fence", self.fence.into()),
            ("version", self.version.into()),
            ("mark", self.mark.as_str().into()),
            ("deaths", i64::from(self.deaths).into()),
            ("asked", self.request.user.as_str().into()),
        ]));
        let mut set = |name: &str, value: Value| made.insert(name.to_owned(), AttributeValue::from(value));
        match (self.is_open(), &self.dead) {
            (true, _) => drop(set("held", self.holder.0.as_str().into())),
            (false, Some(_)) => {
                set("held", DEAD.into());
                set("expires", expires.as_second().into());
            }
            (false, None) => drop(set("expires", expires.as_second().into())),
        }
        if let Some(ts) = &self.progress_ts {
            set("shown", shown(self.request.channel.as_str(), ts).into());
        }
        made
    }

    /// The item, with the body in it.
    pub(super) fn item_with(&self, body: String, expires: Timestamp) -> Item {
        let mut item = self.item(expires);
        item.insert("body".to_owned(), AttributeValue::S(body));
        item
    }

    /// The row of an item and its body, or why there is none to be read.
    pub(super) fn read(item: &Item, text_of_body: &str) -> Result<Self, String> {
        let word = |name: &'static str| text(item, name).ok_or_else(|| format!("it has no `{name}`"));
        let count = |name: &'static str| number(item, name).ok_or_else(|| format!("it has no `{name}`"));
        let id = id_of(word("pk")?).ok_or("its name is not a request's")?;
        let version = count("v")?;
        if version > VERSION {
            return Err(format!("a newer program wrote it (version {version}, and this one knows {VERSION})"));
        }
        let state = word("state")?;
        let state = State::parse(state).ok_or_else(|| format!("`{state}` is no state that this program knows"))?;
        let body: Body = serde_json::from_str(text_of_body).map_err(|error| error.to_string())?;
        let source = Source::parse(&body.source).ok_or_else(|| format!("`{}` is no source", body.source))?;
        let reply_to = wire::reply_to(&body.place, body.thread_ts, body.url.map(SecretString::from));
        let reply_to = reply_to.ok_or_else(|| format!("`{}` is no place for an answer", body.place))?;
        let request = Request {
            id,
            source,
            team: body.team.into(),
            user: UserId(body.user),
            channel: ChannelId(body.channel),
            text: body.text,
            reply_to,
            accepted_at: time(body.accepted_at),
            trigger: None,
        };
        let step = |StepBody { state, step }| match StepState::parse(&state) {
            Some(state) => Ok(StepRecord { step, state }),
            None => Err(format!("`{state}` is no state of a step")),
        };
        let steps: Result<Vec<StepRecord>, String> = body.steps.into_iter().map(step).collect();
        let is_strange = |(name, _): &(&String, &AttributeValue)| !ATTRIBUTES.contains(&name.as_str());
        let rest = item.iter().filter(is_strange).map(|(name, value)| (name.clone(), value.clone()));
        Ok(Self {
            request,
            state,
            plan: body.plan,
            steps: steps?,
            progress_ts: body.progress_ts,
            finished_at: body.finished_at.map(time),
            letter: body.letter.map(|letter| Waiting::of(letter, id)).transpose()?,
            dead: body.dead.map(|letter| Waiting::of(letter, id)).transpose()?,
            letters: body.letters,
            history: body.history,
            deaths: number(item, "deaths").and_then(|deaths| u32::try_from(deaths).ok()).unwrap_or_default(),
            holder: ReplicaName(word("holder")?.to_owned()),
            fence: count("fence")?,
            version: count("version")?,
            mark: word("mark")?.to_owned(),
            late: false,
            since: Instant::now(),
            is_found: false,
            origin: Some(text_of_body.into()),
            rest: rest.collect(),
        })
    }

    /// The letter that waits, as a courier takes it.
    pub(super) fn waiting(&self) -> Option<Letter> {
        let waiting = self.letter.as_ref()?;
        Some(Letter {
            id: LetterId { request: self.request.id, number: waiting.number },
            letter: waiting.letter.clone(),
            attempts: waiting.attempts,
            created_at: waiting.created_at,
            not_before: waiting.not_before,
            replaces: self.progress_ts.clone(),
            way: waiting.way.clone(),
            unsure: waiting.unsure,
        })
    }

    pub(super) fn entry(&self) -> Entry {
        Entry {
            request: self.request.clone(),
            state: self.state,
            plan: self.plan.clone(),
            steps: self.steps.clone(),
            progress_ts: self.progress_ts.clone(),
            deaths: self.deaths,
            late: self.late,
        }
    }

    pub(super) fn held(&self) -> Held {
        Held { id: self.request.id, since: self.since.elapsed(), is_found: self.is_found }
    }

    /// What kind of news its answer was, as it stands in what happened.
    fn tone(&self) -> Option<Tone> {
        let finished = self.history.iter().rev().find(|event| event["what"] == "finished")?;
        Tone::deserialize(&finished["reply"]["tone"]).ok()
    }

    /// Whose it was before it was adopted, whether that one died with it, and when it did something with it for the last time.
    pub(super) fn adopted_from(&self) -> Option<(ReplicaName, bool, Timestamp)> {
        let adopted = self.history.iter().rev().find(|event| event["what"] == "adopted")?;
        let from = adopted["from"].as_str()?;
        let acted = self.history.iter().rev().find(|event| event["replica"] == from);
        let acted = acted.and_then(|event| event["at"].as_i64()).map_or(Timestamp::UNIX_EPOCH, time);
        Some((ReplicaName(from.to_owned()), adopted["died"].as_bool().unwrap_or(true), acted))
    }

    pub(super) fn asked(&self) -> Asked {
        Asked {
            id: self.request.id,
            text: self.request.text.clone(),
            source: self.request.source,
            channel: self.request.channel.clone(),
            state: self.state,
            accepted_at: self.request.accepted_at,
            finished_at: self.finished_at,
            undelivered: self.dead.as_ref().filter(|dead| dead.letter.last).and_then(|dead| dead.error.clone()),
            tone: self.tone(),
        }
    }
}

/// A mark that no other write has.
pub(super) fn mark() -> String {
    format!("{:016x}", fastrand::u64(..))
}

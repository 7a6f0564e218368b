//! Between values and rows.

use crate::domain::{ChannelId, Plan, Request, RequestId, Source, UserId};
use crate::store::wire::{self, AddressKind, AddressRow, readable};
use crate::store::{Asked, Entry, Letter, LetterId, NewLetter, State, StepRecord, StepState, StoreError};
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use secrecy::SecretString;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A time as the store keeps it; beyond the year 2262 it is that year.
pub(super) fn nanos(time: Timestamp) -> i64 {
    let nanos = time.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// The reverse of [`nanos`].
pub(super) fn time(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default()
}

/// A request's name in the store.
pub(super) fn key(id: RequestId) -> [u8; 16] {
    id.0.to_bytes()
}

/// A request's name out of this column.
pub(super) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<RequestId> {
    Ok(RequestId(ulid::Ulid::from_bytes(row.get(column)?)))
}

/// The name of the fact in which a note stands.
pub(super) fn fact(name: &str) -> String {
    format!("note:{name}")
}

/// A word that the store knows, out of this column.
pub(super) fn word<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        let error = FromSqlError::Other(format!("`{text}` is not a word of this store").into());
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// What is told of a row with a word that this program does not know: the file is sound, and a newer program wrote it.
pub(super) fn strange(error: rusqlite::Error) -> Result<StoreError, rusqlite::Error> {
    match error {
        rusqlite::Error::FromSqlConversionFailure(_, Type::Text, why) => {
            Ok(StoreError::Failed(format!("a row of a newer program cannot be read: {why}")))
        }
        error => Err(error),
    }
}

/// What was read of a row, or why this program cannot read it; a failure of the file is neither.
pub(super) fn known<T>(read: rusqlite::Result<T>) -> rusqlite::Result<Result<T, StoreError>> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(error) => strange(error).map(Err),
    }
}

/// The columns that [`entry`] reads, in its order.
pub(super) const ENTRY: &str = "id, source, team, user, channel, text, place, thread_ts, url, accepted_at, state, plan, \
                                progress_ts, attempts";

/// An unfinished request, without its steps.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let id = id(row, 0)?;
    let response_url = row.get::<_, Option<String>>(8)?.map(SecretString::from);
    let thread_ts: Option<String> = row.get(7)?;
    let reply_to = word(row, 6, |place| wire::reply_to(place, thread_ts.clone(), response_url.clone()))?;
    let request = Request {
        id,
        source: word(row, 1, Source::parse)?,
        team: row.get::<_, String>(2)?.into(),
        user: UserId(row.get(3)?),
        channel: ChannelId(row.get(4)?),
        text: row.get(5)?,
        reply_to,
        accepted_at: time(row.get(9)?),
        trigger: None,
    };
    let plan = row.get_ref(11)?.as_str_or_null()?.and_then(|text| readable::<Plan>(text, id, "plan"));
    Ok(Entry {
        request,
        state: word(row, 10, State::parse)?,
        plan,
        steps: Vec::new(),
        progress_ts: row.get(12)?,
        deaths: row.get(13)?,
        late: false,
    })
}

/// The columns that [`asked`] reads, in its order.
pub(super) const ASKED: &str = "id, text, source, channel, state, accepted_at, finished_at";

/// What somebody asked.
pub(super) fn asked(row: &Row<'_>) -> rusqlite::Result<Asked> {
    Ok(Asked {
        id: id(row, 0)?,
        text: row.get(1)?,
        source: word(row, 2, Source::parse)?,
        channel: ChannelId(row.get(3)?),
        state: word(row, 4, State::parse)?,
        accepted_at: time(row.get(5)?),
        finished_at: row.get::<_, Option<i64>>(6)?.map(time),
        undelivered: None,
        tone: None,
    })
}

/// A step out of the columns `request, state, body`; `None` when another version of the program wrote it so that this
/// one cannot read it.
pub(super) fn step(row: &Row<'_>) -> rusqlite::Result<Option<StepRecord>> {
    let id = id(row, 0)?;
    let state = word(row, 1, StepState::parse)?;
    let step = readable(row.get_ref(2)?.as_str()?, id, "step");
    Ok(step.map(|step| StepRecord { step, state }))
}

/// The number of the queue in which a letter with this address waits ([`crate::store::NewLetter::queue`]). Two queues
/// that happened to have one number would share their bound, and nothing else.
pub(super) fn queue(kind: AddressKind, channel: &str, request: RequestId) -> u64 {
    let mut hasher = DefaultHasher::new();
    match kind {
        AddressKind::ResponseUrl | AddressKind::ClickUrl => request.hash(&mut hasher),
        AddressKind::Post | AddressKind::Beside => (AddressKind::Post.as_str(), channel).hash(&mut hasher),
        AddressKind::Ephemeral => (kind.as_str(), channel).hash(&mut hasher),
    }
    hasher.finish()
}

/// The kind of place of a letter of this request, out of this column. One for which this program lacks a word is named and left
/// alone, for the newer program that wrote it.
pub(super) fn kind(row: &Row<'_>, column: usize, request: RequestId) -> rusqlite::Result<Option<AddressKind>> {
    let name = |why: &StoreError| tracing::error!(req = %request, %why, "letter cannot be read and is left alone");
    Ok(known(word(row, column, AddressKind::parse))?.inspect_err(name).ok())
}

/// A letter with what [`letter`] reads, by its number.
pub(super) const LETTER: &str = "SELECT l.id, l.request, l.last, l.attempts, l.created_at, l.not_before, l.kind, \
                                 l.channel, l.user, l.thread_ts, l.url, l.reply, r.progress_ts, l.way, l.unsure \
                                 FROM letters l LEFT JOIN requests r ON r.id = l.request WHERE l.id = ?1";

/// A letter, with the message that it edits as it is known now.
pub(super) fn letter(row: &Row<'_>) -> rusqlite::Result<Letter> {
    let request = id(row, 1)?;
    let url = row.get::<_, Option<String>>(10)?.map(SecretString::from);
    let kind = word(row, 6, AddressKind::parse)?;
    let address = AddressRow { kind, channel: row.get(7)?, user: row.get(8)?, thread_ts: row.get(9)?, url };
    let reply = readable(row.get_ref(11)?.as_str()?, request, "reply").unwrap_or_else(wire::unreadable);
    Ok(Letter {
        id: LetterId { request, number: row.get(0)? },
        letter: NewLetter { request, address: address.into(), reply, last: row.get(2)?, trigger: None },
        attempts: row.get(3)?,
        created_at: time(row.get(4)?),
        not_before: time(row.get(5)?),
        replaces: row.get(12)?,
        way: row.get_ref(13)?.as_str_or_null()?.and_then(|text| readable(text, request, "way")).unwrap_or_default(),
        unsure: row.get(14)?,
    })
}

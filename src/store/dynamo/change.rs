//! One transition, one conditional write.

use super::item::{Item, is_void, number, text};
use super::row::{PIECE, Row, mark, pk};
use super::table::Guard;
use super::{Dynamo, row};
use crate::domain::RequestId;
use crate::store::{ReplicaName, StoreError};
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use tokio::time::Instant;

/// How often a change is tried while others of this process write the same row.
const ROUNDS: usize = 12;

impl Dynamo {
    /// Changes a row that this replica holds. The edit may be made several times, each time on the newest row.
    pub(super) async fn change<T>(
        &self,
        id: RequestId,
        mut edit: impl FnMut(&mut Row) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError>
    where
        T: Send,
    {
        let me = self.name()?;
        // of this process one after the other: what is known in memory is then never older than what was written
        let _turn = self.turns.take(id).await;
        for _ in 0..ROUNDS {
            let mut row = self.held(id, &me).await?;
            let guard = guard(&row);
            let made = edit(&mut row)?;
            row.version += 1;
            row.mark = mark();
            if self.write(&row, guard).await? {
                self.keep(row);
                return Ok(made);
            }
            match self.load(id).await? {
                // it was written, and only the answer was lost
                Some(found) if found.mark == row.mark => {
                    self.keep(row);
                    return Ok(made);
                }
                Some(found) if found.holder == me => {
                    let Row { late, since, is_found, .. } = row;
                    self.keep(Row { late, since, is_found, ..found });
                }
                _ => {
                    self.memory.lock().drop_row(id);
                    return Err(StoreError::Fenced(id));
                }
            }
        }
        Err(StoreError::Unavailable(format!("request {id} is written to from too many sides")))
    }

    /// The row as this replica knows it, or as the table has it.
    async fn held(&self, id: RequestId, me: &ReplicaName) -> Result<Row, StoreError> {
        let known = self.memory.lock().rows.get(&id).cloned();
        if let Some(row) = known {
            return Ok(row);
        }
        match self.load(id).await? {
            Some(row) if row.holder == *me => Ok(row),
            Some(_) => Err(StoreError::Fenced(id)),
            None => Err(StoreError::NotFound(id)),
        }
    }

    /// Keeps in memory what is open and this replica's, and nothing else.
    pub(super) fn keep(&self, row: Row) {
        let mut memory = self.memory.lock();
        let id = row.request.id;
        if memory.name.as_ref() != Some(&row.holder) {
            // it was written under a name that others have given up meanwhile
            return;
        }
        if memory.rows.get(&id).is_some_and(|known| known.version > row.version) {
            return;
        }
        match row.is_open() {
            true => memory.hold(row),
            false => memory.drop_row(id),
        }
    }

    /// Keeps a row that no mailbox of this process can have, and tells of it.
    pub(super) fn keep_found(&self, row: Row) {
        self.keep(Row { since: Instant::now(), is_found: true, ..row });
        self.found.notify_one();
    }

    /// Writes a row, if no replica has written it since.
    pub(super) async fn write(&self, row: &Row, guard: Guard) -> Result<bool, StoreError> {
        let expires = self.after(self.retention);
        let body = row.body()?;
        if body.len() <= PIECE {
            return self.table.put(row.item_with(body, expires), Some(guard)).await;
        }
        let mut item = row.item(expires);
        let pieces = self.lay_down(row, &body, expires).await?;
        item.insert("pieces".to_owned(), AttributeValue::N(pieces.to_string()));
        self.table.put(item, Some(guard)).await
    }

    /// A time from now, by which the table may forget something.
    pub(super) fn after(&self, age: jiff::SignedDuration) -> Timestamp {
        self.clock.now().checked_add(age).unwrap_or(Timestamp::MAX)
    }

    /// Writes a long body in pieces, under the mark of the write that will refer to them.
    async fn lay_down(&self, row: &Row, body: &str, expires: Timestamp) -> Result<usize, StoreError> {
        let mut pieces = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
            pieces.push(piece);
            rest = after;
        }
        let writes = pieces.iter().enumerate().map(|(number, piece)| {
            let item = super::item::item([
                ("pk", pk(row.request.id).into()),
                ("sk", piece_key(&row.mark, number).into()),
                ("expires", expires.as_second().into()),
                ("body", (*piece).into()),
            ]);
            self.table.put(item, None)
        });
        try_join_all(writes).await?;
        Ok(pieces.len())
    }

    /// The row as the table has it.
    pub(super) async fn load(&self, id: RequestId) -> Result<Option<Row>, StoreError> {
        match self.table.get(&pk(id), "-").await? {
            Some(item) => self.read(&item).await,
            None => Ok(None),
        }
    }

    /// The row of an item. `None` for one that is void, or cannot be read: that one is left alone, and named in the log
    /// once.
    pub(super) async fn read(&self, item: &Item) -> Result<Option<Row>, StoreError> {
        if is_void(item) {
            return Ok(None);
        }
        let body = self.body(item).await?;
        let row = match body {
            Some(body) => Row::read(item, &body),
            None => Err("it has no body".to_owned()),
        };
        Ok(row.map_err(|why| self.strange(item, &why)).ok())
    }

    fn strange(&self, item: &Item, why: &str) {
        let name = text(item, "pk").unwrap_or_default();
        if self.memory.lock().strange.insert(name.to_owned()) {
            tracing::error!(row = name, why, "row cannot be read and is left alone");
        }
    }

    /// The body of an item, whole.
    async fn body(&self, item: &Item) -> Result<Option<String>, StoreError> {
        let Some(pieces) = number(item, "pieces") else {
            return Ok(text(item, "body").map(str::to_owned));
        };
        let (Some(pk), Some(mark)) = (text(item, "pk"), text(item, "mark")) else { return Ok(None) };
        let reads = (0..usize::try_from(pieces).unwrap_or_default()).map(|number| async move {
            let piece = self.table.get(pk, &piece_key(mark, number)).await?;
            Ok::<_, StoreError>(piece.and_then(|piece| text(&piece, "body").map(str::to_owned)).unwrap_or_default())
        });
        Ok(Some(try_join_all(reads).await?.concat()))
    }
}

fn piece_key(mark: &str, number: usize) -> String {
    format!("piece#{mark}#{number}")
}

/// The row is as it was read.
pub(super) fn guard(row: &row::Row) -> Guard {
    Guard::Is(vec![
        ("holder", row.holder.0.as_str().into()),
        ("fence", row.fence.into()),
        ("version", row.version.into()),
    ])
}

//! What a former life of the process has left, and how this one begins; see [`super::book`].

use super::audit;
use super::book::{Book, Done};
use super::rows::{self, nanos};
use crate::domain::RequestId;
use crate::store::ledger::Inheritance;
use crate::store::{Entry, ReplicaName, State, StoreError};
use std::collections::HashMap;

impl Book {
    /// Reads what is open.
    pub(super) fn load(&mut self) -> rusqlite::Result<()> {
        let entries = self.entries()?;
        self.work.load(&self.connection, &entries)?;
        self.held.load(entries);
        Ok(())
    }

    /// Takes over what a former process has left. One that ended without a goodbye died with all of it in its hands.
    pub(super) fn move_in(&mut self, name: &ReplicaName) -> rusqlite::Result<()> {
        self.execute("BEGIN", [])?;
        let died = self.execute("DELETE FROM facts WHERE name = 'left'", [])? == 0;
        let heir = Inheritance { died, at: self.clock.now() };
        if died {
            // a state of a newer program counts: this one cannot know that nobody had the request
            let idle = State::ALL.into_iter().filter(|state| !heir.counts_death(*state)).map(State::as_str);
            let idle = idle.collect::<Vec<_>>().join("', '");
            self.execute(
                &format!(
                    "UPDATE requests SET attempts = attempts + 1 WHERE finished_at IS NULL AND state NOT IN ('{idle}')"
                ),
                [],
            )?;
        }
        self.life = audit::begin_life(&self.connection, name, heir.at, died)?;
        // `Inheritance::letter`, for all of them at once
        if died {
            self.execute("UPDATE letters SET unsure = 1 WHERE dead_at IS NULL", [])?;
        }
        self.execute("UPDATE letters SET not_before = ?1 WHERE not_before > ?1", [nanos(heir.at)])?;
        self.execute("COMMIT", [])?;
        Ok(())
    }

    /// [`crate::store::Replicas::leave`].
    pub(super) fn leave(&mut self) -> Done<()> {
        self.execute("INSERT OR REPLACE INTO facts (name, value) VALUES ('left', '')", [])?;
        Ok(())
    }

    /// Every request without an answer, oldest first. One for which this program lacks a word is named and left alone,
    /// for the newer program that wrote it.
    fn entries(&self) -> rusqlite::Result<Vec<Entry>> {
        let mut steps: HashMap<RequestId, Vec<_>> = HashMap::new();
        let mut list = self.connection.prepare(
            "SELECT request, state, body FROM steps \
             WHERE request IN (SELECT id FROM requests WHERE finished_at IS NULL) ORDER BY request, step",
        )?;
        let mut strange: HashMap<RequestId, StoreError> = HashMap::new();
        let mut found = list.query([])?;
        while let Some(row) = found.next()? {
            let id = rows::id(row, 0)?;
            match rows::known(rows::step(row))? {
                Ok(step) => steps.entry(id).or_default().extend(step),
                Err(why) => drop(strange.insert(id, why)),
            }
        }
        let sql = format!("SELECT {} FROM requests WHERE finished_at IS NULL ORDER BY accepted_at, id", rows::ENTRY);
        let mut list = self.connection.prepare(&sql)?;
        let mut found = list.query([])?;
        let mut entries = Vec::new();
        while let Some(row) = found.next()? {
            let id = rows::id(row, 0)?;
            let entry = rows::known(rows::entry(row))?;
            match strange.remove(&id).map_or(entry, Err) {
                Ok(entry) => entries.push(Entry { steps: steps.remove(&id).unwrap_or_default(), ..entry }),
                Err(why) => tracing::error!(req = %id, %why, "request cannot be read and is left alone"),
            }
        }
        Ok(entries)
    }
}

//! How the writer is broken on purpose, to see that the bot bears it.

use super::book::Book;
use super::shared::{Operation, Shared};
use crate::domain::Drill;
use crate::store::StoreError;
use std::time::Duration;
use tokio::time::Instant;

/// For how long a writer hangs that is told to: for longer than anybody waits.
const FOR_LONG: Duration = Duration::from_secs(3_600);

/// An operation that breaks its writer.
struct Break {
    drill: Drill,
    since: Instant,
}

impl Operation for Break {
    fn run(&mut self, _: &mut Book) -> Result<(), rusqlite::Error> {
        match self.drill {
            Drill::Panic => {}
            Drill::Hang => std::thread::sleep(FOR_LONG),
            Drill::Stick(time) => std::thread::sleep(time),
        }
        Ok(())
    }

    /// Where the writer catches nothing: what panics in an operation it survives.
    fn answer(self: Box<Self>) {
        assert!(self.drill != Drill::Panic, "told to panic, by a drill");
    }

    fn refuse(self: Box<Self>, _: StoreError) {}

    fn since(&self) -> Instant {
        self.since
    }
}

impl Shared {
    /// [`crate::store::StoreHealth::drill`].
    pub(super) fn breaks(&self, drill: Drill) -> bool {
        tracing::warn!(?drill, "the store's writer is told to break itself");
        self.submit_now(Box::new(Break { drill, since: Instant::now() })).is_ok()
    }
}

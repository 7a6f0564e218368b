//! What a bot that has ended has left in its file: whether it kept what it answered.

use super::Folder;

/// The rows of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journal {
    pub requests: usize,
    /// Requests without a final answer.
    pub open: usize,
    /// Answers that Slack has not taken.
    pub letters: usize,
    /// Deliveries whose keys are remembered.
    pub deliveries: usize,
}

impl Journal {
    pub fn of(folder: &Folder) -> Self {
        let connection = rusqlite::Connection::open(folder.store()).unwrap();
        let rows = |sql: &str| {
            let count: u32 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
            usize::try_from(count).unwrap()
        };
        Self {
            requests: rows("SELECT count(*) FROM requests"),
            open: rows("SELECT count(*) FROM requests WHERE finished_at IS NULL"),
            letters: rows("SELECT count(*) FROM letters"),
            deliveries: rows("SELECT count(*) FROM deliveries"),
        }
    }

    /// Every command is in it, each once, and nothing is left to do.
    pub fn assert_holds(&self, commands: usize) {
        assert_eq!(
            (self.requests, self.open, self.letters),
            (commands, 0, 0),
            "requests, open ones, letters: {self:?}"
        );
    }
}

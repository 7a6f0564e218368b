//! What SQLite has written to the log of its file: read from the log itself, so that no number of the bot's own is believed.

use std::path::Path;

/// Bytes before the first frame, and before each page.
const HEAD: usize = 32;
const FRAME: usize = 24;

/// The log as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wal {
    /// Another one after each time that the log began anew.
    salts: u64,
    /// Pages that were written to it.
    pub pages: usize,
    /// Transactions that were committed.
    pub commits: usize,
    pub bytes: usize,
}

impl Wal {
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        let Some((head, frames)) = bytes.split_at_checked(HEAD) else { return Self::default() };
        let size = FRAME + word(head, 8) as usize;
        let salts = long(head, 16);
        let mut wal = Self { salts, ..Self::default() };
        // what follows the last frame with these salts is from before the log began anew
        for frame in frames.chunks_exact(size).take_while(|frame| long(frame, 8) == salts) {
            wal.pages += 1;
            wal.bytes += size;
            // the last frame of a transaction says how large the file is then
            wal.commits += usize::from(word(frame, 4) != 0);
        }
        wal
    }

    /// What came since then; nothing where the log has begun anew meanwhile, as then some of it cannot be seen.
    pub fn since(&self, before: &Self) -> Option<Self> {
        (self.salts == before.salts).then(|| Self {
            salts: self.salts,
            pages: self.pages - before.pages,
            commits: self.commits - before.commits,
            bytes: self.bytes - before.bytes,
        })
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}

//! What a machine does to the bot's process: `shim.c`, built once, preloaded into the bot, and told what to do through a
//! file that both have mapped.

use nix::errno::Errno;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What can be set; the order is that of `struct control` in shim.c.
#[derive(Clone, Copy)]
enum Word {
    AheadNanos,
    WriteErrno,
    SyncErrno,
    SyncDelay,
    LockErrno,
    Syncs,
    DiesIn,
    DiesAfter,
    SyncHangs,
    LogHangs,
}

const WORDS: usize = 10;

/// The machine under one life of a bot.
#[derive(Debug)]
pub struct Shim {
    control: File,
    path: PathBuf,
}

impl Shim {
    /// A machine on which all is well; its control file lies in this folder.
    pub fn new(folder: &Path) -> Rc<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let path = folder.join(format!("machine-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let control = File::options().read(true).write(true).create_new(true).open(&path).expect("a control file");
        control.write_all_at(&[0; WORDS * 8], 0).expect("it is written");
        Rc::new(Self { control, path })
    }

    /// What a process needs to run on it.
    pub fn env(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", library().to_owned()), ("SHIM_CONTROL", self.path.clone())]
    }

    fn set(&self, word: Word, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), word as u64 * 8).expect("the control file is written");
    }

    fn get(&self, word: Word) -> i64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, word as u64 * 8).expect("the control file is read");
        i64::from_ne_bytes(bytes)
    }

    /// The clock of the day is set so many seconds ahead, or back.
    pub fn set_clock(&self, ahead: i64) {
        self.set(Word::AheadNanos, ahead * 1_000_000_000);
    }

    /// The disk takes no more of the store.
    pub fn fill_disk(&self) {
        self.set(Word::WriteErrno, Errno::ENOSPC as i64);
    }

    /// The disk takes the store and cannot keep it.
    pub fn break_disk(&self) {
        self.set(Word::SyncErrno, Errno::EIO as i64);
    }

    /// The disk takes so much longer for each sync.
    pub fn slow_disk(&self, delay: Duration) {
        self.set(Word::SyncDelay, i64::try_from(delay.as_micros()).expect("micros"));
    }

    /// The disk takes the store and does not come back with it, until it is mended.
    pub fn hang_disk(&self) {
        self.set(Word::SyncHangs, 1);
    }

    /// Nobody reads the log: who writes to it does not come back, until it is mended.
    pub fn stall_log(&self) {
        self.set(Word::LogHangs, 1);
    }

    /// Somebody else has locked the store; it is noticed by who opens it.
    pub fn lock_store(&self) {
        self.set(Word::LockErrno, Errno::EAGAIN as i64);
    }

    /// Whether somebody else has it locked.
    pub fn is_store_locked(&self) -> bool {
        self.get(Word::LockErrno) != 0
    }

    /// Disk and locks are as they should be; the clock stays as it is.
    pub fn mend(&self) {
        let broken = [Word::WriteErrno, Word::SyncErrno, Word::SyncDelay, Word::LockErrno, Word::SyncHangs];
        self.read_log();
        broken.into_iter().for_each(|word| self.set(word, 0));
    }

    /// Somebody reads the log again.
    pub fn read_log(&self) {
        self.set(Word::LogHangs, 0);
    }

    /// The disk comes back; what is full or broken stays so.
    pub fn release_disk(&self) {
        self.set(Word::SyncHangs, 0);
    }

    /// How often the store was synced.
    pub fn syncs(&self) -> usize {
        usize::try_from(self.get(Word::Syncs)).expect("a count")
    }

    /// The process is killed when it syncs the store, `left` syncs later: when the sync is done, or before it; then what was
    /// not synced is lost, as when the power fails.
    pub fn die(&self, left: usize, after: bool) {
        self.set(Word::DiesAfter, i64::from(after));
        self.set(Word::DiesIn, i64::try_from(left).expect("a count") + 1);
    }
}

/// The library, in a file that is named after its source: whoever finds it there need not build it.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bot/support/shim.c");
        let mut hash = DefaultHasher::new();
        fs::read(&source).expect("its source").hash(&mut hash);
        let library = super::target().join(format!("shim-{:016x}.so", hash.finish()));
        if !library.exists() {
            let part = library.with_extension(std::process::id().to_string());
            let mut cc = Command::new("cc");
            cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
                .arg(&part)
                .arg(&source)
                .arg("-ldl");
            let output = cc.output().expect("cc runs; the bot's own SQLite needs it too");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            fs::rename(part, &library).expect("the library is put in place");
        }
        library
    })
}

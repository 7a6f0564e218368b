//! The log's own thread. A thread that logs puts a line into memory and goes on: a reader that stalls (a collector that hangs, a
//! full pipe, a console on XOFF) costs lines, which are counted, and never stops a thread of the bot.
//!
//! No library is used for it because those that were tried wake their thread for each line: under load that cost a tenth of
//! the whole bot. This one rests for a moment after each write and then takes all that has come.

use parking_lot::{Condvar, Mutex};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// So many bytes wait for the reader: a few thousand lines. What is more is lost.
const BOUND: usize = 1 << 20;

/// A rest between two writes. A person who reads along does not notice it.
const REST: Duration = Duration::from_millis(2);

#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    /// Lines that found no room.
    lost: u64,
    /// Whether the thread waits to be told of a line.
    waiting: bool,
    /// Whether no more lines come.
    closed: bool,
    /// Whether the thread has written everything and ended.
    ended: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    ended: Condvar,
}

/// Takes lines, never waits.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

impl LogWriter {
    /// Starts the thread that writes to `output`.
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&theirs, output))?;
        Ok(Self(shared))
    }

    /// How many lines were lost.
    pub(super) fn lost(&self) -> u64 {
        self.0.queue.lock().lost
    }

    /// Has everything written, and waits for that, but no longer than this.
    pub(super) fn finish(&self, patience: Duration) {
        let mut queue = self.0.queue.lock();
        queue.closed = true;
        self.0.filled.notify_one();
        self.0.ended.wait_while_for(&mut queue, |queue| !queue.ended, patience);
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut queue = self.0.queue.lock();
        if queue.lines.len() + line.len() > BOUND || queue.ended {
            queue.lost += 1;
            return Ok(line.len());
        }
        queue.lines.extend_from_slice(line);
        if std::mem::take(&mut queue.waiting) {
            self.0.filled.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for LogWriter {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// The thread's work, until everything is written and nothing more comes.
fn write(shared: &Shared, mut output: impl Write) {
    let mut lines = Vec::new();
    loop {
        let mut queue = shared.queue.lock();
        while queue.lines.is_empty() && !queue.closed {
            queue.waiting = true;
            shared.filled.wait(&mut queue);
        }
        if queue.lines.is_empty() {
            queue.ended = true;
            shared.ended.notify_all();
            return;
        }
        std::mem::swap(&mut queue.lines, &mut lines);
        let closed = queue.closed;
        drop(queue);
        // a reader that cannot be written to has closed the log: there is no other place to tell it
        let _ = output.write_all(&lines).and_then(|()| output.flush());
        // what a burst took is given back
        lines.clear();
        lines.shrink_to(64 * 1024);
        if !closed {
            let mut queue = shared.queue.lock();
            shared.filled.wait_while_for(&mut queue, |queue| !queue.closed, REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// An output that takes one write for each word that it is given.
    struct Valve {
        open: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Valve {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.open.recv().map_err(io::Error::other)?;
            self.written.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn valve() -> (mpsc::Sender<()>, Arc<Mutex<Vec<u8>>>, LogWriter) {
        let (opener, open) = mpsc::channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let writer = LogWriter::start(Valve { open, written: Arc::clone(&written) }).expect("a thread");
        (opener, written, writer)
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_and_stops_nobody() {
        let (opener, written, mut writer) = valve();
        let line = vec![b'x'; BOUND / 8];
        // the thread may have taken some before it was stopped by the reader; the bound holds for what waits
        for _ in 0..40 {
            assert_eq!(writer.write(&line).expect("never an error"), line.len());
        }
        let lost = writer.lost();
        assert!((40 - 16..=40 - 8).contains(&lost), "{lost} lines of 40 were lost");
        drop((0..64).map(|_| opener.send(())).collect::<Vec<_>>());
        writer.finish(Duration::from_secs(10));
        let written = written.lock();
        assert_eq!((written.len() / line.len()) as u64 + lost, 40, "what is not lost is written");
    }

    #[test]
    fn the_end_waits_for_the_last_line_but_not_for_ever() {
        let (opener, written, mut writer) = valve();
        writer.write_all(b"first\n").expect("taken");
        let began = tokio::time::Instant::now();
        writer.finish(Duration::from_millis(50));
        assert!(began.elapsed() >= Duration::from_millis(50), "nobody read it");
        drop((0..4).map(|_| opener.send(())).collect::<Vec<_>>());
        writer.finish(Duration::from_secs(10));
        assert_eq!(&*written.lock(), b"first\n");
        writer.write_all(b"too late\n").expect("never an error");
        assert_eq!(writer.lost(), 1);
    }
}

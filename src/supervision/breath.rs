//! What tells a thread that waits for the machine from one that is stuck: the operating system knows what each of them
//! waits for.

use std::time::Duration;

/// A tick of the times in `/proc`: `USER_HZ`, the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// What the operating system says of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Breath {
    /// `R` runs or would, `D` waits for a device, `S` sleeps until something happens.
    pub(super) state: char,
    /// How long it has run.
    pub(super) cpu: Duration,
}

impl Breath {
    /// Of this process's thread of that number. `/proc` is no disk: this never waits for one.
    pub(super) fn of(thread: &str) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // the thread's name stands in parentheses, and may hold anything
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let mut ticks = fields.skip(10).map(|field| field.parse::<u32>().ok());
        let (user, system) = (ticks.next()??, ticks.next()??);
        Some(Self { state, cpu: TICK * user.saturating_add(system) })
    }
}

/// The number of the present thread, by which [`Breath::of`] knows it.
pub(super) fn this_thread() -> String {
    let link = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    link.file_name().map(|number| number.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What a thread that does not move was seen to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    looks: u32,
    /// At so many of them it waited for the machine: for a device, or for a processor.
    waits: u32,
    cpu: Duration,
}

impl Seen {
    /// One more look, so long after the last.
    pub(super) fn look(&mut self, breath: Option<Breath>, after: Duration) {
        let Some(Breath { state, cpu }) = breath else { return };
        // one that runs for most of the time needs no machine, but an end
        let starves = self.looks > 0 && cpu.saturating_sub(self.cpu) < after / 2;
        self.looks += 1;
        self.waits += u32::from(state == 'D' || state == 'R' && starves);
        self.cpu = cpu;
    }

    /// Whether it waited for the machine for most of the time.
    pub(super) fn is_out_of_breath(self) -> bool {
        self.waits * 2 > self.looks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_thread_is_read_whatever_its_name_is() {
        let line = "4711 (a) S (b c) D 1 4711 4711 0 -1 4194304 300 0 7 0 12 30 0 0 20 0 9 0 1234 0 0";
        let read = Breath::parse(line).expect("a line of /proc");
        assert_eq!(read, Breath { state: 'D', cpu: Duration::from_millis(420) });
        for wrong in ["", "4711 (a", "4711 (a) ", "4711 (a) S 1 2 3"] {
            assert_eq!(Breath::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_thread_knows_itself() {
        let me = Breath::of(&this_thread()).expect("this thread");
        assert_eq!(me.state, 'R');
        let (told, number) = std::sync::mpsc::channel();
        let (wake, asleep) = std::sync::mpsc::channel::<()>();
        let sleep = move || {
            told.send(this_thread()).expect("heard");
            let _ = asleep.recv();
        };
        let sleeper = std::thread::Builder::new().name("a sleeper".to_owned()).spawn(sleep).expect("a thread");
        let number = number.recv().expect("a number");
        while Breath::of(&number).expect("that thread").state != 'S' {
            std::thread::yield_now();
        }
        drop(wake);
        sleeper.join().expect("it ends");
    }

    #[test]
    fn what_waits_for_a_disk_or_a_processor_is_out_of_breath_and_what_sleeps_or_spins_is_not() {
        let look = Duration::from_millis(50);
        // state, and how much of each look it ran
        for (state, runs, expected) in
            [('D', 0, true), ('R', 0, true), ('R', 10, true), ('R', 50, false), ('S', 0, false), ('S', 20, false)]
        {
            let mut seen = Seen::default();
            for number in 0..100 {
                let cpu = Duration::from_millis(runs) * number;
                seen.look(Some(Breath { state, cpu }), look);
            }
            assert_eq!(seen.is_out_of_breath(), expected, "{state} {runs}");
        }
        let mut unknown = Seen::default();
        unknown.look(None, look);
        assert!(!unknown.is_out_of_breath(), "where nobody tells, it is stuck");
    }
}

//! What systemd hears: that everything has been started, how it goes, that the threads turn, and that the bot stops. It
//! asks for it by `Type=notify` and `WatchdogSec=`; without it systemd is told nothing.

use crate::domain::VitalsSource;
use crate::health::Board;
use crate::supervision::{self, Task, Verdict, VerdictReader, WorkerRuntime};
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks, where systemd has not asked for a watchdog.
const EVERY: Duration = Duration::from_secs(5);

/// What systemd is given beyond the drain before it kills: the end has bounds of its own.
const MARGIN: Duration = Duration::from_secs(15);

/// Says that everything has been started, and from then on how it goes, for as long as the task is kept.
///
/// It runs on the main thread, so that a main thread that is stuck says nothing; of the other threads the watchdog tells.
pub(super) fn tell(board: Arc<Board>, verdict: VerdictReader, runtime: WorkerRuntime) -> Task<()> {
    let watchdog = sd_notify::watchdog_enabled();
    // systemd's own advice is half of its limit
    let every = watchdog.map_or(EVERY, |limit| limit / 2).max(Duration::from_millis(10));
    let story = async move {
        let mut told = String::new();
        let mut news = vec![NotifyState::Ready];
        loop {
            let status = status(&board);
            news.extend(turn(&verdict.verdict(), watchdog.is_some()));
            let mut text: Vec<String> = news.drain(..).map(|state| state.to_string()).collect();
            if status != told {
                text.push(NotifyState::Status(&status).to_string());
                told = status;
            }
            if !text.is_empty() {
                // a socket that is full blocks, and this thread must not
                let sent = runtime.spawn_blocking("systemd", move || send(&text)).await;
                sent.unwrap_or_default();
            }
            tokio::time::sleep(every).await;
        }
    };
    supervision::spawn_local_detached("systemd", story).abort_on_drop()
}

/// Says that the bot stops, and how long that may take.
pub(super) fn stopping(why: &str, within: Duration) {
    let extended = u32::try_from((within + MARGIN).as_micros()).unwrap_or(u32::MAX);
    let states = [NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(extended), NotifyState::Status(why)];
    send(&states.map(|state| state.to_string()));
}

fn send(lines: &[String]) {
    let states: Vec<NotifyState<'_>> = lines.iter().map(|line| NotifyState::Custom(line)).collect();
    if let Err(error) = sd_notify::notify(&states) {
        tracing::warn!(%error, "systemd does not listen");
    }
}

/// Whether the threads turn: systemd's patience is renewed only then.
fn turn(verdict: &Verdict, is_watched: bool) -> Option<NotifyState<'static>> {
    (is_watched && *verdict == Verdict::Alive).then_some(NotifyState::Watchdog)
}

/// One line for `systemctl status`.
fn status(board: &Board) -> String {
    let vitals = board.vitals();
    let links = vitals.links.iter().filter(|link| link.up).count();
    let ready = board.ready();
    let causes: Vec<&str> = ready.causes.iter().map(|cause| cause.detail.as_str()).collect();
    let how = if ready.is_ok() { "ready".to_owned() } else { format!("not ready: {}", causes.join("; ")) };
    let line = format!("{how}; {links} of {} links to Slack", vitals.links.len());
    line.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::Stuck;

    #[test]
    fn patience_is_renewed_only_while_every_thread_turns() {
        let stuck = Stuck {
            name: "slack-0".into(),
            thread: "slack-0 ThreadId(7)".into(),
            held_for: Duration::from_secs(11),
            in_actor: true,
        };
        let renewed = |verdict: &Verdict, is_watched| turn(verdict, is_watched).map(|state| state.to_string());
        assert_eq!(renewed(&Verdict::Alive, true).as_deref(), Some("WATCHDOG=1"));
        assert_eq!(renewed(&Verdict::Stuck(stuck), true), None);
        assert_eq!(renewed(&Verdict::Alive, false), None, "nobody asked");
    }
}

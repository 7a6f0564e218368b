//! One message per long job, edited in place: the newest state wins, and it is not sent more often than Slack and a
//! reader bear.

use super::answer::address;
use crate::delivery::{Courier, Deliver};
use crate::domain::{Reply, ReplyTo, Request};
use crate::store::{NewLetter, Outbox};
use crate::supervision::Handle;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Between two edits of a message in a channel.
const EDIT_EVERY: Duration = Duration::from_secs(3);

/// The pauses before the progress messages on a response_url. It takes five messages in all: two are kept back, for the
/// final answer and for one more attempt at it.
const RESPONSE_URL_PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(10), Duration::from_secs(60)];

/// What a command calls to show how far it is.
type Sink = Arc<dyn Fn(Reply) + Send + Sync>;

/// Both ends of a job's progress.
pub(super) fn channel() -> (Sink, watch::Receiver<Option<Reply>>) {
    let (sender, receiver) = watch::channel(None);
    let sink = move |reply: Reply| {
        // the same words again are no news, and cost one of the few edits
        sender.send_if_modified(|last| {
            let is_new = last.as_ref() != Some(&reply);
            if is_new {
                *last = Some(reply);
            }
            is_new
        });
    };
    (Arc::new(sink), receiver)
}

/// Puts progress into the outbox until the command drops its sender.
pub(super) async fn report(
    request: Request,
    mut replies: watch::Receiver<Option<Reply>>,
    outbox: Arc<dyn Outbox>,
    courier: Handle<Courier>,
) {
    let mut sent = 0;
    while let Some(reply) = next(&mut replies, pause(&request, sent)).await {
        let letter = NewLetter { request: request.id, address: address(&request), reply, last: false, trigger: None };
        match outbox.put(letter).await {
            Ok(Some(letter)) => {
                let _ = courier.tell(Deliver(letter));
            }
            Ok(None) => return,
            Err(error) => tracing::warn!(req = %request.id, %error, "progress could not be stored"),
        }
        sent += 1;
    }
}

/// How long to wait before the next progress message; `None` when there is to be none.
fn pause(request: &Request, sent: usize) -> Option<Duration> {
    match request.reply_to {
        // whether it ends up in the channel or on the response_url is known when it is sent, so the fewer messages hold
        ReplyTo::Caller { response_url: Some(_) } | ReplyTo::Beside { .. } => RESPONSE_URL_PAUSES.get(sent).copied(),
        // a message for one person alone cannot be edited: one is enough
        ReplyTo::Caller { response_url: None } | ReplyTo::Presser { .. } | ReplyTo::Alone { .. } => {
            (sent == 0).then_some(Duration::ZERO)
        }
        ReplyTo::Channel if request.channel.is_person() => (sent == 0).then_some(Duration::ZERO),
        ReplyTo::Thread { .. } | ReplyTo::Channel => Some(if sent == 0 { Duration::ZERO } else { EDIT_EVERY }),
    }
}

/// The newest state after the pause; `None` as soon as the command has ended.
async fn next(replies: &mut watch::Receiver<Option<Reply>>, pause: Option<Duration>) -> Option<Reply> {
    let until = Instant::now() + pause?;
    let mut newest = None;
    loop {
        let changed = match newest {
            None => replies.changed().await,
            Some(_) => match tokio::time::timeout_at(until, replies.changed()).await {
                Ok(changed) => changed,
                Err(_) => return newest,
            },
        };
        // what a command showed just before its end is said by its answer
        if changed.is_err() || replies.has_changed().is_err() {
            return None;
        }
        newest = replies.borrow_and_update().clone();
    }
}

#[cfg(test)]
mod tests;

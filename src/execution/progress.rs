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

/// Between two edits of a message in a channel.
const EDIT_EVERY: Duration = Duration::from_secs(3);

/// The pauses after each progress message on a response_url, which takes five messages in all: the final answer and one
/// spare are kept back.
const RESPONSE_URL_PAUSES: [Duration; 3] =
    [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(3_600)];

/// What a command calls to show how far it is.
type Sink = Arc<dyn Fn(Reply) + Send + Sync>;

/// Both ends of a job's progress.
pub(super) fn channel() -> (Sink, watch::Receiver<Option<Reply>>) {
    let (sender, receiver) = watch::channel(None);
    let sink = move |reply: Reply| {
        sender.send_replace(Some(reply));
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
    while replies.changed().await.is_ok() {
        let Some(reply) = replies.borrow_and_update().clone() else { continue };
        let letter = NewLetter { request: request.id, address: address(&request), reply, last: false };
        match outbox.put(letter).await {
            Ok(Some(letter)) => {
                let _ = courier.tell(Deliver(letter));
            }
            Ok(None) => return,
            Err(error) => tracing::warn!(req = %request.id, %error, "progress could not be stored"),
        }
        let pause = match request.reply_to {
            ReplyTo::Caller { .. } => RESPONSE_URL_PAUSES.get(sent).copied(),
            ReplyTo::Thread { .. } | ReplyTo::Channel => Some(EDIT_EVERY),
        };
        sent += 1;
        let Some(pause) = pause else { return };
        tokio::time::sleep(pause).await;
    }
}

//! Journal first, then the acknowledgement, then the dispatcher.

use super::gate::{Gate, Refused, Word};
use super::threads::Threads;
use super::translate::{Again, FieldError, Means, Stamp, Submission, Translated, translate};
use crate::clock::Clock;
use crate::dispatch::forms::Forms;
use crate::dispatch::{Dispatcher, HeardPlaces, HomeKeeper, HomeOpened, How, Identity, Incoming};
use crate::domain::{ChannelId, ReplyTo, Request, RequestId, Source};
use crate::slack::Seals;
use crate::slack::api::{Message, PostEphemeral, PostMessage, WebApi};
use crate::slack::payload::Envelope;
use crate::slack::socket::{Disposition, EnvelopeSink};
use crate::store::{Accepted, Journal, NewRequest, StoreError};
use crate::supervision::{self, Handle};
use futures_util::future::{self, FutureExt, LocalBoxFuture};
use serde_json::{json, value::to_raw_value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// Slack waits three seconds for an acknowledgement; a command journalled later has been reported as failed by Slack.
const SLACK_WAITS: Duration = Duration::from_secs(3);

/// How long the journal may take for a filled-in form: what is wrong can be said in it only within those three seconds.
const FORM_WAITS: Duration = Duration::from_secs(2);

/// How long the journal may take to tell what a message answers: after that there is still time to write.
const ANSWERED_WAITS: Duration = Duration::from_secs(1);

/// How long the journal may take to tell whether a delivery is known, and Slack to take a word of refusal. Both together
/// leave time for the acknowledgement.
const KNOWN_WAITS: Duration = Duration::from_secs(1);
const WORD_WAITS: Duration = Duration::from_millis(1_500);

/// Takes envelopes in.
#[derive(Clone)]
pub struct Doorkeeper {
    /// Where a request must stand before it is acknowledged.
    pub journal: Arc<dyn Journal>,
    /// Who works on it.
    pub dispatcher: Handle<Dispatcher>,
    /// Who shows people their Homes.
    pub home: Handle<HomeKeeper>,
    /// The bot's own account; known before the first connection is dialled.
    pub identity: Arc<OnceCell<Identity>>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How much each thread has asked of late, over all connections.
    pub threads: Arc<Threads>,
    /// How much may be open at once.
    pub gate: Arc<Gate>,
    /// By which the bot's own buttons and forms are known.
    pub seals: Seals,
    /// What the forms are of which the answers come.
    pub forms: Forms,
    /// What envelopes say of their places.
    pub places: Arc<HeardPlaces>,
    /// Builds a client for this thread: for a word to somebody who is refused.
    pub web_api: Arc<dyn Fn() -> WebApi + Send + Sync>,
}

/// How a request was delivered: which attempt of Slack's at an event this is, for the log. An attempt is never a reason to drop
/// it: it may be the only one that arrived.
#[derive(Clone, Debug, Default)]
struct Attempt {
    number: u32,
    reason: String,
    /// What the button says that was pressed, where the bot did not make it.
    forged: Option<String>,
}

impl EnvelopeSink for Doorkeeper {
    fn envelope(&self, envelope: Envelope) -> LocalBoxFuture<'static, Disposition> {
        let Some(identity) = self.identity.get() else { return future::ready(Disposition::Leave).boxed_local() };
        let (received, answerable) = (Instant::now(), envelope.accepts_response_payload);
        let at = self.clock.now();
        let millis = u64::try_from(at.as_millisecond()).unwrap_or_default();
        let stamp = Stamp { id: RequestId::new(millis, fastrand::u128(..)), at };
        // an envelope on which the translation breaks would come again and again, and end the link each time
        let means = Means { identity, seals: &self.seals, forms: &self.forms, places: &self.places };
        let translated = catch_unwind(AssertUnwindSafe(|| translate(&envelope, means, stamp)));
        let Ok(translated) = translated else {
            tracing::error!(kind = envelope.kind.as_str(), "envelope broke its translation; left to slack");
            metrics::counter!("dronebot_envelopes_ignored_total", "reason" => "broke").increment(1);
            return future::ready(Disposition::Leave).boxed_local();
        };
        let reason = envelope.retry_reason.clone().unwrap_or_default();
        let attempt = Attempt { number: envelope.retry_attempt.unwrap_or_default(), reason, forged: None };
        match translated {
            Translated::Request(new) | Translated::Forged(new, _) if self.is_crowded(&new.request) => {
                tracing::warn!(channel = %new.request.channel, "a thread asks without end; left unanswered");
                metrics::counter!("dronebot_envelopes_ignored_total", "reason" => "crowded_thread").increment(1);
                future::ready(Disposition::Ack).boxed_local()
            }
            Translated::Request(new) => Box::pin(self.clone().accept(*new, received, attempt, answerable)),
            Translated::Forged(new, line) => {
                let attempt = Attempt { forged: Some(line), ..attempt };
                Box::pin(self.clone().accept(*new, received, attempt, answerable))
            }
            Translated::Submission(sent) => Box::pin(self.clone().submit(*sent, received, answerable)),
            Translated::Again(again) => Box::pin(self.clone().again(*again, received)),
            Translated::Home(user) => {
                // nothing to journal: a Home changes nothing, and a person who does not see it opens it again
                if let Err(error) = self.home.tell(HomeOpened(user)) {
                    tracing::warn!(%error, "nobody is there to show the home");
                }
                future::ready(Disposition::Ack).boxed_local()
            }
            Translated::Wrong(error) => {
                metrics::counter!("dronebot_forms_total", "outcome" => "wrong").increment(1);
                future::ready(on_field(&error, answerable)).boxed_local()
            }
            Translated::Ignored(reason) => {
                if reason == "app_rate_limited" {
                    tracing::error!("slack drops events of this app: more than 30,000 in an hour");
                }
                tracing::debug!(reason, kind = envelope.kind.as_str(), "envelope asks nothing of us");
                metrics::counter!("dronebot_envelopes_ignored_total", "reason" => reason).increment(1);
                future::ready(Disposition::Ack).boxed_local()
            }
        }
    }
}

impl Doorkeeper {
    fn is_crowded(&self, request: &Request) -> bool {
        thread(request).is_some_and(|thread| self.threads.is_full(&thread))
    }

    async fn accept(self, new: NewRequest, received: Instant, attempt: Attempt, answerable: bool) -> Disposition {
        if self.gate.was_refused(&new.keys) {
            count(&new.request, "duplicate");
            return Disposition::Ack;
        }
        let entering = match self.gate.admit(&new.request) {
            Ok(entering) => entering,
            Err(refused) => return self.turn_away(new, refused, answerable).await,
        };
        let request = new.request.clone();
        let accepted = self.journal.accept(new).await;
        drop(entering);
        match self.settle(request, received, accepted, &attempt) {
            Ok(()) => Disposition::Ack,
            // no ack: Slack delivers an event again, and tells the person that a slash command failed
            Err(_) => Disposition::Leave,
        }
    }

    /// Refuses a request.
    async fn turn_away(self, new: NewRequest, refused: Refused, answerable: bool) -> Disposition {
        let request = &new.request;
        // somebody who was told a moment ago that there is nothing to run costs the journal nothing
        if refused != Refused::Stranger
            && let Some(known) = self.is_known(&new).await
        {
            return known;
        }
        count(request, refused.as_str());
        let told = match request.source {
            Source::SlashCommand if answerable => whisper(refused),
            _ if refused == Refused::Stranger => Disposition::Ack,
            _ => match self.gate.word(&request.user) {
                Word::Said => Disposition::Ack,
                Word::Due if self.says(request, refused).await => Disposition::Ack,
                Word::Due => {
                    self.gate.forget(&request.user);
                    Disposition::Leave
                }
                Word::TooMany => Disposition::Leave,
            },
        };
        if !matches!(told, Disposition::Leave) {
            self.gate.remember(new.keys);
        }
        told
    }

    /// What is said about a delivery that was taken before, or of which the journal cannot tell now whether it was: to refuse that
    /// one could be a lie.
    async fn is_known(&self, new: &NewRequest) -> Option<Disposition> {
        match tokio::time::timeout(KNOWN_WAITS, self.journal.known(&new.keys)).await {
            Ok(Ok(None)) => None,
            Ok(Ok(Some(first))) => {
                tracing::info!(req = %first, "delivered again by slack; already accepted");
                count(&new.request, "duplicate");
                Some(Disposition::Ack)
            }
            Ok(Err(_)) | Err(_) => {
                count(&new.request, "not_journalled");
                Some(Disposition::Leave)
            }
        }
    }

    /// Tells somebody alone that the request was refused. Whether Slack has taken it.
    async fn says(&self, request: &Request, refused: Refused) -> bool {
        let Request { channel, user, .. } = request;
        let message = Message { text: refused.message(), blocks: None };
        let api = (self.web_api)().patient(WORD_WAITS);
        let said = async {
            match channel.is_person() || channel.as_str().starts_with('D') {
                true => {
                    let post = PostMessage { channel, thread_ts: None, message: &message, metadata: None };
                    api.post_message(&post).await.map(drop)
                }
                false => api.post_ephemeral(&PostEphemeral { channel, user, thread_ts: None, message: &message }).await,
            }
        };
        match tokio::time::timeout(WORD_WAITS, said).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(%user, %error, "refusal could not be said");
                false
            }
            Err(_) => false,
        }
    }

    /// A shortcut on a message: on an answer of the bot's own it means the command that led to it, which the journal
    /// knows. That is looked up first, so that what is journalled is what will be run, whatever happens after.
    async fn again(self, Again { mut new, ts }: Again, received: Instant) -> Disposition {
        let Request { channel, user, .. } = &new.request;
        let asked = async {
            match self.journal.answered_by(channel, &ts).await {
                // what a button on the Home led to is posted to the person, and lies in the direct message
                Ok(None) if channel.as_str().starts_with('D') => {
                    self.journal.answered_by(&ChannelId::from(user.as_str()), &ts).await
                }
                asked => asked,
            }
        };
        let late = || Err(StoreError::Unavailable(format!("no answer within {ANSWERED_WAITS:?}")));
        match tokio::time::timeout(ANSWERED_WAITS, asked).await.unwrap_or_else(|_| late()) {
            // who typed nothing was given help; in a message nothing is no command
            Ok(Some(asked)) if asked.text.is_empty() => new.request.text = "help".to_owned(),
            Ok(Some(asked)) => new.request.text = asked.text,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(req = %new.request.id, %error, "journal did not tell what the message answers, so not acknowledged");
                return Disposition::Leave;
            }
        }
        self.accept(new, received, Attempt::default(), false).await
    }

    /// A filled-in form stays open with all that is in it until its request is durable.
    async fn submit(self, sent: Submission, received: Instant, answerable: bool) -> Disposition {
        let Submission { new, field } = sent;
        let say = |sentence: &str| match &field {
            Some(field) => on_field(&FieldError { field: field.clone(), sentence: sentence.to_owned() }, answerable),
            // no field to say it on: Slack says itself that it failed, and keeps the form open
            None => Disposition::Leave,
        };
        let entering = match self.gate.admit(&new.request) {
            Ok(entering) => entering,
            Err(refused) => {
                if let Some(known) = self.is_known(&new).await {
                    return known;
                }
                count(&new.request, refused.as_str());
                return say(&refused.sentence());
            }
        };
        let request = new.request.clone();
        let journal = Arc::clone(&self.journal);
        let accepting = async move {
            let _entering = entering;
            journal.accept(new).await
        };
        // it may still be written: then it is answered as too late, and not run
        let (door, too_late) = (self.clone(), request.clone());
        let late = move |accepted| {
            let _ = door.take(too_late, How::Late, accepted, &Attempt::default());
        };
        let sentence = match in_time(accepting, late)
            .await
            .map(|accepted| self.settle(request, received, accepted, &Attempt::default()))
        {
            Some(Ok(())) => return Disposition::Ack,
            Some(Err(_)) => "I could not write this down, so nothing was done. Send it again.",
            None => "I could not write this down in time, so it is not run. Send it again.",
        };
        say(sentence)
    }

    /// Hands on what was journalled.
    fn settle(
        &self,
        request: Request,
        received: Instant,
        accepted: Result<Accepted, StoreError>,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let late = request.source.is_reported_as_failed() && received.elapsed() > SLACK_WAITS;
        let how = match (&attempt.forged, late) {
            (Some(line), _) => How::Forged { line: line.clone() },
            (None, true) => How::Late,
            (None, false) => How::Fresh,
        };
        self.take(request, how, accepted, attempt)
    }

    fn take(
        &self,
        request: Request,
        how: How,
        accepted: Result<Accepted, StoreError>,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        match accepted {
            Err(error) => {
                tracing::error!(req = %request.id, %error, "request not journalled, so not acknowledged");
                count(&request, "not_journalled");
                self.gate.was_not_taken(&request);
                return Err(error);
            }
            Ok(Accepted::Duplicate(first)) => {
                tracing::info!(req = %first, retry_attempt = attempt.number, retry_reason = attempt.reason, "delivered again by slack; already accepted");
                count(&request, "duplicate");
            }
            Ok(Accepted::New) => {
                count(&request, "accepted");
                tracing::debug!(req = %request.id, source = request.source.as_str(), user = %request.user, channel = %request.channel, retry_attempt = attempt.number, retry_reason = attempt.reason, "request accepted");
                // the one that fills its thread is told so; those after it are left alone
                let fills = thread(&request).is_some_and(|thread| self.threads.note(&thread));
                let how = if fills && matches!(how, How::Fresh) { How::Crowded } else { how };
                if let Err(error) = self.dispatcher.tell(Incoming { request, how }) {
                    tracing::warn!(%error, "dispatcher is not there; the request waits in the journal");
                }
            }
        }
        Ok(())
    }
}

pub(super) fn count(request: &Request, result: &'static str) {
    let source = request.source.as_str();
    metrics::counter!("dronebot_requests_total", "source" => source, "result" => result).increment(1);
}

/// The refusal of a slash command, in its acknowledgement.
fn whisper(refused: Refused) -> Disposition {
    let answer = json!({"response_type": "ephemeral", "text": refused.sentence()});
    to_raw_value(&answer).map_or(Disposition::Leave, Disposition::AckWith)
}

/// What comes within [`FORM_WAITS`]. What comes later is given to `late`: it is not lost with the caller that waited.
async fn in_time<T: 'static>(coming: impl Future<Output = T> + 'static, late: impl FnOnce(T) + 'static) -> Option<T> {
    let mut coming = Box::pin(coming);
    if let Ok(come) = tokio::time::timeout(FORM_WAITS, &mut coming).await {
        return Some(come);
    }
    supervision::spawn_local_detached("late form", async move { late(coming.await) }).detach();
    None
}

/// The form stays open, with this on a field of it. Where no such answer is taken, Slack says that it failed, and keeps
/// the form open too: a bare acknowledgement would close it and lose what was filled in.
fn on_field(FieldError { field, sentence }: &FieldError, answerable: bool) -> Disposition {
    let errors = json!({"response_action": "errors", "errors": {field: sentence}});
    match to_raw_value(&errors) {
        Ok(answer) if answerable && !field.is_empty() => Disposition::AckWith(answer),
        _ => Disposition::Leave,
    }
}

/// The thread in which a request is answered.
fn thread(request: &Request) -> Option<String> {
    match &request.reply_to {
        ReplyTo::Thread { thread_ts, .. } => Some(format!("{} {} {thread_ts}", request.team, request.channel)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::testing::run;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn a_form_waits_two_seconds_for_the_journal_and_what_comes_later_is_not_lost() {
        run(async {
            tokio::time::pause();
            let later = Rc::new(Cell::new(None));
            let note = |later: &Rc<Cell<Option<u32>>>| {
                let later = Rc::clone(later);
                move |come| later.set(Some(come))
            };
            let after = |millis| async move {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                7
            };
            assert_eq!(in_time(after(1_900), note(&later)).await, Some(7));
            assert_eq!(in_time(after(2_500), note(&later)).await, None);
            assert_eq!(later.get(), None, "not yet");
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(later.get(), Some(7));
        });
    }

    #[test]
    fn what_is_wrong_is_said_on_a_field_only_where_slack_takes_it() {
        let error = |field: &str| FieldError { field: field.to_owned(), sentence: "It is wrong.".to_owned() };
        let Disposition::AckWith(answer) = on_field(&error("target"), true) else { panic!("an answer") };
        assert_eq!(answer.get(), r#"{"response_action":"errors","errors":{"target":"It is wrong."}}"#);
        assert!(matches!(on_field(&error("target"), false), Disposition::Leave), "a bare ack would close the form");
        assert!(matches!(on_field(&error(""), true), Disposition::Leave));
    }
}

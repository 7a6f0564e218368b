//! What Slack said, for a while: asked once by all who want to know it at a time, and believed for longer when Slack
//! cannot be asked again.

use crate::slack::api::ApiError;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

/// How long what Slack said is believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust {
    /// Without asking again.
    fresh: Duration,
    /// When Slack cannot be asked again.
    stale: Duration,
}

impl Trust {
    /// For what changes nothing.
    pub(super) const USUAL: Self = Self { fresh: Duration::from_secs(300), stale: Duration::from_secs(1_800) };

    /// For a change, and for the word of another on one: a right that was taken away ends soon.
    pub(super) const LITTLE: Self = Self { fresh: Duration::from_secs(30), stale: Duration::from_secs(300) };
}

impl Trust {
    /// How long something is believed without asking again.
    pub(super) fn fresh(self) -> Duration {
        self.fresh
    }
}

/// How long one caller waits: for Slack, and for the turn of the question.
const PATIENCE: Duration = Duration::from_secs(30);

/// Values kept in memory.
const MOST: usize = 10_000;

/// How long Slack is left alone after it could not answer, unless it says for how long itself; twice as long after
/// each further time.
const VAIN: Duration = Duration::from_millis(500);

/// The longest that it is left alone after it could not answer.
const VAIN_MOST: Duration = Duration::from_secs(8);

/// The longest that it is left alone because it says so.
const SILENCE_MOST: Duration = Duration::from_secs(60);

/// Questions that are asked at a time.
const AT_A_TIME: usize = 16;

/// Values by key with an age. Of each key one caller asks, and all who wait get what came of it. When Slack cannot
/// answer, it is asked for nothing for a while: a storm of commands does not become a storm of questions.
pub(super) struct Cache<K, V> {
    entries: RefCell<HashMap<K, Kept<V>>>,
    asking: Semaphore,
    vain: RefCell<Option<Vain>>,
}

/// Slack could not answer.
struct Vain {
    error: ApiError,
    /// Until when it is left alone.
    until: Instant,
    pause: Duration,
}

#[derive(Clone)]
struct Kept<V> {
    /// When it was asked for.
    asked: Instant,
    /// What came of it, once it has come.
    answer: Rc<OnceCell<Result<V, ApiError>>>,
    /// The answer before, and when that was asked for.
    before: Option<(Instant, V)>,
}

impl<V: Clone> Kept<V> {
    fn asked_anew(now: Instant, old: Option<&Self>) -> Self {
        let before = old.and_then(|old| match old.answer.get() {
            Some(Ok(value)) => Some((old.asked, value.clone())),
            _ => old.before.clone(),
        });
        Self { asked: now, answer: Rc::default(), before }
    }

    /// Whether it is to be taken as it is: it is on its way, or it is fresh.
    fn stands(&self, now: Instant, trust: Trust) -> bool {
        !matches!(self.answer.get(), Some(Err(_))) && now.duration_since(self.asked) < trust.fresh
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    pub(super) fn new() -> Self {
        Self { entries: RefCell::default(), asking: Semaphore::new(AT_A_TIME), vain: RefCell::default() }
    }

    /// The value; fetched when there is none or it is old; the old one when fetching fails and it is not too old.
    pub(super) async fn get(
        &self,
        key: &K,
        trust: Trust,
        fetch: impl AsyncFnOnce() -> Result<V, ApiError>,
    ) -> Result<V, ApiError> {
        let Kept { answer, before, .. } = self.entry(key, trust);
        let slow = || ApiError::Retry { after: None, code: "no_answer_in_time".to_owned() };
        let fetched = match timeout(PATIENCE, answer.get_or_init(|| self.ask(fetch))).await {
            Ok(fetched) => fetched.clone(),
            Err(_) => Err(slow()),
        };
        fetched.or_else(|error| match before {
            Some((asked, value)) if asked.elapsed() < trust.stale => Ok(value),
            _ => Err(error),
        })
    }

    /// The value, if it is there and need not be asked again.
    pub(super) fn kept(&self, key: &K, trust: Trust) -> Option<V> {
        let entries = self.entries.borrow();
        let kept = entries.get(key).filter(|kept| kept.stands(Instant::now(), trust))?;
        kept.answer.get()?.clone().ok()
    }

    /// Asks Slack, unless it has just been asked in vain.
    async fn ask(&self, fetch: impl AsyncFnOnce() -> Result<V, ApiError>) -> Result<V, ApiError> {
        // the semaphore is never closed
        let _permit = self.asking.acquire().await;
        if let Some(vain) = &*self.vain.borrow()
            && Instant::now() < vain.until
        {
            return Err(vain.error.clone());
        }
        let fetched = fetch().await;
        let mut vain = self.vain.borrow_mut();
        match &fetched {
            Err(error @ (ApiError::Retry { .. } | ApiError::Paced { .. } | ApiError::Auth { .. })) => {
                let now = Instant::now();
                let pause = match vain.as_ref() {
                    // asked at the same time
                    Some(before) if now < before.until => before.pause,
                    Some(before) => (before.pause * 2).min(VAIN_MOST),
                    None => VAIN,
                };
                let silence = match error {
                    ApiError::Retry { after: Some(after), .. } | ApiError::Paced { after } => {
                        (*after).min(SILENCE_MOST)
                    }
                    _ => pause,
                };
                *vain = Some(Vain { error: error.clone(), until: now + silence, pause });
            }
            // what Slack refuses of one key says nothing of the others
            _ => *vain = None,
        }
        fetched
    }

    fn entry(&self, key: &K, trust: Trust) -> Kept<V> {
        let now = Instant::now();
        let mut entries = self.entries.borrow_mut();
        match entries.get(key) {
            Some(kept) if kept.stands(now, trust) => kept.clone(),
            old => {
                let kept = Kept::asked_anew(now, old);
                if entries.len() >= MOST {
                    entries.retain(|_, kept| kept.stands(now, Trust::USUAL));
                }
                if entries.len() >= MOST {
                    entries.clear();
                }
                entries.insert(key.clone(), kept.clone());
                kept
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn down() -> ApiError {
        ApiError::Retry { after: None, code: "connect".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_want_to_know_at_a_time_ask_once() {
        let (cache, asked) = (Cache::new(), Cell::new(0));
        let ask = || {
            cache.get(&"U1", Trust::USUAL, async || {
                asked.set(asked.get() + 1);
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(7)
            })
        };
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((first, second, asked.get()), (Ok(7), Ok(7), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_serves_everybody_while_slack_is_down_and_not_for_ever() {
        let cache = Cache::new();
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Ok(7)).await, Ok(7));
        for wait in [301, 6, 400, 400, 400] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            let ask = || cache.get(&"U1", Trust::USUAL, async || Err(down()));
            let (first, second) = tokio::join!(ask(), ask());
            assert_eq!((first, second), (Ok(7), Ok(7)));
        }
        tokio::time::advance(Duration::from_secs(400)).await;
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Err(down())).await, Err(down()));
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Ok(8)).await, Err(down()), "not at once again");
        tokio::time::advance(VAIN_MOST).await;
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Ok(8)).await, Ok(8), "and asked again");
    }

    /// At each age, with Slack there and with Slack down: what one gets who trusts as usual, and who trusts little.
    #[tokio::test(start_paused = true)]
    async fn who_trusts_little_asks_sooner_and_believes_shorter() {
        let at = async |age: u64, trust: Trust, answers: bool| {
            let cache = Cache::new();
            assert_eq!(cache.get(&"U1", Trust::USUAL, async || Ok("old")).await, Ok("old"));
            tokio::time::advance(Duration::from_secs(age)).await;
            let ask = async || if answers { Ok("new") } else { Err(down()) };
            cache.get(&"U1", trust, ask).await.unwrap_or("none")
        };
        let table = [
            (29, ["old", "old"], ["old", "old"]),
            (31, ["old", "old"], ["new", "old"]),
            (299, ["old", "old"], ["new", "old"]),
            (301, ["new", "old"], ["new", "none"]),
            (1_801, ["new", "none"], ["new", "none"]),
        ];
        for (age, usual, little) in table {
            for (trust, expected) in [(Trust::USUAL, usual), (Trust::LITTLE, little)] {
                assert_eq!([at(age, trust, true).await, at(age, trust, false).await], expected, "{age} s, {trust:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_was_given_up_is_asked_again_and_keeps_the_old_answer() {
        let cache = Cache::new();
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Ok(7)).await, Ok(7));
        tokio::time::advance(Trust::USUAL.fresh).await;
        let given_up =
            timeout(Duration::from_secs(1), cache.get(&"U1", Trust::USUAL, async || std::future::pending().await))
                .await;
        assert!(given_up.is_err());
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Err(down())).await, Ok(7));
        tokio::time::advance(VAIN).await;
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Ok(8)).await, Ok(8));
    }

    // failure 29
    #[tokio::test(start_paused = true)]
    async fn a_slack_that_is_down_is_not_asked_in_a_storm() {
        let (cache, asked) = (Cache::<_, u8>::new(), Cell::new(0));
        let ask = |key: u32| {
            let (cache, asked) = (&cache, &asked);
            async move {
                let fetch = async || {
                    asked.set(asked.get() + 1);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    Err(down())
                };
                cache.get(&key, Trust::USUAL, fetch).await
            }
        };
        // a thousand people, then one of them a thousand times
        let all = futures_util::future::join_all((0..1_000).map(ask)).await;
        let again = futures_util::future::join_all((0..1_000).map(|_| ask(7))).await;
        assert!(all.iter().chain(&again).all(|answer| *answer == Err(down())));
        assert_eq!(asked.get(), AT_A_TIME);
        tokio::time::advance(VAIN).await;
        assert_eq!(futures_util::future::join_all((0..1_000).map(|_| ask(7))).await.len(), 1_000);
        assert_eq!(asked.get(), AT_A_TIME + 1, "one caller asks for all");
    }

    // failure 29
    #[tokio::test(start_paused = true)]
    async fn slack_is_left_alone_for_as_long_as_it_asks_and_one_keys_no_is_no_others() {
        let cache = Cache::new();
        let limited = || ApiError::Retry { after: Some(Duration::from_secs(30)), code: "ratelimited".to_owned() };
        let refused = || ApiError::Rejected { code: "internal_no".to_owned() };
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Err(refused())).await, Err(refused()));
        assert_eq!(cache.get(&"U2", Trust::USUAL, async || Ok(2)).await, Ok(2));
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Err(limited())).await, Err(limited()));
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Ok(1)).await, Err(limited()));
        assert_eq!(cache.get(&"U2", Trust::USUAL, async || Ok(9)).await, Ok(2), "what is known is known");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(cache.get(&"U1", Trust::USUAL, async || Ok(1)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_the_sum_of_all_vain_questions() {
        let (cache, began) = (Cache::<_, u8>::new(), Instant::now());
        let ask = || {
            cache.get(&"U1", Trust::USUAL, async || {
                tokio::time::sleep(Duration::from_secs(10)).await;
                Err(down())
            })
        };
        let all = futures_util::future::join_all((0..100).map(|_| ask())).await;
        assert!(all.iter().all(Result::is_err));
        assert_eq!(began.elapsed(), Duration::from_secs(10), "all get what came of the one question");
        let ask = || cache.get(&"U2", Trust::USUAL, async || std::future::pending().await);
        tokio::time::advance(VAIN).await;
        let (began, all) = (Instant::now(), futures_util::future::join_all((0..100).map(|_| ask())).await);
        assert!(all.iter().all(Result::is_err));
        assert_eq!(began.elapsed(), PATIENCE);
    }
}

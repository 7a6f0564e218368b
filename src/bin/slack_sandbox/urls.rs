//! Response URLs and triggers: what a command or a click hands out for a while.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Instant;

/// Answers one response URL takes.
pub const USES: u32 = 5;
/// How long it takes them.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// How many are kept; older ones are as good as expired.
const KEPT: usize = 100_000;

/// Where a response URL leads.
#[derive(Debug, Clone)]
pub struct ResponseUrl {
    /// Who sees ephemeral answers.
    pub user: String,
    /// Where they appear.
    pub channel: String,
    /// Thread of the message that was clicked.
    pub thread_ts: Option<String>,
    /// The message that `replace_original` replaces: the clicked one, or the last answer.
    pub original: Option<u64>,
    /// The message of a click: answers may replace it, and it may be public.
    pub of_click: bool,
    /// Answers so far.
    pub uses: u32,
    made: Instant,
}

impl ResponseUrl {
    /// A fresh one.
    pub fn new(user: &str, channel: &str) -> Self {
        ResponseUrl {
            user: user.to_owned(),
            channel: channel.to_owned(),
            thread_ts: None,
            original: None,
            of_click: false,
            uses: 0,
            made: Instant::now(),
        }
    }
}

/// All that are kept.
#[derive(Debug, Default)]
pub struct ResponseUrls {
    urls: HashMap<String, ResponseUrl>,
    order: VecDeque<String>,
}

impl ResponseUrls {
    /// Keeps one under its secret.
    pub fn insert(&mut self, secret: String, url: ResponseUrl) {
        if self.order.len() == KEPT
            && let Some(old) = self.order.pop_front()
        {
            self.urls.remove(&old);
        }
        self.order.push_back(secret.clone());
        self.urls.insert(secret, url);
    }

    /// For reading and for setting `original`.
    pub fn get(&mut self, secret: &str) -> Option<&mut ResponseUrl> {
        self.urls.get_mut(secret)
    }

    /// Whether it takes another answer; else Slack's error.
    pub fn usable(&mut self, secret: &str) -> Result<&mut ResponseUrl, &'static str> {
        let url = self.urls.get_mut(secret).ok_or("expired_url")?;
        if url.made.elapsed() > LIFE {
            return Err("expired_url");
        }
        if url.uses >= USES { Err("used_url") } else { Ok(url) }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.urls.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_response_url_takes_five_answers_and_for_half_an_hour() {
        let mut urls = ResponseUrls::default();
        let used = ResponseUrl { uses: USES, ..ResponseUrl::new("UMAYA", "COPS") };
        for (secret, url) in [("used", used), ("new", ResponseUrl::new("UMAYA", "COPS"))] {
            urls.insert(secret.to_owned(), url);
        }
        let error = |urls: &mut ResponseUrls, secret: &str| urls.usable(secret).err();
        assert_eq!(error(&mut urls, "unknown"), Some("expired_url"));
        assert_eq!(error(&mut urls, "used"), Some("used_url"));
        tokio::time::advance(Duration::from_secs(30 * 60)).await;
        assert_eq!(error(&mut urls, "new"), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(error(&mut urls, "new"), Some("expired_url"));
        assert_eq!(error(&mut urls, "used"), Some("expired_url"));
    }
}

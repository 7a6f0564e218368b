//! The door for a self-test: `POST /selftest` at the bot's own listener. The one who deploys a version must know that it answers
//! in Slack, and no post by an API can find out: Slack marks what a program writes, in whosever name, and the bot rightly
//! ignores it. So a signed call asks for one `ping`, which travels the whole walk (journal, judgement, run, outbox, courier)
//! and is posted in the channel that the settings name. Without a secret in the settings there is no such door.
//!
//! What is signed is [`signed`], by HMAC-SHA-256 with the secret. A call holds for five minutes, and once: its nonce is a key
//! of the journal, so that another replica knows it too.

use super::doorkeeper::count;
use super::gate::Gate;
use crate::clock::Clock;
use crate::dispatch::{Dispatcher, How, Incoming};
use crate::domain::{ChannelId, ReplyTo, Request, RequestId, SelfTestAnswer, SelfTestCall, Source, TeamId, UserId};
use crate::slack::Token;
use crate::store::{Accepted, Journal, NewRequest};
use crate::supervision::Handle;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;

/// How far the caller's clock may be from ours, in seconds: as much as Slack grants to those whom it calls.
const WINDOW: i64 = 300;

/// A shorter secret could be guessed.
const SHORTEST: usize = 32;

/// The bounds of a nonce: no accident makes two alike, and none is a burden to the journal.
const NONCE: std::ops::RangeInclusive<usize> = 16..=64;

/// What is asked.
const LINE: &str = "ping";

/// Who asks, to the journal.
const MYSELF: &str = "dronebot";

/// The `selftest` section of the settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SelfTestConfig {
    /// By what a call is signed; empty means that there are no self-tests.
    pub secret: Token,
    /// Where the answer is posted.
    pub channel: Option<ChannelId>,
}

impl SelfTestConfig {
    /// Refuses values that cannot work; the error begins with the key.
    pub fn check(&self) -> Result<(), String> {
        let secret = self.secret.get();
        let length = secret.expose_secret().len();
        let is_set = self.secret.reference().is_some() || length > 0;
        if self.secret.reference().is_none() && (1..SHORTEST).contains(&length) {
            return Err(format!("secret must have {SHORTEST} characters or more; `openssl rand -hex 32` makes one"));
        }
        match &self.channel {
            Some(channel) if !channel.is_id() => {
                Err(format!("channel must be a channel's id such as `C0123ABCD`, not `{channel}`"))
            }
            Some(_) if !is_set => Err("channel is set, but selftest.secret is not: set both, or neither".to_owned()),
            None if is_set => {
                Err("channel must be set where selftest.secret is: the answer is posted there".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The door.
pub struct SelfTest {
    /// By what a call is signed. It may be rotated.
    pub secret: Token,
    /// Where the answer is posted.
    pub channel: ChannelId,
    /// Where a request must stand before anything is said of it.
    pub journal: Arc<dyn Journal>,
    /// Who works on it.
    pub dispatcher: Handle<Dispatcher>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// How much may be open at once.
    pub gate: Arc<Gate>,
}

impl SelfTest {
    /// Takes a call in, or tells why not.
    pub async fn ask(&self, call: SelfTestCall) -> SelfTestAnswer {
        let now = self.clock.now();
        let secret = self.secret.get();
        if secret.expose_secret().len() < SHORTEST {
            tracing::error!("selftest.secret has fewer than {SHORTEST} characters; self-tests are refused");
            return SelfTestAnswer::NotNow(
                "The secret that I have is too short, so I run no self-test. Renew it.".to_owned(),
            );
        }
        if let Err(why) = verify(&secret, &call, now.as_second()) {
            tracing::warn!(why, "a self-test was refused");
            metrics::counter!("dronebot_requests_total", "source" => Source::SelfTest.as_str(), "result" => "unsigned")
                .increment(1);
            return SelfTestAnswer::Unsigned(why);
        }
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let request = Request {
            id: RequestId::new(millis, fastrand::u128(..)),
            source: Source::SelfTest,
            team: TeamId::from(""),
            user: UserId::from(MYSELF),
            channel: self.channel.clone(),
            text: LINE.to_owned(),
            reply_to: ReplyTo::Channel,
            accepted_at: now,
            trigger: None,
        };
        self.accept(request, &call.nonce).await
    }

    async fn accept(&self, request: Request, nonce: &str) -> SelfTestAnswer {
        let entering = match self.gate.admit(&request) {
            Ok(entering) => entering,
            Err(refused) => {
                count(&request, refused.as_str());
                return SelfTestAnswer::NotNow(refused.sentence());
            }
        };
        let new = NewRequest { request: request.clone(), keys: vec![format!("selftest:{nonce}")] };
        let accepted = self.journal.accept(new).await;
        drop(entering);
        match accepted {
            Err(error) => {
                tracing::error!(req = %request.id, %error, "self-test not journalled, so not run");
                count(&request, "not_journalled");
                SelfTestAnswer::NotNow(
                    "I could not write it down, so it is not run. `/readyz` says how my store is.".to_owned(),
                )
            }
            Ok(Accepted::Duplicate(first)) => {
                count(&request, "duplicate");
                SelfTestAnswer::Replayed(first)
            }
            Ok(Accepted::New) => {
                count(&request, "accepted");
                tracing::info!(req = %request.id, channel = %request.channel, "self-test accepted");
                let (id, channel) = (request.id, request.channel.clone());
                if let Err(error) = self.dispatcher.tell(Incoming { request, how: How::Fresh }) {
                    tracing::warn!(%error, "dispatcher is not there; the self-test waits in the journal");
                }
                SelfTestAnswer::Accepted { request: id, channel }
            }
        }
    }
}

/// What is signed.
fn signed(timestamp: &str, nonce: &str) -> String {
    format!("dronebot-selftest:v1:{timestamp}:{nonce}")
}

/// Whether this call is signed with the secret, lately. Before that is known nothing is told of the clock.
fn verify(secret: &SecretString, call: &SelfTestCall, now: i64) -> Result<(), &'static str> {
    let SelfTestCall { timestamp, nonce, signature } = call;
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !NONCE.contains(&nonce.len()) || !is_word(nonce) {
        return Err("The nonce must be 16 to 64 letters, digits or dashes.");
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let tag = signature.strip_prefix("v1=").and_then(bytes).unwrap_or_default();
    if hmac::verify(&key, signed(timestamp, nonce).as_bytes(), &tag).is_err() {
        return Err("The signature is not right: is it made with selftest.secret?");
    }
    match timestamp.parse::<i64>() {
        Ok(at) if (now - WINDOW..=now + WINDOW).contains(&at) => Ok(()),
        _ => Err("The timestamp is more than 5 minutes from my clock: look at both clocks, and sign anew."),
    }
}

/// The bytes of hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit()) && digits.len() == 64;
    is_hex.then(|| digits.as_bytes().chunks(2).map_while(pair).collect())
}

#[cfg(test)]
mod tests;

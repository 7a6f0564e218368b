//! Slack's Web API, as far as the bot uses it. Every call is bounded as a whole, reads its answer to the end, keeps to
//! Slack's pace, and fails with one of five classes that say what to do next.

mod error;
mod files;
mod pacer;
mod seek;
mod transport;
mod types;

pub use error::ApiError;
pub use files::{ShareFile, Uploaded};
pub use pacer::{Method, Pacer};
pub use seek::Seek;
pub use types::{
    AuthTest, DeleteMessage, EnterpriseUser, Message, Metadata, PostEphemeral, PostMessage, Posted, Respond,
    UpdateMessage, UserInfo, UserProfile, Usergroup,
};

use super::config::SlackConfig;
use super::origin::Origin;
use super::proxy::Proxy;
use super::seal::Seals;
use super::token::Token;
use crate::clock::{Held, while_held};
use crate::domain::{ChannelId, UserId};
pub(super) use error::safe_code;
use error::{FENCED, Failed};
use pacer::Booking;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
pub(crate) use transport::{Answer, CallError, Content, Wire};
pub(super) use transport::{Transport, bearer, describe};

/// Tells for how long the caller may still make calls; `None` when it may not.
pub type Fence = Rc<dyn Fn() -> Option<Duration>>;

/// The code of a call that was not made: its address is not Slack's.
const FOREIGN: &str = "foreign_url";

/// The Web API for one thread: a cheap handle on one pool of connections. Build it where it is used; it cannot be sent.
#[derive(Clone)]
pub struct WebApi {
    inner: Rc<Inner>,
    /// How long a call waits for its turn.
    patience: Duration,
    /// What is asked when that has come.
    fence: Option<Fence>,
}

struct Inner {
    wire: Box<dyn Wire>,
    base: String,
    /// Whose addresses are followed.
    origin: Origin,
    token: Token,
    /// For the buttons and forms of all that is sent.
    seals: Seals,
    pacer: Arc<Pacer>,
    timeout: Duration,
}

impl WebApi {
    /// A client with its own connections, which shares the pace with all others. The token must be fit for a header,
    /// as [`SlackConfig::check`] makes sure; one that is not is answered by `ApiError::Auth` on every call.
    pub fn new(config: &SlackConfig, proxy: Arc<Proxy>, pacer: Arc<Pacer>) -> Self {
        let wire = Transport::new(proxy, config.api_connections, config.dial_timeout, true);
        Self::over(Box::new(wire), config, pacer)
    }

    /// A client whose calls go this way.
    pub(crate) fn over(wire: Box<dyn Wire>, config: &SlackConfig, pacer: Arc<Pacer>) -> Self {
        let (base, origin, token) = (config.method_url(""), config.origin(), config.bot_token.clone());
        let seals = Seals::new(config.app_token.clone());
        let inner = Rc::new(Inner { wire, base, origin, token, seals, pacer, timeout: config.api_timeout });
        Self { inner, patience: config.pacing.max_wait, fence: None }
    }

    /// The same client, whose calls wait this long for their turn.
    #[must_use]
    pub fn patient(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    /// The same client, whose calls are made only while the fence says that they may be. It is asked when a call's turn
    /// has come, just before the wire; a call that outlasts it is dropped. Both have the code `fenced`.
    #[must_use]
    pub fn only_while(&self, fence: Fence) -> Self {
        Self { fence: Some(fence), ..self.clone() }
    }

    /// The shared pace.
    pub fn pacer(&self) -> &Arc<Pacer> {
        &self.inner.pacer
    }

    /// Who the bot is, and which scopes its token has.
    pub async fn auth_test(&self) -> Result<AuthTest, ApiError> {
        let answer = self.send(Method::AuthTest, None, Content::Form(String::new())).await?;
        let words = |list: &String| list.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let who: AuthTest = parse(Method::AuthTest, &answer)?;
        Ok(AuthTest { scopes: answer.scopes.as_ref().map(words), date: answer.date, ..who })
    }

    /// Posts a message.
    pub async fn post_message(&self, message: &PostMessage<'_>) -> Result<Posted, ApiError> {
        let sealed = self.sealed(message.message, message.channel.as_str());
        let message = &PostMessage { message: &sealed, ..message.clone() };
        self.json(Method::PostMessage, Some(message.channel.as_str()), message).await
    }

    /// Replaces the text of one of the bot's own messages.
    pub async fn update(&self, message: &UpdateMessage<'_>) -> Result<Posted, ApiError> {
        let sealed = self.sealed(message.message, message.channel.as_str());
        self.json(Method::Update, None, &UpdateMessage { message: &sealed, ..message.clone() }).await
    }

    /// Takes one of the bot's own messages away.
    pub async fn delete(&self, message: &DeleteMessage<'_>) -> Result<(), ApiError> {
        let _: types::Nothing = self.json(Method::Delete, None, message).await?;
        Ok(())
    }

    /// Posts a message that only one person sees. Slack does not guarantee that it arrives.
    pub async fn post_ephemeral(&self, message: &PostEphemeral<'_>) -> Result<(), ApiError> {
        let sealed = self.sealed(message.message, message.channel.as_str());
        let message = &PostEphemeral { message: &sealed, ..message.clone() };
        let _: types::Nothing = self.json(Method::PostEphemeral, None, message).await?;
        Ok(())
    }

    /// Opens a modal for the person whose act gave the trigger: within 3 seconds of it, and once.
    pub async fn views_open(&self, trigger: &SecretString, view: &RawValue) -> Result<(), ApiError> {
        let sealed = self.inner.seals.view(view);
        let view = sealed.as_deref().unwrap_or(view);
        let body = types::OpenView { trigger_id: trigger.expose_secret(), view };
        let _: types::Nothing = self.json(Method::ViewsOpen, None, &body).await?;
        Ok(())
    }

    /// What Slack knows of a person.
    pub async fn users_info(&self, user: &UserId) -> Result<UserInfo, ApiError> {
        let answer: types::User = self.form(Method::UsersInfo, &[("user", user.as_str())]).await?;
        Ok(answer.user)
    }

    /// Whether other organisations read in a channel; nothing where Slack does not say.
    pub async fn is_shared(&self, channel: &ChannelId) -> Result<Option<bool>, ApiError> {
        let answer: types::Conversation =
            self.form(Method::ConversationsInfo, &[("channel", channel.as_str())]).await?;
        Ok(answer.channel.is_ext_shared)
    }

    /// The members of a user group (`S…`).
    pub async fn usergroups_users_list(&self, usergroup: &str) -> Result<Vec<UserId>, ApiError> {
        let answer: types::Users = self.form(Method::UsergroupsUsersList, &[("usergroup", usergroup)]).await?;
        Ok(answer.users)
    }

    /// The workspace's user groups.
    pub async fn usergroups_list(&self) -> Result<Vec<Usergroup>, ApiError> {
        let answer: types::Usergroups = self.form(Method::UsergroupsList, &[]).await?;
        Ok(answer.usergroups)
    }

    /// Shows a person this Home: the blocks of [`super::render::home`].
    pub async fn views_publish(&self, user: &UserId, blocks: &RawValue) -> Result<(), ApiError> {
        let sealed = self.inner.seals.blocks(blocks, user.as_str());
        let blocks = sealed.as_deref().unwrap_or(blocks);
        let body = types::PublishHome { user_id: user, view: types::HomeView { kind: "home", blocks } };
        let _: types::Nothing = self.json(Method::ViewsPublish, None, &body).await?;
        Ok(())
    }

    /// Answers a slash command through its response_url: 5 times within 30 minutes.
    pub async fn respond(&self, response_url: &SecretString, message: &Respond<'_>) -> Result<(), ApiError> {
        let method = Method::ResponseUrl;
        let started = Instant::now();
        let sealed = self.sealed(message.message, message.channel.as_str());
        let body = encode(&Respond { message: &sealed, ..message.clone() })?;
        let result = self.given(method, response_url, Content::Json(body)).await;
        let result = result.and_then(|answer| error::response_url(&answer));
        self.record(method, None, started, result)
    }

    /// The message with its buttons sealed for the place where it goes.
    fn sealed<'m>(&self, message: &'m Message, place: &str) -> Cow<'m, Message> {
        match message.blocks.as_deref().and_then(|blocks| self.inner.seals.blocks(blocks, place)) {
            Some(blocks) => Cow::Owned(Message { text: message.text.clone(), blocks: Some(blocks) }),
            None => Cow::Borrowed(message),
        }
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        channel: Option<&str>,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        let answer = self.send(method, channel, Content::Json(encode(body)?)).await?;
        parse(method, &answer)
    }

    async fn form<T: DeserializeOwned>(&self, method: Method, fields: &[(&str, &str)]) -> Result<T, ApiError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let answer = self.send(method, None, Content::Form(form.finish())).await?;
        parse(method, &answer)
    }

    async fn send(&self, method: Method, channel: Option<&str>, content: Content) -> Result<Answer, ApiError> {
        let started = Instant::now();
        let url = format!("{}{}", self.inner.base, method.as_str());
        // read anew for each call: it may have been rotated since the last
        let authorization = bearer(&self.inner.token.get());
        let result = self.paced(method, channel, &url, Some(&authorization), content).await;
        let result = result.and_then(|answer| error::web_api(&answer).map(|()| answer));
        self.record(method, channel, started, result)
    }

    /// A call to an address that Slack has given. It is the permission itself, so no token goes there; and whatever has
    /// given it, no host but Slack's is called.
    async fn given(&self, method: Method, address: &SecretString, content: Content) -> Result<Answer, Failed> {
        let address = address.expose_secret();
        let is_slack = address.parse::<awc::http::Uri>().is_ok_and(|uri| self.inner.origin.leads_to(&uri));
        if !is_slack {
            tracing::error!(method = method.as_str(), "an address that is not slack's was given; it is not called");
            return Err(Failed::Known(ApiError::Rejected { code: FOREIGN.to_owned() }));
        }
        self.paced(method, None, address, None, content).await
    }

    async fn paced(
        &self,
        method: Method,
        channel: Option<&str>,
        url: &str,
        authorization: Option<&awc::http::header::HeaderValue>,
        content: Content,
    ) -> Result<Answer, Failed> {
        self.turn(method, channel).await?;
        let call = self.inner.wire.post(url, authorization, content, self.inner.timeout);
        let Some(fence) = &self.fence else { return call.await.map_err(Failed::from) };
        match while_held(&**fence, call).await {
            Held::Done(answer) => answer.map_err(Failed::from),
            Held::Never => Err(Failed::fenced()),
            Held::Ended => Err(Failed::lost(FENCED)),
        }
    }

    /// Waits for the turn of a call.
    async fn turn(&self, method: Method, channel: Option<&str>) -> Result<(), Failed> {
        let asked = Instant::now();
        let mut booking = Booking::new(method, channel);
        loop {
            let patience = self.patience.saturating_sub(asked.elapsed());
            match self.inner.pacer.ask(&mut booking, patience).map_err(Failed::paced)? {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(()),
            }
        }
    }

    /// Counts the call and gives its failure the class that fits the method.
    fn record<T>(
        &self,
        method: Method,
        channel: Option<&str>,
        started: Instant,
        result: Result<T, Failed>,
    ) -> Result<T, ApiError> {
        let result = result.map_err(|failed| failed.class(method));
        let outcome = match &result {
            Ok(_) => "ok",
            Err(error) => error.class(),
        };
        if let Err(ApiError::Retry { after: Some(after), code }) = &result {
            self.inner.pacer.refused(method, channel, *after, error::is_limit(code));
        }
        let name = method.as_str();
        metrics::counter!("dronebot_slack_api_calls_total", "method" => name, "outcome" => outcome).increment(1);
        metrics::histogram!("dronebot_slack_api_seconds", "method" => name).record(started.elapsed().as_secs_f64());
        result
    }
}

fn encode(body: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(body).map_err(|_| ApiError::Rejected { code: "not_serialisable".to_owned() })
}

/// Reads what an `ok` answer holds. Slack has done it, so an answer that does not fit is not worth a second attempt
/// where that would do it twice.
fn parse<T: DeserializeOwned>(method: Method, answer: &Answer) -> Result<T, ApiError> {
    serde_json::from_slice(&answer.body).map_err(|_| Failed::lost("unexpected_answer").class(method))
}

#[cfg(test)]
mod tests;

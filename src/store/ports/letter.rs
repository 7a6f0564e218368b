//! Letters: where they go, how they wait, and how far they have come.

use crate::domain::{ChannelId, Reply, RequestId, Tone, UserId};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Where a letter goes.
#[derive(Clone, Debug)]
pub enum Address {
    /// POST to a response_url; falls back to an ephemeral message to this person in this channel.
    ResponseUrl {
        /// The capability.
        url: SecretString,
        /// Where the command was typed.
        channel: ChannelId,
        /// Who typed it.
        user: UserId,
    },
    /// POST to the response_url of a click in a message that one person sees: nothing that was sent by it can be
    /// replaced. Falls back as [`Address::ResponseUrl`].
    ClickUrl {
        /// The capability.
        url: SecretString,
        /// Where the message is.
        channel: ChannelId,
        /// Who pressed.
        user: UserId,
    },
    /// chat.postMessage. What the place does not take for good goes to the asker by direct message.
    Post {
        /// Where.
        channel: ChannelId,
        /// In which thread, if in one.
        thread_ts: Option<String>,
        /// Who asked; `None` in a letter that an older version wrote.
        asker: Option<UserId>,
    },
    /// chat.postMessage where the bot may post; else as [`Address::ClickUrl`], and without a url as
    /// [`Address::Ephemeral`]. What belongs to this url is somebody's message, so nothing is ever replaced through it.
    Beside {
        /// Where.
        channel: ChannelId,
        /// In which thread, if in one.
        thread_ts: Option<String>,
        /// Who asked.
        user: UserId,
        /// The capability.
        url: Option<SecretString>,
    },
    /// chat.postEphemeral. Where an earlier letter of the request has become a message of the channel, that is edited.
    Ephemeral {
        /// Where.
        channel: ChannelId,
        /// In which thread, if in one. Slack shows it only where somebody has replied already.
        thread_ts: Option<String>,
        /// To whom.
        user: UserId,
    },
}

/// A reply to be delivered.
#[derive(Clone, Debug)]
pub struct NewLetter {
    /// The request it answers.
    pub request: RequestId,
    /// Where it goes.
    pub address: Address,
    /// What it says.
    pub reply: Reply,
    /// Whether it is the request's one final answer; otherwise a progress message.
    pub last: bool,
    /// The request's trigger, for a reply with a form. Not kept by the store: see [`Request::trigger`].
    pub trigger: Option<SecretString>,
}

/// Letters that go one after the other. No queue waits for another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// The messages of a channel: Slack takes one a second.
    Channel(ChannelId),
    /// What single persons see in a channel: no message of the channel.
    Whispers(ChannelId),
    /// The answers by one response_url.
    Request(RequestId),
}

impl NewLetter {
    /// Whether it is worth another way when its place does not take it: the final answer, and the question for approval.
    /// Progress is not: it says nothing any more when the answer is there.
    pub fn must_arrive(&self) -> bool {
        self.last || self.asks_for_approval()
    }

    /// Whether it asks others to approve a change.
    pub fn asks_for_approval(&self) -> bool {
        !self.last && self.reply.tone == Tone::Approval
    }

    /// The queue in which it waits.
    pub fn queue(&self) -> Queue {
        match &self.address {
            // a form is no message of its channel, and cannot wait for those before it
            _ if self.trigger.is_some() => Queue::Request(self.request),
            Address::ResponseUrl { .. } | Address::ClickUrl { .. } => Queue::Request(self.request),
            Address::Post { channel, .. } | Address::Beside { channel, .. } => Queue::Channel(channel.clone()),
            Address::Ephemeral { channel, .. } => Queue::Whispers(channel.clone()),
        }
    }
}

/// Which letters are asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// At most so many in all.
    pub limit: usize,
    /// Of each queue at most so many, its oldest; those that are known count.
    pub per_queue: usize,
    /// Those that the caller has already.
    pub known: HashSet<LetterId>,
}

impl Wanted {
    /// At most so many, whatever their queues.
    pub fn first(limit: usize) -> Self {
        Self { limit, per_queue: usize::MAX, known: HashSet::new() }
    }
}

/// How far a letter has come that takes more than one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// How many of its messages Slack has.
    pub sent: usize,
    /// What became of its file.
    #[serde(default)]
    pub file: FileWay,
}

/// How far the file of a letter has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileWay {
    /// There is none, or nothing has been done that lasts.
    #[default]
    Unsent,
    /// Slack has its bytes, and shows them when it is told so.
    Uploaded {
        /// `F…`
        id: String,
        /// Where it shall be shown.
        room: ChannelId,
    },
    /// Slack did not take it, and the letter says so.
    Missing {
        /// Slack's code.
        code: String,
    },
}

/// Which letter: of a request, later ones have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LetterId {
    /// The request it answers.
    pub request: RequestId,
    /// Its number.
    pub number: i64,
}

/// A reply in the outbox.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Which it is.
    pub id: LetterId,
    /// The letter.
    pub letter: NewLetter,
    /// How often delivery has been tried.
    pub attempts: u32,
    /// When it was put in.
    pub created_at: Timestamp,
    /// Not to be tried before this time.
    pub not_before: Timestamp,
    /// The message that an earlier letter of the same request created: this letter edits it.
    pub replaces: Option<String>,
    /// How far it has come.
    pub way: Way,
    /// Whether it may have been sent without anybody knowing: its answer was lost, or the process that had it died.
    pub unsure: bool,
}

/// What became of a delivery.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Slack has it; `ts` is the message it became, where Slack tells.
    Sent {
        /// The message's `ts`; for a response_url, `"response_url"`.
        ts: Option<String>,
    },
    /// Not now; try again at this time.
    Later {
        /// When.
        not_before: Timestamp,
        /// Why, for the log.
        error: String,
        /// Whether Slack may have it all the same.
        unsure: bool,
    },
    /// Slack will never take it. It stays in the store as a dead letter.
    Dead {
        /// Why.
        error: String,
    },
}

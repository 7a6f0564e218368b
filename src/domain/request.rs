//! What somebody asked, and where the answer belongs.

use super::{ChannelId, RequestId, TeamId, UserId};
use secrecy::SecretString;

/// By which door a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `/drone …`
    SlashCommand,
    /// `@drone …` in a channel.
    Mention,
    /// A message in the bot's own direct message.
    DirectMessage,
    /// A pressed button.
    Button,
    /// A pressed button that asks for the form of its line, and never runs it.
    FormButton,
    /// A filled-in modal.
    Modal,
    /// A shortcut on a message.
    Shortcut,
    /// The bot itself: it says the request's text where the request came from. No door of Slack leads here.
    House,
    /// A signed self-test at the bot's own listener: a `ping` that travels the whole walk, by no person. No door of
    /// Slack leads here either.
    SelfTest,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SlashCommand,
        Self::Mention,
        Self::DirectMessage,
        Self::Button,
        Self::FormButton,
        Self::Modal,
        Self::Shortcut,
        Self::House,
        Self::SelfTest,
    ];

    /// The name used in the journal, in metrics and in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SlashCommand => "slash_command",
            Self::Mention => "app_mention",
            Self::DirectMessage => "direct_message",
            Self::Button => "button",
            Self::FormButton => "form_button",
            Self::Modal => "modal",
            Self::Shortcut => "shortcut",
            Self::House => "house",
            Self::SelfTest => "selftest",
        }
    }

    /// The reverse of [`Source::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == name)
    }

    /// Whether what came by this door asks for the form of its line instead of running it.
    pub fn asks_for_form(self) -> bool {
        self == Self::FormButton
    }

    /// Whether Slack tells the person that it failed when it is not acknowledged in time, and does not deliver it again.
    pub fn is_reported_as_failed(self) -> bool {
        !matches!(self, Self::Mention | Self::DirectMessage | Self::House | Self::SelfTest)
    }
}

/// Where the answer goes.
#[derive(Clone, Debug)]
pub enum ReplyTo {
    /// To the caller of a slash command alone. The response_url is a capability and so a secret.
    Caller {
        /// Slack's one-request address for answers: 5 uses within 30 minutes.
        response_url: Option<SecretString>,
    },
    /// To the person alone who pressed a button of a message that nobody else sees. What is sent by this response_url
    /// could take the place of that message, and never of what was sent before: nothing can be edited here.
    Presser {
        /// As the caller's.
        response_url: SecretString,
    },
    /// To the person alone, in the request's channel: others read there who are not to read the answer.
    Alone {
        /// The `ts` of the thread's parent message. Slack shows what is for one person alone only in a thread in which
        /// somebody has replied already.
        thread_ts: Option<String>,
    },
    /// As a reply in this thread of the request's channel.
    Thread {
        /// The `ts` of the thread's parent message.
        thread_ts: String,
        /// Whether somebody had replied in it already. Slack shows what is for one person alone only in such a thread.
        begun: bool,
    },
    /// Into the request's channel (a direct message), not in a thread. Where only the person is known (the Home), the
    /// channel is the person's id: see [`ChannelId::is_person`].
    Channel,
    /// Beside somebody's message, where the bot may post; else to the caller alone.
    Beside {
        /// The `ts` of the thread's parent message, if it is to be a thread.
        thread_ts: Option<String>,
        /// Slack's address for answers to the caller.
        response_url: Option<SecretString>,
    },
}

/// One accepted request, exactly as it stands in the journal.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its name in the journal, in logs and, shortened, in replies.
    pub id: RequestId,
    /// By which door it came.
    pub source: Source,
    /// The workspace of the person who asked.
    pub team: TeamId,
    /// The person who asked.
    pub user: UserId,
    /// Where it was asked.
    pub channel: ChannelId,
    /// The command with Slack's text forms undone, without `/drone` or the mention.
    pub text: String,
    /// Where the answer goes.
    pub reply_to: ReplyTo,
    /// When it was accepted.
    pub accepted_at: jiff::Timestamp,
    /// The key of the person's own act, which opens one form within three seconds. It is kept in memory alone: what
    /// comes out of the journal is too late for it.
    pub trigger: Option<SecretString>,
}

/// The class of a command: what it can do at its worst. The parent action in Cedar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Says something about the bot itself.
    Basic,
    /// Reads from AWS.
    Read,
    /// Changes something in AWS.
    Change,
    /// Takes something away for good: no other command brings it back.
    Destroy,
}

impl Risk {
    /// Every class, the harmless first.
    pub const ALL: [Self; 4] = [Self::Basic, Self::Read, Self::Change, Self::Destroy];

    /// The Cedar action group and the word in help.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Read => "read",
            Self::Change => "change",
            Self::Destroy => "destroy",
        }
    }
}

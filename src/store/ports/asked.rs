//! What somebody asked, looked back at.

use super::State;
use crate::domain::{ChannelId, RequestId, Source, Tone};
use jiff::Timestamp;

/// What somebody asked, as it is shown to that person again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The request.
    pub id: RequestId,
    /// The command line.
    pub text: String,
    /// By which door it came.
    pub source: Source,
    /// Where it was asked.
    pub channel: ChannelId,
    /// Where it stands.
    pub state: State,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it got its final answer, once it has.
    pub finished_at: Option<Timestamp>,
    /// Why Slack never took its final answer, if it never will.
    pub undelivered: Option<String>,
    /// What kind of news its final answer was, once it has one and where that is kept.
    pub tone: Option<Tone>,
}

/// What one person asked lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// Without a final answer, oldest first.
    pub open: Vec<Asked>,
    /// How many more have no final answer.
    pub more_open: u64,
    /// With a final answer, newest first.
    pub ended: Vec<Asked>,
}

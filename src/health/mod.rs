//! How the bot is, for callers over HTTP: probes, metrics, version.
//!
//! Rooms write to the [`Board`]; nothing here asks them anything that could block. Three questions are kept apart.
//! *Liveness* (`/livez`): does the actor system turn? Only a restart would help, so an outage of Slack or AWS never
//! makes it fail. *Readiness* (`/readyz`): would a command be heard, kept and answered now? *Startup* (`/startupz`):
//! has everything been started? Each answers 200 or 503 with its causes as JSON.
//!
//! Every metric of `/metrics`, with its labels (a test compares this table with the source):
//!
//! | metric | labels | what it counts |
//! |---|---|---|
//! | `dronebot_requests_total` | `source`, `result` | requests at the door: `accepted`, `duplicate`, `not_journalled`, `overload` (refused: too many are open), `share` (refused: too many of this person are), `stranger` (not heard: may run nothing, and was told so), `too_long` (refused: so is the line), `unsigned` (refused: a self-test) |
//! | `dronebot_envelopes_ignored_total` | `reason` | envelopes that ask nothing of the bot |
//! | `dronebot_commands_total` | `command`, `outcome` | final answers: `ok`, `usage`, `form`, `refused`, `failed`, `unknown`, `bug`, `poison` (processes died with it) |
//! | `dronebot_command_seconds` | `command` | from the request's acceptance to its stored answer |
//! | `dronebot_deliveries_total` | `outcome` | attempts to send an answer: `sent`, `later`, `dead` |
//! | `dronebot_queue_depth` | `queue` | what waits: unfinished requests, outbox, dead letters, … |
//! | `dronebot_open` | | what `execution.max_open` bounds: requests without an answer, and answers that wait |
//! | `dronebot_queue_oldest_seconds` | `queue` | the age of the oldest |
//! | `dronebot_approvals_asked_total` | | changes that were shown to others, to be approved |
//! | `dronebot_aws_calls_total` | `operation`, `class` | AWS calls: `ok` or the class of the error |
//! | `dronebot_aws_call_seconds` | `operation` | how long they took |
//! | `dronebot_aws_paced_total` | `bucket` | calls that waited for the bot's own share of AWS's rates |
//! | `dronebot_slack_links_up` | `slot` | links of this connection that have said hello |
//! | `dronebot_seals_refused_total` | `what` | presses and forms that ran nothing because the bot did not make them so: `button`, `form` |
//! | `dronebot_forms_total` | `outcome` | forms: `opened`, `wrong` (told on a field), `late`, `too_large`, `timeout`, or why Slack opened none |
//! | `dronebot_link_up` | `slot` | 1: the connection can be heard |
//! | `dronebot_link_silence_seconds` | `slot` | since its last frame |
//! | `dronebot_link_event_age_seconds` | `slot` | since its last envelope |
//! | `dronebot_link_strange_connections` | `slot` | connections that Slack counts and that are none of ours: ghosts, or another process with the token |
//! | `dronebot_link_app_connections` | `slot` | how many connections Slack counts for the app |
//! | `dronebot_slack_frames_total` | `direction`, `kind` | frames |
//! | `dronebot_slack_bad_frames_total` | `kind` | frames that could not be understood |
//! | `dronebot_slack_acks_total` | `result` | envelopes acknowledged, or why not |
//! | `dronebot_slack_ack_seconds` | | from an envelope's arrival to its written acknowledgement |
//! | `dronebot_slack_reconnects_total` | `slot`, `reason` | ends of links and failed dials |
//! | `dronebot_slack_api_calls_total` | `method`, `outcome` | Web API calls: `ok` or the class of the error |
//! | `dronebot_slack_api_seconds` | `method` | how long they took, the wait for their turn included |
//! | `dronebot_log_lines_lost_total` | | lines of the log that no reader took in time |
//! | `dronebot_store_up` | | 1: the last write worked |
//! | `dronebot_store_errors_total` | | writes that failed |
//! | `dronebot_store_commits_total` | | transactions |
//! | `dronebot_store_batch_size` | | operations in one transaction |
//! | `dronebot_store_commit_seconds` | | how long a transaction took, the sync to the disk included |
//! | `dronebot_store_call_seconds` | | how long a call to the shared store took |
//! | `dronebot_lease_renewals_total` | `outcome` | renewals of this replica's lease: renewed, failed, reborn |
//! | `dronebot_replicas` | `state` | replicas that share the store: alive, gone |
//! | `dronebot_replicas_given_up_total` | | replicas that this one found gone |
//! | `dronebot_adoption_failures_total` | | times that what others have left could not be looked for or taken over |
//! | `dronebot_requests_adopted_total` | | requests taken over from replicas that are gone |
//! | `dronebot_delivery_lookups_total` | `outcome` | looks whether an answer is in Slack already: found, absent, or a class of error |
//! | `dronebot_secret_reads_total` | `outcome` | looks whether a secret was rotated: same, rotated, failed |
//! | `dronebot_actor_up` | `actor` | 1: it works |
//! | `dronebot_actor_restarts` | `actor` | restarts of this process' actors, as the tree counts them |
//! | `dronebot_actor_restarts_total` | `actor` | the same, counted as they happen |
//! | `dronebot_actor_panics_total` | `actor` | lives that ended in a panic |
//! | `dronebot_actor_kills_total` | `actor` | lives that were ended because they hung |
//! | `dronebot_actor_stops_total` | `actor` | lives that ended by themselves |
//! | `dronebot_task_panics_total` | `task` | panics in detached futures |
//! | `dronebot_panics_total` | | every panic of the process |
//! | `dronebot_escalations_total` | `tree` | restarts that did not help |
//! | `dronebot_live`, `dronebot_ready` | | 1: what `/livez` and `/readyz` say |
//! | `dronebot_uptime_seconds` | | since the start |
//! | `dronebot_body_info` | `body`, `zone`, `instance_type`, `lifecycle`, `image` | 1, once the body is known |
//! | `dronebot_body_notices_total` | `kind` | notices that AWS takes the body back: interruption, or may: rebalance |
//! | `dronebot_build_info` | `version`, `revision`, `policy` | 1 |

mod board;
mod check;
mod http;
mod judgement;
mod numbers;
mod spec;
#[cfg(test)]
mod tests;

pub use board::Board;
pub use check::{healthcheck, healthcheck_url};
pub use http::{Serving, serve};
pub use judgement::{Cause, Judgement};
pub use numbers::Metrics;
pub use spec::BoardSpec;

/// Why the health side cannot begin, as one line.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The port is taken.
    #[error("{listen} is taken by another process; stop that, or set health.listen to another address and port")]
    Busy {
        /// What was to be listened on.
        listen: std::net::SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("health.listen {listen} cannot be listened on: {reason}")]
    Listen {
        /// What was to be listened on.
        listen: std::net::SocketAddr,
        /// Why not.
        reason: String,
    },
    /// Something else in the process counts already.
    #[error("the metrics were set up twice")]
    Twice,
}

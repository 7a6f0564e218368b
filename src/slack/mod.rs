//! Slack, as a library that knows nothing of the bot: Socket Mode in, the Web API out, the text forms of both.
//!
//! # How other clients failed
//!
//! Each of these failures happened to another client of Slack. A comment `// failure 12` names the one that the test below it
//! keeps away from this bot; `tests/bot/architecture.rs` holds that each has such a test, and that no comment names a number that
//! is not here. `node`, `python` and `java` are Slack's SDKs for these languages, `go` is slack-go, `morphism` is
//! slack-morphism-rust.
//!
//! | | what happened elsewhere | what is so here |
//! |---|---|---|
//! | 1 | At each refresh by Slack the client closed first and dialled later: seconds without a link. (`bolt-js#2496`) | The successor is dialled first; the old link is read until Slack or the overlap ends it. |
//! | 2 | Slack went on counting links that were half open, and gave them envelopes; the client looked healthy. (`python#1940`) | The links that Slack counts and the bot does not hold are shown by a metric, `status` and the log, and slow the next dial. |
//! | 3 | Sockets that should have been closed by force stayed, up to the ten that an app may have. (`node#2709`) | The slot owns each socket, and drops it after a bounded time. |
//! | 4 | A close took five seconds, for Slack leaves TCP open; meanwhile the watchdog warned of it. (`node#2752`) | A close waits about a second, and a closing link is not watched. |
//! | 5 | The timer of a link that was closed already closed a second time, and two links were dialled. (`node#2771`) | A timer belongs to one link, and goes with it. |
//! | 6 | A late `close` of a replaced link took its successor down: 5,075 reconnects in 73 minutes. (`JKHeadley/instar#1076`) | Events carry the number of their link; one dial is in flight for each slot. |
//! | 7 | A stop during a dial ended the process by an error that was not caught. (`node#2656`) | A stop in any phase ends cleanly and leaves no late socket. |
//! | 8 | A `disconnect` before `hello` was a state that the client did not know. (`node#1787`) | A `disconnect` is borne in every state and for every reason. |
//! | 9 | Frames that are no envelopes, or have no `event`, were given to the app, which fell over them. (`node#1762`) | The envelope is read first and acknowledged whatever its payload is. |
//! | 10 | After one failed `apps.connections.open` no other was tried. (`node#1495`) | Only a refused token ends a slot; all else is tried again for ever, with growing pauses. |
//! | 11 | All attempts used the address whose ticket was spent. (`python#1379`) | Each attempt asks for an address of its own. |
//! | 12 | A half-open link brought nothing for hours, and the client took it for connected. (`openabdev/openab#1120`) | The bot pings; a link without any frame for the idle timeout is dead. |
//! | 13 | A step of the dial had no bound, and the client waited for it for ever. (`openabdev/openab#1279`) | The address, TCP with TLS and the upgrade, `hello`, and each write have a timeout. |
//! | 14 | The watchdog saw a dead link, but the blocked read kept it. (`go#1093`) | The watchdog ends the read itself. |
//! | 15 | After a refactoring no code wrote the time that the watchdog read: each link was killed every 90 seconds. (`morphism#373`) | A quiet but healthy link lives on; a test reads that no link asks a clock that can be set. |
//! | 16 | The loop went on after an error of the link: a line in the log every ten microseconds. (`morphism#125`) | An error ends the link once, and the log stays short. |
//! | 17 | A full channel, or a closed one, stopped the reader. (`go#1125`) | The envelopes in work are bounded; those above the bound are left to Slack, and the reader never waits. |
//! | 18 | A malformed frame forced a reconnect. (`go`, 0.22.0) | A malformed frame is counted and passed over. |
//! | 19 | Slack dropped an acknowledgement of 20 KB or more without a word. (`go#1196`) | Its size is looked at; a large one goes out bare. |
//! | 20 | The handler ran before the acknowledgement, and Slack delivered again. (`bolt-js#2487`) | One write to the journal comes before the acknowledgement, all work after it. |
//! | 21 | Retries were dropped on purpose: after a restart they were the only delivery. (`vercel/chat#666`) | A retry is taken like any other delivery. |
//! | 22 | The same event was handled two to six times. (`bolt-js#1666`) | The journal knows the keys of deliveries; they outlive links, processes and replicas. |
//! | 23 | The app could not learn which attempt a delivery was. (`bolt-python#1484`) | The envelope and the log name the attempt and its reason. |
//! | 24 | Clients read in the history what was written while they were away, and took it up: a change that was asked for long ago comes as a surprise. (`vellum#29444`, `hermes#44178`) | History is read for the bot's own messages alone; what was missed is not run. |
//! | 25 | Two parts of a client dialled after the same close, for days. (`java#1256`) | The slot alone decides to dial. |
//! | 26 | After `too_many_websockets` the client came back at once, and was counted again. (`node#1654`) | It closes first, and comes back after 30 to 300 seconds. |
//! | 27 | The proxy held for HTTP but not for the WebSocket. (`python#948`) | One proxy and one set of authorities hold for the Web API, Socket Mode and files. |
//! | 28 | Tokens and tickets stood in the log. (`go#844`) | Secrets are types that do not print, and the log is searched for them as the last line of defence. |
//! | 29 | Each message asked Slack who wrote it, until Slack refused all. (`hubot-slack#621`) | Answers are kept, a failure too; one question is asked at a time for each key. |
//! | 30 | Forty thousand messages waited, and were sent against every 429. (`python#288`) | The outbox is durable and paced for each channel; of progress only the newest is shown. |
//! | 31 | A word or a form that Slack added lost the whole event. (`morphism`, `err-backend-slackv3#70`) | What is not understood stays raw; nearly every field may be missing. |
//! | 32 | Each close left a thread or a session behind. (`python#1873`) | After a thousand reconnects no socket, task, thread or descriptor is left. |
//! | 33 | A session was open again, but brought no event until the process asked Slack something. (`python#1701`) | The age of the last frame and event is told; a link without `hello` is replaced. |
//! | 34 | A restart of Slack's server: the close was tried seventeen times. (`bolt-js#2496`) | A close is tried once, then the link is dropped. |
//! | 35 | Slack's pings did not count as a sign of life. (`sympozium-ai/sympozium#17`) | Any frame is a sign of life; a ping is answered between fragments too. |
//! | 36 | Bots answered bots, and a bot its own edits. (`PostHog#60116`) | Only what a person wrote is a request, and a thread that asks without end is told so once. |
//! | 37 | An acknowledgement with a text was not in the form that Socket Mode takes. (`node#1455`) | One function words acknowledgements, from a closed set. |

pub mod api;
pub mod config;
mod connector;
pub mod network;
mod origin;
pub mod payload;
pub mod proxy;
pub mod render;
pub mod scopes;
pub mod seal;
pub mod socket;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
mod tls;
mod token;

pub use config::{PacingConfig, SlackConfig, check_token};
pub use proxy::{Proxy, ProxyError};
pub use seal::Seals;
pub use token::{Token, TokenSource};

//! Dronebot: a Slack bot that runs operations on AWS and goes on through every failure of its own.
//!
//! This page is the map. `README.md` says how to use and run the bot; this says how it is built.
//!
//! # The walk of one command
//!
//! ```text
//!   Slack ──► intake ──► dispatch ──► execution ──► delivery ──► Slack
//!              │ journal    │ who asks?   │ plan, judge, │ pace, retry,
//!              │ then ack   │ may they?   │ run, verify  │ never lose
//!              │ dedupe     │             ▼              ▲
//!              ▼            ▼         commands ── aws    │ Reply
//!            ══════════════ store: journal · outbox ════════════════
//!            ── slack · aws · health · supervision · clock · domain (leaf rooms) ──
//! ```
//!
//! 1. [`slack::socket`] keeps the links; a frame becomes an [`Envelope`](slack::payload::Envelope).
//! 2. [`intake::Doorkeeper`] makes a [`Request`](domain::Request) of it and gives it to the [`Journal`](store::Journal).
//!    Once it is on the disk, and not before, the envelope is acknowledged. A known key is a delivery that came again.
//! 3. [`dispatch::Dispatcher`] reads the line by [`commands::Catalog::parse`], asks Slack who it is, and asks the
//!    [`Policies`](dispatch::policy::Policies) whether this person could run the command on anything at all.
//! 4. An [`execution::AwsWorker`] runs the [`Job`](execution::Job) on threads of its own. [`plan`](commands::Command::plan)
//!    only reads; a reading command's plan is its answer. A change is resolved to exact targets, and the policies are
//!    asked again, for each of them with its tags. What they permit only with the approval of others is shown to those, and
//!    waits ([`ApprovalStore`](store::ApprovalStore)); it holds nothing meanwhile, and is planned again when they have said yes.
//! 5. The plan is journalled, then each call before it is made; [`execute`](commands::Command::execute) makes it once, and
//!    AWS is asked until every target has come to rest. Where an answer was lost, [`verify`](commands::Command::verify)
//!    looks instead of repeating.
//! 6. The final state and the reply are one transaction: [`AnswerDesk`](execution::AnswerDesk), [`Outbox`](store::Outbox).
//! 7. [`delivery::Courier`] renders the [`Reply`](domain::Reply) and sends it, until Slack has taken it.
//!
//! # Forms and buttons
//!
//! Both are another way to say a line, and nothing else: a press and a filled-in form are requests that walk the same
//! walk, judged as the person who pressed or filled in.
//!
//! - A [`Button`](domain::Button) in a reply carries its line: `run:…` runs it, `form:…` asks for its form. The answer goes
//!   beside the button.
//! - Where only an argument is missing, [`dispatch::forms`] gives the usage text a [`Form`](domain::Form) made of the clap
//!   definition. The courier opens it in place of the text, once, while the trigger of the person's own act is good (it is
//!   kept in memory alone); else the text is sent, with a button whose press is a new trigger.
//! - Both carry a hash, keyed by the app-level token, of what they say and of where they stand ([`slack::seal`]): the Web API's
//!   client puts it on whatever it sends, and the door believes no press without it.
//! - The modal remembers where its answer goes ([`Memo`](slack::render::modal::Memo)), so it outlives the process. When it is
//!   sent, [`dispatch::forms::Forms::fill`] makes the line of it before the acknowledgement: what is wrong is said on its
//!   field, and so is that the journal did not take it. A form closes only when its request is durable.
//!
//! # The rooms, in the order of the walk
//!
//! | room | what it does | may import |
//! |---|---|---|
//! | [`intake`] | from an envelope, or a signed self-test, to a journalled request | dispatch, slack, store, health, supervision, clock, domain |
//! | [`dispatch`] | finds, parses, finds out who asks, judges, takes approvals, hands on | execution and what that may |
//! | [`execution`] | plans, runs, verifies, takes up after a crash | delivery, commands, aws and what delivery may |
//! | [`commands`] | one file per command, the catalogue of them, and the kernel of those that change something | aws, clock, domain |
//! | [`delivery`] | from the outbox to Slack | slack, store, health, supervision, clock, domain |
//! | [`slack`] | Socket Mode, Web API, text forms, rendering; knows nothing of the bot | clock, domain |
//! | [`aws`] | a port for each service of AWS, by account and region; the only place that builds SDK clients | clock, domain |
//! | [`store`] | the ports `Journal`, `Outbox`, `ApprovalStore`, `AuditLog` and `Replicas`; SQLite or DynamoDB behind them | clock, domain |
//! | [`health`] | status board, probes, metrics | domain |
//! | [`supervision`] | actors that cannot stay dead; knows nothing of the bot | domain |
//! | [`clock`] | the time of day | domain |
//! | [`domain`] | the words that all rooms share; no I/O, no actors | nothing |
//! | [`settings`] | files, environment and secrets, as one validated value | the `Config` structs of the rooms |
//! | [`telemetry`] | the log, and its last line of defence against secrets | settings, clock |
//! | [`app`] | names the concrete adapters, lists the tree, drains; the doctor | everything |
//!
//! # The tree of actors, in the order in which it starts
//!
//! | actor | what it does | what its failure costs |
//! |---|---|---|
//! | `health-reporter` | counts what waits, for the status board | a restart |
//! | `lease-keeper` | says that this replica lives, hears who else does, and takes over what is left of those that are gone | a restart; the others take over at the end of the lease |
//! | `token-keeper` | reads the tokens again where they are kept, and takes up new ones | a restart; the tokens in use stay |
//! | `courier` | drains the outbox, on its own thread | a restart; the letters stay in the store |
//! | `aws-worker-0` … | watch over running jobs | a restart; the job runs on, its answer is given |
//! | `dispatcher` | parses, judges, hands on | a restart; what is unfinished is read from the journal |
//! | `home` | shows people their Homes | a restart; a Home is made anew each time |
//! | `body-watch` | knows machine and task, says once that it moved, hears when AWS takes the machine back | a restart |
//! | `slack-0` … | one Socket Mode connection each, each on its own thread | a restart; the other connection carries on |
//!
//! They start in the reverse order of the walk, so that each takes handles of those before it, and end in the order of the
//! walk: the connections close, running commands and waiting answers are waited for (but not a deployment of the bot itself,
//! which only its new body can end), then the tree stops from the last to the first. Every actor may lose its memory at any moment, because all state is in the store. Too many restarts
//! within the window end the process with [`EXIT_ESCALATED`](supervision::EXIT_ESCALATED); a thread that is stuck ends it with
//! [`EXIT_STUCK`](supervision::EXIT_STUCK); a configuration that cannot work ends it with [`EXIT_CONFIG`](app::EXIT_CONFIG). Beside
//! the tree run the watchdog, the store's writer, the log's writer (all three are threads), the probes' server, and the threads for calls to AWS.
//!
//! # The states of a request
//!
//! ```text
//! accepted ──► refused | succeeded | failed | unknown     a reading command, or nothing to change
//!    │
//!    ├──► awaiting_approval ──► refused | failed         declined, out of time, or something else by now
//!    ▼            ▼
//! planned ───► refused | succeeded | failed | unknown     no call was made
//!    │  ▲
//!    │  └── planned anew, after a restart before the first call (and others may have to approve by then)
//!    ▼
//! running ───► refused | succeeded | failed | unknown     calls may have been made
//! ```
//!
//! Each arrow is one conditional write, and what happened is written with it: [`AuditLog`](store::AuditLog). So is the
//! [`Decision`](domain::Decision) that led to it, which [`dispatch`] makes in one place. A final state
//! is stored together with its reply. What is not final when the process starts, or is adopted later (or when a sweep, each
//! half minute, finds that no task works on it), is taken up: a reading command is run again; a change that had not begun is
//! begun if it was asked for a short while ago, else reported as not begun; a change that had begun is verified and
//! reported, never made again. [`State::may_become`](store::State::may_become) is this drawing; `store/ledger.rs` says what
//! else follows from each arrow, once for both stores. One with which two processes have died, without a goodbye, is not
//! taken up a third time: it may be what they died of, and its answer says so. One that waits for approval is in nobody's
//! hands: it waits on with whoever has it, however many die.
//!
//! # What never happens
//!
//! Read off the source tree by `tests/bot/architecture.rs`:
//!
//! - A room never imports one that the table above does not allow it; there is no circle.
//! - Files never import each other in a circle, but a parent and its child (`tests/bot/circles.rs`).
//! - A command never sees Slack, the store or an actor, so it cannot post, approve itself or schedule itself.
//! - Only [`aws`] ever builds SDK clients, only [`dispatch`] ever judges, only [`store`] ever speaks SQL.
//! - Only [`settings`] ever reads the environment; only [`clock`] ever asks the time of day.
//! - Nothing is ever spawned but through [`supervision`].
//! - Nothing under `src` ever asks whether it is in a test.
//!
//! Kept by the walk, and shown by the other tests of `tests/bot`:
//!
//! - An envelope is never acknowledged before its request is durable.
//! - A call that changes something is never repeated; a lost answer is followed by a look, in the account of that call alone.
//! - What others must approve is never done on the word of the asker, nor twice on theirs, nor when it would do
//!   something else than they were shown.
//! - What cannot be undone (the class `destroy`) is never done, as shipped, before somebody else has approved it.
//! - Nothing that no policy permits is ever done, and a guest is never let in because Slack did not answer.
//! - An outage of Slack or AWS never restarts the bot: it is not ready then, and it is alive.
//! - A token, a ticket, a trigger or a response_url never stands in a log, a reply, an error or a metric.
//! - A button or a form that the bot did not make, or not for that place, never runs anything.
//! - An answer is never shown to all of a place that is shared with another organisation, or of which that is not known.
//! - No address is ever called because somebody gave it, but Slack's own by TLS.
//! - A button that asks for a form never runs its line, and a guess at what was meant never changes anything.
//!
//! # What is absent
//!
//! Several workspaces, credentials for several AWS accounts (what would need them knows its account), and AWS calls that no
//! command stands for.
//!
//! # Glossary
//!
//! How to add a command, a service, a store or a door is in `.github/CONTRIBUTING.md`.
//!
//! | word | what it means here |
//! |---|---|
//! | request | one line that was asked, under an id: [`Request`](domain::Request) |
//! | asker | the person who sent a request ([`Request::user`](domain::Request::user)); of a self-test and of a notice it is the bot |
//! | principal | the asker as the policies judge it, with membership and groups: [`Principal`](domain::Principal) |
//! | door | the way by which a request comes in, such as a slash command or a button: [`Source`](domain::Source) |
//! | row | all that is known of a command without running it: [`Row`](commands::Row), listed in the [`Catalog`](commands::Catalog) |
//! | class | what a command can do at its worst: `basic`, `read`, `change`, `destroy`: [`Risk`](domain::Risk) |
//! | target | one thing at AWS that a command acts on, of a kind that its service names: [`Target`](domain::Target) |
//! | plan | what a change will do, in full, before it does anything: [`Plan`](domain::Plan) |
//! | step | one call of a plan, in a region of an account, journalled before it is made, and made once: [`Step`](domain::Step) |
//! | before-image | how a target was when its step was planned: [`Step::before`](domain::Step::before), as [`Facts`](domain::Facts) |
//! | kernel | `commands/change/`: makes, watches and reports a planned change, the same for every service |
//! | look | a question to AWS for what is true now, in place of making a call again |
//! | verification | what the looks came to: [`Found`](commands::Found) |
//! | refusal | it may not be done, and was not: [`Refusal`](domain::Refusal) |
//! | failure | it did not succeed, and its answer says what was done and what not: [`Failure`](domain::Failure) |
//! | unknown outcome | it may have been done, and no look could tell: [`UnknownOutcome`](domain::UnknownOutcome) |
//! | approval | another person's yes to one plan: [`Approval`](domain::Approval) |
//! | word | what a person says on a change that waits, taken or not: [`WordRecord`](domain::WordRecord) |
//! | decision | what the policies say of a request or of a word, which of them, and what they were told: [`Decision`](domain::Decision) |
//! | guard | a tag by which people keep a target from being changed: [`Guard`](domain::Guard). In [`supervision`], what keeps an actor alive |
//! | usual account | the AWS account to which the bot's credentials belong: [`AccountPort::usual`](aws::AccountPort::usual). A region of an account is an [`AccountRegion`](domain::AccountRegion) |
//! | port | the calls of one service of AWS that commands are made of, such as [`Ec2Port`](aws::Ec2Port); in [`store`], what a store must be able to do |
//! | call | one operation of AWS, with its IAM name and its bucket: [`Call`](aws::Call) |
//! | bucket | a rate limit of AWS, for a region of an account, that several calls share; the bot keeps below it |
//! | journal | the requests with their states, plans and steps: [`Journal`](store::Journal) |
//! | audit | what happened to a request or a replica, event by event: [`AuditLog`](store::AuditLog) |
//! | reply | what is said, as a value; only [`slack`] gives it a form: [`Reply`](domain::Reply) |
//! | letter | a reply with its address, on its way to Slack: [`Letter`](store::Letter) |
//! | outbox | the letters that Slack has not taken yet: [`Outbox`](store::Outbox) |
//! | dead letter | a letter that Slack will never take; it is kept and counted |
//! | lane | the letters of one channel or one request in memory, which go one after the other: [`Lanes`](delivery::Lanes) |
//! | link | one Socket Mode connection; its slot dials the next one: [`slack::socket`] |
//! | envelope | one delivery by Slack, acknowledged by its id: [`Envelope`](slack::payload::Envelope) |
//! | trigger | Slack's key of a person's act, which opens one form within three seconds |
//! | seal | the keyed hash by which the bot knows its own buttons and forms: [`Seals`](slack::Seals) |
//! | replica | one life of one process, among those that share a store: [`Replica`](store::Replica) |
//! | lease | for how long a silent replica is taken to be alive: [`Replicas::beat`](store::Replicas::beat) renews it |
//! | fence | a number that grows whenever a request changes hands; who has an older one writes nothing: [`Fenced`](store::StoreError::Fenced) |
//! | life | the time from a start of an actor, or of a process, to its end. Mailboxes and the store outlive it |
//! | body | the machine and the task in which a process lives: [`Body`](domain::Body) |
//! | house | the bot itself, where it says or notes something by itself: [`Source::House`](domain::Source::House), [`HouseEvent`](store::HouseEvent) |
//! | room | a module of this page's table |
//! | flight | a request on which this process works now: [`Flight`](execution::Flight) |
//! | vitals | how the bot is: [`Vitals`](domain::Vitals) |
//! | drill | a fault that is made on purpose: [`Drill`](domain::Drill) |

pub mod app;
pub mod aws;
pub mod clock;
pub mod commands;
pub mod delivery;
pub mod dispatch;
pub mod domain;
pub mod execution;
pub mod health;
pub mod intake;
pub mod settings;
pub mod slack;
pub mod store;
pub mod supervision;
pub mod telemetry;

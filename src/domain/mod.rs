//! The words that all rooms share. No I/O, no actors, no clock: values and their rules only.

mod approval;
mod body;
pub(crate) mod decision;
mod drill;
mod facts;
mod failure;
mod form;
mod guard;
mod ids;
mod invisible;
mod line;
mod place;
mod plan;
mod principal;
mod reply;
mod request;
mod secret;
mod selftest;
mod target;
mod vitals;

pub use approval::{APPROVE, ApprovalRequest, NotTaken, Standing, Word, WordRecord, WordRefusal};
pub use body::{Body, EcsTask, Notice};
pub use decision::{Decision, JudgedFacts, PlaceReaders, Ruling};
pub use drill::Drill;
pub use facts::Facts;
pub use failure::{CommandError, Failure, Refusal, UnknownOutcome, UsageError};
pub use form::{Button, Field, FieldKind, Form, Press, SHOWN};
pub use guard::{Guard, Guarded, PROTECTING, UNPROTECTED, guards};
pub use ids::{AccountId, ChannelId, RequestId, TeamId, UserId};
pub use invisible::is_invisible;
pub use line::{Line, Span};
pub use place::AccountRegion;
pub use plan::{Approval, Plan, Step};
pub use principal::{Membership, Principal};
pub use reply::{Attachment, Part, Reply, Table, Tone};
pub use request::{ReplyTo, Request, Risk, Source};
pub use secret::SecretReference;
pub use selftest::{SelfTestAnswer, SelfTestCall};
pub use target::{ResourceKind, Target};
pub use vitals::{
    ActorPhase, ActorVitals, Build, LinkVitals, QueueName, QueueVitals, ReplicaVitals, StoreVitals, Vitals,
    VitalsSource,
};

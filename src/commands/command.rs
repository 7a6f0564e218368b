//! What every command is made of.

use super::DeployConfig;
use crate::aws::{Aws, Call};
use crate::clock::Clock;
use crate::domain::{
    AccountRegion, CommandError, Line, Plan, Principal, Refusal, Reply, RequestId, Risk, Source, Step, Target,
    UsageError, VitalsSource, Word,
};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;

/// Builds a command from the words after its name.
pub type Parse = fn(&[String]) -> Result<Box<dyn Command>, UsageError>;

/// A command's row: all that is known of it without running it.
pub struct Row {
    /// What one types: `ec2 stop`.
    pub name: &'static str,
    /// One line for help.
    pub summary: &'static str,
    /// Lines that this row parses, for help; each is tested.
    pub examples: &'static [&'static str],
    /// What it can do at its worst.
    pub risk: Risk,
    /// The Cedar action, `ec2:stop`; its parent is the risk.
    pub action: &'static str,
    /// The calls to AWS that it may make: what the bot's role needs for it.
    pub calls: &'static [&'static Call],
    /// How one looks at what it acts on; `None` where it changes nothing.
    pub inspect: Option<&'static Inspect>,
    /// Builds the command from the words after its name.
    pub parse: Parse,
    /// `ec2 stop <target>… [--region <region>]`, from the clap definition.
    pub usage: fn() -> String,
    /// The arguments and options with their help, from the clap definition.
    pub options: fn() -> Vec<(String, String)>,
    /// The clap definition itself: what a form is made of.
    pub definition: fn() -> clap::Command,
}

/// How one looks at the targets of a command: what a person is told to do when its outcome is not known.
pub struct Inspect {
    /// The name of the command that shows one, `ec2 show`.
    pub command: &'static str,
    /// The line that shows this one, `ec2 show i-0abc --region eu-central-1`.
    pub line: fn(&Target) -> String,
}

/// The commands that there are, in the order of help.
#[derive(Clone)]
pub struct Catalog {
    pub(super) rows: Vec<&'static Row>,
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rows.iter().map(|row| row.name)).finish()
    }
}

impl Catalog {
    /// All of them.
    pub fn rows(&self) -> &[&'static Row] {
        &self.rows
    }

    /// The row of exactly this name.
    pub fn row(&self, name: &str) -> Option<&'static Row> {
        self.rows.iter().copied().find(|row| row.name == name)
    }
}

/// The Cedar action of a command, as the policy room judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// `ec2:stop`
    pub name: &'static str,
    /// Its class.
    pub risk: Risk,
}

/// What a command touches before its targets are known: judged before anything is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The bot itself.
    Bot,
    /// The region of commands that name none: [`RegionPort::default_region`](crate::aws::RegionPort::default_region) tells
    /// which.
    DefaultRegion,
    /// These regions of the account; empty means all.
    Regions(Vec<String>),
}

/// Bounds from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A change of more targets than this is refused.
    pub max_targets: usize,
    /// Rows of one page of a list.
    pub page_size: usize,
    /// How long to wait for a final state.
    pub wait: std::time::Duration,
    /// How often to look while waiting.
    pub poll: std::time::Duration,
}

/// Says the principal's word on the change of another request, which is named by its id, whole or short. Whether it is
/// taken is decided elsewhere: nothing can approve itself by this.
pub type Decide = Arc<dyn Fn(String, Word) -> BoxFuture<'static, Result<Reply, CommandError>> + Send + Sync>;

/// The refusal of a region of an account, which may not be known yet.
pub type Enters = Arc<dyn Fn(&AccountRegion) -> Result<(), Refusal> + Send + Sync>;

/// The refusal of a row.
pub type MayOrWhy = Arc<dyn Fn(&Row) -> Result<(), Refusal> + Send + Sync>;

/// The refusal to show a resource.
pub type SeesOrWhy = Arc<dyn Fn(&Target) -> Result<(), Refusal> + Send + Sync>;

/// What a command may use.
#[derive(Clone)]
pub struct Context {
    /// The request, for tokens.
    pub request: RequestId,
    /// By which door it came.
    pub source: Source,
    /// Who asks.
    pub principal: Principal,
    /// Which commands there are.
    pub catalog: Arc<Catalog>,
    /// Whether the principal could run a row on anything at all: what help shows.
    pub may: Arc<dyn Fn(&Row) -> bool + Send + Sync>,
    /// The same of a row that is asked about by its name: the refusal says why and who could.
    pub may_or_why: MayOrWhy,
    /// The refusal to show this resource, where it is asked about by its name.
    pub sees_or_why: SeesOrWhy,
    /// Whether the principal may see this resource by the running command: what a list leaves out and counts.
    pub sees: Arc<dyn Fn(&Target) -> bool + Send + Sync>,
    /// Whether the principal may look at this resource at all: by the running command, or by the one that shows such a thing.
    pub shows: Arc<dyn Fn(&Target) -> bool + Send + Sync>,
    /// The refusal of a region of an account in which the principal may not run the command at all: asked before the
    /// region is.
    pub enters: Enters,
    /// The provider: a port for each service.
    pub aws: Arc<Aws>,
    /// How the bot is.
    pub vitals: Arc<dyn VitalsSource>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: Limits,
    /// What may be deployed.
    pub deploy: Arc<DeployConfig>,
    /// Shows work in progress; calls may be dropped when they come too often.
    pub progress: Arc<dyn Fn(Reply) + Send + Sync>,
    /// Says that the command ends this process, and that only the process after it can bring the command to its end: a
    /// drain does not wait for it then.
    pub bequeath: Arc<dyn Fn() + Send + Sync>,
    /// Says the principal's word on somebody's change.
    pub decide: Decide,
}

impl Context {
    /// The row of this name, if the principal could run it on anything at all: what is offered by a button.
    pub fn permitted(&self, name: &str) -> Option<&'static Row> {
        self.catalog.row(name).filter(|row| (self.may)(row))
    }
}

/// What planning found.
#[derive(Clone, Debug)]
pub enum Planned {
    /// The answer itself: a reading command, or a change that is already so.
    Answer(Reply),
    /// A change to be judged and made.
    Change(Plan),
}

/// Why a step did not end well.
#[derive(Clone, Debug)]
pub enum StepError {
    /// The provider said no, or the call never left: nothing was changed by it.
    Refused(CommandError),
    /// The call may have been made: look before saying anything.
    Lost(String),
}

/// The execution room's side of a step: journals it, makes the call, journals the answer.
#[async_trait]
pub trait Journalled: Send + Sync {
    /// Makes the call of one step; `Err` before the call when the journal is not available.
    async fn step(&self, step: &Step, call: BoxFuture<'_, Result<(), StepError>>) -> Result<(), StepError>;
}

/// What verify found to be true now.
#[derive(Clone, Debug)]
pub enum Found {
    /// Everything that was planned is so.
    Done(Reply),
    /// It is not so; the reply says what is.
    NotDone(Reply),
    /// A part of it is so and another is not; the reply says which.
    Partly(Reply),
    /// It cannot be told; the reply says what was seen.
    Unknown(Reply),
}

/// A parsed command.
#[async_trait]
pub trait Command: Send + Sync {
    /// What it touches, as far as its words tell.
    fn scope(&self) -> Scope;

    /// What it says on the change of another request, with the id of that; nothing where it says no such word.
    fn word(&self) -> Option<(&str, Word)> {
        None
    }

    /// Only reads. A reading command's plan is its answer.
    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError>;

    /// Makes the planned calls, waits for the final state while showing progress, and ends with what `verify` says.
    /// Only changing commands have it.
    async fn execute(&self, plan: &Plan, cx: &Context, journal: &dyn Journalled) -> Result<Found, CommandError> {
        let _ = (cx, journal);
        Err(crate::domain::Failure {
            lines: vec![Line::sentence(&format!("`{}` changes nothing, so there was nothing to do.", plan.command))],
            cause: "execute called on a reading command".into(),
        }
        .into())
    }

    /// Asks the provider what is true now. After execute, and in place of a retry wherever the answer was lost.
    async fn verify(&self, plan: &Plan, cx: &Context) -> Result<Found, CommandError> {
        let _ = cx;
        Err(crate::domain::Failure {
            lines: vec![Line::sentence(&format!(
                "`{}` changes nothing, so there was nothing to verify.",
                plan.command
            ))],
            cause: "verify called on a reading command".into(),
        }
        .into())
    }
}

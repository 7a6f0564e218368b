//! How a deployment is planned: the version becomes a digest, the digest a task definition, and what stands in the way is
//! said before anything is called. Planning only reads.

use super::super::{Context, Planned, words};
use super::goal::{Goal, known, says};
use super::present::{Chosen, Present};
use super::previous::REVISIONS;
use crate::aws::{Definition, Image, Service, Task};
use crate::domain::{CommandError, Line, Plan, Refusal, Target};

pub(super) use super::super::change::NOTHING_CHANGED as NOTHING;

/// What somebody who deploys the bot by the bot should know before; afterwards it is seen.
const SELF: &str = "This is me: I am replaced by it, and my new body answers.";

/// That nobody looks who built the image, for whoever decides on it.
pub(super) const UNVERIFIED: &str = "Its image is not verified: the settings say `unverified`.";

/// Whether it is for the person who decides on a deployment, and no news to the reader of its outcome.
pub(super) fn is_for_before(caution: &str) -> bool {
    [SELF, UNVERIFIED].contains(&caution)
}

/// What is to run in place of what runs now.
pub(super) struct Change<'a> {
    /// The row's name.
    pub(super) command: &'a str,
    /// `deploy`, `roll back`
    pub(super) verb: &'a str,
    /// The service as it is.
    pub(super) present: &'a Present,
    /// Its tasks.
    pub(super) tasks: &'a [Task],
    /// What a policy judges.
    pub(super) target: Target,
    /// The task definition of which the new one is made.
    pub(super) base: &'a Definition,
    /// The image, pinned to its digest.
    pub(super) image: String,
    /// What ECR knows of it.
    pub(super) to: Image,
    /// The tag by which it was named, if it was.
    pub(super) tag: Option<String>,
}

impl Change<'_> {
    /// The plan: the task definition that is wanted is used where it is there already, and made where it is not.
    pub(super) async fn plan(self, cx: &Context) -> Result<Plan, CommandError> {
        let Chosen { name, at, config, .. } = &self.present.chosen;
        let wanted = self.base.with_image(&config.container, &self.image);
        let to = self.same_as(&wanted, cx).await?;
        let from = self.present.digest(self.tasks);
        let goal = Goal {
            name: name.clone(),
            at: at.clone(),
            container: config.container.clone(),
            image: self.image.clone(),
            from: self.present.definition.arn().to_owned(),
            base: to.is_none().then(|| self.base.arn().to_owned()),
            to,
            under_way: None,
            tag: self.tag.clone(),
            was: from.clone(),
        };
        let mut cautions = cautions(self.present);
        cautions.extend(self.step_back(from.as_deref(), cx).await);
        Ok(Plan { cautions, ..made(self.command, self.verb, goal, from.as_deref(), self.target, cx) })
    }

    /// An active revision like the wanted one.
    async fn same_as(&self, wanted: &Definition, cx: &Context) -> Result<Option<String>, CommandError> {
        for near in [&self.present.definition, self.base] {
            if near.is_active() && near.is_like(wanted) {
                return Ok(Some(near.arn().to_owned()));
            }
        }
        let found = cx.aws.ecs.definition_like(&self.present.chosen.at.place(), wanted, REVISIONS).await;
        let found = found.map_err(|error| error.failure(NOTHING))?;
        Ok(found.map(|definition| definition.arn().to_owned()))
    }

    /// That an older image takes the place of a newer one. As every caution it is read before and after, and true both times.
    async fn step_back(&self, from: Option<&str>, cx: &Context) -> Option<String> {
        let now = known(&format!("{}@{}", self.present.base, from?), &self.present.chosen.at.region, cx).await?;
        let (before, after) = (now.pushed?, self.to.pushed?);
        (after < before).then(|| {
            format!(
                "{} takes the place of {}, which was pushed later.",
                says(self.tag.as_deref().or(self.to.version()), &self.to.digest),
                says(now.version(), &now.digest)
            )
        })
    }
}

/// A plan that comes to this.
pub(super) fn made(command: &str, verb: &str, goal: Goal, from: Option<&str>, target: Target, cx: &Context) -> Plan {
    let text = format!(
        "{verb} {} ({} in {}): {} → {}",
        goal.name,
        goal.at.id(),
        goal.at.region,
        from.unwrap_or("digest not known"),
        goal.digest()
    );
    Plan {
        command: command.to_owned(),
        text,
        steps: goal.steps(cx.request, &target.account),
        targets: vec![target],
        detail: serde_json::to_value(&goal).ok().map(Box::new),
        ..Plan::default()
    }
}

/// What the asker may not see is not planned: a plan without steps goes to the judge, whose refusal says why and who could.
pub(super) fn hidden(command: &str, verb: &str, chosen: &Chosen, target: &Target, cx: &Context) -> Option<Planned> {
    (!(cx.sees)(target)).then(|| {
        Planned::Change(Plan {
            command: command.to_owned(),
            text: format!("{verb} {}", chosen.name),
            targets: vec![target.clone()],
            ..Plan::default()
        })
    })
}

/// Who or what deploys it in a way that cannot be followed here, if it is so: `by CodeDeploy (…)`.
pub(super) fn foreign(service: &Service) -> Option<String> {
    match (service.controller.as_str(), service.strategy.as_str()) {
        ("ECS", "ROLLING") => None,
        ("ECS", strategy) => Some(format!("with the strategy `{}`", words::name(strategy))),
        ("CODE_DEPLOY", _) => Some("by CodeDeploy (`CODE_DEPLOY`)".to_owned()),
        ("EXTERNAL", _) => Some("by another controller (`EXTERNAL`)".to_owned()),
        (controller, _) => Some(format!("by `{}`", words::name(controller))),
    }
}

/// Refuses what is deployed in a way that cannot be followed here.
pub(super) fn refuse_foreign(chosen: &Chosen, service: &Service) -> Result<(), Refusal> {
    let Some(by) = foreign(service) else { return Ok(()) };
    let how = match service.controller.as_str() {
        "ECS" => "Deploy it in ECS itself, or change its deployment strategy to a rolling update",
        "CODE_DEPLOY" => "Deploy it with CodeDeploy",
        _ => "Deploy it with the controller that it belongs to",
    };
    Err(Refusal::sentence(&format!(
        "`{}` is deployed {by}, and I follow rolling updates of ECS only. {NOTHING} {how}.",
        chosen.name
    )))
}

/// Refuses to begin beside a rollout under way.
pub(super) async fn refuse_rolling(present: &Present, cx: &Context) -> Result<(), Refusal> {
    if !present.service.is_rolling() {
        return Ok(());
    }
    let name = &present.chosen.name;
    let mut line = Line::new().text("A rollout to ").code(name).text(" is in progress (");
    let image = known(present.image(), &present.chosen.at.region, cx).await;
    line.0.extend(present.progress(image.as_ref().and_then(Image::version)).0);
    let line = line.text("), so I did not begin another. ").text(NOTHING).text(" Wait for it: ");
    let line = line.code(format!("deploy status {name}")).text(" shows it, and ");
    let line = line.code(format!("deploy rollback {name}")).text(" stops it.");
    Err(Refusal::of(vec![line]))
}

/// What a person should know before it happens. Sentences; names in backticks.
fn cautions(present: &Present) -> Vec<String> {
    let (name, service) = (&present.chosen.name, &present.service);
    let mut cautions = Vec::new();
    if present.chosen.is_self {
        cautions.push(SELF.to_owned());
    }
    if present.chosen.config.unverified {
        cautions.push(UNVERIFIED.to_owned());
    }
    if !service.rolls_back {
        cautions.push(format!(
            "ECS does not roll `{name}` back by itself if its tasks do not start; `deploy rollback {name}` does."
        ));
    }
    if service.desired == 0 {
        cautions.push(format!("`{name}` is to have no tasks, so nothing of it runs."));
    }
    cautions
}

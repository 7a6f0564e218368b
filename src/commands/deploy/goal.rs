//! What a planned deployment is to come to. All of it is the detail of the plan, so that any process that takes it up after a
//! restart, one in the new body of the bot itself among them, needs nothing else.

use super::super::{Context, change, words};
use crate::aws::{Image, ImageKey, Repository, ServiceAt, Task, call, pinned, unpinned};
use crate::domain::{AccountId, Plan, RequestId, Step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod former;

/// The calls, by their IAM names.
pub(super) const REGISTER: &str = call::REGISTER_TASK_DEFINITION.name;
pub(super) const UPDATE: &str = call::UPDATE_SERVICE.name;
pub(super) const STOP: &str = call::STOP_SERVICE_DEPLOYMENT.name;

/// What is to come of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Goal {
    /// The name by which people know the service.
    pub(super) name: String,
    /// Which service it is.
    pub(super) at: ServiceAt,
    /// The container that gets the image.
    pub(super) container: String,
    /// The image, pinned to its digest.
    pub(super) image: String,
    /// The ARN of the task definition that the service has before.
    pub(super) from: String,
    /// The ARN of the task definition that it is to have; `None` until it is made.
    pub(super) to: Option<String>,
    /// The ARN of the task definition of which the new one is made, where one is to be made.
    pub(super) base: Option<String>,
    /// The ARN of the service deployment under way that is to be rolled back, if that is how it is reached.
    pub(super) under_way: Option<String>,
    /// The tag by which somebody named the version.
    pub(super) tag: Option<String>,
    /// The digest that the service is to run before, where that is known.
    pub(super) was: Option<String>,
}

impl Goal {
    /// The calls that lead there.
    pub(super) fn steps(&self, request: RequestId, account: &AccountId) -> Vec<Step> {
        let mut calls = Vec::new();
        if let Some(base) = &self.base {
            calls.push((REGISTER, vec![base.clone(), self.container.clone(), self.image.clone()]));
        }
        let mut ids = vec![self.at.id(), self.container.clone(), self.image.clone()];
        // for a program of before that takes the plan up when this one was rolled back: it reads them here
        ids.extend(self.tag.as_ref().map(|tag| format!("{}{tag}", former::TAG)));
        ids.extend(self.was.as_ref().map(|digest| format!("{}{digest}", former::WAS)));
        ids.push(self.from.clone());
        ids.extend(self.to.clone());
        ids.extend(self.under_way.clone());
        calls.push((if self.under_way.is_some() { STOP } else { UPDATE }, ids));
        let step = |(index, (operation, targets)): (u32, (&str, Vec<String>))| Step {
            index,
            operation: operation.to_owned(),
            account: Some(account.clone()),
            region: self.at.region.clone(),
            targets,
            token: change::token(request, index),
            // the first targets name what the service has now
            before: BTreeMap::new(),
        };
        (0..).zip(calls).map(step).collect()
    }

    /// What a plan says of it. In which account the service is, its steps say.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let goal: Self = plan.detail().or_else(|| former::goal(plan))?;
        let account = plan.steps.last().and_then(|step| step.account.clone());
        Some(Self { at: ServiceAt { account, ..goal.at }, ..goal })
    }

    /// The digest that the tasks are to run.
    pub(super) fn digest(&self) -> &str {
        pinned(&self.image).unwrap_or_default()
    }
}

/// The image that the tasks are to run, with what ECR knows of it.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    image: String,
    digest: String,
    known: Option<Image>,
    /// The tag by which somebody named it.
    tag: Option<String>,
    /// The images that it consists of; `None`: ECR could not be asked.
    parts: Option<Vec<String>>,
}

impl Wanted {
    pub(super) async fn of(goal: &Goal, cx: &Context) -> Self {
        let known = known(&goal.image, &goal.at.region, cx).await;
        let parts = match (Repository::of_image(&goal.image, &goal.at.region), &known) {
            (Some(repository), Some(image)) => cx.aws.ecr.parts(&repository, image).await.ok(),
            _ => None,
        };
        Self { image: goal.image.clone(), digest: goal.digest().to_owned(), known, tag: goal.tag.clone(), parts }
    }

    /// Whether a task runs it. A task of an index may show the image of its platform.
    pub(super) fn runs_in(&self, task: &Task) -> bool {
        let is_named = task.image.as_deref() == Some(&self.image);
        match (&task.digest, &self.parts) {
            (Some(digest), Some(parts)) => *digest == self.digest || parts.contains(digest),
            (Some(digest), None) => *digest == self.digest || is_named,
            (None, _) => is_named,
        }
    }

    /// As one reads it: the word that was typed, else its version; and its digest.
    pub(super) fn says(&self) -> String {
        says(self.tag.as_deref().or(self.known.as_ref().and_then(Image::version)), &self.digest)
    }
}

/// What ECR knows of a pinned image, if it can be asked.
pub(super) async fn known(image: &str, region: &str, cx: &Context) -> Option<Image> {
    let (repository, digest) = (Repository::of_image(image, region)?, pinned(image)?);
    let asked = cx.aws.ecr.image(&repository, &ImageKey::Digest(digest.to_owned())).await;
    asked.unwrap_or_else(|error| {
        tracing::warn!(%error, "an image is known by its digest alone");
        None
    })
}

/// ``"`1.4.2` (`sha256:0123456789ab`)"``, or the digest alone.
pub(super) fn says(version: Option<&str>, digest: &str) -> String {
    match version {
        Some(version) => format!("`{}` (`{}`)", words::name(version), short(digest)),
        None => format!("`{}`", short(digest)),
    }
}

/// A task definition as one reads it: the version of this digest where ECR knows one, and its revision:
/// ``"`1.4.1` (`web:7`)"``.
pub(super) async fn named(digest: Option<&str>, arn: &str, goal: &Goal, cx: &Context) -> String {
    let base = unpinned(&goal.image);
    let image = match digest {
        Some(digest) => known(&format!("{base}@{digest}"), &goal.at.region, cx).await,
        None => None,
    };
    with_revision(image.as_ref().and_then(Image::version), arn)
}

/// The version before the revision, where it is known.
pub(super) fn with_revision(version: Option<&str>, arn: &str) -> String {
    match version {
        Some(version) => format!("`{}` (`{}`)", words::name(version), revision(arn)),
        None => format!("`{}`", revision(arn)),
    }
}

/// As much of a digest as tells it from others.
pub(super) fn short(digest: &str) -> String {
    words::name(&digest.chars().take("sha256:".len() + 12).collect::<String>())
}

/// A task definition as one reads it, from its ARN: `web:7`.
pub(super) fn revision(arn: &str) -> String {
    words::name(arn.rsplit('/').next().unwrap_or(arn))
}

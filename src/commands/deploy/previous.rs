//! What a service ran before: where a rollback goes.
//!
//! ECS remembers its deployments for 90 days, each with the revision of the service and the digest that its tags meant then.
//! The latest that succeeded with another digest than now is what ran before. Where ECS does not tell, the latest older
//! revision of the task definition with another image is taken, and it is said that it is a guess.

use super::super::Context;
use super::present::Present;
use crate::aws::{AwsError, Class, Definition, ImageKey, Revision, Task, pinned, unpinned};
use std::collections::BTreeSet;

/// How many revisions of the task definition are looked at where ECS does not tell.
pub(super) const REVISIONS: usize = 10;

/// What ran before.
#[derive(Clone, Debug)]
pub(super) struct Previous {
    /// Its task definition.
    pub(super) definition: Definition,
    /// Its image, pinned to its digest.
    pub(super) image: String,
    /// Whether it is not known that it ever ran.
    pub(super) is_guess: bool,
}

impl Previous {
    /// Its digest.
    pub(super) fn digest(&self) -> &str {
        pinned(&self.image).unwrap_or_default()
    }
}

/// What ran before what runs now, if anything did. Of a rollout under way: where ECS goes back to, which is the latest that
/// succeeded, whatever its image.
pub(super) async fn previous(present: &Present, tasks: &[Task], cx: &Context) -> Result<Option<Previous>, AwsError> {
    let of_it = tasks.iter().filter(|task| task.definition == present.definition.arn());
    let shown = of_it.filter_map(|task| task.digest.clone());
    let now: BTreeSet<String> = present.digest(tasks).into_iter().chain(shown).collect();
    let not = if present.service.is_rolling() { BTreeSet::new() } else { now.clone() };
    match told(present, &not, cx).await {
        Ok(Some(found)) => Ok(Some(found)),
        Ok(None) => guessed(present, &now, cx).await,
        Err(error)
            if matches!(error.class, Class::Denied | Class::Input | Class::Server | Class::NotFound)
                || error.status.is_some_and(|_| error.class == Class::Lost) =>
        {
            tracing::warn!(%error, "ecs does not tell what ran before");
            guessed(present, &now, cx).await
        }
        Err(error) => Err(error),
    }
}

/// The latest deployment that succeeded with another digest than these.
async fn told(present: &Present, not: &BTreeSet<String>, cx: &Context) -> Result<Option<Previous>, AwsError> {
    let (at, container) = (&present.chosen.at, &present.chosen.config.container);
    let past = cx.aws.ecs.past(at).await?;
    let mut arns: Vec<String> = Vec::new();
    for one in past.into_iter().filter(|one| one.status == "SUCCESSFUL") {
        if !arns.contains(&one.revision) {
            arns.push(one.revision);
        }
    }
    let revisions = cx.aws.ecs.revisions(at, container, &arns).await?;
    let other = |revision: &&Revision| revision.digest.as_ref().is_some_and(|digest| !not.contains(digest));
    let in_order = arns.iter().filter_map(|arn| revisions.iter().find(|revision| revision.arn == *arn));
    let Some((revision, digest)) = in_order.filter(other).find_map(|one| Some((one, one.digest.as_ref()?))) else {
        return Ok(None);
    };
    let definition = cx.aws.ecs.definition(&at.place(), &revision.definition).await?;
    let base = definition.image(container).map_or(present.base.as_str(), unpinned);
    let image = format!("{base}@{digest}");
    Ok(Some(Previous { definition, image, is_guess: false }))
}

/// The latest older revision of the task definition with another image.
async fn guessed(present: &Present, now: &BTreeSet<String>, cx: &Context) -> Result<Option<Previous>, AwsError> {
    let (at, container) = (&present.chosen.at, &present.chosen.config.container);
    for arn in cx.aws.ecs.definitions(&at.place(), present.definition.family(), REVISIONS).await? {
        let definition = cx.aws.ecs.definition(&at.place(), &arn).await?;
        if definition.revision() >= present.definition.revision() {
            continue;
        }
        let Some(image) = definition.image(container).filter(|image| unpinned(image) == present.base) else { continue };
        let digest = match (pinned(image), image.rsplit_once(':')) {
            (Some(digest), _) => Some(digest.to_owned()),
            (None, Some((_, tag))) => {
                let found = cx.aws.ecr.image(&present.repository, &ImageKey::Tag(tag.to_owned())).await?;
                found.map(|image| image.digest)
            }
            (None, None) => None,
        };
        if let Some(digest) = digest.filter(|digest| !now.contains(digest)) {
            let image = format!("{}@{digest}", present.base);
            return Ok(Some(Previous { definition, image, is_guess: true }));
        }
    }
    Ok(None)
}

//! `deploy`: brings a version to a service, and follows it until its tasks run that version's digest, or do not.

use super::super::args;
use super::super::{Command, Context, Found, Journalled, Planned, Row, Scope, words};
use super::goal::{Goal, Wanted, says};
use super::names::{DEPLOY, INSPECT, ROLLBACK, STATUS};
use super::plan::{self, Change, NOTHING};
use super::present::{self, Present};
use super::provenance::{self, ImageRoute};
use super::run;
use crate::aws::{Image, ImageKey, call};
use crate::domain::{Button, CommandError, Plan, Reply, Risk, Tone, UsageError};
use async_trait::async_trait;

/// How many of the latest versions are named to somebody who named one that is not there.
const LATEST: usize = 5;

/// How unlike the name of a subcommand a version may be to have meant it.
const NEAR: f64 = 0.45;

/// What to deploy, and where.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Version {
    /// The version: a tag in ECR such as `1.4.2`, or a digest `sha256:…`
    #[arg(value_name = "version", required = true, value_parser = read)]
    version: String,
    /// The service, by its name in my settings; without it, myself
    #[arg(value_name = "service")]
    service: Option<String>,
}

/// The row of `deploy`.
pub(in super::super) const ROW: Row = Row {
    name: DEPLOY,
    summary: "Deploys a version to a service, me included, and follows it to its end",
    examples: &["deploy 1.4.2", "deploy 1.4.2 web"],
    risk: Risk::Change,
    action: "deploy:version",
    calls: &[
        &call::BATCH_GET_IMAGE,
        &call::DESCRIBE_IMAGES,
        &call::DESCRIBE_SERVICE_REVISIONS,
        &call::DESCRIBE_SERVICES,
        &call::DESCRIBE_TASK_DEFINITION,
        &call::DESCRIBE_TASKS,
        &call::LIST_SERVICE_DEPLOYMENTS,
        &call::LIST_TASK_DEFINITIONS,
        &call::LIST_TASKS,
        &call::REGISTER_TASK_DEFINITION,
        &call::UPDATE_SERVICE,
    ],
    inspect: Some(&INSPECT),
    parse: |words| Ok(Box::new(args::parse::<Version>(words)?)),
    usage: || args::usage::<Version>(ROW.name),
    options: args::options::<Version>,
    definition: args::definition::<Version>,
};

/// Reads a version; the error is a phrase that follows `<version>`.
fn read(text: &str) -> Result<String, String> {
    let is_digest = text
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_tag = text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    match is_digest || is_tag {
        true => Ok(text.to_owned()),
        false => {
            Err(format!("must be a version such as `1.4.2`, or a whole digest `sha256:…`, not `{}`", words::name(text)))
        }
    }
}

#[async_trait]
impl Command for Version {
    fn scope(&self) -> Scope {
        Scope::Bot
    }

    async fn plan(&self, cx: &Context) -> Result<Planned, CommandError> {
        let chosen = present::choose(self.service.as_deref(), cx, NOTHING).await?;
        let service = chosen.service(cx, NOTHING).await?;
        let target = chosen.target(&service, cx, NOTHING).await?;
        if let Some(hidden) = plan::hidden(ROW.name, "deploy", &chosen, &target, cx) {
            return Ok(hidden);
        }
        plan::refuse_foreign(&chosen, &service)?;
        let present = chosen.present(service, cx, NOTHING).await?;
        let to = self.image(&present, cx).await?;
        plan::refuse_rolling(&present, cx).await?;
        provenance::require(ImageRoute::Deployment, &present, &to, cx).await?;
        let tasks = present.tasks(cx).await.map_err(|error| error.failure(NOTHING))?;
        let image = format!("{}@{}", present.base, to.digest);
        let change = Change {
            command: ROW.name,
            verb: "deploy",
            present: &present,
            tasks: &tasks,
            target,
            base: &present.definition,
            image,
            to: to.clone(),
            tag: self.tag().map(str::to_owned),
        };
        let plan = change.plan(cx).await?;
        match Goal::of(&plan) {
            Some(goal) if run::is_so(&goal, &Wanted::of(&goal, cx).await, &present.service, &tasks) => {
                let name = words::name(&present.chosen.name);
                let text =
                    format!("`{name}` runs {} already. {NOTHING}", says(self.tag().or(to.version()), &to.digest));
                Ok(Planned::Answer(Reply::new(Tone::Info).sentence(&text)))
            }
            _ => Ok(Planned::Change(plan)),
        }
    }

    async fn execute(&self, plan: &Plan, cx: &Context, journal: &dyn Journalled) -> Result<Found, CommandError> {
        run::execute(plan, cx, journal).await
    }

    async fn verify(&self, plan: &Plan, cx: &Context) -> Result<Found, CommandError> {
        run::verify(plan, cx).await
    }
}

impl Version {
    /// The version as it was typed, unless that is a digest.
    fn tag(&self) -> Option<&str> {
        (!self.version.starts_with("sha256:")).then_some(self.version.as_str())
    }

    /// The image that the version is.
    async fn image(&self, present: &Present, cx: &Context) -> Result<Image, CommandError> {
        let key = match self.version.starts_with("sha256:") {
            true => ImageKey::Digest(self.version.to_lowercase()),
            false => ImageKey::Tag(self.version.clone()),
        };
        let found = cx.aws.ecr.image(&present.repository, &key).await.map_err(|error| error.failure(NOTHING))?;
        match found {
            Some(image) => Ok(image),
            None => Err(self.unknown(present, cx).await.into()),
        }
    }

    /// That there is no such version, what there is, and what may have been meant.
    async fn unknown(&self, present: &Present, cx: &Context) -> UsageError {
        let images = cx.aws.ecr.images(&present.repository).await.unwrap_or_default();
        let latest: Vec<&str> = images.iter().filter_map(Image::version).take(LATEST).collect();
        let (said, repository) = (words::name(&self.version), words::name(&present.repository.name));
        let mut text = match self.version.starts_with("sha256:") {
            true => format!("No image in `{repository}` has the digest `{said}`. {NOTHING}"),
            false => format!("No image in `{repository}` is tagged `{said}`. {NOTHING}"),
        };
        if !latest.is_empty() {
            text += &format!(" The latest are {}.", words::list(&latest, "and"));
        }
        let Some(row) = self.meant().and_then(|name| cx.permitted(name)) else { return UsageError::sentence(&text) };
        let error = UsageError::sentence(&format!("{text} Did you mean `{}`?", row.name));
        let Some(line) = words::line(row.name.split(' ').chain(self.service.as_deref())) else { return error };
        error.buttons(vec![match row.risk {
            Risk::Change | Risk::Destroy => Button::form(format!("{line}…"), line),
            Risk::Basic | Risk::Read => Button::run(line.clone(), line),
        }])
    }

    /// The subcommand that the version looks like: `deploy stauts`.
    fn meant(&self) -> Option<&'static str> {
        let said = self.version.to_lowercase();
        [STATUS, ROLLBACK].into_iter().find(|name| {
            let last = name.rsplit(' ').next().unwrap_or_default();
            strsim::damerau_levenshtein(&said, last) as f64 / last.len() as f64 <= NEAR
        })
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_version_is_a_tag_or_a_digest() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for good in ["1.4.2", "v1", "main-0123abc", "_x", &digest] {
            assert_eq!(read(good).as_deref(), Ok(good));
        }
        for bad in ["", "-1", "1.4.2+meta", "a b", "sha256:abc", "ä", "../x", "repo/web:1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

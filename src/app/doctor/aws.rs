//! What AWS says: as whom the bot acts, its clock, the region, and what the role may do, found out without doing it.

use super::{Finding, bounded, clock};
use crate::aws::{
    Aws, AwsConfig, AwsError, Call, Class, Metadata, MetadataSources, Power, Repository, ServiceAt, call,
};
use crate::clock;
use crate::commands::ServiceConfig;
use crate::domain::AccountRegion;
use crate::settings::Settings;
use std::collections::BTreeSet;

const IDENTITY: &str = "AWS identity";
const CLOCK: &str = "AWS clock";
const REGION: &str = "AWS region";
const PERMISSIONS: &str = "AWS permissions";
const DEPLOY: &str = "deploy";

/// The calls of EC2 that are tried, in the order of their answers; the list of instances is asked before.
const TRIED: [&Call; 8] = [
    &call::DESCRIBE_INSTANCE_STATUS,
    &call::DESCRIBE_INSTANCE_ATTRIBUTE,
    &call::DESCRIBE_INSTANCE_TYPES,
    &call::DESCRIBE_REGIONS,
    &call::START_INSTANCES,
    &call::STOP_INSTANCES,
    &call::REBOOT_INSTANCES,
    &call::TERMINATE_INSTANCES,
];

/// What to do about missing credentials.
const CREDENTIALS: &str = "give the bot a role (instance profile, task role, IRSA), or set AWS_PROFILE or AWS_ACCESS_KEY_ID \
                           and AWS_SECRET_ACCESS_KEY";

/// What keeps the role of an instance from a container on it: the answer may take one hop, and it needs two.
const HOP_LIMIT: &str = "in a container on EC2, which has a role, raise the instance's hop limit: aws ec2 \
                         modify-instance-metadata-options --http-put-response-hop-limit 2";

/// What to do about an AWS that cannot be reached.
const REACH: &str =
    "check the network, the region's name and AWS_ENDPOINT_URL; the proxy of the settings is for Slack alone";

pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    // one attempt that ends before the check does
    let config = AwsConfig {
        read_attempts: 1,
        call_timeout_seconds: settings.aws.call_timeout_seconds.min(8),
        ..settings.aws.clone()
    };
    let aws = Aws::new(config);
    let region = match aws.regions.default_region().await {
        Ok(region) => region,
        Err(_) => {
            let to_do = "set aws.region, or AWS_REGION";
            return vec![Finding::problem(REGION, "no region is set", to_do)];
        }
    };
    let services = async {
        let each = settings.deploy.services.iter().map(|(name, service)| one_service(&aws, &region, name, service));
        futures_util::future::join_all(each).await
    };
    // the SDK asks for credentials there unless it is told not to
    let metadata = Metadata::new(&MetadataSources { ec2: !settings.surroundings.ec2_metadata_disabled, ecs: None });
    let (identity, rights, services) = futures_util::join!(
        bounded(IDENTITY, identity(&aws, &metadata)),
        bounded(REGION, rights(&aws, &region)),
        bounded(DEPLOY, services)
    );
    if identity.iter().any(|finding| finding.is_end) {
        return identity;
    }
    identity.into_iter().chain(rights).chain(services).chain(unvouched(settings)).collect()
}

/// The services that get any image of their repository, whoever built it.
fn unvouched(settings: &Settings) -> Vec<Finding> {
    let services = settings.deploy.services.iter().filter(|(_, service)| service.unverified);
    let warning = |(name, service): (&String, &ServiceConfig)| {
        let so = format!("`{name}`: any image of `{}` may be deployed, whoever built it", service.repository);
        let to_do = format!(
            "set deploy.services.{name}.provenance_key and .source in place of .unverified, and I deploy only what your \
             pipeline has signed"
        );
        Finding::warning(DEPLOY, so, to_do)
    };
    services.map(warning).collect()
}

/// Whether a service that may be deployed is there, with the container and the images that are listed for it.
async fn one_service(aws: &Aws, region: &str, name: &str, service: &ServiceConfig) -> Finding {
    let ServiceConfig { cluster, service, container, repository, region: own, .. } = service;
    let region = own.as_deref().unwrap_or(region);
    let at = ServiceAt { account: None, region: region.to_owned(), cluster: cluster.clone(), service: service.clone() };
    let to_do = format!("see deploy.services.{name} in the settings");
    let so = |what: &str| Finding::problem(DEPLOY, format!("`{name}`: {what}"), &to_do);
    let found = match aws.ecs.service(&at).await {
        Ok(Some(found)) if found.is_active => found,
        Ok(_) => return so(&format!("there is no service `{service}` in the cluster `{cluster}`")),
        Err(error) => return unclear(DEPLOY, &error),
    };
    let Some(primary) = found.primary() else { return so("ECS shows no deployment of it") };
    let definition = match aws.ecs.definition(&at.place(), &primary.definition).await {
        Ok(definition) => definition,
        Err(error) => return unclear(DEPLOY, &error),
    };
    let Some(image) = definition.image(container) else { return so(&format!("it has no container `{container}`")) };
    let Some(images) = Repository::of_image(image, region).filter(|found| found.name == *repository) else {
        return so(&format!("its container `{container}` runs no image of the repository `{repository}`"));
    };
    match aws.ecr.images(&images).await {
        Ok(images) if images.is_empty() => so(&format!("ECR has no tagged image in `{repository}`")),
        Ok(images) => Finding::ok(
            DEPLOY,
            format!("`{name}` is `{}`, with {} tagged images in `{repository}`", at.id(), images.len()),
        ),
        Err(error) => unclear(DEPLOY, &error),
    }
}

async fn identity(aws: &Aws, metadata: &Metadata) -> Vec<Finding> {
    let (identity, date) = aws.accounts.identity().await;
    let mut found = vec![match identity {
        Ok(who) => Finding::ok(IDENTITY, format!("account {}, as `{}`", who.account, who.arn)),
        Err(error) if error.code.is_none() && error.class == Class::Credentials => without_credentials(metadata).await,
        Err(error) if error.class == Class::Credentials => {
            Finding::problem(IDENTITY, error.what_is_so(), "renew them; if they are new, look at this machine's clock")
        }
        Err(error) => unclear(IDENTITY, &error),
    }];
    if date.is_some() {
        found.push(clock(CLOCK, "AWS", date, clock::system().now()));
    }
    found
}

/// That no credentials are found; and where EC2's metadata service gives no answer at all, what keeps it from a container.
async fn without_credentials(metadata: &Metadata) -> Finding {
    let found = match metadata.is_mute().await {
        true => Finding::problem(
            IDENTITY,
            "no AWS credentials are found, and EC2's metadata service did not answer in time",
            format!("{CREDENTIALS}; {HOP_LIMIT}"),
        ),
        false => Finding::problem(IDENTITY, "no AWS credentials are found", CREDENTIALS),
    };
    // every other call would say the same
    Finding { is_end: true, ..found }
}

async fn rights(aws: &Aws, region: &str) -> Vec<Finding> {
    let instance = match aws.ec2.some_instance(&AccountRegion::usual(region)).await {
        Ok(instance) => instance,
        Err(error) => return vec![unclear(REGION, &error)],
    };
    let mut found = vec![Finding::ok(REGION, format!("`{region}` answers"))];
    found.extend(permissions(aws, region, instance).await);
    found
}

/// Whether a call would be allowed, by what AWS says to it; `None`: it cannot be told.
fn allowed<T>(answer: &Result<T, AwsError>) -> Option<bool> {
    match answer.as_ref().map_err(|error| error.class) {
        Ok(_) | Err(Class::DryRun | Class::State | Class::Protected) => Some(true),
        Err(Class::Denied) => Some(false),
        Err(_) => None,
    }
}

/// Tries reading calls, and rehearses changing ones. Without an instance only a refusal is known for sure.
async fn permissions(aws: &Aws, region: &str, instance: Option<String>) -> Vec<Finding> {
    let id = instance.clone().unwrap_or_else(|| "i-0123456789abcdef0".to_owned());
    let ids = [id.clone()];
    let kinds = BTreeSet::from(["t3.micro".to_owned()]);
    let (ec2, place) = (&aws.ec2, &AccountRegion::usual(region));
    let (checks, protection, kinds, regions, start, stop, reboot) = futures_util::join!(
        async { allowed(&ec2.checks(place, &ids).await) },
        async { allowed(&ec2.stop_protection(place, &id).await) },
        async { allowed(&ec2.instance_store_kinds(place, &kinds).await) },
        async { allowed(&aws.regions.enabled().await) },
        ec2.may_power(place, Power::Start, &ids),
        ec2.may_power(place, Power::Stop, &ids),
        ec2.may_power(place, Power::Reboot, &ids),
    );
    let rehearsed = [start, stop, reboot];
    if let Some(ignored) = rehearsed.iter().filter_map(|one| one.as_ref().err()).find(|one| one.is_ignored_rehearsal())
    {
        return vec![unrehearsed(ignored, &id)];
    }
    // what cannot be undone is rehearsed only where a rehearsal is known to be one
    let honoured = rehearsed.iter().any(|answer| allowed(answer).is_some());
    let terminate = match honoured {
        true => allowed(&ec2.may_power(place, Power::Terminate, &ids).await),
        false => None,
    };
    let [start, stop, reboot] = rehearsed.each_ref().map(allowed);
    let answers: [Option<bool>; TRIED.len()] = [checks, protection, kinds, regions, start, stop, reboot, terminate];
    let tried: Vec<(&Call, Option<bool>)> = TRIED.into_iter().zip(answers).collect();
    let of = |wanted: Option<bool>| -> Vec<&str> {
        let these = tried.iter().filter(|(_, answer)| *answer == wanted);
        these.map(|(call, _)| call.operation()).collect()
    };
    let mut found: Vec<Finding> = of(Some(false))
        .into_iter()
        .map(|operation| {
            let to_do =
                format!("allow ec2:{operation} to the bot's role (`dronebot iam-policy` prints the whole policy)");
            Finding::problem(PERMISSIONS, format!("AWS does not allow `ec2:{operation}`"), to_do)
        })
        .collect();
    let on = instance.map_or_else(String::new, |id| format!(", tried on `{id}` by DryRun"));
    let fine = of(Some(true));
    if !fine.is_empty() {
        found.push(Finding::ok(PERMISSIONS, format!("DescribeInstances, {} are allowed{on}", fine.join(", "))));
    }
    let open = of(None);
    if !open.is_empty() {
        let (so, to_do) = match on.is_empty() {
            true => {
                (format!("`{region}` has no instance to try {} on", open.join(", ")), "try again when there is one")
            }
            false => (format!("it could not be found out whether {} are allowed", open.join(", ")), "try again"),
        };
        found.push(Finding::warning(PERMISSIONS, so, to_do));
    }
    found
}

/// Somebody answered a rehearsal as if it had been the change itself.
fn unrehearsed(error: &AwsError, id: &str) -> Finding {
    let so = format!(
        "{}: whoever answers in place of AWS may have started, stopped or rebooted `{id}` on this check",
        error.what_is_so().trim_end_matches('.')
    );
    Finding::problem(
        PERMISSIONS,
        so,
        format!("look at `{id}`, and give the bot no AWS_ENDPOINT_URL that ignores DryRun"),
    )
}

fn unclear(check: &'static str, error: &AwsError) -> Finding {
    match error.class {
        Class::NotSent | Class::Lost => Finding::problem(check, error.what_is_so(), REACH),
        Class::Denied => {
            let call = error.permission();
            let to_do = format!("allow {call} to the bot's role (`dronebot iam-policy` prints the whole policy)");
            Finding::problem(check, error.what_is_so(), to_do)
        }
        Class::Credentials => Finding::problem(check, error.what_is_so(), "see the AWS identity above"),
        Class::Throttled | Class::Server => Finding::problem(check, error.what_is_so(), "try again in a minute"),
        _ if check == DEPLOY => Finding::problem(check, error.what_is_so(), "see deploy.services in the settings"),
        _ => Finding::problem(check, error.what_is_so(), "check aws.region and the account"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Catalog;

    #[test]
    fn every_call_of_ec2_that_a_command_makes_is_tried() {
        let catalog = Catalog::built_in();
        let of_rows = catalog.rows().iter().flat_map(|row| row.calls.iter()).map(|call| call.name);
        let of_rows: BTreeSet<&str> = of_rows.filter(|name| name.starts_with("ec2:")).collect();
        let tried = TRIED.iter().map(|call| call.name).chain([call::DESCRIBE_INSTANCES.name]);
        assert_eq!(tried.collect::<BTreeSet<_>>(), of_rows);
    }
}

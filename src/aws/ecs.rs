//! The ECS calls that deployments are made of. Each one waits for its turn, is timed and counted, and fails with a
//! classified error.

use super::call::{self, Call};
use super::gate::CallGate;
use super::image_name::pinned;
use super::pool::Pool;
use super::service::{Definition, Past, Revision, Service, ServiceAt, Task};
use super::time::time;
use super::{AwsError, Clients};
use crate::domain::AccountRegion;
use aws_sdk_ecs::types;
use std::sync::Arc;

/// The tags of a revision that a copy of it does not get, by how they begin.
const NOT_COPIED: [&str; 2] = ["aws:", "dronebot:"];
/// The most tasks that one call describes.
const TASKS: usize = 100;
/// The most stopped tasks that are looked at for a reason.
const STOPPED: usize = 10;
/// The most that are described to find those: ECS keeps them for about an hour.
const DESCRIBED: usize = 300;
/// The most service deployments that are read of the past.
const PAST: i32 = 20;

/// The ECS clients of one place.
pub type EcsClients = Clients<aws_sdk_ecs::Client>;

/// ECS.
pub struct EcsPort {
    gate: Arc<CallGate>,
    clients: Pool<EcsClients>,
}

impl EcsPort {
    /// A port that has these clients, and builds others on first use where the gate can.
    pub(super) fn new(gate: Arc<CallGate>, clients: Pool<EcsClients>) -> Self {
        Self { gate, clients }
    }

    /// The regions for which there are clients.
    #[cfg(test)]
    pub(super) fn built(&self) -> Vec<String> {
        self.clients.regions()
    }

    /// A service, if it is there.
    pub async fn service(&self, at: &ServiceAt) -> Result<Option<Service>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_SERVICES;
        let place = &at.place();
        let client = self.read(CALL, place).await?;
        let call =
            client.describe_services().cluster(&at.cluster).services(&at.service).include(types::ServiceField::Tags);
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        let found = answer.services().first();
        // arn:aws:ecs:eu-central-1:123456789012:service/prod/web
        self.gate.learn_account(found.and_then(|found| found.service_arn()).and_then(|arn| arn.split(':').nth(4)));
        self.gate.admit(CALL, place)?;
        Ok(found.map(Service::from_sdk))
    }

    /// The tasks of a service that are to run, as far as this container is concerned.
    pub async fn tasks(&self, at: &ServiceAt, container: &str) -> Result<Vec<Task>, AwsError> {
        let arns = self.task_arns(at, types::DesiredStatus::Running).await?;
        self.describe_tasks(at, container, &arns).await
    }

    /// Tasks of a service that stopped lately, the latest first.
    pub async fn stopped_tasks(&self, at: &ServiceAt, container: &str) -> Result<Vec<Task>, AwsError> {
        // ECS lists them in no order, so which are the latest is known when they are described
        let arns = self.task_arns(at, types::DesiredStatus::Stopped).await?;
        let mut tasks = self.describe_tasks(at, container, &arns[..arns.len().min(DESCRIBED)]).await?;
        tasks.sort_by(|a, b| b.stopped.cmp(&a.stopped));
        tasks.truncate(STOPPED);
        Ok(tasks)
    }

    async fn task_arns(&self, at: &ServiceAt, desired: types::DesiredStatus) -> Result<Vec<String>, AwsError> {
        const CALL: &Call = &call::LIST_TASKS;
        let place = &at.place();
        let client = self.read(CALL, place).await?;
        let mut arns = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let call = client
                .list_tasks()
                .cluster(&at.cluster)
                .service_name(&at.service)
                .desired_status(desired.clone())
                .set_next_token(token.clone());
            let page = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
            arns.extend(page.task_arns().iter().cloned());
            match page.next_token.filter(|next| !next.is_empty()) {
                // The same token twice would go on for ever.
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                _ => return Ok(arns),
            }
        }
    }

    async fn describe_tasks(&self, at: &ServiceAt, container: &str, arns: &[String]) -> Result<Vec<Task>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_TASKS;
        let place = &at.place();
        let client = self.read(CALL, place).await?;
        let mut tasks = Vec::new();
        for part in arns.chunks(TASKS) {
            let call = client.describe_tasks().cluster(&at.cluster).set_tasks(Some(part.to_vec()));
            let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
            tasks.extend(answer.tasks().iter().map(|task| Task::from_sdk(task, container)));
        }
        Ok(tasks)
    }

    /// A revision of a task definition, by its ARN.
    pub async fn definition(&self, place: &AccountRegion, arn: &str) -> Result<Definition, AwsError> {
        const CALL: &Call = &call::DESCRIBE_TASK_DEFINITION;
        let client = self.read(CALL, place).await?;
        let call = client.describe_task_definition().task_definition(arn).include(types::TaskDefinitionField::Tags);
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        let tags = answer.tags().to_vec();
        let sdk = answer.task_definition.unwrap_or_else(|| types::TaskDefinition::builder().build());
        Ok(Definition { sdk, tags })
    }

    /// The ARNs of the latest active revisions of a family, the newest first.
    pub async fn definitions(&self, place: &AccountRegion, family: &str, most: usize) -> Result<Vec<String>, AwsError> {
        const CALL: &Call = &call::LIST_TASK_DEFINITIONS;
        let client = self.read(CALL, place).await?;
        let call = client
            .list_task_definitions()
            .family_prefix(family)
            .status(types::TaskDefinitionStatus::Active)
            .sort(types::SortOrder::Desc)
            .max_results(i32::try_from(most).unwrap_or(i32::MAX).min(100));
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        let mut arns = answer.task_definition_arns().to_vec();
        let revision = |arn: &String| arn.rsplit(':').next().and_then(|number| number.parse::<u64>().ok());
        arns.sort_by_key(|arn| std::cmp::Reverse(revision(arn)));
        arns.truncate(most);
        Ok(arns)
    }

    /// The revision among the latest that is like this one, if there is one.
    pub async fn definition_like(
        &self,
        place: &AccountRegion,
        wanted: &Definition,
        most: usize,
    ) -> Result<Option<Definition>, AwsError> {
        for arn in self.definitions(place, wanted.family(), most).await? {
            let found = self.definition(place, &arn).await?;
            if found.is_like(wanted) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Waits until it is the turn of a changing call, so that [`EcsPort::register`], [`EcsPort::update_service`] and
    /// [`EcsPort::roll_back`] wait for nothing: between the journal's word that a call begins and the call there is to be no time.
    pub async fn deploy_turn(&self, place: &AccountRegion) {
        self.gate.await_turn(&call::UPDATE_SERVICE, place).await;
    }

    /// Makes a revision, once, with a note of the request that makes it; returns its ARN.
    pub async fn register(
        &self,
        place: &AccountRegion,
        wanted: &Definition,
        container: &str,
        request: &str,
    ) -> Result<String, AwsError> {
        const CALL: &Call = &call::REGISTER_TASK_DEFINITION;
        let client = self.change(CALL, place).await?;
        let Definition { sdk, tags } = wanted.made_by(container, request);
        // AWS's own, and what delivery/ noted of another deployment: which version it brought, and what ran before
        let is_another_s =
            |tag: &types::Tag| NOT_COPIED.iter().any(|prefix| tag.key().unwrap_or_default().starts_with(prefix));
        let tags: Vec<_> = tags.into_iter().filter(|tag| !is_another_s(tag)).collect();
        let call = client
            .register_task_definition()
            .set_family(sdk.family)
            .set_task_role_arn(sdk.task_role_arn)
            .set_execution_role_arn(sdk.execution_role_arn)
            .set_network_mode(sdk.network_mode)
            .set_container_definitions(sdk.container_definitions)
            .set_volumes(sdk.volumes)
            .set_placement_constraints(sdk.placement_constraints)
            .set_requires_compatibilities(sdk.requires_compatibilities)
            .set_cpu(sdk.cpu)
            .set_memory(sdk.memory)
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_pid_mode(sdk.pid_mode)
            .set_ipc_mode(sdk.ipc_mode)
            .set_proxy_configuration(sdk.proxy_configuration)
            .set_ephemeral_storage(sdk.ephemeral_storage)
            .set_runtime_platform(sdk.runtime_platform)
            .set_enable_fault_injection(sdk.enable_fault_injection);
        let answer = self.gate.told(CALL, place, Box::pin(call.send())).await?;
        let made = answer.task_definition().and_then(|made| made.task_definition_arn()).filter(|arn| !arn.is_empty());
        made.map(str::to_owned).ok_or_else(|| AwsError::hollow(CALL, place, "task definition"))
    }

    /// Gives a service another task definition, once; returns the id of the deployment that it begins. `again`: begins
    /// one even if the service has that definition already.
    pub async fn update_service(
        &self,
        at: &ServiceAt,
        definition: &str,
        again: bool,
    ) -> Result<Option<String>, AwsError> {
        const CALL: &Call = &call::UPDATE_SERVICE;
        let place = &at.place();
        let client = self.change(CALL, place).await?;
        let call = client
            .update_service()
            .cluster(&at.cluster)
            .service(&at.service)
            .task_definition(definition)
            .set_force_new_deployment(again.then_some(true));
        let answer = self.gate.told(CALL, place, Box::pin(call.send())).await?;
        let service = answer.service().map(Service::from_sdk);
        let service = service.ok_or_else(|| AwsError::hollow(CALL, place, "service"))?;
        Ok(service.primary().map(|primary| primary.id.clone()).filter(|id| !id.is_empty()))
    }

    /// Lets ECS roll back a service deployment that is under way, once.
    pub async fn roll_back(&self, place: &AccountRegion, deployment: &str) -> Result<(), AwsError> {
        const CALL: &Call = &call::STOP_SERVICE_DEPLOYMENT;
        let client = self.change(CALL, place).await?;
        let call = client
            .stop_service_deployment()
            .service_deployment_arn(deployment)
            .stop_type(types::StopServiceDeploymentStopType::Rollback);
        let answer = self.gate.told(CALL, place, Box::pin(call.send())).await?;
        let stopped = answer.service_deployment_arn().map(drop);
        stopped.ok_or_else(|| AwsError::hollow(CALL, place, "service deployment"))
    }

    /// The latest service deployments, the newest first, the one under way included.
    pub async fn past(&self, at: &ServiceAt) -> Result<Vec<Past>, AwsError> {
        const CALL: &Call = &call::LIST_SERVICE_DEPLOYMENTS;
        let place = &at.place();
        let client = self.read(CALL, place).await?;
        let call = client.list_service_deployments().cluster(&at.cluster).service(&at.service).max_results(PAST);
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        let mut past: Vec<Past> = answer.service_deployments().iter().map(past).collect();
        past.sort_by_key(|one| std::cmp::Reverse(one.created));
        Ok(past)
    }

    /// Revisions of a service by their ARNs, as far as this container is concerned.
    pub async fn revisions(&self, at: &ServiceAt, container: &str, arns: &[String]) -> Result<Vec<Revision>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_SERVICE_REVISIONS;
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let place = &at.place();
        let client = self.read(CALL, place).await?;
        let call = client.describe_service_revisions().set_service_revision_arns(Some(arns.to_vec()));
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        let of = |sdk: &types::ServiceRevision| {
            let image = sdk.container_images().iter().find(|one| one.container_name() == Some(container));
            let digest = image.and_then(|one| one.image_digest().or_else(|| one.image().and_then(pinned)));
            Revision {
                arn: sdk.service_revision_arn().unwrap_or_default().to_owned(),
                definition: sdk.task_definition().unwrap_or_default().to_owned(),
                digest: digest.map(str::to_owned),
            }
        };
        Ok(answer.service_revisions().iter().map(of).collect())
    }

    async fn read(&self, call: &'static Call, place: &AccountRegion) -> Result<aws_sdk_ecs::Client, AwsError> {
        Ok(self.clients(call, place).await?.read)
    }

    async fn change(&self, call: &'static Call, place: &AccountRegion) -> Result<aws_sdk_ecs::Client, AwsError> {
        self.gate.admit_change(call, place)?;
        Ok(self.clients(call, place).await?.change)
    }

    /// The clients of a place, built on first use.
    async fn clients(&self, call: &'static Call, place: &AccountRegion) -> Result<EcsClients, AwsError> {
        self.gate.admit(call, place)?;
        let key = self.gate.key(place);
        if let Some(clients) = self.clients.get(&key) {
            return Ok(clients);
        }
        let sdk = self.gate.sdk_for(call, place).await?;
        let clients = Clients::built(&self.gate, |retries, timeouts| {
            let conf = aws_sdk_ecs::config::Builder::from(sdk)
                .region(aws_sdk_ecs::config::Region::new(key.region.clone()))
                .retry_config(retries)
                .timeout_config(timeouts);
            aws_sdk_ecs::Client::from_conf(conf.build())
        });
        Ok(self.clients.keep(key, clients))
    }
}

fn past(sdk: &types::ServiceDeploymentBrief) -> Past {
    let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
    Past {
        arn: word(sdk.service_deployment_arn()),
        revision: word(sdk.target_service_revision_arn()),
        status: word(sdk.status().map(|status| status.as_str())),
        reason: sdk.status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
        created: sdk.created_at().or(sdk.started_at()).and_then(time),
    }
}

//! The EC2 calls that the commands are made of. Each one waits for its turn, is timed and counted, and fails with a
//! classified error.

use super::call::{self, Call};
use super::gate::CallGate;
use super::pool::Pool;
use super::{AwsError, Checks, Class, Clients, Instance, Protection};
use crate::domain::AccountRegion;
use aws_sdk_ec2::types;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use futures_util::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most rows of one page that AWS gives.
const PAGE: i32 = 1000;
/// How many regions are asked at once by one command.
const AT_ONCE: usize = 8;
/// The most values of one filter that AWS takes.
const FILTER_VALUES: usize = 200;

/// A condition on instances. AWS reads `*` and `?` in values as wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    name: String,
    values: Vec<String>,
}

impl Filter {
    /// The instance's id is one of these. Unlike naming the ids in the call, an id that does not exist is no error.
    pub fn ids(ids: &[String]) -> Self {
        Self { name: "instance-id".into(), values: ids.to_vec() }
    }
    /// The state is one of these.
    pub fn states(states: &[super::State]) -> Self {
        Self {
            name: "instance-state-name".into(),
            values: states.iter().map(|state| state.as_str().to_owned()).collect(),
        }
    }
    /// The instance type is one of these.
    pub fn kinds(kinds: &[String]) -> Self {
        Self { name: "instance-type".into(), values: kinds.to_vec() }
    }
    /// The tag has this value. Backslashes are taken literally.
    pub fn tag(key: &str, value: &str) -> Self {
        Self { name: format!("tag:{key}"), values: vec![value.replace('\\', "\\\\")] }
    }

    fn sdk(&self) -> types::Filter {
        types::Filter::builder().name(&self.name).set_values(Some(self.values.clone())).build()
    }
}

/// Of RebootInstances the SDK reads nothing but the status, so that it takes any page for AWS's answer.
#[derive(Debug)]
struct RebootAnswer;

impl Intercept for RebootAnswer {
    fn name(&self) -> &'static str {
        "RebootAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        const ROOT: &[u8] = b"<RebootInstancesResponse";
        let answer = context.response();
        let body = answer.body().bytes().unwrap_or_default();
        let is_own = !answer.status().is_success() || body.windows(ROOT.len()).any(|part| part == ROOT);
        if is_own { Ok(()) } else { Err("the answer is not RebootInstances's".into()) }
    }
}

/// A change of an instance's power, its end included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// StartInstances
    Start,
    /// StopInstances
    Stop,
    /// RebootInstances
    Reboot,
    /// TerminateInstances
    Terminate,
}

impl Power {
    /// The call that makes it.
    pub fn call(self) -> &'static Call {
        match self {
            Self::Start => &call::START_INSTANCES,
            Self::Stop => &call::STOP_INSTANCES,
            Self::Reboot => &call::REBOOT_INSTANCES,
            Self::Terminate => &call::TERMINATE_INSTANCES,
        }
    }
}

/// The EC2 clients of one place.
pub type Ec2Clients = Clients<aws_sdk_ec2::Client>;

/// EC2.
pub struct Ec2Port {
    gate: Arc<CallGate>,
    clients: Pool<Ec2Clients>,
}

impl Ec2Port {
    /// A port that has these clients, and builds others on first use where the gate can.
    pub(super) fn new(gate: Arc<CallGate>, clients: Pool<Ec2Clients>) -> Self {
        Self { gate, clients }
    }

    /// The regions for which there are clients.
    pub(super) fn built(&self) -> Vec<String> {
        self.clients.regions()
    }

    /// The instances of each of these places that meet all the conditions, a few places at a time, in their order.
    pub async fn instances_in(
        &self,
        places: &[AccountRegion],
        filters: &[Filter],
    ) -> Vec<Result<Vec<Instance>, AwsError>> {
        let asked: Vec<_> = places.iter().map(|place| self.instances(place, filters)).collect();
        stream::iter(asked).buffered(AT_ONCE).collect().await
    }

    /// The instances of a place that meet all the conditions, in no order, every page of them.
    pub async fn instances(&self, place: &AccountRegion, filters: &[Filter]) -> Result<Vec<Instance>, AwsError> {
        let (long, short): (Vec<_>, Vec<_>) = filters.iter().partition(|filter| filter.values.len() > FILTER_VALUES);
        let Some(long) = long.first() else {
            return self.pages(place, filters.iter().map(Filter::sdk).collect()).await;
        };
        let mut found = Vec::new();
        for values in long.values.chunks(FILTER_VALUES) {
            let part = Filter { name: long.name.clone(), values: values.to_vec() };
            let mut sdk: Vec<_> = short.iter().map(|filter| filter.sdk()).collect();
            sdk.push(part.sdk());
            found.extend(self.pages(place, sdk).await?);
        }
        Ok(found)
    }

    async fn pages(&self, place: &AccountRegion, filters: Vec<types::Filter>) -> Result<Vec<Instance>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_INSTANCES;
        let client = self.read(CALL, place).await?;
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let call = client
                .describe_instances()
                .set_filters((!filters.is_empty()).then(|| filters.clone()))
                .max_results(PAGE)
                .set_next_token(token.clone());
            let mut page = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
            for reservation in page.reservations.take().unwrap_or_default() {
                self.gate.learn_account(reservation.owner_id());
                self.gate.admit(CALL, place)?;
                let instances = reservation.instances.unwrap_or_default();
                found.extend(instances.into_iter().map(|instance| Instance::from_sdk(place, instance)));
            }
            match page.next_token.filter(|next| !next.is_empty()) {
                // The same token twice would go on for ever.
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                _ => return Ok(found),
            }
        }
    }

    /// Some instance of a place that is not terminated, if there is one: to try out what is permitted.
    pub async fn some_instance(&self, place: &AccountRegion) -> Result<Option<String>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_INSTANCES;
        let client = self.read(CALL, place).await?;
        let states = ["pending", "running", "stopping", "stopped"].map(str::to_owned).to_vec();
        let lasting = types::Filter::builder().name("instance-state-name").set_values(Some(states)).build();
        let call = client.describe_instances().filters(lasting).max_results(PAGE);
        let page = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        let ids = page.reservations().iter().flat_map(|reservation| reservation.instances());
        Ok(ids.filter_map(|instance| instance.instance_id()).min().map(str::to_owned))
    }

    /// The status checks of these instances, by id; an instance of which AWS says nothing is missing.
    pub async fn checks(&self, place: &AccountRegion, ids: &[String]) -> Result<BTreeMap<String, Checks>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_INSTANCE_STATUS;
        let client = self.read(CALL, place).await?;
        let call = client.describe_instance_status().include_all_instances(true).set_instance_ids(Some(ids.to_vec()));
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        let word = |summary: Option<&types::InstanceStatusSummary>| {
            summary.and_then(|summary| summary.status()).map_or("unknown", |status| status.as_str()).to_owned()
        };
        Ok(answer
            .instance_statuses()
            .iter()
            .filter_map(|status| {
                let checks = Checks { instance: word(status.instance_status()), system: word(status.system_status()) };
                Some((status.instance_id()?.to_owned(), checks))
            })
            .collect())
    }

    /// Whether an instance has stop protection.
    pub async fn stop_protection(&self, place: &AccountRegion, id: &str) -> Result<bool, AwsError> {
        self.attribute(place, id, types::InstanceAttributeName::DisableApiStop).await
    }

    /// Both protections of an instance; AWS tells one attribute per call.
    pub async fn protection(&self, place: &AccountRegion, id: &str) -> Result<Protection, AwsError> {
        let (stop, termination) = futures_util::future::try_join(
            self.stop_protection(place, id),
            self.attribute(place, id, types::InstanceAttributeName::DisableApiTermination),
        )
        .await?;
        Ok(Protection { stop, termination })
    }

    async fn attribute(
        &self,
        place: &AccountRegion,
        id: &str,
        name: types::InstanceAttributeName,
    ) -> Result<bool, AwsError> {
        const CALL: &Call = &call::DESCRIBE_INSTANCE_ATTRIBUTE;
        let client = self.read(CALL, place).await?;
        let is_stop = name == types::InstanceAttributeName::DisableApiStop;
        let call = client.describe_instance_attribute().instance_id(id).attribute(name);
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        let value = if is_stop { answer.disable_api_stop() } else { answer.disable_api_termination() };
        Ok(value.and_then(types::AttributeBooleanValue::value).unwrap_or(false))
    }

    /// Those of the instance types that come with instance-store disks, whose data a stop loses.
    pub async fn instance_store_kinds(
        &self,
        place: &AccountRegion,
        kinds: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_INSTANCE_TYPES;
        let client = self.read(CALL, place).await?;
        let kinds = kinds.iter().map(|kind| types::InstanceType::from(kind.as_str())).collect();
        let call = client.describe_instance_types().set_instance_types(Some(kinds));
        let answer = self.gate.observed(CALL, place, Box::pin(call.send())).await?;
        Ok(answer
            .instance_types()
            .iter()
            .filter(|info| info.instance_storage_supported() == Some(true))
            .filter_map(|info| info.instance_type().map(|kind| kind.as_str().to_owned()))
            .collect())
    }

    /// Whether the bot would be allowed to make this change. It says nothing of states, capacity or protection.
    pub async fn may_power(&self, place: &AccountRegion, power: Power, ids: &[String]) -> Result<(), AwsError> {
        self.turn(place, power).await;
        match self.make_power(place, power, ids, true).await {
            Err(error) if error.class == Class::DryRun => Ok(()),
            Err(error) => Err(error),
            // A server that answers here did not understand that it was a rehearsal.
            Ok(()) => {
                let message = "the endpoint answered a dry run as if it had made the change";
                let call = power.call();
                let own = AwsError::own(call.service(), call.operation(), &place.region, Class::Lost, message);
                Err(AwsError { code: Some(super::error::IGNORED.into()), ..own })
            }
        }
    }

    /// Waits until it is this change's turn, so that [`Ec2Port::power`] waits for nothing: between the journal's word that a call
    /// begins and the call itself there is to be no time.
    pub async fn turn(&self, place: &AccountRegion, power: Power) {
        self.gate.await_turn(power.call(), place).await;
    }

    /// Makes this change, once, whose [`Ec2Port::turn`] has come. An error with [`AwsError::may_have_happened`] means: look.
    pub async fn power(&self, place: &AccountRegion, power: Power, ids: &[String]) -> Result<(), AwsError> {
        self.make_power(place, power, ids, false).await
    }

    async fn make_power(&self, place: &AccountRegion, power: Power, ids: &[String], dry: bool) -> Result<(), AwsError> {
        let made = power.call();
        self.gate.admit_change(made, place)?;
        let client = self.clients(made, place).await?.change;
        let ids = Some(ids.to_vec());
        match power {
            Power::Start => {
                let call = client.start_instances().set_instance_ids(ids).dry_run(dry);
                self.gate.told(made, place, Box::pin(call.send())).await.map(drop)
            }
            Power::Stop => {
                let call = client.stop_instances().set_instance_ids(ids).dry_run(dry);
                self.gate.told(made, place, Box::pin(call.send())).await.map(drop)
            }
            Power::Reboot => {
                let call = client.reboot_instances().set_instance_ids(ids).dry_run(dry).customize();
                let call = call.interceptor(RebootAnswer);
                self.gate.told(made, place, Box::pin(call.send())).await.map(drop)
            }
            Power::Terminate => {
                let call = client.terminate_instances().set_instance_ids(ids).dry_run(dry);
                self.gate.told(made, place, Box::pin(call.send())).await.map(drop)
            }
        }
    }

    /// The regions that are enabled for the account, asked in one of them.
    pub(super) async fn regions(&self, place: &AccountRegion) -> Result<Vec<String>, AwsError> {
        const CALL: &Call = &call::DESCRIBE_REGIONS;
        let client = self.read(CALL, place).await?;
        let call = client.describe_regions().send();
        let answer = self.gate.observed(CALL, place, Box::pin(call)).await?;
        Ok(answer.regions().iter().filter_map(|region| region.region_name().map(str::to_owned)).collect())
    }

    async fn read(&self, call: &'static Call, place: &AccountRegion) -> Result<aws_sdk_ec2::Client, AwsError> {
        Ok(self.clients(call, place).await?.read)
    }

    /// The clients of a place, built on first use.
    pub(super) async fn clients(&self, call: &'static Call, place: &AccountRegion) -> Result<Ec2Clients, AwsError> {
        self.gate.admit(call, place)?;
        let key = self.gate.key(place);
        if let Some(clients) = self.clients.get(&key) {
            return Ok(clients);
        }
        let sdk = self.gate.sdk_for(call, place).await?;
        let clients = Clients::built(&self.gate, |retries, timeouts| {
            let conf = aws_sdk_ec2::config::Builder::from(sdk)
                .region(aws_sdk_ec2::config::Region::new(key.region.clone()))
                .retry_config(retries)
                .timeout_config(timeouts);
            aws_sdk_ec2::Client::from_conf(conf.build())
        });
        Ok(self.clients.keep(key, clients))
    }
}

//! A region of EC2 that does what Moto does not: passes through states, throttles, loses answers, denies. Answers come
//! through the SDK's own mocks; lost ones are lost below them, in the HTTP client.

pub(crate) mod ecs;

use super::{Aws, AwsConfig, Ec2Clients, Power};
use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ec2::error::{ConnectorError, ErrorMetadata};
use aws_sdk_ec2::operation::describe_instance_attribute::{
    DescribeInstanceAttributeError, DescribeInstanceAttributeOutput,
};
use aws_sdk_ec2::operation::describe_instance_status::{DescribeInstanceStatusError, DescribeInstanceStatusOutput};
use aws_sdk_ec2::operation::describe_instance_types::{DescribeInstanceTypesError, DescribeInstanceTypesOutput};
use aws_sdk_ec2::operation::describe_instances::{DescribeInstancesError, DescribeInstancesOutput};
use aws_sdk_ec2::operation::reboot_instances::{RebootInstancesError, RebootInstancesOutput};
use aws_sdk_ec2::operation::start_instances::{StartInstancesError, StartInstancesOutput};
use aws_sdk_ec2::operation::stop_instances::{StopInstancesError, StopInstancesOutput};
use aws_sdk_ec2::operation::terminate_instances::{TerminateInstancesError, TerminateInstancesOutput};
use aws_sdk_ec2::types::{self, InstanceAttributeName};
use aws_sdk_ec2::{Client, Config};
use aws_smithy_mocks::{MockResponse, MockResponseInterceptor, Rule, RuleMode, mock};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How a call goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// AWS answers with this code.
    Code(&'static str, &'static str),
    /// No answer comes; the change was made or not.
    Lost { happened: bool },
    /// There is no connection.
    NotSent,
}

/// An instance of the fake region.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub id: String,
    pub state: String,
    pub state_reason: Option<String>,
    pub transition: Option<String>,
    pub kind: String,
    pub zone: String,
    pub tags: BTreeMap<String, String>,
    pub public_ip: Option<String>,
    pub elastic: bool,
    pub spot: bool,
    pub hibernates: bool,
    pub stop_protected: bool,
    pub termination_protected: bool,
    /// Volumes beside `vol-0aaa`, and whether each goes with the instance.
    pub more_volumes: Vec<(&'static str, bool)>,
    pub instance_store_root: bool,
    pub checks: (String, String),
    /// The states that the next looks will see, one after the other.
    pub ahead: VecDeque<String>,
}

impl Machine {
    pub(crate) fn new(id: &str, name: &str, state: &str) -> Self {
        let tags = if name.is_empty() { BTreeMap::new() } else { BTreeMap::from([("Name".into(), name.into())]) };
        Self {
            id: id.into(),
            state: state.into(),
            state_reason: None,
            transition: None,
            kind: "t3.micro".into(),
            zone: "eu-central-1a".into(),
            tags,
            public_ip: None,
            elastic: false,
            spot: false,
            hibernates: false,
            stop_protected: false,
            termination_protected: false,
            more_volumes: Vec::new(),
            instance_store_root: false,
            checks: ("ok".into(), "ok".into()),
            ahead: VecDeque::new(),
        }
    }

    pub(crate) fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn sdk(&self) -> types::Instance {
        let tags = self.tags.iter().map(|(key, value)| types::Tag::builder().key(key).value(value).build());
        let owner = if self.elastic { "123456789012" } else { "amazon" };
        let interface = self.public_ip.as_ref().map(|ip| {
            let association =
                types::InstanceNetworkInterfaceAssociation::builder().public_ip(ip).ip_owner_id(owner).build();
            types::InstanceNetworkInterface::builder().association(association).build()
        });
        let volume = |device: &str, id: &str, goes: bool| {
            let ebs = types::EbsInstanceBlockDevice::builder().volume_id(id).delete_on_termination(goes).build();
            types::InstanceBlockDeviceMapping::builder().device_name(device).ebs(ebs).build()
        };
        let root = volume("/dev/xvda", "vol-0aaa", true);
        let more = self.more_volumes.iter().map(|(id, goes)| volume("/dev/sdf", id, *goes));
        types::Instance::builder()
            .instance_id(&self.id)
            .state(types::InstanceState::builder().name(self.state.as_str().into()).build())
            .set_state_reason(self.state_reason.as_ref().map(|code| types::StateReason::builder().code(code).build()))
            .set_state_transition_reason(self.transition.clone())
            .instance_type(self.kind.as_str().into())
            .placement(types::Placement::builder().availability_zone(&self.zone).build())
            .private_ip_address("10.0.0.7")
            .set_public_ip_address(self.public_ip.clone())
            .set_network_interfaces(interface.map(|interface| vec![interface]))
            .set_tags(Some(tags.collect()))
            .launch_time(aws_sdk_ec2::primitives::DateTime::from_secs(1_790_000_000))
            .root_device_name("/dev/xvda")
            .root_device_type(if self.instance_store_root {
                types::DeviceType::InstanceStore
            } else {
                types::DeviceType::Ebs
            })
            .set_block_device_mappings(Some(std::iter::once(root).chain(more).collect()))
            .set_instance_lifecycle(self.spot.then_some(types::InstanceLifecycleType::Spot))
            .hibernation_options(types::HibernationOptions::builder().configured(self.hibernates).build())
            .image_id("ami-0123")
            .build()
    }
}

/// What the fake region is and does next.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub machines: Vec<Machine>,
    /// The states that looks see after a change of that kind; the last one stays.
    pub after: BTreeMap<&'static str, Vec<&'static str>>,
    /// The code and the words for its state that a change leaves on a machine.
    pub trace: Option<(&'static str, &'static str)>,
    /// The address that a start gives.
    pub next_ip: Option<String>,
    /// What goes wrong with the next calls of an operation; a dry run is `…(dry)`.
    pub faults: BTreeMap<&'static str, VecDeque<Fault>>,
    /// Every call, in order: `StopInstances i-1 i-2`, `StopInstances(dry) i-1`, `DescribeInstances`.
    pub calls: Vec<String>,
    /// The most instances of one page.
    pub page: usize,
}

impl World {
    pub(crate) fn machine(&mut self, id: &str) -> &mut Machine {
        self.machines.iter_mut().find(|machine| machine.id == id).expect("machine of the fake region")
    }

    /// The changing calls that were made, dry runs left out.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.calls.iter().filter(|call| !call.starts_with("Describe") && !call.contains("(dry)")).cloned().collect()
    }

    fn change(&mut self, power: Power, ids: &[String]) {
        let default: &[&str] = match power {
            Power::Start => &["pending", "running"],
            Power::Stop => &["stopping", "stopped"],
            Power::Reboot => &["running"],
            Power::Terminate => &["shutting-down", "terminated"],
        };
        let states = self.after.get(power.call().operation()).cloned().unwrap_or_else(|| default.to_vec());
        let (next_ip, trace) = (self.next_ip.clone(), self.trace);
        for id in ids {
            let machine = self.machine(id);
            if let Some((reason, transition)) = trace {
                machine.state_reason = Some(reason.to_owned());
                machine.transition = Some(transition.to_owned());
            }
            machine.ahead = states.iter().map(|state| (*state).to_owned()).collect();
            match power {
                Power::Start => machine.public_ip = next_ip.clone(),
                Power::Stop if !machine.elastic => machine.public_ip = None,
                _ => {}
            }
        }
    }

    fn fault(&mut self, operation: &str) -> Option<Fault> {
        self.faults.get_mut(operation)?.pop_front()
    }

    fn loses(&self, operation: &str) -> bool {
        let next = self.faults.get(operation).and_then(VecDeque::front);
        matches!(next, Some(Fault::Lost { .. } | Fault::NotSent))
    }
}

/// A handle on one fake region.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeRegion(pub Arc<Mutex<World>>);

impl FakeRegion {
    pub(crate) fn new(machines: Vec<Machine>) -> Self {
        Self(Arc::new(Mutex::new(World { machines, page: 1000, ..World::default() })))
    }

    pub(crate) fn fails(&self, operation: &'static str, fault: Fault) {
        self.0.lock().faults.entry(operation).or_default().push_back(fault);
    }

    fn client(&self) -> Client {
        let rules = [self.instances(), self.status(), self.attribute(), self.types()];
        let mut mocks = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny).allow_passthrough();
        for rule in rules.iter().chain(&[self.start(), self.stop(), self.reboot(), self.terminate()]) {
            mocks = mocks.with_rule(rule);
        }
        let wire = Wire(self.0.clone());
        let http = http_client_fn(move |_: &HttpConnectorSettings, _: &_| SharedHttpConnector::new(wire.clone()));
        let conf = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http)
            .interceptor(mocks);
        Client::from_conf(conf.build())
    }

    fn instances(&self) -> Rule {
        const OPERATION: &str = "DescribeInstances";
        let (world, seen) = (self.0.clone(), self.0.clone());
        mock!(Client::describe_instances).match_requests(move |_| !seen.lock().loses(OPERATION)).then_compute_response(
            move |input| {
                let mut world = world.lock();
                world.calls.push(OPERATION.into());
                if let Some(Fault::Code(code, message)) = world.fault(OPERATION) {
                    return MockResponse::Error(DescribeInstancesError::generic(meta(code, message)));
                }
                let page = world.page;
                let from: usize = input.next_token().map_or(0, |token| token.parse().expect("token"));
                let mut found = Vec::new();
                for machine in &mut world.machines {
                    if input.filters().iter().all(|filter| meets(machine, filter)) {
                        if let Some(state) = machine.ahead.pop_front() {
                            machine.state = state;
                        }
                        found.push(machine.sdk());
                    }
                }
                let next = (from + page < found.len()).then(|| (from + page).to_string());
                let shown = found.into_iter().skip(from).take(page).collect();
                let reservation = types::Reservation::builder().set_instances(Some(shown)).build();
                MockResponse::Output(
                    DescribeInstancesOutput::builder().reservations(reservation).set_next_token(next).build(),
                )
            },
        )
    }

    fn status(&self) -> Rule {
        let world = self.0.clone();
        mock!(Client::describe_instance_status).then_compute_response(move |input| {
            let mut world = world.lock();
            world.calls.push("DescribeInstanceStatus".into());
            if let Some(Fault::Code(code, message)) = world.fault("DescribeInstanceStatus") {
                return MockResponse::Error(DescribeInstanceStatusError::generic(meta(code, message)));
            }
            let summary = |word: &str| types::InstanceStatusSummary::builder().status(word.into()).build();
            let statuses = world.machines.iter().filter(|machine| input.instance_ids().contains(&machine.id));
            let statuses = statuses.map(|machine| {
                types::InstanceStatus::builder()
                    .instance_id(&machine.id)
                    .instance_status(summary(&machine.checks.0))
                    .system_status(summary(&machine.checks.1))
                    .build()
            });
            MockResponse::Output(
                DescribeInstanceStatusOutput::builder().set_instance_statuses(Some(statuses.collect())).build(),
            )
        })
    }

    fn attribute(&self) -> Rule {
        let world = self.0.clone();
        mock!(Client::describe_instance_attribute).then_compute_response(move |input| {
            let mut world = world.lock();
            world.calls.push("DescribeInstanceAttribute".into());
            if let Some(Fault::Code(code, message)) = world.fault("DescribeInstanceAttribute") {
                return MockResponse::Error(DescribeInstanceAttributeError::generic(meta(code, message)));
            }
            let machine = world.machine(input.instance_id().expect("id"));
            let value = |is: bool| types::AttributeBooleanValue::builder().value(is).build();
            let output = DescribeInstanceAttributeOutput::builder();
            MockResponse::Output(if input.attribute() == Some(&InstanceAttributeName::DisableApiStop) {
                output.disable_api_stop(value(machine.stop_protected)).build()
            } else {
                output.disable_api_termination(value(machine.termination_protected)).build()
            })
        })
    }

    fn types(&self) -> Rule {
        let world = self.0.clone();
        mock!(Client::describe_instance_types).then_compute_response(move |input| {
            let mut world = world.lock();
            world.calls.push("DescribeInstanceTypes".into());
            if let Some(Fault::Code(code, message)) = world.fault("DescribeInstanceTypes") {
                return MockResponse::Error(DescribeInstanceTypesError::generic(meta(code, message)));
            }
            let infos = input.instance_types().iter().map(|kind| {
                let has_disks = kind.as_str().split('.').next().is_some_and(|family| family.ends_with('d'));
                types::InstanceTypeInfo::builder()
                    .instance_type(kind.clone())
                    .instance_storage_supported(has_disks)
                    .build()
            });
            MockResponse::Output(
                DescribeInstanceTypesOutput::builder().set_instance_types(Some(infos.collect())).build(),
            )
        })
    }
}

/// A rule for one of the changing calls.
macro_rules! changing {
    ($name:ident, $call:path, $power:expr, $error:ident, $output:expr) => {
        impl FakeRegion {
            fn $name(&self) -> Rule {
                let (world, seen) = (self.0.clone(), self.0.clone());
                let operation = $power.call().operation();
                mock!($call)
                    .match_requests(move |input| {
                        !seen.lock().loses(&name_of_call(operation, input.dry_run() == Some(true)))
                    })
                    .then_compute_response(move |input| {
                        let mut world = world.lock();
                        let dry = input.dry_run() == Some(true);
                        let name = name_of_call(operation, dry);
                        world.calls.push(format!("{name} {}", input.instance_ids().join(" ")));
                        if let Some(Fault::Code(code, message)) = world.fault(&name) {
                            return MockResponse::Error($error::generic(meta(code, message)));
                        }
                        if dry {
                            return MockResponse::Error($error::generic(meta("DryRunOperation", "would succeed")));
                        }
                        world.change($power, input.instance_ids());
                        MockResponse::Output($output)
                    })
            }
        }
    };
}
changing!(start, Client::start_instances, Power::Start, StartInstancesError, StartInstancesOutput::builder().build());
changing!(stop, Client::stop_instances, Power::Stop, StopInstancesError, StopInstancesOutput::builder().build());
changing!(
    reboot,
    Client::reboot_instances,
    Power::Reboot,
    RebootInstancesError,
    RebootInstancesOutput::builder().build()
);
changing!(
    terminate,
    Client::terminate_instances,
    Power::Terminate,
    TerminateInstancesError,
    TerminateInstancesOutput::builder().build()
);

fn name_of_call(operation: &str, dry: bool) -> String {
    if dry { format!("{operation}(dry)") } else { operation.to_owned() }
}

fn meta(code: &str, message: &str) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).message(message).build()
}

fn meets(machine: &Machine, filter: &types::Filter) -> bool {
    let name = filter.name().expect("filter name");
    let value = match name {
        "instance-id" => Some(machine.id.clone()),
        "instance-state-name" => Some(machine.state.clone()),
        "instance-type" => Some(machine.kind.clone()),
        tag => machine.tags.get(tag.strip_prefix("tag:").expect("known filter")).cloned(),
    };
    value.is_some_and(|value| filter.values().iter().any(|wanted| *wanted == value || wanted.contains('*')))
}

/// The HTTP client below the mocks: where answers are lost.
#[derive(Clone, Debug)]
struct Wire(Arc<Mutex<World>>);

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let fields: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let dry = fields.get("DryRun").is_some_and(|dry| dry == "true");
        let name = name_of_call(fields.get("Action").map(String::as_str).unwrap_or_default(), dry);
        let operation = name.as_str();
        let mut world = self.0.lock();
        if !world.loses(operation) {
            // The mocks put their answer in the place of this one.
            return HttpConnectorFuture::ready(Ok(HttpResponse::new(
                200.try_into().expect("status"),
                // read for RebootInstances alone
                SdkBody::from("<RebootInstancesResponse/>"),
            )));
        }
        let ids: Vec<String> =
            fields.iter().filter(|(key, _)| key.starts_with("InstanceId.")).map(|(_, id)| id.clone()).collect();
        world.calls.push(format!("{operation} {}", ids.join(" ")).trim_end().to_owned());
        let error = match world.fault(operation) {
            Some(Fault::Lost { happened }) => {
                let powers = [Power::Start, Power::Stop, Power::Reboot, Power::Terminate];
                if let (true, Some(power)) = (happened, powers.into_iter().find(|p| p.call().operation() == operation))
                {
                    world.change(power, &ids);
                }
                ConnectorError::timeout("no answer within 10 s".into())
            }
            _ => ConnectorError::io("dns error: no such host".into()),
        };
        HttpConnectorFuture::ready(Err(error))
    }
}

impl Aws {
    /// The regions for which a client was built.
    pub(crate) fn built(&self) -> Vec<String> {
        [self.ec2.built(), self.ecs.built(), self.ecr.built()].concat()
    }
}

/// A provider in account 123456789012 that consists of these fake regions; the first is the default.
pub(crate) fn aws(regions: &[(&str, &FakeRegion)]) -> Arc<Aws> {
    let config = AwsConfig { region: Some(regions[0].0.to_owned()), rate_share: 1.0, ..AwsConfig::default() };
    for (name, region) in regions {
        // a machine stands in a zone of its region
        region.0.lock().machines.iter_mut().for_each(|machine| machine.zone = format!("{name}a"));
    }
    let clients = regions
        .iter()
        .map(|(name, region)| ((*name).to_owned(), Ec2Clients { read: region.client(), change: region.client() }));
    Arc::new(Aws::with_ec2_clients(config, "123456789012", clients))
}

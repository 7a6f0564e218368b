//! An EC2 instance as the commands see it: only what they use, in plain types.

use crate::domain::{AccountId, AccountRegion, ResourceKind, Target};
use aws_sdk_ec2::types;
use std::collections::BTreeMap;
use std::fmt;

/// The kind of an instance among targets.
pub const INSTANCE: ResourceKind = ResourceKind::new("ec2:instance");

/// The states of an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Starting.
    Pending,
    /// Running.
    Running,
    /// Going to sleep.
    Stopping,
    /// Stopped.
    Stopped,
    /// On its way to be gone.
    ShuttingDown,
    /// Gone; AWS shows it for about an hour more.
    Terminated,
    /// A state that this program does not know.
    Other(String),
}

impl State {
    /// Every state that AWS documents.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Stopping, Self::Stopped, Self::ShuttingDown, Self::Terminated];

    /// AWS's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Other(word) => word,
        }
    }

    /// From AWS's word.
    pub fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == word).unwrap_or_else(|| Self::Other(word.to_owned()))
    }

    /// Whether the instance is gone for good.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A volume of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// `/dev/xvda`
    pub device: String,
    /// `vol-0abc…`
    pub id: String,
    /// Whether terminating the instance deletes it.
    pub deleted_with_instance: bool,
}

/// An instance as AWS describes it. Strings are untrusted where people can set them (name, tags).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-0abc…`
    pub id: String,
    /// In which account it was found; `None`: in the usual one.
    pub account: Option<AccountId>,
    /// In which region.
    pub region: String,
    /// Its availability zone.
    pub zone: Option<String>,
    /// Its state.
    pub state: State,
    /// Why it came into this state: AWS's code, such as `Server.InsufficientInstanceCapacity`.
    pub state_reason: Option<String>,
    /// The same in AWS's words.
    pub state_words: Option<String>,
    /// Why it came into this state, and when: `User initiated (2026-11-29 20:37:41 GMT)`.
    pub transition: Option<String>,
    /// `m5.large`
    pub kind: String,
    /// Its address in the VPC.
    pub private_ip: Option<String>,
    /// Its address in the world.
    pub public_ip: Option<String>,
    /// Whether the public address is an Elastic IP and stays over a stop.
    pub elastic_ip: bool,
    /// When it was last started.
    pub launched: Option<jiff::Timestamp>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The device it boots from.
    pub root_device: Option<String>,
    /// Whether it boots from an instance-store volume, and so cannot be stopped.
    pub root_is_instance_store: bool,
    /// Its EBS volumes.
    pub volumes: Vec<Volume>,
    /// Whether it is a Spot instance.
    pub spot: bool,
    /// Whether it is set up for hibernation.
    pub hibernates: bool,
    /// The image it was made from.
    pub image: Option<String>,
    /// The VPC it is in.
    pub vpc: Option<String>,
    /// The subnet it is in.
    pub subnet: Option<String>,
}

impl Instance {
    pub(super) fn from_sdk(place: &AccountRegion, sdk: types::Instance) -> Self {
        let state = sdk.state().and_then(types::InstanceState::name).map_or("unknown", |name| name.as_str());
        let association = |interface: &types::InstanceNetworkInterface| {
            interface.association().and_then(|association| association.ip_owner_id().map(str::to_owned))
        };
        Self {
            id: sdk.instance_id().unwrap_or_default().to_owned(),
            account: place.account.clone(),
            region: place.region.clone(),
            zone: sdk.placement().and_then(|placement| placement.availability_zone()).map(str::to_owned),
            state: State::parse(state),
            state_reason: sdk
                .state_reason()
                .and_then(|reason| reason.code())
                .filter(|code| !code.is_empty())
                .map(str::to_owned),
            state_words: sdk.state_reason().and_then(|reason| reason.message()).map(str::to_owned),
            transition: sdk.state_transition_reason().filter(|words| !words.is_empty()).map(str::to_owned),
            kind: sdk.instance_type().map_or("unknown", |kind| kind.as_str()).to_owned(),
            private_ip: sdk.private_ip_address().map(str::to_owned),
            public_ip: sdk.public_ip_address().filter(|ip| !ip.is_empty()).map(str::to_owned),
            // Addresses that AWS lends belong to "amazon"; an Elastic IP belongs to an account.
            elastic_ip: sdk.network_interfaces().iter().filter_map(association).any(|owner| owner != "amazon"),
            launched: sdk.launch_time().and_then(|time| jiff::Timestamp::from_second(time.secs()).ok()),
            tags: sdk
                .tags()
                .iter()
                .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
                .collect(),
            root_device: sdk.root_device_name().map(str::to_owned),
            root_is_instance_store: sdk.root_device_type() == Some(&types::DeviceType::InstanceStore),
            volumes: sdk.block_device_mappings().iter().filter_map(volume).collect(),
            spot: sdk.instance_lifecycle() == Some(&types::InstanceLifecycleType::Spot),
            hibernates: sdk.hibernation_options().and_then(types::HibernationOptions::configured) == Some(true),
            image: sdk.image_id().map(str::to_owned),
            vpc: sdk.vpc_id().map(str::to_owned),
            subnet: sdk.subnet_id().map(str::to_owned),
        }
    }

    /// Its Name tag, if it has one that is not empty.
    pub fn name(&self) -> Option<&str> {
        self.tags.get("Name").map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The Auto Scaling group it belongs to. The tag is reserved by AWS, so no other can set it.
    pub fn scaling_group(&self) -> Option<&str> {
        self.tags.get("aws:autoscaling:groupName").map(String::as_str)
    }

    /// Where more is asked about it.
    pub fn place(&self) -> AccountRegion {
        AccountRegion { account: self.account.clone(), region: self.region.clone() }
    }

    /// What a policy judges.
    pub fn target(&self, account: &AccountId) -> Target {
        Target {
            kind: INSTANCE,
            id: self.id.clone(),
            name: self.name().map(str::to_owned),
            account: account.clone(),
            region: self.region.clone(),
            tags: self.tags.clone(),
        }
    }
}

fn volume(mapping: &types::InstanceBlockDeviceMapping) -> Option<Volume> {
    let ebs = mapping.ebs()?;
    Some(Volume {
        device: mapping.device_name().unwrap_or_default().to_owned(),
        id: ebs.volume_id()?.to_owned(),
        deleted_with_instance: ebs.delete_on_termination().unwrap_or(false),
    })
}

/// What AWS's status checks say of an instance: `ok`, `initializing`, `impaired`, `insufficient-data`, `not-applicable`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Reachability of the instance's own system.
    pub instance: String,
    /// The hardware below it.
    pub system: String,
}

/// Which protections an instance has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// `DisableApiStop`: neither stop nor terminate.
    pub stop: bool,
    /// `DisableApiTermination`.
    pub termination: bool,
}

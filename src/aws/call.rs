//! The calls of AWS that the bot makes, each once: what IAM calls it, which of AWS's buckets counts it, on what a role may be
//! permitted it, and whether tags guard what it changes. The ports of [`super::Aws`] make them, and the rows of the commands
//! list them; the role's policy, the budget and the doctor read them here.

use super::budget::Bucket;

/// One operation of AWS.
#[derive(Debug)]
pub struct Call {
    /// Its IAM name, `ec2:StopInstances`.
    pub name: &'static str,
    /// Which of AWS's buckets counts it; `None` where AWS counts it so widely that the bot never comes near.
    pub(super) bucket: Option<Bucket>,
    /// On what a role may be permitted it: ARNs with places in braces, `{region}`, that the settings fill. Empty where AWS
    /// knows it for everything or not at all.
    pub on: &'static [&'static str],
    /// Whether it changes something whose tags may forbid that.
    pub is_guarded: bool,
    /// Whether it is made in the region of commands that name none, which may be none of those that the settings list.
    pub is_of_default_region: bool,
    /// What the role needs beside it: AWS makes these calls for it.
    pub with: &'static [&'static Call],
    /// The key of a condition under which it is permitted, and its value.
    pub condition: Option<(&'static str, &'static str)>,
}

impl Call {
    const fn new(name: &'static str, bucket: Option<Bucket>) -> Self {
        Self { name, bucket, on: &[], is_guarded: false, is_of_default_region: false, with: &[], condition: None }
    }

    const fn on(self, on: &'static [&'static str]) -> Self {
        Self { on, ..self }
    }

    const fn guarded(self) -> Self {
        Self { is_guarded: true, ..self }
    }

    /// The service, `ec2`.
    pub fn service(&self) -> &'static str {
        self.name.split(':').next().unwrap_or_default()
    }

    /// The operation, `StopInstances`.
    pub fn operation(&self) -> &'static str {
        self.name.split(':').nth(1).unwrap_or_default()
    }
}

const INSTANCES: &[&str] = &["arn:aws:ec2:{region}:*:instance/*"];

/// EC2's list of instances.
pub const DESCRIBE_INSTANCES: Call = Call::new("ec2:DescribeInstances", Some(Bucket::Describe));
/// The status checks of instances.
pub const DESCRIBE_INSTANCE_STATUS: Call = Call::new("ec2:DescribeInstanceStatus", Some(Bucket::Describe));
/// One attribute of an instance, such as its stop protection.
pub const DESCRIBE_INSTANCE_ATTRIBUTE: Call = Call::new("ec2:DescribeInstanceAttribute", Some(Bucket::Describe));
/// What a type of instance has.
pub const DESCRIBE_INSTANCE_TYPES: Call = Call::new("ec2:DescribeInstanceTypes", Some(Bucket::Describe));
/// The regions of the account.
pub const DESCRIBE_REGIONS: Call =
    Call { is_of_default_region: true, ..Call::new("ec2:DescribeRegions", Some(Bucket::Describe)) };
/// Starts instances.
pub const START_INSTANCES: Call = Call::new("ec2:StartInstances", Some(Bucket::Start)).on(INSTANCES).guarded();
/// Stops instances.
pub const STOP_INSTANCES: Call = Call::new("ec2:StopInstances", Some(Bucket::Mutate)).on(INSTANCES).guarded();
/// Reboots instances.
pub const REBOOT_INSTANCES: Call = Call::new("ec2:RebootInstances", Some(Bucket::Mutate)).on(INSTANCES).guarded();
/// Ends instances for good.
pub const TERMINATE_INSTANCES: Call =
    Call::new("ec2:TerminateInstances", Some(Bucket::Terminate)).on(INSTANCES).guarded();

const SERVICES: &[&str] = &["arn:aws:ecs:{region}:*:service/{cluster}/{service}"];

/// ECS's services.
pub const DESCRIBE_SERVICES: Call = Call::new("ecs:DescribeServices", Some(Bucket::EcsRead)).on(SERVICES);
/// The tasks of a service.
pub const LIST_TASKS: Call = Call::new("ecs:ListTasks", Some(Bucket::EcsRead));
/// What tasks are.
pub const DESCRIBE_TASKS: Call =
    Call::new("ecs:DescribeTasks", Some(Bucket::EcsRead)).on(&["arn:aws:ecs:{region}:*:task/{cluster}/*"]);
/// A revision of a task definition.
pub const DESCRIBE_TASK_DEFINITION: Call = Call::new("ecs:DescribeTaskDefinition", Some(Bucket::EcsRead));
/// The revisions of a task definition.
pub const LIST_TASK_DEFINITIONS: Call = Call::new("ecs:ListTaskDefinitions", Some(Bucket::EcsRead));
/// The deployments of a service.
pub const LIST_SERVICE_DEPLOYMENTS: Call = Call::new("ecs:ListServiceDeployments", Some(Bucket::EcsRead)).on(SERVICES);
/// What a service ran.
pub const DESCRIBE_SERVICE_REVISIONS: Call = Call::new("ecs:DescribeServiceRevisions", Some(Bucket::EcsRead))
    .on(&["arn:aws:ecs:{region}:*:service-revision/{cluster}/{service}/*"]);
/// Makes a revision of a task definition. ECS copies its tags, and passes its roles on.
pub const REGISTER_TASK_DEFINITION: Call =
    Call { with: &[&TAG_RESOURCE, &PASS_ROLE], ..Call::new("ecs:RegisterTaskDefinition", Some(Bucket::EcsWrite)) };
/// Gives a service a task definition.
pub const UPDATE_SERVICE: Call = Call::new("ecs:UpdateService", Some(Bucket::EcsWrite)).on(SERVICES).guarded();
/// Stops a deployment of a service. ECS judges it by the deployment, and by the service.
pub const STOP_SERVICE_DEPLOYMENT: Call = Call::new("ecs:StopServiceDeployment", Some(Bucket::EcsWrite)).on(&[
    "arn:aws:ecs:{region}:*:service-deployment/{cluster}/{service}/*",
    "arn:aws:ecs:{region}:*:service/{cluster}/{service}",
]);
const TAG_RESOURCE: Call = Call::new("ecs:TagResource", None).on(&["arn:aws:ecs:{region}:*:task-definition/*"]);
const PASS_ROLE: Call = Call {
    condition: Some(("iam:PassedToService", "ecs-tasks.amazonaws.com")),
    ..Call::new("iam:PassRole", None).on(&["{role}"])
};

// the image's own address says where its repository is
const REPOSITORIES: &[&str] = &["arn:aws:ecr:*:*:repository/{repository}"];

/// ECR's images.
pub const DESCRIBE_IMAGES: Call = Call::new("ecr:DescribeImages", Some(Bucket::EcrRead)).on(REPOSITORIES);
/// The manifest of an image.
pub const BATCH_GET_IMAGE: Call = Call::new("ecr:BatchGetImage", Some(Bucket::EcrRead)).on(REPOSITORIES);

/// As whom the bot acts. AWS permits it to everybody.
pub(super) const GET_CALLER_IDENTITY: Call = Call::new("sts:GetCallerIdentity", None);
/// A parameter with a secret. `dronebot iam-policy secrets` narrows it to those that the settings name.
pub(super) const GET_PARAMETER: Call = Call::new("ssm:GetParameter", None);
/// A secret.
pub(super) const GET_SECRET_VALUE: Call = Call::new("secretsmanager:GetSecretValue", None);

"""Makes the stack in the AWS at AWS_ENDPOINT_URL, and looks at what became of it. Prints what the bot's role may do there, and its variables, as JSON.

Moto makes neither alarms nor metric filters nor capacity providers of a template: of those, the linter alone has a word.
"""

import ast
import fnmatch
import json
import os
import pathlib
import sys

import boto3
import yaml

TEMPLATE = pathlib.Path(__file__).parents[2] / "delivery" / "stack.yaml"
DIGEST = "sha256:" + "a" * 64
VERSION = os.environ["VERSION"]


def client(name):
    return boto3.client(name, region_name="eu-central-1")


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's own tags, whose values are left as they stand."""


Template.add_multi_constructor("!", lambda loader, suffix, node: loader.construct_undefined_value(node))


def undefined(loader, node):
    kinds = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    return kinds.get(type(node), loader.construct_mapping)(node)


Template.construct_undefined_value = undefined


def template():
    return yaml.load(TEMPLATE.read_text(), Template)


def network():
    """A VPC with two subnets, as an account has them."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    return vpc, subnets


def create(name):
    vpc, subnets = network()
    image = client("ec2").describe_images()["Images"][0]["ImageId"]
    client("ssm").put_parameter(Name="/test/ecs-image", Type="String", Value=image)
    values = {
        "Environment": name,
        "ImageDigest": DIGEST,
        "VpcId": vpc,
        "SubnetIds": ",".join(subnets),
        "EcsImageId": "/test/ecs-image",
        "Operators": "S0123ABCD",
        "Unverified": "true",
    }
    stacks = client("cloudformation")
    stacks.create_stack(
        StackName=f"dronebot-{name}",
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    stack = stacks.describe_stacks(StackName=f"dronebot-{name}")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def look(name, outputs):
    ecr = client("ecr")
    repository = ecr.describe_repositories(repositoryNames=[f"dronebot-{name}"])["repositories"][0]
    assert repository["imageTagMutability"] == "IMMUTABLE", repository
    # Moto makes the repository without its lifecycle policy, but says whether ECR would take it
    policy = template()["Resources"]["Repository"]["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"]
    ecr.put_lifecycle_policy(repositoryName=f"dronebot-{name}", lifecyclePolicyText=policy)
    releases, commits = json.loads(policy)["rules"]
    # what the first rule claims, the second does not expire: the tag of a release, and no commit
    patterns = releases["selection"]["tagPatternList"]
    assert any(fnmatch.fnmatchcase(VERSION, pattern) for pattern in patterns), patterns
    assert not any(fnmatch.fnmatchcase("a" * 40, pattern) for pattern in patterns), patterns
    assert releases["rulePriority"] < commits["rulePriority"], policy

    ecs = client("ecs")
    service = ecs.describe_services(cluster=outputs["ClusterName"], services=[outputs["ServiceName"]])["services"][0]
    assert service["desiredCount"] == 2, service
    # nor does it keep how a service is deployed
    deployment = template()["Resources"]["Service"]["Properties"]["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200), deployment
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}, deployment
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    container = task["containerDefinitions"][0]
    assert container["image"].endswith(f"dronebot-{name}@{DIGEST}"), container
    assert container["readonlyRootFilesystem"] is True and container["user"] == "65532", container
    assert container["healthCheck"]["command"] == ["CMD", "/usr/local/bin/dronebot", "healthcheck"], container
    assert container["stopTimeout"] >= 30, container
    # a secret never stands in a task definition, which anybody may read who may look at the service
    for variable in container["environment"]:
        assert not variable["value"].startswith(("xox", "xapp", "AKIA")), variable

    hosts = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    spot = [group["MixedInstancesPolicy"]["InstancesDistribution"] for group in hosts if "MixedInstancesPolicy" in group]
    assert spot and spot[0]["OnDemandPercentageAboveBaseCapacity"] == 0, hosts

    roles = {role["RoleName"] for role in client("iam").list_roles()["Roles"]}
    assert {f"dronebot-{name}-{role}" for role in ("task", "execution", "host")} <= roles, roles
    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"/dronebot/{name}")["logGroups"]
    assert groups[0]["retentionInDays"] == 90, groups


def allowed(name):
    """The calls that the bot's role may make."""
    iam, role, calls = client("iam"), f"dronebot-{name}-task", set()
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        # Moto gives a template's policy as the text that it keeps
        for statement in (ast.literal_eval(document) if isinstance(document, str) else document)["Statement"]:
            if statement["Effect"] == "Allow":
                actions = statement["Action"]
                calls.update([actions] if isinstance(actions, str) else actions)
    return sorted(calls)


def environment(name):
    """The variables of the bot's container."""
    task = client("ecs").describe_task_definition(taskDefinition=f"dronebot-{name}")["taskDefinition"]
    return {one["name"]: one["value"] for one in task["containerDefinitions"][0]["environment"]}


def main():
    name = sys.argv[1]
    look(name, create(name))
    print(json.dumps({"stands": True, "allowed": allowed(name), "environment": environment(name)}))


main()

"""The delivery programs' modules, without an engine: addresses, memory, tags that never move, ECR by Moto, ECS by a script."""

import base64
import hashlib
import json
import os
import pathlib
import re
import tempfile
import unittest
from unittest import mock

from drone import ecs, identity, registry, say, source, state, targets
from drone.say import Failure

KIND = registry.MANIFESTS[0]
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def quiet(test):
    """Sentences are for people."""
    return mock.patch.multiple("drone.ecs", say=lambda _: None)(test)


class Addresses(unittest.TestCase):
    def test_a_remote_is_told_without_the_password_that_ci_puts_into_it(self):
        for address, public in [
            ("https://x-access-token:ghs_secret@git.test/acme/drone.git", "https://git.test/acme/drone.git"),
            ("git@git.test:acme/drone.git", "https://git.test/acme/drone.git"),
            ("ssh://git@git.test/acme/drone", "https://git.test/acme/drone"),
            ("https://git.test:8443/a", "https://git.test:8443/a"),
            ("/srv/git/drone", "unknown"),
            ("", "unknown"),
            (None, "unknown"),
        ]:
            self.assertEqual(source.public(address), public)

    def test_only_a_digest_is_a_digest(self):
        self.assertEqual(registry.check_digest(A), A)
        for other in ["latest", "0.1.0", "sha256:abc", A.upper(), "repo@" + A]:
            with self.assertRaises(Failure):
                registry.check_digest(other)

    def test_a_repository_is_where_it_says(self):
        self.assertEqual(registry.of("127.0.0.1:5000/a/b").base, "http://127.0.0.1:5000")
        self.assertEqual(registry.of("ghcr.test/a/b").base, "https://ghcr.test")
        self.assertEqual(registry.of("rust").repository, "docker.io/library/rust")
        for wrong in ["ghcr.test/a:1", "ghcr.test/a@" + A]:
            with self.assertRaises(Failure):
                registry.of(wrong)


class Targets(unittest.TestCase):
    def load(self, text, **env):
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, env):
            path = pathlib.Path(folder) / "here.toml"
            path.write_text(text)
            return targets.load(path)

    TEXT = """
kind = "compose"
repository = "${REPOSITORY}"
project = "${PROJECT-drone}"
files = ["compose.yaml"]
state = "state"
[[replica]]
service = "a"
image = "A"
probe = "http://127.0.0.1:1"
"""

    def test_variables_are_filled_in_and_a_missing_one_is_told(self):
        target = self.load(self.TEXT, REPOSITORY="here.test/drone")
        self.assertEqual((target.repository, target.project), ("here.test/drone", "drone"))
        with self.assertRaisesRegex(Failure, "REPOSITORY"):
            self.load(self.TEXT)

    def test_what_cannot_be_a_target_is_told(self):
        for text, words in [("kind = 'fax'", "fax"), ("kind =", "TOML"), ("kind = 'compose'", "repository")]:
            with self.assertRaisesRegex(Failure, words):
                self.load(text)
        with self.assertRaisesRegex(Failure, "no target"):
            targets.load("/nowhere.toml")

    def test_the_targets_of_the_pipelines_can_be_read(self):
        values = {"REPOSITORY": "x.test/y", "REGION": "eu-central-1"}
        env = {f"DRONE_{name}_{key}": value for name in ("STAGING", "PRODUCTION") for key, value in values.items()}
        with tempfile.TemporaryDirectory() as folder:
            env |= {"DRONE_REPOSITORY": "x.test/y", "DRONE_STATE": folder}
            env |= {"DRONE_BUILDER_IDENTITY": "https://git.test/drone/.github/workflows/delivery.yml@refs/heads/main"}
            env |= {"DRONE_SOURCE": "https://git.test/drone"}
            with mock.patch.dict(os.environ, env):
                loaded = [targets.load(name) for name in ("staging", "production", "host")]
        self.assertEqual([type(target).__name__ for target in loaded], ["EcsTarget", "EcsTarget", "ComposeTarget"])
        for target in loaded:
            # what people work with is never deployed on nobody's word, nor on that of another branch
            wanted = target.settings["verify"]
            self.assertEqual((wanted["branch"], wanted["source"]), ("main", "https://git.test/drone"))
            self.assertTrue(wanted["identity"].endswith("@refs/heads/main") and "*" not in wanted["identity"])
            self.assertNotIn("unverified", target.settings)
            self.assertTrue(target.settings["selftest"])
        self.assertEqual(loaded[1].settings["verify"]["repository"], "x.test/y", "a promoted image is signed where it was built")


    def test_the_targets_are_what_the_stack_makes_and_get_what_they_need_from_the_workflow(self):
        stack = (source.ROOT / "delivery" / "stack.yaml").read_text()
        roles = (source.ROOT / "delivery" / "ci-roles.yaml").read_text()
        workflow = (source.ROOT / ".github" / "workflows" / "delivery.yml").read_text()
        for environment in ("staging", "production"):
            text = (source.ROOT / "delivery" / "targets" / f"{environment}.toml").read_text()
            values = dict(re.findall(r'^(\w+) = "\$\{\w+-([\w-]*)\}"$', text, re.MULTILINE))
            for key, made in [("cluster", "ClusterName"), ("service", "ServiceName")]:
                [name] = re.findall(rf"^      {made}: !Sub (\S+)$", stack, re.MULTILINE)
                self.assertEqual(values[key], name.replace("${Environment}", environment))
            self.assertIn("service/dronebot-${Environment}/dronebot-${Environment}", roles)
            # those without a value of their own
            for name in re.findall(r"\$\{(DRONE_\w+)\}", text):
                self.assertIn(f"{name}:", workflow, f"{environment} needs it")


class Memory(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.state = state.State(self.folder.name)

    def now(self):
        again = state.State(self.folder.name)
        return again.current and again.current["digest"], again.previous and again.previous["digest"]

    def test_a_rollback_does_not_lead_back_to_what_it_left(self):
        self.assertEqual(self.now(), (None, None))
        for digest in (A, B, C):
            self.state.record(digest, "r", "runs")
        self.assertEqual(self.now(), (C, B))
        self.state.record(B, "r", "runs", withdraws=C)
        self.assertEqual(self.now(), (B, A))
        self.state.record(A, "r", "runs", withdraws=B)
        self.assertEqual(self.now(), (A, None))
        self.state.record(C, "r", "runs")
        self.assertEqual(self.now(), (C, A))

    def test_a_failed_version_is_neither_current_nor_previous(self):
        self.state.record(A, "r", "runs")
        self.state.record(B, "r", "failed")
        self.assertEqual(self.now(), (A, None))

    def test_two_deployments_do_not_meet(self):
        with self.state.alone(), self.assertRaisesRegex(Failure, "under way"):
            with state.State(self.folder.name).alone():
                pass


def manifest(text):
    data = json.dumps({"schemaVersion": 2, "mediaType": KIND, "config": {"digest": A, "size": 1}, "layers": [], "text": text})
    return data.encode(), registry.digest_of(data.encode())


class Ecr(unittest.TestCase):
    """Against Moto."""

    HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

    def setUp(self):
        import boto3

        identity._session = None
        client = boto3.client("ecr", region_name="eu-central-1")
        self.name = f"drone-{self._testMethodName}"
        client.create_repository(repositoryName=self.name, imageTagMutability="IMMUTABLE")
        self.addCleanup(client.delete_repository, repositoryName=self.name, force=True)
        self.there = registry.of(f"{self.HOST}/{self.name}")

    def test_a_tag_is_put_once_and_never_moves(self):
        (one, digest), (other, digest_of_other) = manifest("one"), manifest("other")
        self.assertIsNone(self.there.head("f" * 40))
        self.there.put("f" * 40, one, KIND)
        self.there.put("f" * 40, one, KIND)
        self.assertEqual(self.there.head("f" * 40), digest)
        self.assertEqual(self.there.get(digest), (one, KIND, digest))
        with self.assertRaisesRegex(Failure, "never move"):
            self.there.put("f" * 40, other, KIND)
        self.there.put("e" * 40, other, KIND)
        with self.assertRaisesRegex(Failure, "nothing was changed"):
            registry.tag(self.there, digest_of_other, "f" * 40)
        self.assertEqual(self.there.revision_of(digest_of_other), "e" * 40)

    def test_promotion_names_the_same_digest(self):
        one, digest = manifest("one")
        self.there.put("f" * 40, one, KIND)
        self.assertIn("is now", registry.tag(self.there, digest, "1.2.3"))
        self.assertIn("already", registry.tag(self.there, digest, "1.2.3"))
        self.assertEqual(self.there.head("1.2.3"), digest)

    def test_the_login_is_what_ecr_gives(self):
        user, password = self.there.login()
        self.assertEqual(user, "AWS")
        self.assertTrue(password)

    def test_a_repository_that_is_not_there_is_told(self):
        with self.assertRaisesRegex(Failure, "The stack makes it"):
            registry.of(f"{self.HOST}/nowhere").head("x")


class ScriptedEcs:
    """ECS as boto3 meets it: requests are checked by botocore, answers are made here. A deployment of a digest in `bad` never
    has healthy tasks; with `breaker`, ECS gives it up and goes back by itself."""

    def __init__(self, client, bad=(), breaker=False):
        self.bad, self.breaker, self.calls, self.looks = set(bad), breaker, [], 0
        self.definitions, self.tags, self.stopped = {}, {}, False
        client.meta.events.register("before-call.ecs", self.answer)

    def answer(self, model, params, **_):
        asked = json.loads(params["body"])
        self.calls.append(model.name)
        told = getattr(self, model.name)(asked)
        return mock.Mock(status_code=200), told

    def define(self, digest, tags=()):
        arn = f"arn:aws:ecs:eu-central-1:123456789012:task-definition/drone:{len(self.definitions) + 1}"
        image = f"x.test/drone@{digest}"
        self.definitions[arn] = {
            "taskDefinitionArn": arn,
            "family": "drone",
            "revision": len(self.definitions) + 1,
            "containerDefinitions": [{"name": "dronebot", "image": image}],
        }
        self.tags[arn] = list(tags)
        return arn

    def run(self, arn):
        self.before, self.now, self.looks = getattr(self, "now", None), arn, 0

    def digest(self, arn):
        return self.definitions[arn]["containerDefinitions"][0]["image"].rpartition("@")[2]

    def DescribeServices(self, _):
        self.looks += 1
        is_bad = self.digest(self.now) in self.bad
        rollout = "COMPLETED" if self.looks > 2 and not is_bad else "IN_PROGRESS"
        if is_bad and self.breaker and self.looks > 2:
            self.run(self.before)
        deployments = [{"taskDefinition": self.now, "status": "PRIMARY", "rolloutState": rollout}]
        service = {"status": "ACTIVE", "taskDefinition": self.now, "deployments": deployments}
        return {"services": [{**service, "desiredCount": 2, "runningCount": 2}]}

    def DescribeTaskDefinition(self, asked):
        return {"taskDefinition": self.definitions[asked["taskDefinition"]], "tags": self.tags[asked["taskDefinition"]]}

    def RegisterTaskDefinition(self, asked):
        container = asked["containerDefinitions"][0]
        return {"taskDefinition": self.definitions[self.define(container["image"].rpartition("@")[2], asked["tags"])]}

    def UpdateService(self, asked):
        self.run(asked["taskDefinition"])
        return {"service": {}}

    def ListTasks(self, _):
        return {"taskArns": ["arn:aws:ecs:eu-central-1:123456789012:task/one", "arn:aws:ecs:eu-central-1:123456789012:task/two"]}

    def DescribeTasks(self, asked):
        container = {"name": "dronebot", "imageDigest": self.digest(self.now), "healthStatus": "HEALTHY"}
        task = {"lastStatus": "RUNNING", "taskDefinitionArn": self.now, "containers": [container]}
        task["containerInstanceArn"] = "arn:aws:ecs:eu-central-1:123456789012:container-instance/drone/c"
        return {"tasks": [{**task, "taskArn": arn} for arn in asked["tasks"]]}

    def DescribeContainerInstances(self, asked):
        return {"containerInstances": [{"containerInstanceArn": arn, "ec2InstanceId": "i-0123"} for arn in asked["containerInstances"]]}

    def ListTaskDefinitions(self, _):
        return {"taskDefinitionArns": list(reversed(self.definitions))}

    def ListServiceDeployments(self, _):
        return {"serviceDeployments": [{"serviceDeploymentArn": "arn:aws:ecs:eu-central-1:123456789012:service-deployment/d"}]}

    def StopServiceDeployment(self, asked):
        assert asked["stopType"] == "ROLLBACK"
        self.run(self.before)
        return {"serviceDeploymentArn": asked["serviceDeploymentArn"]}


class Ecs(unittest.TestCase):
    def target(self, **script):
        settings = {
            "repository": "x.test/drone", "cluster": "drone", "service": "drone", "container": "dronebot",
            "region": "eu-central-1", "poll_seconds": 0, "ready_seconds": 0.3,
        }  # fmt: skip
        identity._session = None
        target = ecs.EcsTarget("there", settings, pathlib.Path("."))
        self.ecs = ScriptedEcs(target._ecs, **script)
        self.ecs.run(self.ecs.define(A))
        there = mock.Mock(head=lambda digest: digest, revision_of=lambda digest: digest[7:47])
        patch = mock.patch("drone.registry.of", return_value=there)
        patch.start()
        self.addCleanup(patch.stop)
        return target

    @quiet
    def test_a_deployment_is_followed_until_its_tasks_run_and_again_is_nothing_to_do(self):
        target = self.target()
        self.assertEqual(target.deploy(B), say.DONE)
        self.assertEqual((target.current(), target.previous()), (B, A))
        self.assertEqual([row["digest"] for row in target.running()], [B, B])
        self.assertEqual(target.running()[0]["revision"], "b" * 40)
        registered = self.ecs.calls.count("RegisterTaskDefinition")
        self.assertEqual(target.deploy(B), say.DONE)
        self.assertEqual(self.ecs.calls.count("RegisterTaskDefinition"), registered)

    @quiet
    def test_a_deployment_that_does_not_end_is_stopped_and_rolled_back(self):
        target = self.target(bad=[B])
        self.assertEqual(target.deploy(B), say.PUT_BACK)
        self.assertIn("StopServiceDeployment", self.ecs.calls)
        self.assertEqual(target.current(), A)

    @quiet
    def test_each_task_is_asked_for_a_self_test_on_its_own_instance(self):
        target = self.target()
        with self.assertRaisesRegex(say.Unclear, "selftest.document"):
            list(target.self_tests("key"))
        target.settings["selftest"] = {"document": "dronebot-staging-selftest"}
        with mock.patch("drone.selftest.by_ssm", side_effect=lambda name, *told, **_: (name, *told)) as asked:
            found = [name for name, _ in target.self_tests("key")]
        self.assertEqual(found, ["one", "two"])
        self.assertEqual(asked.call_args.args, ("two", "dronebot-staging-selftest", "i-0123", "key", "eu-central-1"))

    @quiet
    def test_the_circuit_breaker_is_noticed(self):
        target = self.target(bad=[B], breaker=True)
        self.assertEqual(target.deploy(B), say.PUT_BACK)
        self.assertNotIn("StopServiceDeployment", self.ecs.calls)
        self.assertEqual(target.current(), A)

    @quiet
    def test_when_the_version_before_does_not_come_back_somebody_is_called(self):
        target = self.target(bad=[A, B])
        with self.assertRaises(Failure) as failure:
            target.deploy(B)
        self.assertEqual(failure.exception.code, say.STRANDED)

    @quiet
    def test_rollback_goes_to_the_version_before_and_further(self):
        target = self.target()
        target.deploy(B)
        target.deploy(C)
        self.assertEqual(target.rollback(), say.DONE)
        self.assertEqual((target.current(), target.previous()), (B, A))
        target.rollback()
        self.assertEqual(target.current(), A)
        with self.assertRaisesRegex(Failure, "no version before"):
            target.rollback()


class Identity(unittest.TestCase):
    def test_a_role_without_an_oidc_token_is_a_failure_and_no_other_identity_is_taken(self):
        identity._session = None
        env = {"DRONE_AWS_ROLE": "arn:aws:iam::123456789012:role/push"}
        with mock.patch.dict(os.environ, env), self.assertRaisesRegex(Failure, "OIDC"):
            identity.session()

    def test_the_token_of_ci_is_exchanged_for_the_role(self):
        identity._session = None
        token = base64.b64encode(hashlib.sha256(b"vouched").digest()).decode()
        env = {"DRONE_AWS_ROLE": "arn:aws:iam::123456789012:role/push", "CIRCLE_OIDC_TOKEN_V2": token}
        with mock.patch.dict(os.environ, env):
            who = identity.session().client("sts").get_caller_identity()
        identity._session = None
        self.assertIn("role/push", who["Arn"])


if __name__ == "__main__":
    unittest.main()

"""A service of ECS. Each version is a revision of the task definition with the image's digest, and a deployment is followed to
its end: ECS says that it is completed, and the tasks that run are of that digest. `ServicesStable` alone proves neither."""

import copy
import time

from . import registry, selftest
from .identity import session
from .say import DONE, PUT_BACK, STRANDED, Failure, Unclear, say
from .targets import Target

TOLD_BY_ECS = (
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy",
    "deregisteredAt", "deleteRequestedAt",
)  # fmt: skip
BEFORE = "dronebot:before"
REVISION = "dronebot:revision"


class EcsTarget(Target):
    """Deploys to one service."""

    def __init__(self, name, settings, folder):
        super().__init__(name, settings, folder)
        self.cluster, self.service, self.container = (self.need(key) for key in ("cluster", "service", "container"))
        self.poll = self.number("poll_seconds", 10)
        self._ecs = session().client("ecs", region_name=settings.get("region"))

    # what is so

    def _describe(self):
        found = self._ecs.describe_services(cluster=self.cluster, services=[self.service])["services"]
        if not found or found[0]["status"] == "INACTIVE":
            raise Failure(f"There is no service {self.service} in {self.cluster}. The stack makes it; nothing was changed.")
        return found[0]

    def _definition(self, arn):
        found = self._ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        return found["taskDefinition"], {tag["key"]: tag["value"] for tag in found.get("tags", [])}

    def _image(self, definition):
        for container in definition["containerDefinitions"]:
            if container["name"] == self.container:
                return container["image"]
        raise Failure(f"{definition['taskDefinitionArn']} has no container {self.container}. Nothing was changed.")

    def _digest(self, definition):
        image = self._image(definition)
        return image.rpartition("@")[2] if "@" in image else None

    def _tasks(self):
        pages = self._ecs.get_paginator("list_tasks").paginate(cluster=self.cluster, serviceName=self.service)
        arns = [arn for page in pages for arn in page["taskArns"]]
        tasks = self._ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"] if arns else []
        return [task for task in tasks if task["lastStatus"] == "RUNNING"]

    def _container(self, task):
        return next((one for one in task["containers"] if one["name"] == self.container), {})

    def running(self):
        """Each task: what runs there, and whether ECS finds it healthy."""
        rows, revisions = [], {}
        for task in self._tasks():
            container, arn = self._container(task), task["taskDefinitionArn"]
            if arn not in revisions:
                revisions[arn] = self._definition(arn)[1].get(REVISION)
            health = container.get("healthStatus", "UNKNOWN")
            rows.append(
                {
                    "name": task["taskArn"].rpartition("/")[2],
                    "digest": container.get("imageDigest"),
                    "revision": revisions[arn],
                    "version": None,
                    "ready": health == "HEALTHY",
                    "why": None if health == "HEALTHY" else f"ECS says {health}",
                }
            )
        return rows

    def current(self):
        return self._digest(self._definition(self._describe()["taskDefinition"])[0])

    def previous(self):
        before = self._before(self._describe()["taskDefinition"])
        return before and self._digest(self._definition(before)[0])

    def _before(self, arn):
        """The task definition that ran before this one: as it was written down, else the last with another digest."""
        definition, tags = self._definition(arn)
        if BEFORE in tags:
            return tags[BEFORE] or None
        pages = self._ecs.get_paginator("list_task_definitions").paginate(
            familyPrefix=definition["family"], sort="DESC", status="ACTIVE"
        )
        for known in (known for page in pages for known in page["taskDefinitionArns"]):
            if int(known.rpartition(":")[2]) < definition["revision"]:
                digest = self._digest(self._definition(known)[0])
                if digest and digest != self._digest(definition):
                    return known
        return None

    def proves(self, digest):
        """That the deployment is completed and every task runs this digest and is healthy. Raises what does not fit."""
        service = self._describe()
        arn = service["taskDefinition"]
        if self._digest(self._definition(arn)[0]) != digest:
            raise Failure(f"{self.service} is told to run {self._image(self._definition(arn)[0])}, not {digest}.")
        why = self._unfit(service, arn, digest)
        if why:
            raise Failure(f"{self.service}: {why}.")
        return f"{self.service}: {service['runningCount']} tasks run {digest}, and ECS finds them healthy."

    def self_tests(self, key):
        """Asks each task for a self-test, on its instance: its listener is for that machine alone."""
        document = self.settings.get("selftest", {}).get("document")
        if not document:
            raise Unclear(f"The target {self.name} has no `selftest.document`, so no task can be asked for a self-test.")
        for task in self._tasks():
            name = task["taskArn"].rpartition("/")[2]
            asked = [task["containerInstanceArn"]]
            found = self._ecs.describe_container_instances(cluster=self.cluster, containerInstances=asked)["containerInstances"]
            instance = found[0]["ec2InstanceId"]
            yield name, selftest.by_ssm(name, document, instance, key, self.settings.get("region"))

    # what is changed

    def deploy(self, digest):
        """Has the service run this digest; where that fails, the version before is put back."""
        registry.check_digest(digest)
        source = registry.of(self.repository)
        if source.head(digest) is None:
            raise Failure(f"{self.repository} has no {digest}. Nothing was changed.")
        before = self._describe()["taskDefinition"]
        try:
            sentence = self.proves(digest)
        except Failure:
            pass
        else:
            say(f"Nothing to do: {sentence}")
            return DONE
        definition, _ = self._definition(before)
        if self._digest(definition) == digest:
            say(f"{self.service} is told to run {digest} already; following it to its end.")
            arn, before = before, self._before(before)
        else:
            revision = source.revision_of(digest) if hasattr(source, "revision_of") else registry.facts(source, digest).revision
            arn = self._register(definition, digest, revision, before)
            self._update(arn)
        return self._follow_or_put_back(arn, digest, before)

    def rollback(self):
        """Has the service run the task definition before this one, and proves that it does."""
        now = self._describe()["taskDefinition"]
        before = self._before(now)
        if before is None:
            raise Failure(f"{self.service} has no version before this one. Nothing was changed.")
        digest = self._digest(self._definition(before)[0])
        say(f"Going back from {self._image(self._definition(now)[0])} to {digest}.")
        self._update(before)
        return self._follow_or_put_back(before, digest, now)

    def _register(self, definition, digest, revision, before):
        wanted = {key: copy.deepcopy(value) for key, value in definition.items() if key not in TOLD_BY_ECS}
        for container in wanted["containerDefinitions"]:
            if container["name"] == self.container:
                container["image"] = f"{self.repository}@{digest}"
        tags = [{"key": BEFORE, "value": before}, {"key": REVISION, "value": revision or "unknown"}]
        arn = self._ecs.register_task_definition(**wanted, tags=tags)["taskDefinition"]["taskDefinitionArn"]
        say(f"Registered {arn} with {digest}.")
        return arn

    def _update(self, arn):
        self._ecs.update_service(cluster=self.cluster, service=self.service, taskDefinition=arn)
        say(f"Told {self.service} to run {arn}.")

    def _follow_or_put_back(self, arn, digest, before):
        try:
            self._follow(arn, digest)
        except Failure as failure:
            if before is None:
                raise Failure(f"{failure}. There is no version before it to put back.", STRANDED) from failure
            return self._put_back(failure, arn, before)
        say(self.proves(digest))
        return DONE

    def _follow(self, arn, digest):
        """Waits until the deployment has come to its end and its tasks run."""
        limit = self.number("ready_seconds", 900)
        end = time.monotonic() + limit
        while True:
            service = self._describe()
            ours = next((one for one in service["deployments"] if one["taskDefinition"] == arn), None)
            if ours is None or ours["status"] != "PRIMARY":
                raise Failure(f"ECS has taken the deployment of {digest} back")
            if ours.get("rolloutState") == "FAILED":
                raise Failure(f"ECS gave the deployment of {digest} up: {ours.get('rolloutStateReason', 'no reason')}")
            why = self._unfit(service, arn, digest)
            if why is None:
                return
            if time.monotonic() > end:
                raise Failure(f"The deployment of {digest} did not end within {limit:.0f} s: {why}")
            time.sleep(self.poll)

    def _unfit(self, service, arn, digest):
        """Why this deployment has not come to a good end; None when it has."""
        ours = next((one for one in service["deployments"] if one["taskDefinition"] == arn), None)
        state = (ours or {}).get("rolloutState")
        if state != "COMPLETED":
            return f"its rollout is {state}"
        tasks = self._tasks()
        if len(tasks) != service["desiredCount"]:
            return f"{len(tasks)} of {service['desiredCount']} tasks run"
        for task in tasks:
            container = self._container(task)
            if container.get("imageDigest") != digest:
                return f"a task runs {container.get('imageDigest')}"
            if container.get("healthStatus") != "HEALTHY":
                return f"a task is {container.get('healthStatus', 'UNKNOWN')}"
        return None

    def _put_back(self, failure, arn, before):
        say(f"{failure}. Putting the version before back.")
        digest = self._digest(self._definition(before)[0])
        try:
            self._stop(arn, before)
            self._follow(before, digest)
        except Failure as second:
            raise Failure(f"The version before could not be put back: {second}. Look now.", STRANDED) from second
        say(f"{failure}. The version before, {digest}, runs again.")
        return PUT_BACK

    def _stop(self, arn, before):
        """Ends the deployment: ECS may have gone back already; else it is told to, and where it cannot, we do it."""
        if self._describe()["taskDefinition"] == before:
            return
        found = self._ecs.list_service_deployments(
            cluster=self.cluster, service=self.service, status=["PENDING", "IN_PROGRESS"]
        )["serviceDeployments"]
        if found:
            deployment = found[0]["serviceDeploymentArn"]
            try:
                self._ecs.stop_service_deployment(serviceDeploymentArn=deployment, stopType="ROLLBACK")
            except self._ecs.exceptions.ClientError as error:
                say(f"ECS does not stop {deployment} ({error}).")
            else:
                say(f"Told ECS to stop {deployment} and roll it back.")
                self._until_told(before)
                return
        self._update(before)

    def _until_told(self, before):
        """Waits until ECS itself has turned to the version before."""
        end = time.monotonic() + self.number("ready_seconds", 900)
        while self._describe()["taskDefinition"] != before:
            if time.monotonic() > end:
                return self._update(before)
            time.sleep(self.poll)
        return None

"""A host with docker compose. Its replicas are services of their own, so that they can be changed one by one."""

import time

from . import engine, probes, registry, selftest
from .say import DONE, PUT_BACK, STRANDED, Failure, say
from .state import State
from .targets import Target

POLL = 0.5
CRASHES = 3


class Replica:
    """One of the services: its name, the variable that holds its image, and where its probes are."""

    def __init__(self, settings):
        self.service, self.variable, self.probe = settings["service"], settings["image"], settings["probe"].rstrip("/")


class ComposeTarget(Target):
    """Rolls a version over the replicas."""

    def __init__(self, name, settings, folder):
        super().__init__(name, settings, folder)
        self.replicas = [Replica(one) for one in self.need("replica")]
        self.files = [folder / file for file in self.need("files")]
        self.project = self.need("project")
        self.state = State(folder / self.need("state"))
        self.env_file = self.state.folder / "images.env"

    # what is so

    def _compose(self, *arguments, **named):
        env = {key: str(value) for key, value in self.settings.get("environment", {}).items()}
        return engine.compose(self.files, self.project, *arguments, env=env, env_file=self.env_file, **named)

    def _containers(self, replica):
        """The containers of a replica, by compose's own labels: this asks for no variable of the files."""
        filters = [f"label=com.docker.compose.project={self.project}", f"label=com.docker.compose.service={replica.service}"]
        words = [word for one in filters for word in ("--filter", one)]
        names = engine.docker("ps", "--all", "--quiet", *words).split()
        return [found for found in map(engine.container, names) if found]

    def _digest(self, replica):
        """The digest of the image that this replica's container was made of, or None."""
        for found in self._containers(replica):
            if not found["State"]["Running"]:
                continue
            image = engine.image(found["Image"]) or {}
            ours = [name for name in image.get("RepoDigests", []) if name.startswith(self.repository + "@")]
            wanted = found["Config"]["Image"]
            digests = [name.rpartition("@")[2] for name in ours]
            asked = wanted.rpartition("@")[2]
            return asked if asked in digests else (digests[0] if digests else None)
        return None

    def running(self):
        """Each replica: what runs there, what it says it is, and whether it is ready."""
        rows = []
        for replica in self.replicas:
            told = probes.version(replica.probe)
            why = probes.unready(replica.probe)
            rows.append(
                {
                    "name": replica.service,
                    "digest": self._digest(replica),
                    "revision": told.get("revision"),
                    "version": told.get("version"),
                    "ready": why is None,
                    "why": why,
                }
            )
        return rows

    def current(self):
        return self.state.current and self.state.current["digest"]

    def previous(self):
        return self.state.previous and self.state.previous["digest"]

    def proves(self, digest):
        """That every replica runs this digest, says so, and is ready. Raises what does not fit."""
        facts = registry.facts(registry.of(self.repository), digest)
        for row in self.running():
            if row["digest"] != digest:
                raise Failure(f"{row['name']} runs {row['digest'] or 'nothing'}, not {digest}.")
            if row["revision"] != facts.revision:
                raise Failure(f"{row['name']} says that it is {row['revision']}, but {digest} is {facts.revision}.")
            if not row["ready"]:
                raise Failure(f"{row['name']} is not ready: {row['why']}.")
        return f"{', '.join(one.service for one in self.replicas)}: {digest}, revision {facts.revision}, ready."

    def self_tests(self, key):
        """Asks each replica for a self-test; its name, and what it took."""
        for replica in self.replicas:
            yield replica.service, selftest.by_http(replica.service, replica.probe, key)

    # what is changed

    def deploy(self, digest):
        """Rolls this digest over the replicas; where one does not become ready, the version before is put back."""
        with self.state.alone():
            return self._deploy(registry.check_digest(digest))

    def rollback(self):
        """Rolls the version before over the replicas, and proves that it runs."""
        with self.state.alone():
            current, previous = self.state.current, self.state.previous
            if previous is None:
                raise Failure("There is no version before this one here. Nothing was changed.")
            say(f"Going back from {current['digest']} (revision {current['revision']}) to {previous['digest']}.")
            return self._deploy(previous["digest"], withdraws=current["digest"])

    def _deploy(self, digest, withdraws=None):
        facts = registry.facts(registry.of(self.repository), digest)
        if not facts.revision:
            raise Failure(f"{digest} has no revision label, so nobody could tell that it runs. Nothing was changed.")
        try:
            sentence = self.proves(digest)
        except Failure:
            pass
        else:
            if self.current() != digest:
                self.state.record(digest, facts.revision, "runs", withdraws)
            say(f"Nothing to do: {sentence}")
            return DONE
        before = {replica.service: self._digest(replica) for replica in self.replicas}
        images = {service: was or digest for service, was in before.items()}
        self._pull(digest)
        self._prepare(digest, images)
        touched = []
        try:
            for replica in self.replicas:
                touched.append(replica)
                self._replace(replica, digest, facts.revision, images)
            say(self.proves(digest))
        except Failure as failure:
            self.state.record(digest, facts.revision, "failed")
            return self._put_back(failure, touched, before, images)
        self.state.record(digest, facts.revision, "runs", withdraws)
        say(f"{self.name} runs {digest} (revision {facts.revision}).")
        return DONE

    def _pull(self, digest):
        image = f"{self.repository}@{digest}"
        if engine.image(image) is None:
            engine.pull(image)
            say(f"Pulled {image}.")

    def _prepare(self, digest, images):
        """What is to be done once before a version runs, by the version itself: its table is made or brought up to date."""
        words = self.settings.get("prepare")
        if not words:
            return
        first = self.replicas[0].service
        self._write_images({**images, first: digest})
        try:
            self._compose("run", "--rm", "--no-deps", "-T", first, *words)
        except Failure as failure:
            self._write_images(images)
            raise Failure(f"`{' '.join(words)}` of the new version failed: {failure}. Nothing that runs was changed.") from failure
        say(f"Ran `{' '.join(words)}` of the new version.")

    def _write_images(self, images):
        """The image of each replica, where compose and whoever runs it by hand find them."""
        lines = [f"{one.variable}={self.repository}@{images[one.service]}\n" for one in self.replicas]
        self.env_file.write_text("# Written by delivery/deploy: which image each replica runs.\n" + "".join(lines))

    def _replace(self, replica, digest, revision, images):
        begun = time.monotonic()
        images[replica.service] = digest
        self._write_images(images)
        self._compose("up", "--detach", "--no-deps", "--no-build", replica.service)
        self._gate(replica, digest, revision)
        say(f"{replica.service} runs {digest} and is ready, after {time.monotonic() - begun:.1f} s.")

    def _gate(self, replica, digest, revision):
        """Waits until the replica is what it should be and ready."""
        limit = self.number("ready_seconds", 90)
        end = time.monotonic() + limit
        while True:
            why = self._unfit(replica, digest, revision)
            if why is None:
                return
            if time.monotonic() > end:
                raise Failure(f"{replica.service} did not become ready within {limit:.0f} s: {why}")
            time.sleep(POLL)

    def _unfit(self, replica, digest, revision):
        found = self._containers(replica)
        if found and found[-1]["RestartCount"] >= CRASHES:
            code = found[-1]["State"]["ExitCode"]
            raise Failure(f"{replica.service} ended {CRASHES} times, last with exit code {code}")
        if self._digest(replica) != digest:
            return "its container does not run"
        why = probes.unready(replica.probe)
        if why:
            return why
        told = probes.version(replica.probe).get("revision")
        return None if told == revision else f"it says that it is {told}, not {revision}"

    def _put_back(self, failure, touched, before, images):
        if any(before[replica.service] is None for replica in touched):
            for replica in touched:
                self._compose("rm", "--stop", "--force", replica.service, check=False)
            raise Failure(f"{failure}. There was no version before it, so it was taken away again.", STRANDED) from failure
        say(f"{failure}. Putting the version before back.")
        try:
            for replica in reversed(touched):
                digest = before[replica.service]
                revision = registry.facts(registry.of(self.repository), digest).revision
                self._replace(replica, digest, revision, images)
        except Failure as second:
            raise Failure(f"The version before could not be put back: {second}. Look now.", STRANDED) from second
        say(f"{failure}. The version before runs again on {', '.join(one.service for one in reversed(touched))}.")
        return PUT_BACK

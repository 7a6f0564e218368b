"""The Docker engine, by its command line."""

import base64
import gzip
import json
import os
import shutil
import subprocess
import tempfile

from .say import Failure


def _candidates():
    named = os.environ.get("DRONE_DOCKER")
    if named:
        return [named]
    places = os.environ.get("PATH", "").split(os.pathsep)
    found = [shutil.which("docker", path=place) for place in places]
    return [path for path in dict.fromkeys(found) if path]


_client = None


def client():
    """The docker program whose engine answers and that can build: a newer client needs the buildx plugin for it, and
    cannot speak to every older engine."""
    global _client
    if _client is None:
        answering = [path for path in _candidates() if _said(path, "version", "--format", "{{.Server.Version}}")]
        if not answering:
            raise Failure("No Docker engine answers. Nothing was done. Start one, or name its client by DRONE_DOCKER.")
        _client = next(filter(_builds, answering), answering[0])
    return _client


def _said(path, *arguments):
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _builds(path):
    has_buildkit = int((_said(path, "version", "--format", "{{.Client.Version}}") or "0").partition(".")[0]) < 23
    return has_buildkit or _said(path, "buildx", "version") is not None


def docker(*arguments, check=True, stdin=None, env=None, show=False):
    """Runs docker; returns what it says on standard output. `show` lets people watch its messages."""
    done = subprocess.run(
        [client(), *arguments],
        stdout=subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
    )
    if done.returncode != 0:
        if not check:
            return None
        reason = (done.stderr or "").strip().splitlines()
        raise Failure(f"docker {arguments[0]} failed{': ' + reason[-1] if reason else ', see above'}")
    return done.stdout.strip()


def image(reference):
    """What the engine knows of an image, or None."""
    found = docker("image", "inspect", reference, check=False)
    return json.loads(found)[0] if found else None


def container(name):
    """What the engine knows of a container, or None."""
    found = docker("container", "inspect", name, check=False)
    return json.loads(found)[0] if found else None


def compressed_size(reference):
    """How many bytes `docker save | gzip` gives: what travels when it is installed somewhere for the first time."""

    class Counter:
        size = 0

        def write(self, data):
            self.size += len(data)
            return len(data)

        def flush(self):
            pass

    counter = Counter()
    saving = subprocess.Popen([client(), "save", reference], stdout=subprocess.PIPE)
    with gzip.GzipFile(fileobj=counter, mode="wb", compresslevel=6, mtime=0) as packed:
        shutil.copyfileobj(saving.stdout, packed, 1 << 20)
    if saving.wait() != 0:
        raise Failure(f"docker save {reference} failed")
    return counter.size


def compose(files, project, *arguments, env=None, check=True, show=False, env_file=None):
    """Runs docker compose (or docker-compose); returns what it says on standard output."""
    plugin = docker("compose", "version", check=False) is not None
    words = [client(), "compose"] if plugin else ["docker-compose"]
    if env_file:
        words += ["--env-file", str(env_file)]
    for file in files:
        words += ["--file", str(file)]
    words += ["--project-name", project, *arguments]
    try:
        done = subprocess.run(
            words,
            stdout=subprocess.PIPE,
            stderr=None if show else subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            env={**os.environ, **(env or {})},
        )
    except FileNotFoundError as error:
        raise Failure("There is neither `docker compose` nor docker-compose. Install one of them.") from error
    if done.returncode != 0 and check:
        reason = (done.stderr or "").strip().splitlines()
        raise Failure(f"docker compose {arguments[0]} failed{': ' + ' / '.join(reason[-3:]) if reason else ''}")
    return done.stdout.strip()


def registry_login(repository):
    """A folder with the login of this repository for docker's use, or None where it needs none: tokens of some hours, which
    are gone with the folder and never stand in the home folder."""
    from . import registry

    found = registry.of(repository)
    login = found.login() if hasattr(found, "login") else found._login
    if login is None:
        return None
    folder = tempfile.TemporaryDirectory(prefix="delivery-login-")
    user, password = login
    docker("--config", folder.name, "login", "--username", user, "--password-stdin", found.host, stdin=password)
    return folder


def cosign_login(repositories):
    """A folder with the logins of these repositories in docker's form, for cosign, which needs no engine; None where none of
    them needs one."""
    from . import registry

    auths = {}
    for repository in repositories:
        found = registry.of(repository)
        login = found.login() if hasattr(found, "login") else found._login
        if login:
            auths[found.host] = {"auth": base64.b64encode(":".join(login).encode()).decode()}
    if not auths:
        return None
    folder = tempfile.TemporaryDirectory(prefix="delivery-login-")
    path = os.path.join(folder.name, "config.json")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump({"auths": auths}, file)
    return folder


def _with_login(repository, verb, image):
    folder = registry_login(repository)
    config = ["--config", folder.name] if folder else []
    try:
        return docker(*config, verb, "--quiet", image)
    finally:
        if folder:
            folder.cleanup()


def pull(image):
    """Has an image of a registry here."""
    return _with_login(image.partition("@")[0], "pull", image)


def push(repository, name):
    """Sends `repository:name` to its registry."""
    return _with_login(repository, "push", f"{repository}:{name}")

"""The commit that is delivered: what it is called, when it was made, where it comes from, and its files."""

import os
import pathlib
import re
import subprocess
import tarfile
import tomllib
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import urlsplit, urlunsplit

from .say import Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Commit:
    """A commit, with the values that the image and the program carry."""

    revision: str
    version: str
    epoch: int
    source: str

    @property
    def created(self):
        return datetime.fromtimestamp(self.epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def git(root, *arguments, text=True, check=True):
    """What git says."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=text, check=False)
    except FileNotFoundError as error:
        raise Failure("There is no git here. Nothing was done. Install it.") from error
    if done.returncode != 0:
        if not check:
            return None
        said = done.stderr if text else done.stderr.decode(errors="replace")
        raise Failure(f"git {arguments[0]} failed: {said.strip()}")
    return done.stdout.strip() if text else done.stdout


def public(address):
    """A remote's address as everybody may read it: https, without the user and the password that CI puts into it."""
    if not address:
        return "unknown"
    found = re.fullmatch(r"(?:ssh://)?git@([^:/]+)[:/](.+)", address)
    if found:
        address = f"https://{found[1]}/{found[2]}"
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        return "unknown"
    return urlunsplit((parts.scheme, parts.hostname + (f":{parts.port}" if parts.port else ""), parts.path, "", ""))


def commit(root, name="HEAD"):
    """The commit of this name."""
    revision = git(root, "rev-parse", "--verify", "--end-of-options", name + "^{commit}")
    version = tomllib.loads(git(root, "show", f"{revision}:Cargo.toml"))["package"]["version"]
    epoch = int(git(root, "show", "--no-patch", "--format=%ct", revision))
    source = os.environ.get("DRONE_SOURCE") or public(git(root, "remote", "get-url", "origin", check=False))
    return Commit(revision, version, epoch, source)


def branch():
    """The branch that CI says it builds, as it says it itself; None by hand, where a branch is nobody's word. A pull request and
    a tag are none."""
    if os.environ.get("GITHUB_ACTIONS"):
        kind, _, name = os.environ.get("GITHUB_REF", "").removeprefix("refs/").partition("/")
        return name if kind == "heads" else None
    return os.environ.get("CIRCLE_BRANCH") or None


def export(root, revision, folder):
    """Lays the commit's files into a folder, and nothing that is not committed."""
    archive = subprocess.Popen(["git", "-C", str(root), "archive", revision], stdout=subprocess.PIPE)
    with tarfile.open(fileobj=archive.stdout, mode="r|") as tar:
        tar.extractall(folder, filter="fully_trusted")
    if archive.wait() != 0:
        raise Failure(f"git archive of {revision} failed. Nothing was built.")

"""A registry by its HTTP API (version 2), and the same few verbs for ECR: `head`, `get`, `put`, and what an image is.

Whatever comes back is compared with its digest, and what goes out is told by its digest: a registry is not believed."""

import base64
import hashlib
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from .say import Failure

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
ECR = re.compile(r"(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
TIMEOUT = 60


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def check_digest(text):
    """A digest, or a failure that says why a tag is none."""
    if not DIGEST.fullmatch(text):
        raise Failure(f"`{text}` is not a digest (sha256:…). A tag can move, so it is never deployed: `resolve` tells its digest.")
    return text


@dataclass(frozen=True)
class Facts:
    """What an image says of itself."""

    digest: str
    config: str
    labels: dict
    size: int

    @property
    def revision(self):
        return self.labels.get("org.opencontainers.image.revision")

    @property
    def version(self):
        return self.labels.get("org.opencontainers.image.version")


class _NoRedirectLogin(urllib.request.HTTPRedirectHandler):
    """Blobs live elsewhere: where a registry sends us on, its credentials stay behind."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        there, here = urllib.parse.urlsplit(newurl), urllib.parse.urlsplit(req.full_url)
        # nor does a login go on where TLS ends
        if following and (there.scheme, there.netloc) != (here.scheme, here.netloc):
            following.headers.pop("Authorization", None)
        return following


class Registry:
    """One repository in a registry that speaks the HTTP API."""

    def __init__(self, host, name, login=None):
        self.host, self.name, self._login, self._bearer = host, name, login, None
        is_here = host.split(":")[0] in ("localhost", "127.0.0.1")
        self.base = f"{'http' if is_here else 'https'}://{'registry-1.docker.io' if host == 'docker.io' else host}"
        handlers = [_NoRedirectLogin()] + ([urllib.request.ProxyHandler({})] if is_here else [])
        self._opener = urllib.request.build_opener(*handlers)

    @property
    def repository(self):
        return f"{self.host}/{self.name}"

    def head(self, reference):
        """The digest of a tag, or None where there is no such tag."""
        answer = self._ask("HEAD", f"manifests/{reference}", accept=MANIFESTS + INDEXES, missing_is_none=True)
        if answer is None:
            return None
        told = answer.headers.get("Docker-Content-Digest")
        return told if told and DIGEST.fullmatch(told) else self.get(reference)[2]

    def get(self, reference):
        """A manifest: its bytes, its media type and its digest."""
        answer = self._ask("GET", f"manifests/{reference}", accept=MANIFESTS + INDEXES, missing_is_none=True)
        if answer is None:
            raise Failure(f"{self.repository} has no `{reference}`. Was it pushed there?")
        data, kind = answer.read(), answer.headers.get_content_type()
        digest = digest_of(data)
        if DIGEST.fullmatch(reference) and digest != reference:
            raise Failure(f"{self.repository} gave {digest} when asked for {reference}. Do not use this registry.")
        return data, kind, digest

    def put(self, reference, data, kind):
        """Stores a manifest under a tag or its digest."""
        self._ask("PUT", f"manifests/{reference}", data=data, headers={"Content-Type": kind})
        return digest_of(data)

    def blob(self, digest):
        answer = self._ask("GET", f"blobs/{digest}", missing_is_none=True)
        data = None if answer is None else answer.read()
        if data is None or digest_of(data) != digest:
            raise Failure(f"{self.repository} does not give the blob {digest}.")
        return data

    def has_blob(self, digest):
        return self._ask("HEAD", f"blobs/{digest}", missing_is_none=True) is not None

    def put_blob(self, data):
        """Stores a blob, unless it is there."""
        digest = digest_of(data)
        if not self.has_blob(digest):
            self._upload(self._ask("POST", "blobs/uploads/", data=b"").headers["Location"], data, digest)
        return digest

    def keeps_referrers(self, digest):
        """Whether the registry itself knows what belongs to an image (OCI's referrers API, as ECR has it)."""
        return self._ask("GET", f"referrers/{digest}", missing_is_none=True) is not None

    def take_blob(self, source, digest):
        """Has a blob of another repository: without copying where the registry can, else by copying."""
        if self.has_blob(digest):
            return
        query = ""
        if source.host == self.host:
            query = "?" + urllib.parse.urlencode({"mount": digest, "from": source.name})
        begun = self._ask("POST", "blobs/uploads/" + query, data=b"")
        if begun.status != 201:
            self._upload(begun.headers["Location"], source.blob(digest), digest)

    def _upload(self, place, data, digest):
        place = urllib.parse.urljoin(self.base, place)
        place += ("&" if "?" in place else "?") + urllib.parse.urlencode({"digest": digest})
        self._send("PUT", place, data, {"Content-Type": "application/octet-stream"})

    def _ask(self, method, path, data=None, headers=None, accept=(), missing_is_none=False):
        headers = dict(headers or {})
        if accept:
            headers["Accept"] = ", ".join(accept)
        return self._send(method, f"{self.base}/v2/{self.name}/{path}", data, headers, missing_is_none)

    def _send(self, method, url, data, headers, missing_is_none=False, is_second=False):
        own = dict(headers)
        if self._bearer:
            own["Authorization"] = f"Bearer {self._bearer}"
        elif self._login:
            own["Authorization"] = "Basic " + base64.b64encode(":".join(self._login).encode()).decode()
        request = urllib.request.Request(url, data=data, headers=own, method=method)
        try:
            return self._opener.open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if error.code == 401 and challenge.lower().startswith("bearer") and not is_second:
                self._bearer = self._token(challenge)
                return self._send(method, url, data, headers, missing_is_none, is_second=True)
            if error.code == 404 and missing_is_none:
                return None
            what = error.read(500).decode(errors="replace").strip()
            raise Failure(f"{self.repository} refused {method}: {error.code} {what or error.reason}") from error
        except OSError as error:
            raise Failure(f"{self.repository} does not answer: {error}") from error

    def _token(self, challenge):
        told = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = urllib.parse.urlsplit(told.get("realm", ""))
        if realm.scheme != "https" and realm.hostname not in ("localhost", "127.0.0.1"):
            raise Failure(f"{self.repository} asks for the login at {told.get('realm')}, without TLS. It was not sent.")
        query = {key: told[key] for key in ("service", "scope") if key in told}
        request = urllib.request.Request(f"{told['realm']}?{urllib.parse.urlencode(query)}")
        if self._login:
            request.add_header("Authorization", "Basic " + base64.b64encode(":".join(self._login).encode()).decode())
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                body = json.load(answer)
        except OSError as error:
            raise Failure(f"{self.repository} gives no token: {error}") from error
        return body.get("token") or body["access_token"]


def of(repository):
    """The repository of this name, `host/name`; ECR's by the AWS API."""
    host, _, name = repository.partition("/")
    if not name or not ("." in host or ":" in host or host == "localhost"):
        host, name = "docker.io", repository if "/" in repository else f"library/{repository}"
    if "@" in name or ":" in name or not name:
        raise Failure(f"`{repository}` is not a repository: give host/name without a tag or digest.")
    if ECR.fullmatch(host):
        from .ecr import EcrRepository

        return EcrRepository(host, name)
    user, password = os.environ.get("DRONE_REGISTRY_USER"), os.environ.get("DRONE_REGISTRY_PASSWORD")
    return Registry(host, name, (user, password) if user and password else None)


def image_manifest(registry, digest):
    """The manifest of the image for this machine's kind, where the digest is that of an index."""
    data, kind, _ = registry.get(digest)
    manifest = json.loads(data)
    if kind in INDEXES:
        fits = [one["digest"] for one in manifest["manifests"] if one.get("platform", {}).get("architecture") == "amd64"]
        if not fits:
            raise Failure(f"{digest} has no image for linux/amd64.")
        manifest = json.loads(registry.get(fits[0])[0])
    return manifest


def facts(registry, digest):
    """What the image of this digest says of itself."""
    manifest = image_manifest(registry, digest)
    config = manifest["config"]["digest"]
    labels = json.loads(registry.blob(config)).get("config", {}).get("Labels") or {}
    size = manifest["config"]["size"] + sum(layer["size"] for layer in manifest["layers"])
    return Facts(digest, config, labels, size)


def tag(registry, digest, name):
    """Names a digest by a tag. Tags never move: the same digest is well, another is a failure. Says what it found."""
    there = registry.head(name)
    if there == digest:
        return f"{registry.repository}:{name} is {digest} already."
    if there is not None:
        raise Failure(
            f"{registry.repository}:{name} is {there}, not {digest}. Tags never move, so nothing was changed. "
            "Release it under another version."
        )
    data, kind, _ = registry.get(digest)
    registry.put(name, data, kind)
    if registry.head(name) != digest:
        raise Failure(f"{registry.repository}:{name} is another digest than the one that was put there. Look who else pushes.")
    return f"{registry.repository}:{name} is now {digest}."


def copy(source, target, digest):
    """Has an image of one repository in another: the same bytes under the same digest."""
    if target.repository == source.repository or target.head(digest) == digest:
        return
    data, kind, _ = source.get(digest)
    manifest = json.loads(data)
    for part in manifest.get("manifests", []):
        copy(source, target, part["digest"])
    for blob in [manifest.get("config"), *manifest.get("layers", [])]:
        if blob:
            target.take_blob(source, blob["digest"])
    target.put(digest, data, kind)

"""Whether an image is what our pipeline built from our main branch, before it is deployed.

Two things are asked, both of the digest: a signature by the one workflow that may build it (cosign, keyless: the certificate's
identity names workflow and branch; or with a key of KMS), and a signed provenance that names the source, the branch and the very
commit that the image's label says. `[verify]` of a target says who that is. A target without it must say `unverified = true`."""

import base64
import contextlib
import json
import os
import subprocess

from . import engine, registry, signing
from .say import Failure, say

SLSA = "https://slsa.dev/provenance/v1"


def check(target, digest):
    """Says that the digest is verified; raises what is not as it should be. Nothing was changed then."""
    wanted = target.settings.get("verify")
    if wanted is None:
        if target.settings.get("unverified") is True:
            return say(f"NOT VERIFIED: who built {digest}. The target {target.name} says `unverified`.")
        raise Failure(
            f"The target {target.name} has no `[verify]`, so nobody knows who built {digest}. Nothing was changed. Say who may "
            "(delivery/README.md, \"Signing\"), or `unverified = true` where that does not matter."
        )
    if signing.cosign() is None:
        raise Failure(f"There is no cosign here, so the signature of {digest} cannot be checked. Nothing was changed. Install it.")
    source, branch = (needed(wanted, key, target) for key in ("source", "branch"))
    reference = f"{target.repository}@{digest}"
    with signatures(wanted.get("repository"), target.repository) as env:
        cosign(["verify", *signer(wanted, target), reference], env, f"{digest} is not signed by who may build it")
        words = ["verify-attestation", *signer(wanted, target), "--type", SLSA, reference]
        statements = cosign(words, env, f"{digest} has no signed provenance")
    revision = registry.facts(registry.of(target.repository), digest).revision
    wrong = [provenance_is_wrong(one, digest, source, branch, revision) for one in payloads(statements)]
    if not wrong or all(wrong):
        why = "; ".join(dict.fromkeys(wrong)) or "there is none"
        raise Failure(f"The provenance of {digest} does not say that it was built from {branch} of {source}: {why}. Nothing was changed.")
    return say(f"Verified: {digest} is signed by {who(wanted)}, and built from {revision} on {branch} of {source}.")


def needed(wanted, key, target):
    if not wanted.get(key):
        raise Failure(f"`[verify]` of the target {target.name} has no `{key}`. Nothing was changed.")
    return wanted[key]


def who(wanted):
    return wanted.get("key") or wanted["identity"]


def signer(wanted, target):
    """Who must have signed. An identity is whole, never a pattern: a pattern that fits too much verifies a stranger."""
    if wanted.get("key"):
        return ["--key", wanted["key"]]
    identity, issuer = (needed(wanted, key, target) for key in ("identity", "issuer"))
    return ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer]


@contextlib.contextmanager
def signatures(repository, own):
    """The variables by which cosign finds the signatures (of a promoted image they lie where it was built), and may read them."""
    env = {"COSIGN_REPOSITORY": repository} if repository else {}
    with contextlib.ExitStack() as stack:
        folder = engine.cosign_login({own, repository or own})
        if folder:
            env["DOCKER_CONFIG"] = stack.enter_context(folder)
        yield env


def cosign(words, env, what):
    done = subprocess.run([signing.cosign(), *words], capture_output=True, text=True, check=False, env={**os.environ, **env})
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise Failure(f"{what}: {said[-1] if said else 'cosign says nothing'}. Nothing was changed.")
    return done.stdout


def payloads(text):
    """The statements in what cosign prints: an envelope a line, its payload in base64."""
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(base64.b64decode(json.loads(line)["payload"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def provenance_is_wrong(statement, digest, source, branch, revision):
    """Why this statement does not speak of this image, this source, this branch and this commit; None when it does."""
    subjects = [subject.get("digest", {}).get("sha256") for subject in statement.get("subject", [])]
    if digest.partition(":")[2] not in subjects:
        return "it is about another image"
    told = statement.get("predicate", {}).get("buildDefinition", {}).get("externalParameters", {})
    for key, value in (("source", source), ("branch", branch), ("revision", revision)):
        if not value or told.get(key) != value:
            return f"its {key} is {told.get(key)}, not {value}"
    return None

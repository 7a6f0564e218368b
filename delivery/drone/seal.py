"""The provenance of an image as the bot itself can check it (`deploy.services.<name>.provenance_key`): an in-toto statement in a DSSE
envelope, signed by a key of KMS that only the pipeline's role may use, in an annotation of a small artifact beside the image. Its tag
follows from the image's digest, and never moves."""

import base64
import hashlib
import json

from . import registry
from .identity import session
from .say import Failure

ANNOTATION = "dronebot.provenance"
KIND = "application/vnd.in-toto+json"
EMPTY = b"{}"


def tag(digest):
    return "provenance-" + digest.partition(":")[2]


def signed_text(payload):
    """What is signed in DSSE: kind and payload, each with its length."""
    return b"DSSEv1 %d %s %d %s" % (len(KIND), KIND.encode(), len(payload), payload)


def sealed(there, digest, statement, key):
    """Puts the statement, signed by this key of KMS, beside the image; in words what was done."""
    name = tag(digest)
    if there.head(name):
        return f"{there.repository}:{name} is there already; what is signed never moves."
    # an ARN says where the key is; of an alias or an id it is this job's region
    region = key.split(":")[3] if key.startswith("arn:") else None
    kms = session().client("kms", region_name=region)
    hashed = hashlib.sha256(signed_text(statement)).digest()
    made = kms.sign(KeyId=key, Message=hashed, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")
    envelope = {
        "payloadType": KIND,
        "payload": base64.b64encode(statement).decode(),
        "signatures": [{"sig": base64.b64encode(made["Signature"]).decode()}],
    }
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": there.put_blob(EMPTY), "size": len(EMPTY)}
    artifact = {
        "schemaVersion": 2,
        "mediaType": registry.MANIFESTS[1],
        "artifactType": KIND,
        "config": empty,
        "layers": [empty],
        "annotations": {ANNOTATION: json.dumps(envelope, sort_keys=True)},
    }
    there.put(name, json.dumps(artifact, sort_keys=True).encode(), registry.MANIFESTS[1])
    return f"Signed the provenance of {digest} with {key}: {there.repository}:{name}."


def promoted(source, target, digest):
    """Has the signed provenance where a promoted image goes, too; in words what was done, or None where there is none."""
    name = tag(digest)
    found = source.head(name)
    if found is None or target.repository == source.repository:
        return None
    there = target.head(name)
    if there not in (None, found):
        raise Failure(f"{target.repository}:{name} is {there}, not {found}. What is signed never moves, so nothing was changed.")
    registry.copy(source, target, found)
    return registry.tag(target, found, name)

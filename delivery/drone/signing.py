"""Cosign, and by whose word it signs."""

import json
import os
import shutil
import subprocess

from .source import ROOT


def cosign():
    """Where cosign is: on the path, or in target/bin; None where there is none."""
    return shutil.which("cosign") or shutil.which("cosign", path=str(ROOT / "target" / "bin"))


def identity():
    """The variables by which cosign proves which job of CI this is, without a key; None where no CI vouches for it."""
    if any(os.environ.get(name) for name in ("ACTIONS_ID_TOKEN_REQUEST_URL", "SIGSTORE_ID_TOKEN")):
        return {}
    if os.environ.get("CIRCLECI") and shutil.which("circleci"):
        # the token that CircleCI gives by itself is made for AWS; this one is for sigstore alone
        words = ["circleci", "run", "oidc", "get", "--claims", json.dumps({"aud": "sigstore"})]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return {"SIGSTORE_ID_TOKEN": done.stdout.strip()}
    return None

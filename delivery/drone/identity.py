"""Who we are to AWS. Never a stored key: the role of the machine, or in CI the role that its OIDC token is exchanged for."""

import fcntl
import json
import os
import subprocess
import sys
import urllib.request

from .say import Failure, say
from .source import ROOT

AUDIENCE = "sts.amazonaws.com"
_session = None


def session():
    """A boto3 session: of the role DRONE_AWS_ROLE where CI vouches for this job, else of the SDK's own chain."""
    global _session
    if _session is not None:
        return _session
    boto3 = _boto3()
    role, token = os.environ.get("DRONE_AWS_ROLE"), None
    if role:
        token = _ci_token()
        if token is None:
            raise Failure("DRONE_AWS_ROLE is set, but CI gives no OIDC token to take it with. Nothing was done.")
    if token is None:
        _session = boto3.Session(region_name=_region())
        return _session
    name = os.environ.get("GITHUB_RUN_ID") or os.environ.get("CIRCLE_WORKFLOW_ID") or "delivery"
    sts = boto3.client("sts", region_name=_region())
    given = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName=f"delivery-{name}"[:64], WebIdentityToken=token)
    keys = given["Credentials"]
    _session = boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name=_region(),
    )
    return _session


def _region():
    """The region of calls that are told none: boto3 itself reads only the second of these."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def _boto3():
    """AWS's SDK: this Python's own, else the pinned one, installed into target/ once."""
    try:
        import boto3
    except ImportError:
        wanted, place = ROOT / "delivery" / "requirements.txt", ROOT / "target" / "delivery-boto3"
        place.mkdir(parents=True, exist_ok=True)
        with open(place / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            stamp = place / "requirements.txt"
            if not stamp.exists() or stamp.read_text() != wanted.read_text():
                say("Installing boto3 into target/ (once).")
                pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--require-hashes"]
                done = subprocess.run([*pip, "--target", place, "--requirement", wanted], stdout=sys.stderr, check=False)
                if done.returncode != 0:
                    message = "ECR and ECS need boto3, and pip could not install it. Nothing was done."
                    raise Failure(f"{message} Install delivery/requirements.txt.") from None
                stamp.write_text(wanted.read_text())
        sys.path.insert(0, str(place))
        import boto3
    return boto3


def _ci_token():
    if os.environ.get("CIRCLE_OIDC_TOKEN_V2"):
        return os.environ["CIRCLE_OIDC_TOKEN_V2"]
    url, bearer = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL"), os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not url or not bearer:
        return None
    request = urllib.request.Request(f"{url}&audience={AUDIENCE}", headers={"Authorization": f"Bearer {bearer}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["value"]
    except OSError as error:
        raise Failure(f"CI gives no OIDC token: {error}. Has the job `id-token: write`?") from error

"""Asks a running bot for a self-test: one signed call to its own listener, for which it posts one message in Slack.

A post by an API in a person's name would not do: Slack marks what a program writes, and the bot rightly ignores it."""

import hashlib
import hmac
import json
import os
import pathlib
import secrets
import time
import urllib.error
import urllib.request

from .identity import session
from .say import Failure, Unclear

SHORTEST = 32


def secret(settings):
    """The secret by which calls are signed: DRONE_SELFTEST_SECRET, a file, or Parameter Store. None where there is none."""
    where = settings.get("selftest", {})
    found = os.environ.get("DRONE_SELFTEST_SECRET")
    if not found and where.get("secret_file"):
        try:
            found = pathlib.Path(where["secret_file"]).read_text()
        except OSError as error:
            raise Unclear(f"The secret of the self-test cannot be read: {error}. Nothing was asked.") from error
    if not found and where.get("secret_parameter"):
        store = session().client("ssm", region_name=settings.get("region"))
        found = store.get_parameter(Name=where["secret_parameter"], WithDecryption=True)["Parameter"]["Value"]
    found = (found or "").strip()
    if found and len(found) < SHORTEST:
        raise Unclear(f"The secret of the self-test is shorter than {SHORTEST} characters. Nothing was asked.")
    return found or None


def signed(key, now=None, nonce=None):
    """What a call carries: it holds for five minutes, and once."""
    timestamp, nonce = str(int(time.time() if now is None else now)), nonce or secrets.token_hex(16)
    tag = hmac.new(key.encode(), f"dronebot-selftest:v1:{timestamp}:{nonce}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "nonce": nonce, "signature": f"v1={tag}"}


def judged(name, status, body):
    """What the bot took: its request and its channel. What it refuses because of us says nothing of the version."""
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    if status == 202 and told.get("request"):
        return told
    why = told.get("error") or f"status {status}"
    if status == 404:
        raise Unclear(f"{name} has no self-test: `selftest.secret` and `selftest.channel` are not in its settings.")
    if status in (401, 409):
        raise Unclear(f"{name} refuses the self-test: {why}")
    raise Failure(f"{name} takes no self-test: {why}")


def by_http(name, address, key):
    """Asks a replica whose listener is reached from here."""
    headers = {f"X-Dronebot-{word.capitalize()}": value for word, value in signed(key).items()}
    request = urllib.request.Request(f"{address}/selftest", data=b"", headers=headers, method="POST")
    # a listener on this machine is never behind a proxy
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    except OSError as error:
        raise Failure(f"{name} does not answer at {address}: {error}") from error
    return judged(name, status, body)


def by_ssm(name, document, instance, key, region, wait=60, poll=2):
    """Asks a replica on an instance whose listener nobody reaches from outside: the document of the stack makes this one call
    there, and no other."""
    store = session().client("ssm", region_name=region)
    parameters = {word.capitalize(): [value] for word, value in signed(key).items()}
    sent = store.send_command(DocumentName=document, InstanceIds=[instance], Parameters=parameters, TimeoutSeconds=60)
    command, end = sent["Command"]["CommandId"], time.monotonic() + wait
    while True:
        try:
            found = store.get_command_invocation(CommandId=command, InstanceId=instance)
        except store.exceptions.InvocationDoesNotExist:
            found = {"Status": "Pending"}
        if found["Status"] == "Success":
            break
        if found["Status"] not in ("Pending", "InProgress", "Delayed") or time.monotonic() > end:
            why = (found.get("StandardErrorContent") or "").strip() or found["Status"]
            raise Unclear(f"{name} could not be asked by {document} on {instance}: {why}")
        time.sleep(poll)
    # the status stands in the last line, behind the body
    body, _, status = found.get("StandardOutputContent", "").strip().rpartition("\n")
    return judged(name, int(status) if status.isdigit() else 0, body)

"""One read-only command through Slack, as a person gives it: a mention in a channel, and the answer in its thread."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request

from .say import Failure

WAIT = 30


def _call(url, body=None, token=None):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            told = json.load(answer)
    except (OSError, ValueError) as error:
        raise Failure(f"Slack does not answer: {error}") from error
    if not told.get("ok"):
        raise Failure(f"Slack refused {url.rsplit('/', 1)[-1]}: {told.get('error')}")
    return told


def by_token(api, token, channel, bot):
    """Asks as the person of this user token (`chat:write`, `channels:history`), who must be allowed to say `version`."""
    sent = _call(f"{api}/chat.postMessage", {"channel": channel, "text": f"<@{bot}> version"}, token)
    query = urllib.parse.urlencode({"channel": channel, "ts": sent["ts"]})
    return _answer(lambda: _call(f"{api}/conversations.replies?{query}", token=token)["messages"], sent["ts"], channel)


def by_sandbox(sandbox, user, channel):
    """The same in the Slack sandbox, where a person needs no token."""
    sent = _call(f"{sandbox}/control/say", {"user": user, "channel": channel, "text": "@drone version"})
    query = urllib.parse.urlencode({"channel": channel, "user": user})
    return _answer(lambda: _call(f"{sandbox}/control/messages?{query}")["messages"], sent["ts"], channel)


def _answer(messages, thread, channel):
    end = time.monotonic() + WAIT
    while True:
        for message in messages():
            if message.get("thread_ts") == thread and message.get("ts") != thread and message.get("bot_id"):
                return message["text"]
        if time.monotonic() > end:
            raise Failure(f"Nobody answered `version` in {channel} within {WAIT} s.")
        time.sleep(0.5)

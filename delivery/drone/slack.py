"""Looks whether the bot's answer to a self-test is in Slack. Nothing is written there."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request

from .say import Failure, Unclear

WAIT = 30


def _call(url, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            told = json.load(answer)
    except (OSError, ValueError) as error:
        raise Unclear(f"Slack does not answer: {error}. Whether the bot does is not known.") from error
    if not told.get("ok"):
        raise Unclear(f"Slack refused {urllib.parse.urlsplit(url).path.rsplit('/', 1)[-1]}: {told.get('error')}.")
    return told


def by_token(api, token, channel, request, since, wait=WAIT):
    """The answer, by a token that may read the channel's history (`channels:history`, or `groups:history`)."""
    query = urllib.parse.urlencode({"channel": channel, "oldest": f"{since:.6f}", "limit": 200})
    return _answer(lambda: _call(f"{api}/conversations.history?{query}", token)["messages"], request, channel, wait)


def by_sandbox(sandbox, channel, request, wait=WAIT):
    """The same in the Slack sandbox, which shows everything."""
    query = urllib.parse.urlencode({"channel": channel})
    return _answer(lambda: _call(f"{sandbox}/control/messages?{query}")["messages"], request, channel, wait)


def _answer(messages, request, channel, wait):
    """What a bot said of this request: it names it."""
    end = time.monotonic() + wait
    while True:
        for message in messages():
            if message.get("bot_id") and request in message.get("text", ""):
                return message["text"]
        if time.monotonic() > end:
            raise Failure(f"The answer to the self-test {request} is not in {channel} after {wait} s.")
        time.sleep(0.5)

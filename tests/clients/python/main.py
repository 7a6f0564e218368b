"""Slack's own Python SDKs against the sandbox: `main.py <client> <group>`, the sandbox's URL in SANDBOX.

Each behaviour is a function; it acts as people do and checks what the SDK's handlers got and what people see. The first
check that does not hold ends the run with its words.
"""

import importlib
import logging
import os
import sys
import traceback

from people import PATIENT, Failed, Inbox, People

CLIENTS = {"bolt-builtin": "bolt_sync", "bolt-aiohttp": "bolt_async", "builtin": "bare_sync", "aiohttp": "bare_async"}


def main():
    client, group = sys.argv[1:]
    logging.basicConfig(level=os.environ.get("SDK_LOG", "WARNING"), stream=sys.stderr)
    url = os.environ["SANDBOX"]
    behaviours = importlib.import_module(group).ALL
    make = importlib.import_module(CLIENTS[client]).Bot
    heard, people = Inbox(), People(url)
    bot = make(url, heard)
    print(bot.name, flush=True)
    bot.start()
    for behaviour in behaviours:
        print(behaviour.__name__.replace("_", " "), flush=True)
        people.slack_waits(PATIENT)
        behaviour(bot, people)
        errors = heard.all("error")
        if errors:
            raise Failed(f"a handler failed: {errors}")
        # not before it: the first hello may be there as soon as the bot has been started
        heard.clear()
    bot.stop()
    print(f"{len(behaviours)} behaviours hold", flush=True)


if __name__ == "__main__":
    status = 1
    try:
        main()
        status = 0
    except Failed as failure:
        print(f"  FAILED {failure}", flush=True)
    except Exception:
        print(f"  FAILED {traceback.format_exc()}", flush=True)
    sys.stderr.flush()
    # threads of a broken client may never end
    os._exit(status)

"""The people of the sandbox: what they do and what they see, by its control API. And the checks."""

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

NEVER = 25.0
"""Seconds after which something that was to happen counts as never."""

SLACKS_OWN = 3_000
"""Milliseconds that Slack waits for an acknowledgement, and in which a trigger opens a form."""

PATIENT = 20_000
"""The same where a behaviour is not about them: a machine that stands still for a moment is no fault of the SDK's."""


class Failed(AssertionError):
    """A check that did not hold."""


def check(what, actual, expected=True):
    """One check, one line."""
    if actual != expected:
        raise Failed(f"{what}\n  expected: {expected!r}\n  but was:  {actual!r}")
    print(f"  ok {what}", flush=True)


def until(what, holds, timeout=NEVER):
    """Waits until `holds` gives something true; for what nobody tells."""
    deadline = time.monotonic() + timeout
    while True:
        found = holds()
        if found:
            print(f"  ok {what}", flush=True)
            return found
        if time.monotonic() > deadline:
            raise Failed(f"never: {what}")
        time.sleep(0.02)


class Inbox:
    """What the SDK gave to its handlers, from any thread."""

    def __init__(self):
        self._items = []
        self._changed = threading.Condition()

    def put(self, kind, value):
        with self._changed:
            self._items.append((kind, value))
            self._changed.notify_all()

    def take(self, kind, where=lambda value: True, timeout=NEVER):
        """Waits for something of this kind and takes it out."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for index, (known, value) in enumerate(self._items):
                    if known == kind and where(value):
                        del self._items[index]
                        return value
                left = deadline - time.monotonic()
                if left <= 0:
                    got = ", ".join(repr(item)[:200] for item in self._items[-5:])
                    raise Failed(f"the handlers never got `{kind}`; {len(self._items)} others came last: {got}")
                self._changed.wait(left)

    def count(self, kind, where=lambda value: True):
        with self._changed:
            return sum(1 for known, value in self._items if known == kind and where(value))

    def all(self, kind):
        with self._changed:
            return [value for known, value in self._items if known == kind]

    def clear(self):
        with self._changed:
            self._items.clear()


class People:
    """A sandbox, as its people use it."""

    def __init__(self, url):
        self.url = url
        # an environment's proxy is for the world, not for 127.0.0.1
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def _call(self, request):
        try:
            with self._opener.open(request, timeout=NEVER + 5) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def post(self, path, **body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control/{path}", data, {"Content-Type": "application/json"})
        _, answer = self._call(request)
        if not answer["ok"]:
            raise Failed(f"the sandbox refused control/{path} {body}: {answer}")
        return answer

    def get(self, path, **query):
        query = urllib.parse.urlencode({key: value for key, value in query.items() if value is not None})
        _, answer = self._call(f"{self.url}/control/{path}?{query}")
        return answer

    def slack_waits(self, milliseconds):
        """For how long Slack waits from now on: `SLACKS_OWN` or `PATIENT`."""
        self.post("settings", ack_timeout_ms=milliseconds, trigger_ms=milliseconds)

    def cursor(self):
        return self.get("state")["cursor"]

    def says(self, user, channel, text, **more):
        """A person writes a message; all that is known of it."""
        return self.post("say", user=user, channel=channel, text=text, **more)

    def types(self, user, channel, text):
        """A person types `/drone text`."""
        return self.post("slash", user=user, channel=channel, command="/drone", text=text)

    def clicks(self, user, action_id, **where):
        """A person presses a button: of a message (`channel`, `ts`) or of a view (`view_id`)."""
        return self.post("click", user=user, action_id=action_id, **where)

    def sees(self, user, channel, contains, after=0, **more):
        """Waits until this person sees a message with these words; the message."""
        query = dict(user=user, channel=channel, contains=contains, after=after, timeout_ms=int(NEVER * 1000), **more)
        answer = self.get("wait", **query)
        if not answer["ok"]:
            raise Failed(f"{user} never saw `{contains}` in {channel}: {answer}")
        print(f"  ok {user} sees `{contains}`", flush=True)
        return answer["message"]

    def message(self, channel, ts):
        """A message as it is now."""
        found = [m for m in self.get("messages", channel=channel)["messages"] if m["ts"] == ts]
        return found[0] if found else None

    def visible(self, user, channel, since=0):
        """Everything this person sees there."""
        return self.get("messages", user=user, channel=channel, since=since)["messages"]

    def acks(self, envelope_id):
        return self.get("acks", envelope_id=envelope_id)["acks"]

    def acked(self, envelope_id):
        """Waits for an ack of this envelope; the ack."""
        return until("the envelope is acknowledged", lambda: self.acks(envelope_id))[0]

    def links(self):
        """The ids of the connections that get envelopes."""
        return [link["id"] for link in self.get("connections")["connections"] if link["ready"] and not link["closing"]]

    def calls(self, method):
        return self.get("log", method=method, limit=5000)["calls"]

    def fault(self, **what):
        return self.post("fault", **what)

    # what is there once people have modals and a Home

    def views(self, user):
        """The modals that this person sees now, the top one last."""
        return self.get("views", user=user)["views"]

    def home(self, user):
        return self.get("views", user=user)["home"]

    def sees_modal(self, user, title):
        """Waits until the modal on top has this title."""

        def top():
            views = self.views(user)
            return views and views[-1]["title"]["text"] == title and views[-1]

        return until(f"{user} sees the modal `{title}`", top)

    def sees_no_modal(self, user):
        until(f"{user} sees no modal", lambda: self.views(user) == [])

    def submits(self, user, values, **more):
        return self.post("submit", user=user, values=values, **more)

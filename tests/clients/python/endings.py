"""Every way in which Slack ends a connection. The clients lose theirs at the same time, each in its way, while people write;
each comes back by itself, and no event is lost."""

from links import delivered
from people import SLACKS_OWN, check, until

ENDINGS = [
    {"socket": "disconnect", "reason": "warning"},
    {"socket": "disconnect", "reason": "refresh_requested", "close_after_ms": 0},
    {"socket": "disconnect", "reason": "link_disabled"},
    {"socket": "disconnect", "reason": "too_many_websockets"},
    {"socket": "disconnect", "reason": "a_reason_of_tomorrow"},
    {"socket": "close"},
    {"socket": "reset"},
]
END_OF_TCP = {"socket": "drop"}

NOTICED = 60.0
"""Seconds: slack_sdk misses four pongs, five seconds apart, before it gives a silent connection up."""


def connections_that_end_in_any_way_are_replaced(bot, people):
    people.slack_waits(SLACKS_OWN)
    endings = ENDINGS + ([END_OF_TCP] if bot.sees_the_end_of_tcp else [])
    # the first client's stays: Slack gives an event up after its retries when nobody is there
    steady = until("the first is ready", people.links)
    for count in range(len(endings)):
        bot.another()
        until(f"{count + 2} are ready", lambda: len(people.links()) == count + 2)
    old = people.links()
    sent = {people.says("maya", "dm", f"before {number}")["event_id"] for number in range(20)}
    for link, ending in zip(old[1:], endings):
        people.fault(connection=link, **ending)
    sent |= {people.says("maya", "dm", f"after {number}")["event_id"] for number in range(20)}
    missing = set(sent)
    while missing:
        _, request = bot.heard.take("request", lambda item: item[1].payload.get("event_id") in missing)
        missing.discard(request.payload["event_id"])
    check("no event is lost", missing, set())
    until("all are ready again", lambda: len(people.links()) == len(old))
    until("by new connections", lambda: set(people.links()) & set(old) == set(steady))
    check("each of a new ticket", len(people.calls("apps.connections.open")) >= len(old) + len(endings))


def silence_and_refused_dials_are_survived(bot, people):
    people.slack_waits(SLACKS_OWN)
    old = people.links()
    half_open, refused, greeted_with_disconnect = old[:3]
    people.fault(connection=half_open, socket="half_open")
    people.fault(dial={"refuse": 503})
    people.fault(connection=refused, socket="disconnect", reason="refresh_requested")
    until(
        "a refused upgrade is dialled again", lambda: refused not in people.links() and len(people.links()) == len(old)
    )
    people.fault(dial={"disconnect": "refresh_requested"})
    people.fault(connection=greeted_with_disconnect, socket="disconnect", reason="refresh_requested")
    gone = lambda: greeted_with_disconnect not in people.links() and len(people.links()) == len(old)
    until("a disconnect before hello is survived", gone)
    until("the half-open connection is given up, and counts on", lambda: len(people.links()) == len(old) + 1, NOTICED)
    people.post("faults/clear")
    until("until Slack can read from it again", lambda: half_open not in people.links())
    delivered(bot, people, "after all")


ALL = [connections_that_end_in_any_way_are_replaced, silence_and_refused_dials_are_survived]

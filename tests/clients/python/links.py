"""The link itself: hello, tickets, redelivery, several connections, and every way in which Slack ends one."""

import json
import time

from people import SLACKS_OWN, check, until
from views import buttons


def of_event(event_id):
    return lambda item: item[1].payload.get("event_id") == event_id


def delivered(bot, people, text):
    """A direct message arrives and is acked; the number of the client that got it."""
    said = people.says("maya", "dm", text)
    number, request = bot.heard.take("request", of_event(said["event_id"]))
    check(f"`{text}` arrives", request.payload["event"]["text"], text)
    return number


def hello_comes_first(bot, people):
    _, frame = bot.heard.take("frame")
    check("the first frame is hello", (frame["type"], frame["num_connections"]), ("hello", 1))
    check("it names the app", frame["connection_info"]["app_id"], "ADRONE00001")
    check("and says how long the connection lives", frame["debug_info"]["approximate_connection_time"], 18060)
    check("one connection is ready", len(people.links()), 1)


def an_event_that_is_not_acked_is_delivered_again(bot, people):
    people.slack_waits(SLACKS_OWN)
    bot.acks = lambda request: (request.retry_attempt or 0) > 0
    said = people.says("maya", "dm", "are you listening?")
    _, first = bot.heard.take("request", of_event(said["event_id"]))
    begun = time.monotonic()
    _, second = bot.heard.take("request", of_event(said["event_id"]))
    waited = time.monotonic() - begun
    check("the first has no retry", (first.retry_attempt, first.retry_reason), (0, ""))
    check("the second says why it comes", (second.retry_attempt, second.retry_reason), (1, "timeout"))
    check("three seconds later", 2.8 < waited < 6.0)
    check("in an envelope of its own", first.envelope_id != second.envelope_id)
    check("with the same payload", first.payload, second.payload)
    check("events take no answer", first.accepts_response_payload, False)
    people.acked(second.envelope_id)
    until("nothing waits any more", lambda: people.get("acks")["pending"] == [])
    bot.acks = lambda request: True


def the_identical_envelope_can_come_twice(bot, people):
    said = people.says("maya", "dm", "once")
    _, first = bot.heard.take("request", of_event(said["event_id"]))
    people.acked(first.envelope_id)
    people.post("redeliver", envelope_id=first.envelope_id, identical=True)
    _, second = bot.heard.take("request", of_event(said["event_id"]))
    same = (second.envelope_id, second.retry_attempt, second.payload)
    check("it is the same in all", same, (first.envelope_id, 0, first.payload))


def a_click_that_is_not_acked_is_lost(bot, people):
    post = bot.api("chat_postMessage", channel="COPS", text="Go?", blocks=[buttons("approve")])
    people.slack_waits(SLACKS_OWN)
    bot.acks = lambda request: False
    before = people.cursor()
    people.clicks("maya", "approve", channel="ops", ts=post["ts"])
    _, request = bot.heard.take("request", lambda item: item[1].type == "interactive")
    check("a click is no retry", (request.retry_attempt, request.accepts_response_payload), (None, True))
    people.sees("maya", "ops", "operation_timeout", after=before)
    check("it is not sent again", bot.heard.count("request"), 0)
    bot.acks = lambda request: True


def a_ticket_opens_one_connection(bot, people):
    check("the used URL is refused", bot.dials_again(0), False)
    delivered(bot, people, "after the second dial")


def tokens_are_checked(bot, people):
    check("a wrong token", bot.connecting_fails("xapp-wrong"), "invalid_auth")
    check("a token of the wrong kind", bot.connecting_fails("xoxb-sandbox"), "not_allowed_token_type")


def a_limited_dial_waits_as_long_as_slack_says(bot, people):
    people.fault(api={"method": "apps.connections.open", "error": "ratelimited", "retry_after": 2})
    begun = time.monotonic()
    number = bot.another()
    check("the SDK waited", 2.0 <= time.monotonic() - begun < 8.0)
    until("and is connected", lambda: len(people.links()) == 2)
    bot.close(number)
    until("the connection is gone", lambda: len(people.links()) == 1)


def each_envelope_goes_to_one_of_several_connections(bot, people):
    number = bot.another()
    _, frame = bot.heard.take("frame", lambda item: item[0] == number and item[1]["type"] == "hello")
    check("hello counts both", frame["num_connections"], 2)
    until("both are ready", lambda: len(people.links()) == 2)
    sent = {people.says("maya", "dm", f"number {n}")["event_id"] for n in range(40)}
    got = [bot.heard.take("request", lambda item: item[1].payload.get("event_id") in sent) for _ in range(40)]
    check("each comes once", {request.payload["event_id"] for _, request in got}, sent)
    check("to either", {number for number, _ in got}, {0, number})
    bot.close(number)
    until("one is left", lambda: len(people.links()) == 1)


def the_eleventh_connection_is_refused(bot, people):
    numbers = [bot.another() for _ in range(9)]
    until("ten are ready", lambda: len(people.links()) == 10)
    frames = []
    number = bot.another(first_frame=frames.append)
    until("the eleventh gets its first frame", lambda: frames)
    frame = json.loads(frames[0])
    check("it is no hello", (frame["type"], frame["reason"]), ("disconnect", "too_many_websockets"))
    bot.close(number, *numbers)
    until("one is left", lambda: len(people.links()) == 1)


def odd_frames_do_not_end_a_connection(bot, people):
    link = people.links()[0]
    for odd in [{"text": "{not json"}, {"text": "hello?"}, {"binary": "bytes"}, {"fragments": ['{"type":', '"odd"}']}]:
        people.post("envelope", **odd)
    people.post("envelope", json={"type": "tomorrow", "envelope_id": "E1", "payload": {"a": 1}})
    _, request = bot.heard.take("request", lambda item: item[1].envelope_id == "E1")
    check("an unknown type is given to the app", request.type, "tomorrow")
    delivered(bot, people, "after odd frames")
    check("over the same connection", people.links(), [link])


def pings_are_answered_both_ways(bot, people):
    def link(key):
        return people.get("connections")["connections"][0][key]

    before = link("pongs")
    people.post("envelope", ping="are you there?")
    until("the SDK answers a ping", lambda: link("pongs") > before)
    until("and its own is answered", lambda: link("answered") > 0)


ALL = [
    hello_comes_first,
    an_event_that_is_not_acked_is_delivered_again,
    the_identical_envelope_can_come_twice,
    a_click_that_is_not_acked_is_lost,
    a_ticket_opens_one_connection,
    tokens_are_checked,
    a_limited_dial_waits_as_long_as_slack_says,
    each_envelope_goes_to_one_of_several_connections,
    the_eleventh_connection_is_refused,
    odd_frames_do_not_end_a_connection,
    pings_are_answered_both_ways,
]

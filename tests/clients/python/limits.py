"""How often Slack lets an app call: 429 with Retry-After, and the SDK's own retry handler."""

import time

from slack_sdk.errors import SlackApiError

from people import check


def refusal(bot, method, **arguments):
    """The response of a refused call, or none."""
    try:
        bot.api(method, **arguments)
    except SlackApiError as error:
        return error.response
    return None


def a_channel_takes_a_message_a_second(bot, people):
    taken, response = 0, None
    while response is None and taken < 20:
        response = refusal(bot, "chat_postMessage", channel="COPS", text=f"burst {taken}")
        taken += response is None
    check("a burst is taken, then no more", 1 <= taken < 20)
    check("the refusal is HTTP's", (response.status_code, response["error"]), (429, "ratelimited"))
    check("and says how long to wait", response.headers["Retry-After"], "1")
    bot.api("chat_postMessage", channel="CGENERAL", text="another channel is not limited")
    bot.api("auth_test")
    shown = [m["text"] for m in people.visible("maya", "ops")]
    check("what was refused is not shown", shown, [f"burst {n}" for n in range(taken)])


def a_method_has_its_tier(bot, people):
    taken, response = 0, None
    while response is None and taken < 60:
        response = refusal(bot, "users_list")
        taken += response is None
    check("tier 2 takes 20 calls in a minute", 20 <= taken <= 25)
    check(
        "and says when it takes the next",
        (response.status_code, int(response.headers["Retry-After"]) >= 1),
        (429, True),
    )
    check("others go on", bot.api("users_info", user="UMAYA")["ok"])
    check("once each", len(people.calls("users.info")), 1)


def the_retry_handler_waits_and_succeeds(bot, people):
    bot.waits_when_limited()
    begun = time.monotonic()
    for number in range(4):
        bot.api("chat_postMessage", channel="COPS", text=f"patient {number}")
    check("it waited", time.monotonic() - begun >= 2.0)
    calls = [call for call in people.calls("chat.postMessage") if call["args"]["text"].startswith("patient")]
    check("after a refusal", 429 in [call["status"] for call in calls])
    shown = [m["text"] for m in people.visible("maya", "ops") if m["text"].startswith("patient")]
    check("and all are shown once", shown, [f"patient {n}" for n in range(4)])


def a_method_can_be_limited(bot, people):
    people.fault(api={"method": "users.info", "retry_after": 2})
    begun = time.monotonic()
    check("the look-up succeeds", bot.api("users_info", user="UMAYA")["user"]["name"], "maya")
    check("two seconds later", time.monotonic() - begun >= 2.0)
    check("by a second call", [call["status"] for call in people.calls("users.info")][-2:], [429, 200])


ALL = [
    a_channel_takes_a_message_a_second,
    a_method_has_its_tier,
    the_retry_handler_waits_and_succeeds,
    a_method_can_be_limited,
]

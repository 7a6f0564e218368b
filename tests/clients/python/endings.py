"""Every way in which Slack ends a connection: the SDK comes back by itself, and no event is lost."""

from links import delivered
from people import check, until


def replaced(bot, people, what, **fault):
    """The link breaks in this way; the SDK opens another one, and events come over it."""
    old = people.links()[0]
    dials = len(people.calls("apps.connections.open"))
    people.fault(connection=old, **fault)
    until(f"after {what} there is a new connection", lambda: [link for link in people.links() if link != old])
    until("and the old one is not used", lambda: old not in people.links())
    check("opened by a new ticket", len(people.calls("apps.connections.open")) > dials)
    delivered(bot, people, f"after {what}")


def storm(bot, people, what, **fault):
    """As `replaced`, while people write: each of 30 events arrives, some of them again."""
    old = people.links()[0]
    sent = set()
    for number in range(30):
        if number == 10:
            people.fault(connection=old, **fault)
        sent.add(people.says("maya", "dm", f"{what} {number}")["event_id"])
    missing = set(sent)
    while missing:
        _, request = bot.heard.take("request", lambda item: item[1].payload.get("event_id") in missing)
        missing.discard(request.payload["event_id"])
    check(f"no event is lost at {what}", missing, set())
    until("one connection is ready, and it is a new one", lambda: [link > old for link in people.links()] == [True])


def a_warning_is_followed_by_a_new_connection(bot, people):
    storm(bot, people, "warning", socket="disconnect", reason="warning")


def a_refresh_without_warning_is_survived(bot, people):
    storm(bot, people, "refresh", socket="disconnect", reason="refresh_requested", close_after_ms=0)


def a_disconnect_of_any_reason_is_followed_by_a_new_connection(bot, people):
    for reason in ["refresh_requested", "link_disabled", "too_many_websockets", "a_reason_of_tomorrow"]:
        replaced(bot, people, reason, socket="disconnect", reason=reason)


def a_disconnect_before_hello_is_survived(bot, people):
    people.fault(dial={"disconnect": "refresh_requested"})
    replaced(bot, people, "a disconnect before hello", socket="disconnect", reason="refresh_requested")


def a_close_frame_is_survived(bot, people):
    replaced(bot, people, "a close frame", socket="close")


def a_reset_connection_is_survived(bot, people):
    replaced(bot, people, "a reset", socket="reset")


def a_refused_upgrade_is_dialled_again(bot, people):
    people.fault(dial={"refuse": 503})
    replaced(bot, people, "a refused upgrade", socket="disconnect", reason="refresh_requested")


ALL = [
    a_warning_is_followed_by_a_new_connection,
    a_refresh_without_warning_is_survived,
    a_disconnect_of_any_reason_is_followed_by_a_new_connection,
    a_disconnect_before_hello_is_survived,
    a_close_frame_is_survived,
    a_reset_connection_is_survived,
    a_refused_upgrade_is_dialled_again,
]

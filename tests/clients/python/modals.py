"""Modals, the App Home and shortcuts."""

import time

from people import SLACKS_OWN, check, until
from views import FORM, HOME, section


def opened(bot, people, user="maya"):
    """The form is open before this person; the view as the SDK got it."""
    people.types(user, "ops", "form")
    view = bot.heard.take("opened")["view"]
    people.sees_modal(user, "Stop an instance")
    return view


def a_command_opens_a_form(bot, people):
    view = opened(bot, people)
    named = (
        view["type"],
        view["callback_id"],
        view["private_metadata"],
        view["root_view_id"],
        view["previous_view_id"],
    )
    check("the SDK gets the view", named, ("modal", "command", "COPS", view["id"], None))
    check("with a hash and an empty state", (bool(view["hash"]), view["state"]), (True, {"values": {}}))
    check("nobody else sees it", people.views("omar"), [])
    seen = people.views("maya")[-1]
    check(
        "it is the same view",
        (seen["id"], seen["submit"]["text"], seen["close"]["text"]),
        (view["id"], "Stop", "Cancel"),
    )


def a_wrong_value_is_an_error_on_its_field(bot, people):
    view = people.views("maya")[-1]
    sent = people.submits("maya", {"target": "web-1"})
    body = bot.heard.take("submission")
    check("the submission names who", (body["type"], body["user"]["id"]), ("view_submission", "UMAYA"))
    state = body["view"]["state"]["values"]
    check("the typed value", state["target"]["value"], {"type": "plain_text_input", "value": "web-1"})
    check("an empty field", state["reason"]["value"], {"type": "plain_text_input", "value": None})
    check("the initial choice", state["region"]["value"]["selected_option"]["value"], "eu-central-1")
    check("and the view", (body["view"]["id"], body["view"]["private_metadata"]), (view["id"], "COPS"))
    check("no response_url was asked for", body["response_urls"], [])
    ack = people.acked(sent["envelope_id"])
    check("the ack carries the errors", (ack["ignored"], ack["payload"]["response_action"]), (None, "errors"))
    seen = until("the person sees them", lambda: people.views("maya")[-1]["errors"])
    check("at the field", seen, {"target": "An instance id begins with i-"})


def a_right_value_closes_the_form(bot, people):
    before = people.cursor()
    people.submits("maya", {"target": "i-0abc", "reason": "too dear", "region": "eu-west-1"})
    state = bot.heard.take("submission")["view"]["state"]["values"]
    values = (state["reason"]["value"]["value"], state["region"]["value"]["selected_option"]["value"])
    check("all values come", values, ("too dear", "eu-west-1"))
    people.sees_no_modal("maya")
    people.sees("maya", "ops", "will stop i-0abc", after=before)


def an_answer_can_update_the_form(bot, people):
    view = opened(bot, people)
    people.submits("maya", {"target": "i-update"})
    seen = people.sees_modal("maya", "Stopping")
    check("it is the same view, changed", (seen["id"], seen["hash"] != view["hash"]), (view["id"], True))
    check("alone", len(people.views("maya")), 1)
    people.post("close_view", user="maya")
    people.sees_no_modal("maya")


def an_answer_can_push_and_clear(bot, people):
    below = opened(bot, people)
    people.submits("maya", {"target": "i-push"})
    top = people.sees_modal("maya", "More options")
    check("it lies on the form", [view["id"] for view in people.views("maya")], [below["id"], top["id"]])
    bot.heard.take("submission")
    people.submits("maya", {"note": "hurry"})
    body = bot.heard.take("submission")
    check("a pushed view knows what it lies on", body["view"]["previous_view_id"], below["id"])
    check("and where all began", body["view"]["root_view_id"], below["id"])
    people.sees_modal("maya", "Stop an instance")
    people.submits("maya", {"target": "i-clear"})
    people.sees_no_modal("maya")


def a_button_in_a_form_pushes_a_view(bot, people):
    view = opened(bot, people)
    people.clicks("maya", "more", view_id=view["id"])
    body = bot.heard.take("action")
    check("its container is the view", body["container"], {"type": "view", "view_id": view["id"]})
    check("there is no response_url", "response_url" in body, False)
    pushed = bot.heard.take("pushed")["view"]
    check("the pushed view lies on the form", pushed["previous_view_id"], view["id"])
    people.sees_modal("maya", "More options")
    people.post("close_view", user="maya")
    people.sees_modal("maya", "Stop an instance")


def a_closed_form_is_told(bot, people):
    view = people.views("maya")[-1]
    people.post("close_view", user="maya")
    body = bot.heard.take("closed")
    check(
        "as view_closed", (body["type"], body["view"]["id"], body["user"]["id"]), ("view_closed", view["id"], "UMAYA")
    )
    check("of this view alone", body["is_cleared"], False)
    people.sees_no_modal("maya")


def an_open_view_is_updated_by_its_hash(bot, people):
    view = opened(bot, people)
    changed = {**FORM, "title": {"type": "plain_text", "text": "Changed"}}
    answer = bot.api("views_update", view_id=view["id"], hash=view["hash"], view=changed)["view"]
    check("a new hash comes", answer["hash"] != view["hash"])
    people.sees_modal("maya", "Changed")
    error = bot.refused("views_update", view_id=view["id"], hash=view["hash"], view=FORM)["error"]
    check("the old one conflicts", error, "hash_conflict")
    people.post("close_view", user="maya")
    bot.heard.take("closed")


def a_trigger_opens_one_view_within_three_seconds(bot, people):
    people.types("maya", "ops", "keep")
    trigger = bot.heard.take("command")["trigger_id"]
    bot.api("views_open", trigger_id=trigger, view=FORM)
    error = bot.refused("views_open", trigger_id=trigger, view=FORM)["error"]
    check("a used trigger is exchanged", error, "exchanged_trigger_id")
    people.post("close_view", user="maya")
    people.slack_waits(SLACKS_OWN)
    people.types("maya", "ops", "keep")
    trigger = bot.heard.take("command")["trigger_id"]
    # the only way to grow older than three seconds
    time.sleep(3.2)
    check(
        "an old one has expired",
        bot.refused("views_open", trigger_id=trigger, view=FORM)["error"],
        "expired_trigger_id",
    )
    check(
        "any other is invalid", bot.refused("views_open", trigger_id="1.2.3", view=FORM)["error"], "invalid_trigger_id"
    )
    bot.heard.take("closed")


def the_home_is_published_when_it_is_opened(bot, people):
    people.post("open_home", user="omar", tab="home")
    event = bot.heard.take("home_opened")
    check("the event says who and what", (event["user"], event["tab"]), ("UOMAR", "home"))
    home = until("the person sees a Home", lambda: people.home("omar"))
    check("it is what was published", (home["type"], home["blocks"][0]["text"]["text"]), ("home", "What you may run"))
    people.clicks("omar", "approve", view_id=home["id"])
    body = bot.heard.take("action")
    check("its buttons work", (body["view"]["type"], body["actions"][0]["value"]), ("home", "approve-value"))
    people.post("open_home", user="omar", tab="home")
    check("the event carries the Home", bot.heard.take("home_opened")["view"]["id"], home["id"])
    people.post("open_home", user="omar", tab="messages")
    check("the other tab says so", bot.heard.take("home_opened")["tab"], "messages")
    again = bot.api("views_publish", user_id="UOMAR", view={**HOME, "blocks": [section("new")]})["view"]
    check("it keeps its id", again["id"], home["id"])
    error = bot.refused("views_publish", user_id="UOMAR", view=HOME, hash=home["hash"])["error"]
    check("an old hash conflicts", error, "hash_conflict")


def shortcuts_reach_the_app(bot, people):
    people.post("shortcut", user="nina", callback_id="new_request")
    payload = bot.heard.take("shortcut")
    check("a global one", (payload["type"], payload["user"]["id"]), ("shortcut", "UNINA"))
    people.sees_modal("nina", "Stop an instance")
    said = people.says("omar", "ops", "ec2 list")
    people.post("shortcut", user="nina", callback_id="run_again", channel="ops", ts=said["ts"])
    payload = bot.heard.take("message_shortcut")
    named = (payload["type"], payload["channel"]["id"], payload["message"]["text"], payload["message_ts"])
    check("one of a message", named, ("message_action", "COPS", "ec2 list", said["ts"]))
    seen = people.sees("nina", "ops", "again: ec2 list")
    check("is answered for its user", seen["ephemeral"])


ALL = [
    a_command_opens_a_form,
    a_wrong_value_is_an_error_on_its_field,
    a_right_value_closes_the_form,
    an_answer_can_update_the_form,
    an_answer_can_push_and_clear,
    a_button_in_a_form_pushes_a_view,
    a_closed_form_is_told,
    an_open_view_is_updated_by_its_hash,
    a_trigger_opens_one_view_within_three_seconds,
    the_home_is_published_when_it_is_opened,
    shortcuts_reach_the_app,
]

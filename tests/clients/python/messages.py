"""Slash commands, mentions, direct messages, response URLs and messages in threads."""

from people import PATIENT, SLACKS_OWN, check, until
from views import buttons, section


def the_app_connects_and_is_greeted(bot, people):
    until("one connection is ready", lambda: len(people.links()) == 1)
    check("the SDK opened it by apps.connections.open", len(people.calls("apps.connections.open")), 1)


def a_slash_command_is_answered_in_its_ack(bot, people):
    before = people.cursor()
    sent = people.types("maya", "ops", "echo hi & <bye>")
    command = bot.heard.take("command")
    wanted = {
        "command": "/drone", "text": "echo hi &amp; &lt;bye&gt;", "user_id": "UMAYA", "user_name": "maya", "channel_id": "COPS",
        "channel_name": "ops", "team_id": "TSANDBOX", "team_domain": "sandbox", "api_app_id": "ADRONE00001",
        "trigger_id": sent["trigger_id"], "response_url": sent["response_url"], "is_enterprise_install": "false",
    }  # fmt: skip
    check("the handler gets the command, escaped", {key: command.get(key) for key in wanted}, wanted)
    seen = people.sees("maya", "ops", "You said hi", after=before)
    check("the answer is the ack's", (seen["via"], seen["ephemeral"], seen["bot_id"]), ("ack", True, "BDRONE"))
    ack = people.acked(sent["envelope_id"])
    check("the ack counts", (ack["ignored"], ack["type"]), (None, "slash_commands"))
    check("it came while Slack waited", ack["latency_ms"] < PATIENT)
    others = [m["text"] for m in people.visible("omar", "ops", before)]
    check("nobody else sees it", others, [])
    check("Bolt asked who it is", len(people.calls("auth.test")) >= 1)


def mentions_and_links_in_a_command_come_escaped(bot, people):
    people.types("maya", "ops", "echo @omar in #general see https://example.com/x")
    text = bot.heard.take("command")["text"]
    check(
        "should_escape is on",
        text,
        "echo <@UOMAR|omar> in <#CGENERAL|general> see <https://example.com/x>",
    )


def an_ack_can_answer_in_the_channel(bot, people):
    before = people.cursor()
    people.types("maya", "ops", "public all hands")
    bot.heard.take("command")
    seen = people.sees("omar", "ops", "all hands", after=before, **{"from": "bot"})
    check("everybody sees it", (seen["ephemeral"], seen["via"]), (False, "ack"))
    check("with its blocks", seen["blocks"][0]["text"]["text"], "all hands")
    said = [m["text"] for m in people.visible("omar", "ops", before)]
    check("beside the command itself", said, ["/drone public all hands", "all hands"])


def a_response_url_takes_five_answers(bot, people):
    before = people.cursor()
    people.types("maya", "ops", "respond 6")
    answers = [bot.heard.take("responded") for _ in range(6)]
    check("five answers are taken", [status for status, _ in answers[:5]], [200] * 5)
    check("each with ok", [body for _, body in answers[:5]], ["ok"] * 5)
    check("the sixth is refused", answers[5][0], 404)
    check("as used up", "used_url" in answers[5][1])
    seen = [m["text"] for m in people.visible("maya", "ops", before)]
    check("the person sees five", seen, [f"answer {n}" for n in range(1, 6)])


def a_response_url_replaces_and_deletes(bot, people):
    before = people.cursor()
    people.types("maya", "ops", "replace")
    seen = people.sees("maya", "ops", "final", after=before)
    check("the draft is replaced", (seen["edits"], seen["history"][0]["text"]), (1, "draft"))
    people.types("maya", "ops", "delete")
    seen = people.sees("omar", "ops", "all can read this", after=before)
    check("an answer in the channel is for all", seen["ephemeral"], False)
    left = [m["text"] for m in people.visible("maya", "ops", before) if not m["deleted"]]
    check("the deleted answer is gone", left, ["final", "all can read this"])


def a_mention_is_answered_in_its_thread(bot, people):
    before = people.cursor()
    said = people.says("maya", "ops", "@drone are you there?")
    body = bot.heard.take("mention")
    event = body["event"]
    check(
        "the event names who and where", (event["user"], event["channel"], event["ts"]), ("UMAYA", "COPS", said["ts"])
    )
    check("its text names the bot", event["text"], "<@UDRONE> are you there?")
    check("its blocks are rich text", event["blocks"][0]["type"], "rich_text")
    check("it has no channel_type", "channel_type" in event, False)
    check("the body is a callback", (body["type"], body["event_id"]), ("event_callback", said["event_id"]))
    check("the bot is authorised", body["authorizations"][0]["user_id"], "UDRONE")
    seen = people.sees("omar", "ops", "Hello <@UMAYA>", after=before)
    check("the answer is in its thread", seen["thread_ts"], said["ts"])
    check("which is counted at the parent", people.message("ops", said["ts"])["reply_count"], 1)
    check("the ack is bare", people.acked(said["envelope_id"])["ignored"], None)
    said_in_thread = people.says("omar", "ops", "@drone and now?", thread_ts=said["ts"])
    event = bot.heard.take("mention")["event"]
    check("a mention in a thread names the parent", event["thread_ts"], said["ts"])
    check("and is a message of its own", event["ts"], said_in_thread["ts"])
    seen = people.sees("omar", "ops", "Hello <@UOMAR>", after=before)
    check("the answer stays in the thread", seen["thread_ts"], said["ts"])


def a_direct_message_is_answered(bot, people):
    before = people.cursor()
    said = people.says("maya", "dm", "status?")
    event = bot.heard.take("message")
    wanted = ("im", "DMAYA", "UMAYA", "status?", said["ts"])
    named = tuple(event[key] for key in ["channel_type", "channel", "user", "text", "ts"])
    check("the handler gets the message", named, wanted)
    seen = people.sees("maya", "dm", "You wrote: status?", after=before)
    check("the answer is the bot's", (seen["bot_id"], seen["thread_ts"]), ("BDRONE", None))
    people.post("edit", user="maya", channel="dm", ts=said["ts"], text="status, please")
    event = bot.heard.take("message", lambda event: event.get("subtype") == "message_changed")
    check("an edit comes as message_changed", event["message"]["text"], "status, please")
    check("with what was there", event["previous_message"]["text"], "status?")
    people.post("delete", user="maya", channel="dm", ts=said["ts"])
    event = bot.heard.take("message", lambda event: event.get("subtype") == "message_deleted")
    check("a deletion comes as message_deleted", event["deleted_ts"], said["ts"])
    answered = [m["text"] for m in people.visible("maya", "dm", before) if m["bot_id"] and "You wrote" in m["text"]]
    check("the bot does not talk to itself", answered, ["You wrote: status?"])


def messages_are_posted_changed_and_deleted_in_threads(bot, people):
    parent = bot.api("chat_postMessage", channel="COPS", text="parent")
    check("the answer carries the message", parent["message"]["text"], "parent")
    thread = {"channel": "COPS", "thread_ts": parent["ts"]}
    reply = bot.api("chat_postMessage", **thread, text="reply", blocks=[section("reply"), buttons("approve")])
    check("a reply names its thread", reply["message"]["thread_ts"], parent["ts"])
    check("blocks get ids", all(block["block_id"] for block in reply["message"]["blocks"]))
    bot.api("chat_postMessage", **thread, text="loud", reply_broadcast=True)
    check(
        "a broadcast is marked", [m["broadcast"] for m in people.visible("omar", "ops") if m["text"] == "loud"], [True]
    )
    changed = bot.api("chat_update", channel="COPS", ts=reply["ts"], text="better", blocks=[])
    check("an update tells the new text", (changed["text"], changed["ts"]), ("better", reply["ts"]))
    seen = people.message("ops", reply["ts"])
    check("people see it edited", (seen["text"], seen["edits"], seen["thread_ts"]), ("better", 1, parent["ts"]))
    quiet = bot.api("chat_postEphemeral", **thread, user="UMAYA", text="only you")
    check("an ephemeral message has a message_ts", "message_ts" in quiet and "ts" not in quiet)
    seen = people.sees("maya", "ops", "only you", ephemeral="true")
    check("in the thread", seen["thread_ts"], parent["ts"])
    check("nobody else sees it", [m for m in people.visible("omar", "ops") if m["text"] == "only you"], [])
    error = bot.refused("chat_update", channel="COPS", ts=quiet["message_ts"], text="no")
    check("it cannot be updated", error["error"], "message_not_found")
    bot.api("chat_delete", channel="COPS", ts=reply["ts"])
    check("what is deleted is gone", people.message("ops", reply["ts"])["deleted"])
    told = bot.api("chat_postMessage", channel="UMAYA", text="by user id")
    check("a user's id opens the direct conversation", told["channel"], "DMAYA")


def reactions_are_added_once(bot, people):
    said = people.says("maya", "ops", "nice")
    react = {"channel": "COPS", "timestamp": said["ts"], "name": "eyes"}
    bot.api("reactions_add", **react)
    check("people see it", people.message("ops", said["ts"])["reactions"], [{"name": "eyes", "users": ["UDRONE"]}])
    check("a second one is refused", bot.refused("reactions_add", **react)["error"], "already_reacted")
    bot.api("reactions_remove", **react)
    check("it is taken back", people.message("ops", said["ts"])["reactions"], [])
    check("once", bot.refused("reactions_remove", **react)["error"], "no_reaction")


def a_button_tells_who_pressed_it_and_where(bot, people):
    post = bot.api(
        "chat_postMessage", channel="COPS", text="Stop i-0abc?", blocks=[section("Stop?"), buttons("approve")]
    )
    sent = people.clicks("omar", "approve", channel="ops", ts=post["ts"])
    body = bot.heard.take("action")
    check("the press names who", (body["user"]["id"], body["user"]["username"]), ("UOMAR", "omar"))
    action = body["actions"][0]
    pressed = tuple(action[key] for key in ["action_id", "block_id", "type", "value"])
    check("and what", pressed, ("approve", "buttons", "button", "approve-value"))
    container = {"type": "message", "message_ts": post["ts"], "channel_id": "COPS", "is_ephemeral": False}
    check("and where", body["container"], container)
    check("with the message", body["message"]["ts"], post["ts"])
    check(
        "and what comes of it", (body["trigger_id"], body["response_url"]), (sent["trigger_id"], sent["response_url"])
    )
    seen = people.sees("maya", "ops", "approved by <@UOMAR>")
    check("its response_url replaces the message", (seen["ts"], seen["edits"]), (post["ts"], 1))
    check("the ack counts", people.acked(sent["envelope_id"])["ignored"], None)
    quiet = bot.api("chat_postEphemeral", channel="COPS", user="UMAYA", text="Yours?", blocks=[buttons("approve")])
    people.clicks("maya", "approve", channel="ops", ts=quiet["message_ts"])
    body = bot.heard.take("action")
    check("a button of an ephemeral message says so", body["container"]["is_ephemeral"])
    check("and carries no message", "message" in body, False)
    people.sees("maya", "ops", "approved by <@UMAYA>", ephemeral="true")


def a_command_that_is_not_acked_fails_and_is_not_sent_again(bot, people):
    people.slack_waits(SLACKS_OWN)
    before = people.cursor()
    people.types("maya", "ops", "silence")
    bot.heard.take("command", lambda command: command["text"] == "silence")
    seen = people.sees("maya", "ops", "operation_timeout", after=before)
    check(
        "Slack tells it",
        (seen["user"], seen["text"]),
        ("USLACKBOT", '/drone failed with the error "operation_timeout"'),
    )
    check("it is not delivered again", bot.heard.count("command", lambda c: c["text"] == "silence"), 0)


def an_ack_of_20480_bytes_is_ignored(bot, people):
    before = people.cursor()
    sent = people.types("maya", "ops", "large 20300")
    ack = people.acked(sent["envelope_id"])
    check("an ack of less counts", (ack["ignored"], ack["size"] < 20480), (None, True))
    people.sees("maya", "ops", "xxxx", after=before)
    people.slack_waits(SLACKS_OWN)
    before = people.cursor()
    sent = people.types("maya", "ops", "large 20480")
    ack = people.acked(sent["envelope_id"])
    check("an ack of more is ignored", (ack["ignored"], ack["size"] >= 20480), ("too_large", True))
    people.sees("maya", "ops", "operation_timeout", after=before)
    shown = [m["via"] for m in people.visible("maya", "ops", before)]
    check("nothing of it is shown", shown, ["slackbot"])


ALL = [
    the_app_connects_and_is_greeted,
    a_slash_command_is_answered_in_its_ack,
    mentions_and_links_in_a_command_come_escaped,
    an_ack_can_answer_in_the_channel,
    a_response_url_takes_five_answers,
    a_response_url_replaces_and_deletes,
    a_mention_is_answered_in_its_thread,
    a_direct_message_is_answered,
    messages_are_posted_changed_and_deleted_in_threads,
    reactions_are_added_once,
    a_button_tells_who_pressed_it_and_where,
    a_command_that_is_not_acked_fails_and_is_not_sent_again,
    an_ack_of_20480_bytes_is_ignored,
]

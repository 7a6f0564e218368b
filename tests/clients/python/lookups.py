"""People, groups, channels, histories, files: what the Web API tells, as the SDK's methods ask for it."""

from people import check, until
from views import buttons, section


def who_the_bot_is(bot, people):
    me = bot.api("auth_test")
    check("auth.test names the bot", (me["user_id"], me["bot_id"], me["team_id"]), ("UDRONE", "BDRONE", "TSANDBOX"))
    check("and its workspace", (me["user"], me["team"]), ("drone", "Sandbox"))


def people_are_looked_up(bot, people):
    maya = bot.api("users_info", user="UMAYA")["user"]
    check(
        "a member", (maya["id"], maya["name"], maya["is_bot"], maya["is_restricted"]), ("UMAYA", "maya", False, False)
    )
    check("has a profile", maya["profile"]["display_name"], "maya")
    check("a guest is one", bot.api("users_info", user="UGUS")["user"]["is_restricted"])
    stranger = bot.api("users_info", user="UOLGA")["user"]
    check("someone of another workspace is one", (stranger["is_stranger"], stranger["team_id"]), (True, "TOUTSIDE"))
    check("nobody is not found", bot.refused("users_info", user="UNOBODY")["error"], "user_not_found")
    ids, cursor = [], None
    while True:
        page = bot.api("users_list", limit=3, cursor=cursor)
        check("a page has no more than was asked for", len(page["members"]) <= 3)
        ids += [user["id"] for user in page["members"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    check("all pages list everybody once", sorted(ids), sorted(user["id"] for user in people.get("state")["users"]))


def groups_are_looked_up(bot, people):
    groups = bot.api("usergroups_list", include_users=True)["usergroups"]
    operators = [group for group in groups if group["handle"] == "operators"][0]
    check("a group has its members", sorted(operators["users"]), ["UMAYA", "UOMAR"])
    plain = bot.api("usergroups_list")["usergroups"]
    check("if asked for", [group for group in plain if "users" in group], [])
    members = bot.api("usergroups_users_list", usergroup=operators["id"])["users"]
    check("and alone", sorted(members), ["UMAYA", "UOMAR"])
    error = bot.refused("usergroups_users_list", usergroup="SNONE")["error"]
    check("no group is no such subteam", error, "no_such_subteam")
    people.post("group", handle="operators", disabled=True)
    check(
        "a disabled group is not listed",
        "operators" in [g["handle"] for g in bot.api("usergroups_list")["usergroups"]],
        False,
    )
    people.post("group", handle="operators", disabled=False)


def channels_are_looked_up_and_opened(bot, people):
    ops = bot.api("conversations_info", channel="COPS")["channel"]
    named = tuple(ops[key] for key in ["id", "name", "is_channel", "is_im", "is_member", "is_archived"])
    check("a channel", named, ("COPS", "ops", True, False, True, False))
    direct = bot.api("conversations_info", channel="DMAYA")["channel"]
    check("a direct conversation", (direct["is_im"], direct["user"]), (True, "UMAYA"))
    check("none is not found", bot.refused("conversations_info", channel="CNONE")["error"], "channel_not_found")
    opened = bot.api("conversations_open", users="UMAYA")
    check("opening tells the id", (opened["channel"]["id"], opened["already_open"]), ("DMAYA", True))
    opened = bot.api("conversations_open", users="UMAYA", return_im=True)["channel"]
    check("and more on request", (opened["is_im"], opened["user"]), (True, "UMAYA"))
    check("nobody cannot be opened", bot.refused("conversations_open", users="UNOBODY")["error"], "user_not_found")
    check("members are listed", "UMAYA" in bot.api("conversations_members", channel="COPS")["members"])
    check("channels are listed", "COPS" in [c["id"] for c in bot.api("conversations_list")["channels"]])
    direct = bot.api("conversations_list", types="im")["channels"]
    check("by type", all(channel["is_im"] for channel in direct) and "DMAYA" in [c["id"] for c in direct])


def what_was_said_is_read_again(bot, people):
    metadata = {"event_type": "request", "event_payload": {"id": "7F3K"}}
    parent = bot.api("chat_postMessage", channel="COPS", text="look back", metadata=metadata)["ts"]
    bot.api("chat_postMessage", channel="COPS", text="in the thread", thread_ts=parent)
    history = bot.api("conversations_history", channel="COPS", limit=1, include_all_metadata=True)["messages"]
    check("history begins with the newest", [m["text"] for m in history], ["look back"])
    check("with its metadata", history[0]["metadata"], metadata)
    check("on request", "metadata" in bot.api("conversations_history", channel="COPS", limit=1)["messages"][0], False)
    check("and its replies counted", history[0]["reply_count"], 1)
    thread = bot.api("conversations_replies", channel="COPS", ts=parent)["messages"]
    check("replies begin with the parent", [m["text"] for m in thread], ["look back", "in the thread"])


def what_slack_refuses_has_its_name(bot, people):
    people.post("channel", name="attic", id="CATTIC", archived=True)
    people.post("channel", name="elsewhere", id="CELSEWHERE", has_bot=False)
    said = people.says("maya", "ops", "mine")
    post = {"channel": "COPS", "text": "x"}
    refusals = [
        ("chat_postMessage", {**post, "channel": "CNONE"}, "channel_not_found"),
        ("chat_postMessage", {**post, "channel": "CATTIC"}, "is_archived"),
        ("chat_postMessage", {**post, "channel": "CELSEWHERE"}, "not_in_channel"),
        ("chat_postMessage", {**post, "text": ""}, "no_text"),
        ("chat_postMessage", {**post, "blocks": [section("x" * 3001)]}, "invalid_blocks"),
        ("chat_postMessage", {**post, "blocks": [section("x")] * 51}, "invalid_blocks"),
        ("chat_postMessage", {**post, "blocks": [buttons("approve", "approve")]}, "invalid_blocks"),
        ("chat_update", {**post, "ts": said["ts"]}, "cant_update_message"),
        ("chat_update", {**post, "ts": "1.000001"}, "message_not_found"),
        ("chat_postEphemeral", {**post, "user": "UNOBODY"}, "user_not_found"),
        ("reactions_add", {"channel": "COPS", "timestamp": said["ts"], "name": ":eyes:"}, "invalid_name"),
        ("chat_postMessage", {**post, "token": "xoxb-wrong"}, "invalid_auth"),
        ("chat_postMessage", {**post, "token": "xapp-sandbox"}, "not_allowed_token_type"),
    ]
    for method, arguments, error in refusals:
        response = bot.refused(method, **arguments)
        check(f"{method} says {error}", (response.status_code, response["error"]), (200, error))
    response = bot.refused("chat_postMessage", **post, blocks=[section("x" * 3001)])
    told = response["response_metadata"]["messages"]
    check(
        "and where the fault is", told, ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"]
    )
    own = bot.api("chat_postMessage", **post)["ts"]
    error = bot.refused("chat_update", channel="COPS", ts=own, text="x" * 4001)["error"]
    check("an update takes 4000 characters", error, "msg_too_long")
    long = bot.api("chat_postMessage", channel="COPS", text="x" * 40001)
    check("a text is cut at 40000", (len(long["message"]["text"]), long["warning"]), (40000, "message_truncated"))


def a_missing_scope_is_named(bot, people):
    granted = people.get("state")["settings"]["scopes"]
    people.post("settings", scopes=[scope for scope in granted if scope != "users:read"])
    response = bot.refused("users_info", user="UMAYA")
    check("what is needed", (response["error"], response["needed"]), ("missing_scope", "users:read"))
    check("beside what there is", "chat:write" in response["provided"] and "users:read" not in response["provided"])
    people.post("settings", scopes=granted)
    check("a granted scope is enough", bot.api("users_info", user="UMAYA")["user"]["id"], "UMAYA")


ALL = [
    who_the_bot_is,
    people_are_looked_up,
    groups_are_looked_up,
    channels_are_looked_up_and_opened,
    what_was_said_is_read_again,
    what_slack_refuses_has_its_name,
    a_missing_scope_is_named,
]

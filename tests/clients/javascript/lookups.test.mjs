// @slack/web-api: people, groups, channels, histories, and what Slack refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, post, refused, says } from "./people.mjs";
import { section } from "./views.mjs";
import { web } from "./web.mjs";

const client = web();

test("auth.test names the bot and its scopes", async () => {
  const me = await client.auth.test();
  assert.deepEqual([me.user_id, me.bot_id, me.team_id, me.user, me.team], ["UDRONE", "BDRONE", "TSANDBOX", "drone", "Sandbox"]);
  assert.ok(me.response_metadata.scopes.includes("chat:write"), "from the header x-oauth-scopes");
});

test("people are looked up", async () => {
  const { user: maya } = await client.users.info({ user: "UMAYA" });
  assert.deepEqual([maya.id, maya.name, maya.profile.display_name, maya.is_bot, maya.is_restricted], ["UMAYA", "maya", "maya", false, false]);
  assert.equal((await client.users.info({ user: "UGUS" })).user.is_restricted, true);
  assert.equal((await client.users.info({ user: "UOLGA" })).user.team_id, "TOUTSIDE");
  assert.equal(await refused(client.users.info({ user: "UNOBODY" })), "user_not_found");
  const ids = [];
  for await (const page of client.paginate("users.list", { limit: 3 })) {
    assert.ok(page.members.length <= 3);
    ids.push(...page.members.map((member) => member.id));
  }
  assert.deepEqual(ids.sort(), (await get("state")).users.map((user) => user.id).sort());
});

test("groups are looked up", async () => {
  const { usergroups } = await client.usergroups.list({ include_users: true });
  const operators = usergroups.find((group) => group.handle === "operators");
  assert.deepEqual(operators.users.sort(), ["UMAYA", "UOMAR"]);
  assert.deepEqual((await client.usergroups.users.list({ usergroup: operators.id })).users.sort(), ["UMAYA", "UOMAR"]);
  assert.equal(await refused(client.usergroups.users.list({ usergroup: "SNONE" })), "no_such_subteam");
});

test("channels are looked up and opened", async () => {
  const { channel } = await client.conversations.info({ channel: "COPS" });
  assert.deepEqual([channel.id, channel.name, channel.is_channel, channel.is_im, channel.is_member], ["COPS", "ops", true, false, true]);
  assert.equal(await refused(client.conversations.info({ channel: "CNONE" })), "channel_not_found");
  const opened = await client.conversations.open({ users: "UMAYA", return_im: true });
  assert.deepEqual([opened.channel.id, opened.channel.is_im, opened.already_open], ["DMAYA", true, true]);
  assert.ok((await client.conversations.members({ channel: "COPS" })).members.includes("UMAYA"));
});

test("what was said is read again", async () => {
  const metadata = { event_type: "request", event_payload: { id: "7F3K" } };
  const { ts } = await client.chat.postMessage({ channel: "COPS", text: "look back", metadata });
  await client.chat.postMessage({ channel: "COPS", text: "in the thread", thread_ts: ts });
  const { messages } = await client.conversations.history({ channel: "COPS", limit: 1, include_all_metadata: true });
  assert.deepEqual([messages[0].text, messages[0].metadata, messages[0].reply_count], ["look back", metadata, 1]);
  const thread = await client.conversations.replies({ channel: "COPS", ts });
  assert.deepEqual(thread.messages.map((m) => m.text), ["look back", "in the thread"]);
});

test("what Slack refuses has its name", async () => {
  await post("channel", { name: "attic", id: "CATTIC", archived: true });
  await post("channel", { name: "elsewhere", id: "CELSEWHERE", has_bot: false });
  const said = await says("maya", "ops", "mine");
  const say = (more, by = client) => refused(by.chat.postMessage({ channel: "COPS", text: "x", ...more }));
  assert.equal(await say({ channel: "CNONE" }), "channel_not_found");
  assert.equal(await say({ channel: "CATTIC" }), "is_archived");
  assert.equal(await say({ channel: "CELSEWHERE" }), "not_in_channel");
  assert.equal(await say({ text: "" }), "no_text");
  assert.equal(await say({ blocks: [section("x".repeat(3001))] }), "invalid_blocks");
  assert.equal(await say({}, web("xoxb-wrong")), "invalid_auth");
  assert.equal(await say({}, web("xapp-sandbox")), "not_allowed_token_type");
  assert.equal(await refused(client.chat.update({ channel: "COPS", ts: said.ts, text: "x" })), "cant_update_message");
  const own = await client.chat.postMessage({ channel: "COPS", text: "x" });
  assert.equal(await refused(client.chat.update({ channel: "COPS", ts: own.ts, text: "x".repeat(4001) })), "msg_too_long");
  const long = await client.chat.postMessage({ channel: "COPS", text: "x".repeat(40_001) });
  assert.deepEqual([long.message.text.length, long.warning, long.response_metadata.warnings], [40_000, "message_truncated", ["message_truncated"]]);
});

test("a missing scope is named", async () => {
  const { scopes } = (await get("state")).settings;
  await post("settings", { scopes: scopes.filter((scope) => scope !== "users:read") });
  await assert.rejects(client.users.info({ user: "UMAYA" }), ({ data }) => {
    assert.deepEqual([data.error, data.needed], ["missing_scope", "users:read"]);
    return true;
  });
  await post("settings", { scopes });
  assert.equal((await client.users.info({ user: "UMAYA" })).user.id, "UMAYA");
});

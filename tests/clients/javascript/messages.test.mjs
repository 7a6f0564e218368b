// @slack/bolt: slash commands, mentions, direct messages, response URLs and messages in threads.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { app, heard } from "./app.mjs";
import {
  PATIENT, SLACKS_OWN, acked, calls, clicks, cursor, get, links, message, post, refused, says, sees, slackWaits, texts, types, until, visible,
} from "./people.mjs";
import { buttons, section } from "./views.mjs";

before(async () => {
  await slackWaits(PATIENT);
  await app.start();
});
after(() => app.stop());
afterEach(() => {
  assert.deepEqual(heard.items.filter((item) => item.kind === "error"), []);
  heard.clear();
});

const { client } = app;

test("the app connects and is greeted", async () => {
  await until("one connection is ready", async () => (await links()).length === 1);
  assert.equal((await calls("apps.connections.open")).length, 1);
  assert.ok((await calls("auth.test")).length >= 1);
});

test("a slash command is answered in its ack", async () => {
  const start = await cursor();
  const sent = await types("maya", "ops", "echo hi & <bye>");
  const command = await heard.take("command");
  const wanted = {
    command: "/drone", text: "echo hi &amp; &lt;bye&gt;", user_id: "UMAYA", user_name: "maya", channel_id: "COPS", channel_name: "ops",
    team_id: "TSANDBOX", trigger_id: sent.trigger_id, response_url: sent.response_url, is_enterprise_install: "false",
  };
  assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((key) => [key, command[key]])), wanted);
  const seen = await sees("maya", "ops", "You said hi", start);
  assert.deepEqual([seen.via, seen.ephemeral, seen.bot_id], ["ack", true, "BDRONE"]);
  const ack = await acked(sent.envelope_id);
  assert.deepEqual([ack.ignored, ack.type], [null, "slash_commands"]);
  assert.ok(ack.latency_ms < PATIENT);
  assert.deepEqual(await texts("omar", "ops", start), [], "nobody else sees it");
});

test("an ack can answer in the channel", async () => {
  const start = await cursor();
  await types("maya", "ops", "public all hands");
  const seen = await sees("omar", "ops", "all hands", start, { from: "bot" });
  assert.deepEqual([seen.ephemeral, seen.via, seen.blocks[0].text.text], [false, "ack", "all hands"]);
  assert.deepEqual(await texts("omar", "ops", start), ["/drone public all hands", "all hands"]);
});

test("a response_url takes five answers", async () => {
  const start = await cursor();
  await types("maya", "ops", "respond 6");
  const answers = [];
  for (let n = 0; n < 6; n++) answers.push(await heard.take("responded"));
  assert.deepEqual(answers.slice(0, 5), [200, 200, 200, 200, 200]);
  assert.match(answers[5], /404/);
  assert.deepEqual(await texts("maya", "ops", start), [1, 2, 3, 4, 5].map((n) => `answer ${n}`));
});

test("a response_url replaces and deletes", async () => {
  const start = await cursor();
  await types("maya", "ops", "replace");
  const seen = await sees("maya", "ops", "final", start);
  assert.deepEqual([seen.edits, seen.history[0].text], [1, "draft"]);
  await types("maya", "ops", "delete");
  assert.equal((await sees("omar", "ops", "all can read this", start)).ephemeral, false);
  const left = (await visible("maya", "ops", start)).filter((m) => !m.deleted).map((m) => m.text);
  assert.deepEqual(left, ["final", "all can read this"]);
});

test("a mention is answered in its thread", async () => {
  const start = await cursor();
  const said = await says("maya", "ops", "@drone are you there?");
  const { event, event_id, authorizations } = await heard.take("mention");
  assert.deepEqual([event.user, event.channel, event.ts, event.text], ["UMAYA", "COPS", said.ts, "<@UDRONE> are you there?"]);
  assert.deepEqual([event_id, authorizations[0].user_id, event.blocks[0].type], [said.event_id, "UDRONE", "rich_text"]);
  assert.equal((await sees("omar", "ops", "Hello <@UMAYA>", start)).thread_ts, said.ts);
  await says("omar", "ops", "@drone and now?", { thread_ts: said.ts });
  assert.equal((await heard.take("mention")).event.thread_ts, said.ts);
  assert.equal((await sees("omar", "ops", "Hello <@UOMAR>", start)).thread_ts, said.ts);
});

test("a direct message is answered, and the bot does not talk to itself", async () => {
  const start = await cursor();
  const said = await says("maya", "dm", "status?");
  const event = await heard.take("message");
  assert.deepEqual([event.channel_type, event.channel, event.user, event.text, event.ts], ["im", "DMAYA", "UMAYA", "status?", said.ts]);
  assert.equal((await sees("maya", "dm", "You wrote: status?", start)).bot_id, "BDRONE");
  const next = await says("maya", "dm", "and now?");
  await sees("maya", "dm", "You wrote: and now?", start);
  assert.deepEqual(await texts("maya", "dm", start), ["status?", "You wrote: status?", "and now?", "You wrote: and now?"]);
  assert.equal((await acked(next.envelope_id)).ignored, null);
});

test("messages are posted, changed and deleted in threads", async () => {
  const channel = "COPS";
  const parent = await client.chat.postMessage({ channel, text: "parent" });
  assert.equal(parent.message.text, "parent");
  const thread_ts = parent.ts;
  const reply = await client.chat.postMessage({ channel, thread_ts, text: "reply", blocks: [section("reply"), buttons("approve")] });
  assert.equal(reply.message.thread_ts, thread_ts);
  assert.ok(reply.message.blocks.every((block) => block.block_id));
  const changed = await client.chat.update({ channel, ts: reply.ts, text: "better", blocks: [] });
  assert.deepEqual([changed.text, changed.ts], ["better", reply.ts]);
  const seen = await message("ops", reply.ts);
  assert.deepEqual([seen.text, seen.edits, seen.thread_ts], ["better", 1, thread_ts]);
  await client.chat.postEphemeral({ channel, thread_ts, user: "UMAYA", text: "only you" });
  assert.equal((await sees("maya", "ops", "only you", 0, { ephemeral: true })).thread_ts, thread_ts);
  assert.ok(!(await texts("omar", "ops")).includes("only you"));
  await client.chat.delete({ channel, ts: reply.ts });
  assert.equal((await message("ops", reply.ts)).deleted, true);
});

test("reactions are added once", async () => {
  const { ts } = await says("maya", "ops", "nice");
  const react = { channel: "COPS", timestamp: ts, name: "eyes" };
  await client.reactions.add(react);
  assert.deepEqual((await message("ops", ts)).reactions, [{ name: "eyes", users: ["UDRONE"] }]);
  assert.equal(await refused(client.reactions.add(react)), "already_reacted");
  await client.reactions.remove(react);
  assert.equal(await refused(client.reactions.remove(react)), "no_reaction");
});

test("a button tells who pressed it and where", async () => {
  const post = await client.chat.postMessage({ channel: "COPS", text: "Stop i-0abc?", blocks: [section("Stop?"), buttons("approve")] });
  const sent = await clicks("omar", "approve", { channel: "ops", ts: post.ts });
  const body = await heard.take("action");
  assert.deepEqual([body.user.id, body.channel.id, body.message.ts, body.trigger_id], ["UOMAR", "COPS", post.ts, sent.trigger_id]);
  const [action] = body.actions;
  assert.deepEqual([action.action_id, action.block_id, action.type, action.value], ["approve", "buttons", "button", "approve-value"]);
  assert.deepEqual(body.container, { type: "message", message_ts: post.ts, channel_id: "COPS", is_ephemeral: false });
  const seen = await sees("maya", "ops", "approved by <@UOMAR>");
  assert.deepEqual([seen.ts, seen.edits], [post.ts, 1]);
  assert.equal((await acked(sent.envelope_id)).ignored, null);
});

test("a command that is not acked fails and is not sent again", async () => {
  await slackWaits(SLACKS_OWN);
  const start = await cursor();
  await types("maya", "ops", "silence");
  await heard.take("command");
  const seen = await sees("maya", "ops", "operation_timeout", start);
  assert.deepEqual([seen.user, seen.text], ["USLACKBOT", '/drone failed with the error "operation_timeout"']);
  assert.equal(heard.count("command"), 0);
  await slackWaits(PATIENT);
});

test("an ack of 20,480 bytes is ignored", async () => {
  let start = await cursor();
  let sent = await types("maya", "ops", "large 20300");
  let ack = await acked(sent.envelope_id);
  assert.deepEqual([ack.ignored, ack.size < 20480], [null, true]);
  await sees("maya", "ops", "xxxx", start);
  await slackWaits(SLACKS_OWN);
  start = await cursor();
  sent = await types("maya", "ops", "large 20480");
  ack = await acked(sent.envelope_id);
  assert.deepEqual([ack.ignored, ack.size >= 20480], ["too_large", true]);
  await sees("maya", "ops", "operation_timeout", start);
  assert.deepEqual((await visible("maya", "ops", start)).map((m) => m.via), ["slackbot"]);
});

test("no event of this file was delivered twice", async () => {
  const { acks, pending } = await get("acks");
  assert.deepEqual(pending, []);
  const ids = acks.map((ack) => ack.envelope_id);
  assert.equal(new Set(ids).size, ids.length);
  await post("faults/clear");
});

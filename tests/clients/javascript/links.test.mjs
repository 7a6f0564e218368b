// @slack/socket-mode: hello, tickets, redelivery, several connections, odd frames.

import assert from "node:assert/strict";
import { get as httpGet } from "node:http";
import { after, before, test } from "node:test";
import { client, connect, delivered, heard, settings } from "./link.mjs";
import { acked, clicks, cursor, get, links, post, says, sees, until } from "./people.mjs";
import { buttons } from "./views.mjs";
import { web } from "./web.mjs";

const first = client(0);
before(() => connect(first));
after(() => first.disconnect());

test("hello comes first", async () => {
  const hello = JSON.parse((await heard.take("frame")).data);
  assert.deepEqual([hello.type, hello.num_connections, hello.connection_info.app_id], ["hello", 1, "ADRONE00001"]);
  assert.equal(hello.debug_info.approximate_connection_time, 18060);
});

test("an event that is not acked is delivered again", async () => {
  settings.acks = ({ retry_num }) => retry_num > 0;
  const said = await says("maya", "dm", "are you listening?");
  const begun = performance.now();
  const once = await heard.take("envelope");
  const again = await heard.take("envelope");
  assert.deepEqual([once.retry_num, once.retry_reason, again.retry_num, again.retry_reason], [0, "", 1, "timeout"]);
  assert.ok(performance.now() - begun > 2800);
  assert.deepEqual([once.body.event_id, again.body], [said.event_id, once.body]);
  assert.notEqual(once.envelope_id, again.envelope_id);
  assert.equal(once.accepts_response_payload, false);
  await until("nothing waits any more", async () => (await get("acks")).pending.length === 0);
  settings.acks = () => true;
});

test("the identical envelope can come twice", async () => {
  await says("maya", "dm", "once");
  const once = await heard.take("envelope");
  await acked(once.envelope_id);
  await post("redeliver", { envelope_id: once.envelope_id, identical: true });
  const again = await heard.take("envelope");
  assert.deepEqual([again.envelope_id, again.retry_num, again.body], [once.envelope_id, 0, once.body]);
});

test("a click that is not acked is lost", async () => {
  const { ts } = await web().chat.postMessage({ channel: "COPS", text: "Go?", blocks: [buttons("approve")] });
  settings.acks = () => false;
  const start = await cursor();
  await clicks("maya", "approve", { channel: "ops", ts });
  const click = await heard.take("envelope");
  assert.deepEqual([click.type, click.retry_num, click.accepts_response_payload], ["interactive", undefined, true]);
  await sees("maya", "ops", "operation_timeout", start);
  assert.equal(heard.count("envelope"), 0);
  settings.acks = () => true;
});

test("a ticket opens one connection", async () => {
  const { url } = await web("xapp-sandbox").apps.connections.open();
  const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": 13, "sec-websocket-key": "MDEyMzQ1Njc4OWFiY2RlZg==" };
  const dial = () => new Promise((resolve, reject) => {
    const request = httpGet(url.replace("ws:", "http:"), { headers, agent: false });
    request.on("upgrade", (response, socket) => { socket.destroy(); resolve(response.statusCode); });
    request.on("response", (response) => { response.resume(); resolve(response.statusCode); });
    request.on("error", reject);
  });
  assert.deepEqual([await dial(), await dial()], [101, 404]);
  await until("only the first is left", async () => (await links()).length === 1);
});

test("tokens are checked", async () => {
  await assert.rejects(client(9, "xapp-wrong").start(), (error) => error.data.error === "invalid_auth");
});

test("each envelope goes to one of several connections", async () => {
  const second = client(1);
  await connect(second);
  const hello = await heard.take("frame", ({ number }) => number === 1);
  assert.equal(JSON.parse(hello.data).num_connections, 2);
  const sent = new Set();
  for (let n = 0; n < 40; n++) sent.add((await says("maya", "dm", `number ${n}`)).event_id);
  const got = [];
  for (let n = 0; n < 40; n++) got.push(await heard.take("envelope", ({ body }) => sent.has(body.event_id)));
  assert.deepEqual(new Set(got.map(({ body }) => body.event_id)), sent);
  assert.deepEqual(new Set(got.map(({ number }) => number)), new Set([0, 1]));
  await second.disconnect();
  await until("one is left", async () => (await links()).length === 1);
});

test("odd frames do not end a connection", async () => {
  const link = await links();
  for (const odd of [{ text: "{not json" }, { text: "hello?" }, { binary: "bytes" }]) await post("envelope", odd);
  await post("envelope", { json: { type: "tomorrow", envelope_id: "E1", payload: { a: 1 } } });
  assert.equal((await heard.take("envelope", ({ envelope_id }) => envelope_id === "E1")).type, "tomorrow");
  const parts = JSON.stringify({ type: "in_parts", envelope_id: "E2", payload: {} });
  await post("envelope", { fragments: [parts.slice(0, 9), parts.slice(9)] });
  await heard.take("envelope", ({ envelope_id }) => envelope_id === "E2");
  await delivered("after odd frames");
  assert.deepEqual(await links(), link);
});

test("pings are answered both ways", async () => {
  const link = async () => (await get("connections")).connections[0];
  const before = (await link()).pongs;
  await post("envelope", { ping: "are you there?" });
  await until("the SDK answers a ping", async () => (await link()).pongs > before);
  await until("and its own is answered", async () => (await link()).answered > 0);
});

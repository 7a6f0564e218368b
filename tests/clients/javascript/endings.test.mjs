// @slack/socket-mode: every way in which Slack ends a connection. The clients lose theirs at the same time, each in its
// way, while people write; each comes back by itself, and no event is lost.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { client, connect, delivered, heard } from "./link.mjs";
import { calls, get, links, NEVER, post, says, until } from "./people.mjs";

const ENDINGS = [
  { socket: "disconnect", reason: "warning" },
  { socket: "disconnect", reason: "refresh_requested", close_after_ms: 0 },
  { socket: "disconnect", reason: "link_disabled" },
  { socket: "disconnect", reason: "too_many_websockets" },
  { socket: "close" },
  { socket: "drop" },
  { socket: "reset" },
];
/** The client says goodbye, waits, and dials again: this takes it ten seconds and more. */
const BACK = 3 * NEVER;
// the last one stays: Slack gives an event up after its retries when nobody is there
const clients = [...ENDINGS, null].map((_, number) => client(number));
after(() => Promise.all(clients.map((made) => made.disconnect())));

test("connections that end in any way are replaced, and no event is lost", async () => {
  const old = [];
  for (const made of clients) old.push(await connect(made));
  heard.clear();
  const sent = new Set();
  const write = async () => { for (let n = 0; n < 20; n++) sent.add((await says("maya", "dm", `${sent.size}`)).event_id); };
  await write();
  for (const [number, fault] of ENDINGS.entries()) await post("fault", { connection: old[number], ...fault });
  await write();
  for (const number of ENDINGS.keys()) await heard.take("connected", (which) => which === number, BACK);
  const now = await until("all are ready, the broken links are not", async () => {
    const open = await links();
    return open.length === clients.length && open.filter((id) => old.includes(id)).length === 1 && open;
  });
  assert.ok(now.includes(old.at(-1)), "the link that nobody broke is the old one");
  for (const missing of sent) await heard.take("envelope", ({ body }) => body.event_id === missing);
  assert.ok((await calls("apps.connections.open")).length >= clients.length + ENDINGS.length, "each by a new ticket");
});

test("silence, a disconnect before hello and a refused upgrade are survived", async () => {
  heard.clear();
  const [half_open, a, b] = await links();
  await post("fault", { dial: { disconnect: "refresh_requested" } });
  await post("fault", { dial: { refuse: 503 } });
  for (const connection of [a, b]) await post("fault", { connection, socket: "disconnect", reason: "refresh_requested", close_after_ms: 0 });
  await post("fault", { connection: half_open, socket: "half_open" });
  await until("all are back, and Slack still counts the half-open link", async () => {
    const open = await links();
    return open.length === clients.length + 1 && open.includes(half_open) && !open.includes(a) && !open.includes(b);
  }, BACK);
  await post("faults/clear");
  await until("until it can read again", async () => !(await links()).includes(half_open));
  await delivered("after all");
  await until("nothing waits any more", async () => (await get("acks")).pending.length === 0);
});

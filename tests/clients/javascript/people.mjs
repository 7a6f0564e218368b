// The people of the sandbox: what they do and what they see, by its control API. And what the SDK gave to its handlers.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

export const SANDBOX = process.env.SANDBOX;
export const API = `${SANDBOX}/api/`;
/** Milliseconds after which something that was to happen counts as never. */
export const NEVER = 25_000;
/** Milliseconds that Slack waits for an acknowledgement, and in which a trigger opens a form. */
export const SLACKS_OWN = 3_000;
/** The same where a test is not about them: a machine that stands still for a moment is no fault of the SDK's. */
export const PATIENT = 20_000;

async function call(path, options) {
  const response = await fetch(`${SANDBOX}/control/${path}`, options);
  return response.json();
}

export async function post(path, body = {}) {
  const answer = await call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  assert.ok(answer.ok, `the sandbox refused control/${path} ${JSON.stringify(body)}: ${answer.error}`);
  return answer;
}

export const get = (path, query = {}) => call(`${path}?${new URLSearchParams(query)}`);

/** Waits until `holds` gives something true; for what nobody tells. */
export async function until(what, holds, timeout = NEVER) {
  const deadline = performance.now() + timeout;
  for (;;) {
    const found = await holds();
    if (found) return found;
    assert.ok(performance.now() < deadline, `never: ${what}`);
    await pause(20);
  }
}

/** What the SDK gave to its handlers. */
export class Inbox {
  items = [];
  waiting = new Set();

  put(kind, value) {
    this.items.push({ kind, value });
    for (const wake of this.waiting) wake();
  }

  /** Waits for something of this kind and takes it out. */
  async take(kind, where = () => true, timeout = NEVER) {
    const deadline = performance.now() + timeout;
    for (;;) {
      const index = this.items.findIndex((item) => item.kind === kind && where(item.value));
      if (index >= 0) return this.items.splice(index, 1)[0].value;
      const left = deadline - performance.now();
      const got = JSON.stringify(this.items.slice(-5)).slice(0, 1500);
      assert.ok(left > 0, `the handlers never got "${kind}"; the last of ${this.items.length} others: ${got}`);
      await this.change(left);
    }
  }

  change(timeout) {
    return new Promise((resolve) => {
      const done = () => { clearTimeout(timer); this.waiting.delete(done); resolve(); };
      const timer = setTimeout(done, timeout);
      this.waiting.add(done);
    });
  }

  count(kind, where = () => true) {
    return this.items.filter((item) => item.kind === kind && where(item.value)).length;
  }

  clear() {
    this.items = [];
  }
}

/** For how long Slack waits from now on: `SLACKS_OWN` or `PATIENT`. */
export const slackWaits = (ms) => post("settings", { ack_timeout_ms: ms, trigger_ms: ms });

export const cursor = async () => (await get("state")).cursor;
/** A person writes a message; all that is known of it. */
export const says = (user, channel, text, more = {}) => post("say", { user, channel, text, ...more });
/** A person types `/drone text`. */
export const types = (user, channel, text) => post("slash", { user, channel, command: "/drone", text });
/** A person presses a button: of a message (`channel`, `ts`) or of a view (`view_id`). */
export const clicks = (user, action_id, where) => post("click", { user, action_id, ...where });
export const submits = (user, values, more = {}) => post("submit", { user, values, ...more });

/** Waits until this person sees a message with these words; the message. */
export async function sees(user, channel, contains, after = 0, more = {}) {
  const answer = await get("wait", { user, channel, contains, after, timeout_ms: NEVER, ...more });
  assert.ok(answer.ok, `${user} never saw "${contains}" in ${channel}: ${JSON.stringify(answer)}`);
  return answer.message;
}

/** Everything this person sees there. */
export const visible = async (user, channel, since = 0) => (await get("messages", { user, channel, since })).messages;
export const texts = async (user, channel, since = 0) => (await visible(user, channel, since)).map((m) => m.text);
/** A message as it is now. */
export const message = async (channel, ts) => (await get("messages", { channel })).messages.find((m) => m.ts === ts);
export const calls = async (method) => (await get("log", { method, limit: 5000 })).calls;

/** Waits for an ack of this envelope; the ack. */
export const acked = (envelope_id) => until("the envelope is acknowledged", async () => (await get("acks", { envelope_id })).acks[0]);

/** The ids of the connections that get envelopes. */
export async function links() {
  const { connections } = await get("connections");
  return connections.filter((link) => link.ready && !link.closing).map((link) => link.id);
}

/** The modals that this person sees now, the top one last. */
export const views = async (user) => (await get("views", { user })).views;
export const home = async (user) => (await get("views", { user })).home;
export const seesModal = (user, title) =>
  until(`${user} sees the modal ${title}`, async () => {
    const top = (await views(user)).at(-1);
    return top?.title.text === title && top;
  });
export const seesNoModal = (user) => until(`${user} sees no modal`, async () => (await views(user)).length === 0);

/** The Slack error's name with which a call is refused. */
export async function refused(calling) {
  try {
    await calling;
  } catch (error) {
    return error.data?.error ?? error.message;
  }
  return "nothing: it was done";
}

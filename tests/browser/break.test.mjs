// The panel that breaks things: what a press of each switch does to the bot, and what the page says of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SANDBOX, app, control, fits, link, person, picture, told } from "./support.mjs";

const status = (page, words) => page.locator("#status-text").filter({ hasText: words }).waitFor();

async function panel(page) {
  await page.getByRole("button", { name: "Break things" }).click();
  const found = page.getByRole("complementary", { name: "Break things" });
  await found.waitFor();
  return found;
}

async function posts(text) {
  const headers = { authorization: "Bearer xoxb-sandbox", "content-type": "application/json; charset=utf-8" };
  const response = await fetch(`${SANDBOX}/api/chat.postMessage`, { method: "POST", headers, body: JSON.stringify({ channel: "COPS", text }) });
  return { status: response.status, wait: response.headers.get("retry-after"), ...(await response.json().catch(() => ({}))) };
}

/** Waits until this setting has this value. */
const settled = (page, key, value) => page.waitForFunction(async ([name, wanted]) => {
  const { settings } = await (await fetch("/control/state")).json();
  return JSON.stringify(settings[name]) === JSON.stringify(wanted);
}, [key, value]);

/** What the panel offers: a table of a test has an entry for each of them, so that none is left out. */
const offers = async (where, table) => assert.deepEqual((await where.allTextContents()).sort(), Object.keys(table).sort());

const seen = async (text) => (await control("messages?channel=ops")).messages.filter((message) => message.text === text).length;

test("a cut link is seen: the page says that the bot is offline, and online when it is back", async () => {
  const first = await app();
  const maya = await person("UMAYA");
  await status(maya, "bot online: 1 link");
  const breaks = await panel(maya);
  await breaks.getByRole("button", { name: "Drop TCP" }).click();
  await first.closed;
  await status(maya, "bot offline");
  await told(maya, "no link to break", () => breaks.getByRole("button", { name: "TCP reset" }).click());
  await app();
  await status(maya, "bot online: 1 link");
});

test("one of two links is made half open, and thawed", async () => {
  await app();
  await app();
  const maya = await person("UMAYA");
  await status(maya, "bot online: 2 links");
  const breaks = await panel(maya);
  const which = breaks.getByLabel("Link", { exact: true });
  const [, second] = await which.locator("option").evaluateAll((list) => list.slice(1).map((option) => option.value));
  await which.selectOption(second);
  await breaks.getByRole("button", { name: "Half open" }).click();
  await status(maya, "bot online: 1 link, 1 broken");
  assert.match(await which.locator(`option[value="${second}"]`).textContent(), /half open/);
  assert.equal(await which.inputValue(), second, "the choice stays");
  await picture(maya, "break");
  await breaks.getByRole("button", { name: "Thaw" }).click();
  await status(maya, /^bot online: 2 links$/);
});

test("each reason to disconnect reaches the bot, and each kind of frame", async () => {
  const bot = await app();
  const maya = await person("UMAYA");
  const breaks = await panel(maya);
  await breaks.getByLabel("Milliseconds until the close frame").fill("600000");
  const reasons = ["warning", "refresh_requested", "link_disabled", "too_many_websockets"];
  await offers(breaks.locator("#of-reasons button"), Object.fromEntries(reasons.map((reason) => [reason, reason])));
  for (const reason of reasons) {
    await breaks.getByRole("button", { name: reason }).click();
    await bot.next((frame) => frame.type === "disconnect" && frame.reason === reason);
  }
  const came = {
    "Malformed JSON": (frame) => frame.raw === "{\"type\":", "Unknown type": (frame) => frame.type === "news", Binary: (frame) => frame.binary,
    Fragments: (frame) => frame.type === "fragmented", "No event": (frame) => frame.payload?.type === "app_rate_limited", Ping: (frame) => frame.ping === "sandbox",
  };
  await offers(breaks.locator("#of-frames button"), came);
  for (const [label, wanted] of Object.entries(came)) {
    await breaks.getByRole("button", { name: label, exact: true }).click();
    await bot.next(wanted);
  }
});

test("every switch of an open link turns something", async () => {
  const maya = await person("UMAYA");
  const breaks = await panel(maya);
  const option = (words) => breaks.locator("#which-link option").filter({ hasText: words }).waitFor({ state: "attached" });
  const shows = (words) => () => option(words);
  const cuts = (bot) => bot.closed;
  const turned = {
    "No pongs": shows("no pongs"), "No pings": shows("no pings"), "Ignore pongs": shows("pongs ignored"), "Half open": shows("half open"), Thaw: shows(/^link \d+$/),
    "Close frame": cuts, "Close, no FIN": () => status(maya, /^bot offline$/), "TCP reset": cuts, "Drop TCP": cuts,
  };
  await offers(breaks.locator("#of-links button"), turned);
  for (const [label, turns] of Object.entries(turned)) {
    const bot = await app();
    await option(/^link \d+$/);
    await told(maya, /^armed$/, () => breaks.getByRole("button", { name: label, exact: true }).click());
    await turns(bot);
    bot.socket.terminate();
    await control("reset", { connections: true });
    await status(maya, /^bot offline$/);
  }
});

test("a link is pinged as often as is said, and all links otherwise", async () => {
  const bot = await app();
  const maya = await person("UMAYA");
  const breaks = await panel(maya);
  // as often as a busy machine can answer: who leaves three unanswered is cut off
  const pings = async (since) => { for (let n = 0; n < 5; n++) await bot.next((frame) => frame.ping?.startsWith("Ping from")); return performance.now() - since; };
  await breaks.getByLabel("Milliseconds between pings of the link, 0 as all").fill("400");
  await told(maya, "armed", () => breaks.getByRole("button", { name: "Set cadence" }).click());
  await breaks.locator("#which-link option").filter({ hasText: "pinged every 400 ms" }).waitFor({ state: "attached" });
  assert.ok(await pings(performance.now()) < 10_000);
  await told(maya, "mended", () => breaks.getByRole("button", { name: "Mend everything" }).click());
  await breaks.getByLabel("Milliseconds between pings of all links").fill("300");
  await breaks.getByLabel("Milliseconds between pings of all links").press("Tab");
  await settled(maya, "ping_ms", 300);
  assert.ok(await pings(performance.now()) < 10_000);
  await breaks.getByLabel("Milliseconds between pings of all links").fill("10000");
  await breaks.getByLabel("Milliseconds between pings of all links").press("Tab");
  await settled(maya, "ping_ms", 10000);
});

test("the next connection meets what was armed, as often as was said", async () => {
  const maya = await person("UMAYA");
  const breaks = await panel(maya);
  const arm = async (what, value, times = "1") => {
    await breaks.getByLabel("What the next connection meets").selectOption(what);
    await breaks.getByLabel("Value for the connection").fill(value);
    await breaks.getByLabel("Connections, 0 for all").fill(times);
    await told(maya, "armed", () => breaks.getByRole("button", { name: "Arm the dial" }).click());
  };
  const hello = (frame) => frame.type === "hello";
  const meets = {
    "Disconnect before hello": async (label) => {
      await arm(label, "link_disabled");
      const { type, reason } = await (await link()).next(() => true);
      assert.deepEqual([type, reason], ["disconnect", "link_disabled"]);
    },
    "Hello with a count": async (label) => {
      await arm(label, "7");
      assert.equal((await (await link()).next(hello)).num_connections, 7);
    },
    "Refuse (status)": async (label) => {
      await arm(label, "503", "2");
      for (const refused of [await link(), await link()]) await refused.closed;
    },
    "No hello": async (label) => {
      await arm(label, "");
      const silent = await link();
      await maya.waitForFunction(async () => (await (await fetch("/control/connections")).json()).connections.length > 0);
      const { connections } = await control("connections");
      const { id, ready } = connections.at(-1);
      await control("envelope", { connection: id, json: { type: "marker" } });
      assert.deepEqual([ready, (await silent.next(() => true)).type], [false, "marker"]);
    },
    "Late hello (ms)": async (label) => {
      await arm(label, "700");
      const begun = performance.now();
      await (await link()).next(hello);
      assert.ok(performance.now() - begun >= 690);
    },
  };
  await offers(breaks.getByLabel("What the next connection meets").locator("option"), meets);
  for (const [label, met] of Object.entries(meets)) {
    await met(label);
    await control("reset", { connections: true });
    await status(maya, /^bot offline$/);
  }
  await breaks.getByLabel("Ghosts").fill("4");
  await told(maya, "armed", () => breaks.getByRole("button", { name: "Set ghosts" }).click());
  assert.equal((await (await link()).next(hello)).num_connections, 5);
});

test("a call of the Web API fails in each way, and is done where only its answer is lost", async () => {
  const maya = await person("UMAYA");
  const breaks = await panel(maya);
  const fails = {
    "Slack error": ["is_archived", async (text) => assert.equal((await posts(text)).error, "is_archived"), 0],
    "HTTP status": ["502", async (text) => assert.equal((await posts(text)).status, 502), 0],
    "Retry-After (s)": ["9", async (text) => { const { status: code, wait } = await posts(text); assert.deepEqual([code, wait], [429, "9"]); }, 0],
    "Hang (ms)": ["700", async (text) => { const begun = performance.now(); assert.equal((await posts(text)).ok, true); assert.ok(performance.now() - begun >= 690); }, 1],
    "No JSON": ["", async (text) => { const { status: code, ok } = await posts(text); assert.deepEqual([code, ok], [200, undefined]); }, 0],
    "Answer lost": ["", (text) => assert.rejects(posts(text)), 1],
    "Connection dropped": ["", (text) => assert.rejects(posts(text)), 0],
  };
  await offers(breaks.getByLabel("Failure").locator("option"), fails);
  await breaks.getByLabel("Method").selectOption("chat.postMessage");
  for (const [label, [value, failed, shown]] of Object.entries(fails)) {
    await breaks.getByLabel("Failure").selectOption(label);
    await breaks.getByLabel("Value", { exact: true }).fill(value);
    await told(maya, "armed", () => breaks.getByRole("button", { name: "Arm", exact: true }).click());
    await failed(label);
    assert.equal(await seen(label), shown, label);
    assert.equal((await posts("again")).ok, true, "it met one call");
  }
});

test("each method of the panel is one that can fail, by each error that it offers", async () => {
  const maya = await person("UMAYA");
  const breaks = await panel(maya);
  const methods = await breaks.getByLabel("Method").locator("option").allTextContents();
  for (const wanted of ["conversations.history", "conversations.replies", "files.info", "response_url", "upload", "*"]) assert.ok(methods.includes(wanted), wanted);
  const errors = await breaks.locator("#errors option").evaluateAll((list) => list.map((option) => option.value));
  const paths = { "*": "/api/auth.test", upload: "/upload/v1/nowhere", response_url: "/commands/T/1/nowhere" };
  await breaks.getByLabel("Failure").selectOption("Slack error");
  for (let n = 0; n < Math.max(methods.length, errors.length); n++) {
    const [method, error] = [methods[n % methods.length], errors[n % errors.length]];
    await breaks.getByLabel("Method").selectOption(method);
    await breaks.getByLabel("Value", { exact: true }).fill(error);
    await told(maya, "armed", () => breaks.getByRole("button", { name: "Arm", exact: true }).click());
    const answer = await (await fetch(SANDBOX + (paths[method] ?? `/api/${method}`), { method: "POST", body: "x=y" })).json();
    assert.deepEqual(answer, { ok: false, error }, method);
  }
});

test("a call of the Web API fails as armed, after as many as may pass", async () => {
  const maya = await person("UMAYA");
  const breaks = await panel(maya);
  await breaks.getByLabel("Method").selectOption("chat.postMessage");
  await breaks.getByLabel("Failure").selectOption("Slack error");
  await breaks.getByLabel("Value", { exact: true }).fill("is_archived");
  await breaks.getByLabel("Calls that pass before").fill("1");
  await told(maya, "armed", () => breaks.getByRole("button", { name: "Arm", exact: true }).click());
  assert.deepEqual([(await posts("one")).ok, (await posts("two")).error, (await posts("three")).ok], [true, "is_archived", true]);
  await breaks.locator("#calls .failed").filter({ hasText: "chat.postMessage" }).getByText("is_archived").waitFor();
  await breaks.getByLabel("Failure").selectOption("Retry-After (s)");
  await breaks.getByLabel("Value", { exact: true }).fill("9");
  await breaks.getByLabel("Calls that pass before").fill("0");
  await breaks.getByLabel("Times, 0 for ever").fill("0");
  await told(maya, "armed", () => breaks.getByRole("button", { name: "Arm", exact: true }).click());
  for (const text of ["four", "five"]) { const { status: code, wait } = await posts(text); assert.deepEqual([code, wait], [429, "9"]); }
  await told(maya, "mended", () => breaks.getByRole("button", { name: "Mend everything" }).click());
  assert.equal((await posts("six")).ok, true);
});

test("how strict Slack is can be turned, and shows", async () => {
  const maya = await person("UMAYA");
  const breaks = await panel(maya);
  const before = (await control("state")).settings;
  const tick = (label) => async (value) => breaks.getByLabel(label).setChecked(value);
  const fill = (label) => async (value) => { await breaks.getByLabel(label).fill([value].flat().join(" ")); await breaks.getByLabel(label).press("Tab"); };
  const turns = {
    rate_limits: [tick(/^Limits of rate/), !before.rate_limits], channel_messages: [tick(/^Channel messages/), true], should_escape: [tick(/should_escape/), false],
    ack_timeout_ms: [fill("Milliseconds an envelope may stay unacked"), 700], ping_ms: [fill("Milliseconds between pings of all links"), 900],
    trigger_ms: [fill("Milliseconds in which a trigger opens a form"), 9000],
    clock_skew_s: [fill("Seconds that Slack's clock is ahead"), 60],
    retry_after_ms: [fill("Milliseconds before each time an unacked event comes again"), [1000, 2000]],
    grid: [async (value) => breaks.getByLabel("Enterprise Grid").selectOption(value), "workspace"],
    scopes: [fill("Scopes of the bot token"), ["chat:write"]], app_scopes: [fill("Scopes of the app-level token"), []],
  };
  assert.deepEqual(Object.keys(turns).sort(), Object.keys(before).sort());
  for (const [key, [turn, value]] of Object.entries(turns)) {
    await turn(value);
    await settled(maya, key, value.length === 0 ? [""] : value);
    await turn(before[key]);
    await settled(maya, key, before[key]);
  }
});

test("a token loses a scope, and a method says which one is missing", async () => {
  const maya = await person("UMAYA");
  const { settings } = await control("state");
  const breaks = await panel(maya);
  const scopes = breaks.getByLabel("Scopes of the bot token");
  const without = settings.scopes.filter((scope) => scope !== "chat:write").join(" ");
  const has = (wanted) => maya.waitForFunction(async (words) => (await (await fetch("/control/state")).json()).settings.scopes.join(" ") === words, wanted);
  await scopes.fill(without);
  await scopes.press("Enter");
  await has(without);
  const refused = await posts("x");
  await scopes.fill(settings.scopes.join(" "));
  await scopes.press("Enter");
  await has(settings.scopes.join(" "));
  assert.deepEqual([refused.error, refused.needed, (await posts("y")).ok], ["missing_scope", "chat:write", true]);
});

test("what was acked can be delivered again, in a new envelope or the same", async () => {
  const bot = await app();
  const maya = await person("UMAYA");
  await control("say", { user: "UMAYA", channel: "ops", text: "@drone ping" });
  const isEvent = (frame) => frame.type === "events_api" && frame.payload.event.type === "app_mention";
  const first = await bot.next(isEvent);
  const breaks = await panel(maya);
  const entry = breaks.locator("#acks li").filter({ hasText: "events_api" });
  await entry.getByRole("button", { name: "again" }).click();
  const again = await bot.next(isEvent);
  assert.deepEqual([again.payload.event_id, again.retry_attempt, again.envelope_id === first.envelope_id], [first.payload.event_id, 1, false]);
  await entry.last().getByRole("button", { name: "same" }).click();
  const same = await bot.next(isEvent);
  assert.equal(same.envelope_id, first.envelope_id);
});

test("the panel fits on a phone, opens and closes by keyboard", async () => {
  const maya = await person("UMAYA", { width: 375, height: 667 });
  await maya.getByRole("button", { name: "Open the menu" }).press("Enter");
  await maya.getByRole("button", { name: "Break things" }).press("Enter");
  const breaks = maya.getByRole("complementary", { name: "Break things" });
  await breaks.waitFor();
  await fits(maya);
  await picture(maya, "phone-break");
  await maya.keyboard.press("Escape");
  await breaks.waitFor({ state: "hidden" });
  assert.equal(await maya.evaluate(() => document.activeElement.id), "side-open");
});

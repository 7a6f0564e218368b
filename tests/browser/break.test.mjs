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

const settled = (page, limits, timeout) => page.waitForFunction(async ([on, ms]) => {
  const { settings } = await (await fetch("/control/state")).json();
  return settings.rate_limits === on && settings.ack_timeout_ms === ms;
}, [limits, timeout]);

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
  for (const reason of ["warning", "refresh_requested", "link_disabled", "too_many_websockets"]) {
    await breaks.getByRole("button", { name: reason }).click();
    await bot.next((frame) => frame.type === "disconnect" && frame.reason === reason);
  }
  const came = {
    "Malformed JSON": (frame) => frame.raw === "{\"type\":", "Unknown type": (frame) => frame.type === "news", Binary: (frame) => frame.binary,
    Fragments: (frame) => frame.type === "fragmented", "No event": (frame) => frame.payload?.type === "app_rate_limited", Ping: (frame) => frame.ping === "sandbox",
  };
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
  const turned = { "No pongs": shows("no pongs"), "No pings": shows("no pings"), "Half open": shows("half open"), "Close frame": cuts, "Close, no FIN": () => status(maya, /^bot offline$/), "TCP reset": cuts, "Drop TCP": cuts };
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

test("the next connection meets what was armed, as often as was said", async () => {
  const maya = await person("UMAYA");
  const breaks = await panel(maya);
  const arm = async (what, value, times = "1") => {
    await breaks.getByLabel("What the next connection meets").selectOption(what);
    await breaks.getByLabel("Value for the connection").fill(value);
    await breaks.getByLabel("Connections, 0 for all").fill(times);
    await told(maya, "armed", () => breaks.getByRole("button", { name: "Arm the dial" }).click());
  };
  await arm("Disconnect before hello", "link_disabled");
  const cut = await link();
  const first = await cut.next(() => true);
  assert.deepEqual([first.type, first.reason], ["disconnect", "link_disabled"]);
  await arm("Hello with a count", "7");
  const counted = await link();
  assert.equal((await counted.next((frame) => frame.type === "hello")).num_connections, 7);
  await arm("Refuse (status)", "503", "2");
  for (const refused of [await link(), await link()]) await refused.closed;
  await app();
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
  await breaks.getByLabel(/^Limits of rate/).check();
  await breaks.getByLabel("Milliseconds an envelope may stay unacked").fill("700");
  await breaks.getByLabel("Milliseconds an envelope may stay unacked").press("Tab");
  await settled(maya, true, 700);
  await breaks.getByLabel(/^Limits of rate/).uncheck();
  await breaks.getByLabel("Milliseconds an envelope may stay unacked").fill("3000");
  await breaks.getByLabel("Milliseconds an envelope may stay unacked").press("Tab");
  await settled(maya, false, 3000);
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

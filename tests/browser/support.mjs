// The harness: one Chromium per file, one page per person, the bot's side of Slack by fetch and WebSocket.
// A test waits for what it needs to see; nothing sleeps.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { chromium } from "playwright-core";
import WebSocket from "ws";

export const SANDBOX = process.env.SANDBOX;
const NEVER = 15_000;

let browser;
let linked = false;
const open = [];

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM, headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});
beforeEach(async () => {
  await control("faults/clear", {});
  await control("reset", { connections: linked });
});
// pages first, links last: who waits for an answer is told, not cut off
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});
after(() => browser?.close());

/** A page as this person sees it. What the browser complains of fails the test that caused it. */
export async function person(user, { channel = "COPS", width = 1280, height = 800, dark = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, hasTouch: width < 700, colorScheme: dark ? "dark" : "light" });
  context.setDefaultTimeout(NEVER);
  const complaints = [];
  const outside = [];
  await context.addInitScript(([me, place]) => {
    if (!localStorage.getItem("me")) { localStorage.setItem("me", me); localStorage.setItem("channel", place); }
  }, [user, channel]);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
  page.on("request", (request) => { if (!request.url().startsWith(SANDBOX) && !/^(data|blob):/.test(request.url())) outside.push(request.url()); });
  open.push({
    close: async () => {
      await context.close();
      assert.deepEqual({ complaints, outside }, { complaints: [], outside: [] });
    },
  });
  await page.goto(SANDBOX + "/");
  await page.locator("#status-text").filter({ hasText: /^bot/ }).waitFor({ state: "attached" });
  page.complaints = complaints;
  return page;
}

/** A route of the control API. */
export async function control(route, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await (await fetch(`${SANDBOX}/control/${route}`, options)).json();
  assert.ok(answer.ok, `${route}: ${JSON.stringify(answer)}`);
  return answer;
}

/** A method of the Web API, as the bot. */
export async function api(method, body, token = "xoxb-sandbox") {
  const headers = { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json; charset=utf-8" } : {}) };
  const answer = await (await fetch(`${SANDBOX}/api/${method}`, { method: "POST", headers, body: body && JSON.stringify(body) })).json();
  assert.ok(answer.ok, `${method}: ${JSON.stringify(answer)}`);
  return answer;
}

/**
 * A link of a bot that says nothing by itself: it acks each envelope with what `answers(envelope)` returns (nothing: a bare
 * ack; `null`: no ack at all), and keeps what came for `next(wanted)`. What is no JSON comes as `{raw}`.
 */
export async function link(answers = () => undefined) {
  const { url } = await api("apps.connections.open", undefined, "xapp-sandbox");
  linked = true;
  const socket = new WebSocket(url);
  const came = [], waiting = [];
  const hand = () => {
    for (const wait of [...waiting]) {
      const index = came.findIndex(wait.wanted);
      if (index < 0) continue;
      waiting.splice(waiting.indexOf(wait), 1);
      wait.done(came.splice(index, 1)[0]);
    }
  };
  const parsed = (text) => { try { return JSON.parse(text); } catch { return { raw: String(text) }; } };
  socket.on("message", async (text, isBinary) => {
    const frame = isBinary ? { raw: String(text), binary: true } : parsed(text);
    const payload = frame.envelope_id ? await answers(frame) : null;
    if (payload !== null) socket.send(JSON.stringify({ envelope_id: frame.envelope_id, ...(payload ? { payload } : {}) }));
    came.push(frame);
    hand();
  });
  socket.on("ping", (words) => { came.push({ ping: String(words) }); hand(); });
  socket.on("error", () => {});
  const closed = new Promise((done) => socket.once("close", done));
  const next = (wanted) => new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`never came: ${wanted}; came: ${JSON.stringify(came)}`)), NEVER);
    waiting.push({ wanted, done: (frame) => { clearTimeout(timer); done(frame); } });
    hand();
  });
  open.push({ close: () => socket.terminate() });
  return { next, came, closed, socket };
}

/** A link that was told hello. */
export async function app(answers) {
  const made = await link(answers);
  await made.next((frame) => frame.type === "hello");
  return made;
}

/** The message list entry with these words. */
export const message = (page, words, list = "#messages") => page.locator(`${list} > li[data-ts]`).filter({ hasText: words });

/** Does something and waits until the page says so. */
export async function told(page, words, act) {
  await page.evaluate(() => { const toast = document.querySelector("#toast"); toast.textContent = ""; toast.hidden = true; });
  await act();
  await page.getByRole("alert").filter({ hasText: words }).waitFor();
}

/** Saves a picture where PICTURES names a folder. */
export async function picture(page, name) {
  if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/${name}.png` });
}

/** That nothing is wider than the screen. */
export async function fits(page) {
  const { wide, width, culprits } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth, width: window.innerWidth,
    culprits: [...document.querySelectorAll("body *")].filter((n) => n.getBoundingClientRect().right > window.innerWidth + 1 && getComputedStyle(n).visibility === "visible")
      .map((n) => `${n.tagName}.${n.className}`).slice(0, 5),
  }));
  assert.ok(wide <= width, `the page is ${wide} wide on a screen of ${width}: ${culprits.join(", ")}`);
}

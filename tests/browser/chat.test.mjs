// What people and apps write, as each person sees it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { api, app, control, fits, message, person, picture } from "./support.mjs";

const composer = (page) => page.locator(".composer[data-place=main] textarea");

test("two people in one channel each see the answer that is for them alone", async () => {
  const [maya, vera] = [await person("UMAYA"), await person("UVERA")];
  await api("chat.postEphemeral", { channel: "COPS", user: "UMAYA", text: "stopped, Maya" });
  await api("chat.postEphemeral", { channel: "COPS", user: "UVERA", text: "refused, Vera" });
  await api("chat.postMessage", { channel: "COPS", text: "for everybody" });
  for (const [page, own, other] of [[maya, "stopped, Maya", "refused, Vera"], [vera, "refused, Vera", "stopped, Maya"]]) {
    await message(page, "for everybody").waitFor();
    await message(page, own).getByText("Only visible to you").waitFor();
    assert.equal(await message(page, other).count(), 0);
  }
});

test("what one person writes the others read, and its edit is shown as edited", async () => {
  const [maya, omar] = [await person("UMAYA"), await person("UOMAR")];
  await composer(maya).fill("web-1 is slwo");
  await composer(maya).press("Enter");
  await message(omar, "web-1 is slwo").waitFor();
  await message(maya, "web-1 is slwo").hover();
  await message(maya, "web-1 is slwo").getByRole("button", { name: "More actions" }).click();
  await maya.getByRole("menuitem", { name: "Edit message" }).click();
  assert.equal(await composer(maya).inputValue(), "web-1 is slwo");
  await composer(maya).fill("web-1 is slow");
  await composer(maya).press("Enter");
  await message(omar, "web-1 is slow").getByText("(edited)").waitFor();
  assert.equal(await message(omar, "slwo").count(), 0);
  await message(omar, "web-1").hover();
  await message(omar, "web-1").getByRole("button", { name: "More actions" }).click();
  assert.equal(await omar.getByRole("menuitem", { name: "Edit message" }).count(), 0, "only one's own");
});

test("an app's edit is shown as edited too", async () => {
  const maya = await person("UMAYA");
  const { ts } = await api("chat.postMessage", { channel: "COPS", text: "stopping i-1" });
  await message(maya, "stopping i-1").waitFor();
  await api("chat.update", { channel: "COPS", ts, text: "stopped i-1" });
  await message(maya, "stopped i-1").getByText("(edited)").waitFor();
});

test("a direct conversation with the bot is between the two", async () => {
  await app();
  const [maya, omar] = [await person("UMAYA"), await person("UOMAR")];
  await maya.getByRole("button", { name: "drone" }).click();
  await composer(maya).fill("ping");
  await composer(maya).press("Enter");
  await message(maya, "ping").waitFor();
  await api("chat.postMessage", { channel: "DMAYA", text: "Pong, Maya" });
  await message(maya, "Pong, Maya").waitFor();
  await omar.getByRole("button", { name: "drone" }).click();
  await api("chat.postMessage", { channel: "DOMAR", text: "Hello, Omar" });
  await message(omar, "Hello, Omar").waitFor();
  assert.equal(await message(omar, "Maya").count(), 0);
});

test("messages elsewhere are counted until one goes there", async () => {
  const maya = await person("UMAYA");
  await api("chat.postMessage", { channel: "CGENERAL", text: "lunch?" });
  await api("chat.postMessage", { channel: "CGENERAL", text: "now?" });
  await maya.locator("#channels .unread").filter({ hasText: "general" }).getByText("2").waitFor();
  await maya.locator("#channels button").filter({ hasText: "general" }).click();
  await message(maya, "now?").waitFor();
  assert.equal(await maya.locator("#channels .unread").count(), 0);
});

test("a thread opens beside the channel, and a reply goes into it", async () => {
  await app();
  const maya = await person("UMAYA");
  const { ts } = await api("chat.postMessage", { channel: "COPS", text: "three alarms" });
  await message(maya, "three alarms").hover();
  await message(maya, "three alarms").getByRole("button", { name: "Reply in thread" }).click();
  const reply = maya.getByRole("combobox", { name: "Reply in the thread" });
  await reply.fill("I look");
  await reply.press("Enter");
  await message(maya, "I look", "#replies").waitFor();
  await message(maya, "three alarms").getByRole("button", { name: "1 reply" }).waitFor();
  assert.equal(await message(maya, "I look").count(), 0, "not in the channel");
  const { messages } = await control("messages?channel=ops&user=UMAYA&contains=I%20look");
  assert.equal(messages[0].thread_ts, ts);
  await reply.fill("/drone ping");
  await reply.press("Enter");
  await maya.getByRole("alert").filter({ hasText: "Slack has no slash commands in threads" }).waitFor();
  await picture(maya, "thread");
  await reply.fill("");
  await reply.press("Escape");
  await maya.locator("#thread").waitFor({ state: "hidden" });
  assert.ok(await composer(maya).evaluate((node) => node === document.activeElement), "back in the composer");
});

test("a slash command is completed by keyboard, sent, and offered again", async () => {
  const bot = await app();
  const maya = await person("UMAYA");
  await composer(maya).press("/");
  await maya.getByRole("option", { name: /^\/drone/ }).waitFor();
  assert.equal(await composer(maya).getAttribute("aria-expanded"), "true");
  await composer(maya).press("Enter");
  assert.equal(await composer(maya).inputValue(), "/drone ");
  await composer(maya).pressSequentially("ec2 list");
  await composer(maya).press("Enter");
  const { payload } = await bot.next((frame) => frame.type === "slash_commands");
  assert.deepEqual([payload.command, payload.text, payload.user_id, payload.channel_id], ["/drone", "ec2 list", "UMAYA", "COPS"]);
  await composer(maya).pressSequentially("/drone e");
  await maya.getByRole("option", { name: "/drone ec2 list used before" }).waitFor();
  await picture(maya, "completion");
  await composer(maya).press("ArrowDown");
  assert.equal(await maya.locator(".hint [aria-selected=true]").count(), 1);
  await composer(maya).press("Tab");
  assert.equal(await composer(maya).inputValue(), "/drone ec2 list");
  await composer(maya).fill("/dro");
  await maya.getByRole("listbox").waitFor();
  await composer(maya).press("Escape");
  await maya.getByRole("listbox").waitFor({ state: "hidden" });
  await composer(maya).fill("/nothing at all");
  await composer(maya).press("Enter");
  await maya.getByRole("alert").filter({ hasText: "/nothing is no command here; there is /drone" }).waitFor();
});

test("people and channels are completed where their sign is typed", async () => {
  const maya = await person("UMAYA");
  await composer(maya).pressSequentially("ask @om");
  await composer(maya).press("Enter");
  assert.equal(await composer(maya).inputValue(), "ask @omar ");
  await composer(maya).pressSequentially("in #gen");
  await composer(maya).press("Tab");
  assert.equal(await composer(maya).inputValue(), "ask @omar in #general ");
  await composer(maya).press("Enter");
  await message(maya, "ask @Omar in #general").waitFor();
});

test("arrow keys walk over messages, Tab reaches what one can do with them, and Escape goes back", async () => {
  const maya = await person("UMAYA");
  await api("chat.postMessage", { channel: "COPS", text: "the first" });
  await api("chat.postMessage", { channel: "COPS", text: "the second" });
  await message(maya, "the second").waitFor();
  await maya.locator("#messages").focus();
  await maya.keyboard.press("ArrowUp");
  await maya.keyboard.press("ArrowUp");
  const at = () => maya.evaluate(() => document.activeElement.closest("li")?.textContent);
  assert.match(await at(), /the first/);
  await api("chat.postMessage", { channel: "COPS", text: "the third" });
  await message(maya, "the third").waitFor();
  assert.match(await at(), /the first/, "news does not take the place away");
  await maya.keyboard.press("Tab");
  await maya.keyboard.press("Tab");
  await maya.keyboard.press("Enter");
  await maya.getByRole("menu").waitFor();
  await maya.keyboard.press("ArrowDown");
  await maya.keyboard.press("Escape");
  await maya.getByRole("menu").waitFor({ state: "hidden" });
  assert.equal(await maya.evaluate(() => document.activeElement.getAttribute("aria-label")), "More actions");
  await message(maya, "the first").focus();
  await maya.keyboard.press("Enter");
  await message(maya, "the first", "#replies").waitFor();
  await maya.keyboard.press("Escape");
  await maya.locator("#thread").waitFor({ state: "hidden" });
});

test("Slack's text and blocks are shown with their styles", async () => {
  const maya = await person("UMAYA");
  const section = (elements) => ({ type: "rich_text_section", elements });
  const text = (words, style) => ({ type: "text", text: words, ...(style ? { style } : {}) });
  await api("chat.postMessage", { channel: "COPS", text: "twin", blocks: [
    { type: "header", text: { type: "plain_text", text: "Three instances :rocket:" } },
    { type: "rich_text", elements: [
      section([text("bold", { bold: true }), text(" and "), text("i-0abc", { code: true }), text(" by "), { type: "user", user_id: "UOMAR" }, text(" "), { type: "emoji", name: "tada", unicode: "1f389" },
        text(" "), { type: "link", url: "https://example.com/a", text: "the page" }]),
      { type: "rich_text_list", style: "ordered", offset: 2, elements: [section([text("third")]), section([text("fourth")])] },
      { type: "rich_text_list", style: "bullet", indent: 1, elements: [section([text("deeper")])] },
      { type: "rich_text_quote", elements: [text("said\ntwice")] },
      { type: "rich_text_preformatted", elements: [text("id     state\ni-0abc running")] },
    ] },
    { type: "section", text: { type: "mrkdwn", text: "*mrkdwn* with `code`, ~gone~ and <https://example.com/b|a label>\n&gt; quoted &amp; <!date^0^{date}|never>" }, fields: [{ type: "plain_text", text: "left" }, { type: "mrkdwn", text: "_right_" }] },
    { type: "divider" },
    { type: "context", elements: [{ type: "plain_text", text: "req 7F3K", emoji: false }] },
  ] });
  const shown = message(maya, "Three instances 🚀");
  await shown.waitFor();
  await picture(maya, "blocks");
  const found = await shown.evaluate((node) => ({
    bold: node.querySelector(".body .block b").textContent, code: node.querySelector(".block code").textContent,
    list: [node.querySelector("ol").start, node.querySelectorAll(".body ol > li").length], pre: node.querySelector("pre").textContent, quotes: [...node.querySelectorAll("blockquote")].map((q) => q.textContent),
    links: [...node.querySelectorAll("a")].map((a) => [a.textContent, a.href]), struck: node.querySelector("s").textContent, italic: node.querySelector("i").textContent, text: node.textContent,
  }));
  assert.equal(found.bold, "bold");
  assert.equal(found.code, "i-0abc");
  assert.deepEqual(found.list, [3, 2]);
  assert.equal(found.pre, "id     state\ni-0abc running");
  assert.equal(found.quotes[0], "said\ntwice");
  assert.match(found.quotes[1], /^quoted & /);
  assert.deepEqual(found.links, [["the page", "https://example.com/a"], ["a label", "https://example.com/b"]]);
  assert.deepEqual([found.struck, found.italic], ["gone", "right"]);
  assert.match(found.text, /by @Omar 🎉/);
  assert.ok(!found.text.includes("twin"), "the text is only the fallback");
});

test("nothing that is written becomes markup, script or a link to code", async () => {
  const maya = await person("UMAYA");
  const evil = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";
  const link = { type: "link", url: "javascript:window.hacked=1", text: "click me" };
  const plain = (text) => ({ type: "plain_text", text });
  await control("say", { user: "UOMAR", channel: "ops", text: evil });
  await control("say", { user: "UOMAR", channel: "ops", text: "<javascript:window.hacked=1|a trap> <!date^x^{date}^javascript:window.hacked=1|soon>", raw: true });
  await api("chat.postMessage", { channel: "COPS", text: "x", blocks: [
    { type: "header", text: plain(evil) },
    { type: "section", text: plain(evil), fields: [{ type: "mrkdwn", text: "<javascript:window.hacked=1|field>" }, plain(evil)] },
    { type: "rich_text", elements: [{ type: "rich_text_section", elements: [link, { type: "text", text: evil, style: { code: true } }] }, { type: "rich_text_preformatted", elements: [{ type: "text", text: evil }] }] },
    { type: "actions", elements: [{ type: "button", action_id: "run:0", text: plain("<b>press</b>"), value: "x", confirm: { title: plain("<i>sure</i>"), text: plain("<img src=x onerror=alert(1)>"), confirm: plain("Yes"), deny: plain("No") } }] },
  ] });
  await api("chat.postMessage", { channel: "COPS", text: "the last" });
  await message(maya, "the last").waitFor();
  assert.equal(await maya.locator("#messages :is(img, script, iframe, object, embed, style, svg)").count(), 0);
  assert.equal(await maya.locator("#messages a").count(), 0);
  assert.equal(await message(maya, "<img src=x onerror=").count(), 2);
  await maya.getByText("a trap").click();
  await maya.getByText("click me").click();
  await maya.getByRole("button", { name: "<b>press</b>" }).click();
  await maya.getByRole("dialog").getByText("<img src=x onerror=alert(1)>").waitFor();
  await maya.getByRole("button", { name: "No", exact: true }).click();
  assert.equal(await maya.evaluate(() => window.hacked), undefined);
  // and would the page ever try, the browser would not let it
  const refused = await maya.evaluate(() => { try { document.body.innerHTML = "<b>x</b>"; return "done"; } catch (error) { return error.name; } });
  assert.equal(refused, "TypeError");
  assert.match(maya.complaints.pop(), /TrustedHTML/);
});

test("at a phone's width nothing is cut off, and everything is in the menu", async () => {
  await app();
  const maya = await person("UMAYA", { width: 375, height: 667 });
  await control("say", { user: "UOMAR", channel: "ops", text: "web-1 is slow ".repeat(12) });
  await api("chat.postMessage", { channel: "COPS", text: "x", blocks: [
    { type: "section", text: { type: "mrkdwn", text: "a".repeat(300) }, accessory: { type: "button", action_id: "run:9", value: "v", text: { type: "plain_text", text: "Show i-0123456789abcdef0" } } },
    { type: "rich_text", elements: [{ type: "rich_text_preformatted", elements: [{ type: "text", text: "i-0123456789abcdef0 web-1 running t3.micro eu-central-1a 10.0.0.1 2026-01-01" }] }] },
    { type: "actions", elements: [0, 1, 2, 3].map((n) => ({ type: "button", action_id: `run:${n}`, value: "v", text: { type: "plain_text", text: `ec2 show i-000${n}` } })) },
  ] });
  await maya.getByRole("button", { name: "ec2 show i-0003" }).waitFor();
  await fits(maya);
  await picture(maya, "phone");
  assert.equal(await maya.locator("#side").isVisible(), false);
  await maya.getByRole("button", { name: "Open the menu" }).tap();
  await maya.locator("#status-text").filter({ hasText: "bot online: 1 link" }).waitFor();
  await picture(maya, "phone-menu");
  await fits(maya);
  await maya.locator("#channels button").filter({ hasText: "general" }).tap();
  await maya.getByRole("heading", { name: "#general" }).waitFor();
  await maya.locator("#side").waitFor({ state: "hidden" });
  await composer(maya).fill("hello");
  await maya.getByRole("button", { name: "Send" }).tap();
  await message(maya, "hello").getByRole("button", { name: "More actions" }).tap();
  await picture(maya, "phone-actions");
  await fits(maya);
  await maya.getByRole("menuitem", { name: "Reply in thread" }).tap();
  await message(maya, "hello", "#replies").waitFor();
  await fits(maya);
  await maya.getByRole("button", { name: "Close the thread" }).tap();
  await message(maya, "hello").waitFor();
});

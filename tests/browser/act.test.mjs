// What people do with what the bot shows: buttons, modals, the Home, shortcuts, files.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SANDBOX, api, app, control, fits, message, person, picture } from "./support.mjs";

const plain = (text) => ({ type: "plain_text", text });
const option = (text) => ({ text: plain(text), value: text });
const input = (block_id, element, more = {}) => ({ type: "input", block_id, label: plain(block_id), element: { action_id: "value", ...element }, ...more });
const isAction = (frame) => frame.type === "interactive" && frame.payload.type === "block_actions";
const isSubmission = (frame) => frame.type === "interactive" && frame.payload.type === "view_submission";
const focused = (page) => page.evaluate(() => { const node = document.activeElement; return node.closest("[data-block]")?.dataset.block || node.getAttribute("aria-label") || node.textContent; });

/** A message of the bot with a button that opens a modal by its trigger. */
async function withForm(bot, page, view) {
  await api("chat.postMessage", { channel: "COPS", text: "x", blocks: [{ type: "actions", elements: [{ type: "button", action_id: "form:0", value: "ec2 stop", text: plain("Fill in") }] }] });
  await page.getByRole("button", { name: "Fill in" }).focus();
  await page.keyboard.press("Enter");
  const { payload } = await bot.next(isAction);
  const opened = await api("views.open", { trigger_id: payload.trigger_id, view });
  await page.getByRole("dialog", { name: view.title.text }).waitFor();
  return opened.view;
}

const STOP = {
  type: "modal", callback_id: "command", private_metadata: "ec2 stop", title: plain("ec2 stop"), submit: plain("Run"), close: plain("Cancel"), notify_on_close: true,
  blocks: [
    { type: "section", text: { type: "mrkdwn", text: "Stops *instances*." } },
    input("instances", { type: "plain_text_input", placeholder: plain("i-0abc") }, { hint: plain("One or more ids") }),
    input("reason", { type: "plain_text_input", multiline: true }, { optional: true }),
    input("limit", { type: "number_input", is_decimal_allowed: false, min_value: "1", max_value: "10" }, { optional: true }),
    input("region", { type: "static_select", options: ["eu-central-1", "us-east-1"].map(option), initial_option: option("eu-central-1") }),
    input("how", { type: "radio_buttons", options: ["gently", "hard"].map(option), initial_option: option("gently") }),
    input("flags", { type: "checkboxes", options: ["force", "dry-run"].map(option) }, { optional: true }),
    input("tags", { type: "multi_static_select", options: ["web", "db"].map(option) }, { optional: true }),
  ],
};

test("a button with a question is pressed only when the answer is yes", async () => {
  const bot = await app();
  const maya = await person("UMAYA");
  const confirm = { title: plain("Are you sure?"), text: plain("Stops web-1"), confirm: plain("Stop it"), deny: plain("Cancel"), style: "danger" };
  await api("chat.postMessage", { channel: "COPS", text: "x", blocks: [{ type: "actions", elements: [
    { type: "button", action_id: "run:0", value: "ec2 stop i-1", text: plain("Stop"), style: "danger", confirm },
    { type: "button", action_id: "run:1", value: "ec2 show i-1", text: plain("Show") },
  ] }] });
  const stop = maya.getByRole("button", { name: "Stop", exact: true });
  const question = maya.getByRole("dialog", { name: "Are you sure?" });
  await stop.click();
  await question.getByText("Stops web-1").waitFor();
  await picture(maya, "confirm");
  await question.getByRole("button", { name: "Cancel" }).click();
  await question.waitFor({ state: "hidden" });
  await stop.focus();
  await maya.keyboard.press("Enter");
  await question.waitFor();
  await maya.keyboard.press("Escape");
  await question.waitFor({ state: "hidden" });
  assert.equal(await focused(maya), "Stop", "the focus is back");
  await maya.getByRole("button", { name: "Show" }).click();
  assert.equal((await bot.next(isAction)).payload.actions[0].value, "ec2 show i-1", "twice no, and nothing went before");
  await stop.click();
  await question.getByRole("button", { name: "Stop it" }).click();
  const { payload } = await bot.next(isAction);
  assert.deepEqual([payload.actions[0].action_id, payload.actions[0].value, payload.user.id, payload.channel.id], ["run:0", "ec2 stop i-1", "UMAYA", "COPS"]);
});

test("a button that the bot does not answer is told as failed", async () => {
  const maya = await person("UMAYA");
  await api("chat.postMessage", { channel: "COPS", text: "x", blocks: [{ type: "actions", elements: [{ type: "button", action_id: "run:0", value: "ping", text: plain("Ping") }] }] });
  await maya.getByRole("button", { name: "Ping" }).click();
  await message(maya, "dispatch_failed").getByText("Only visible to you").waitFor();
});

test("a modal is filled in by keyboard: an error stands at its field, then it is sent and closes", async () => {
  let answer;
  const bot = await app((frame) => (isSubmission(frame) ? answer(frame) : undefined));
  const maya = await person("UMAYA");
  await withForm(bot, maya, STOP);
  const form = maya.getByRole("dialog", { name: "ec2 stop" });
  assert.equal(await focused(maya), "instances", "the first field has the caret");
  await picture(maya, "modal");

  // nothing is sent while a needed field is empty
  await maya.keyboard.press("Enter");
  await form.getByText("Please complete this required field.").waitFor();
  await maya.keyboard.type("i-9");
  await form.getByText("Please complete this required field.").waitFor({ state: "hidden" });

  // Enter in a field sends; the app finds it wrong
  answer = () => ({ response_action: "errors", errors: { instances: "`i-9` is no id of an instance." } });
  await maya.keyboard.press("Enter");
  await form.getByText("`i-9` is no id of an instance.").waitFor();
  const field = form.getByLabel("instances");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  assert.match(await field.evaluate((node) => node.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).textContent).join(" ")), /is no id/);
  assert.equal(await field.inputValue(), "i-9", "what was typed stays");
  assert.equal(await focused(maya), "instances");
  await picture(maya, "modal-error");
  await bot.next(isSubmission);

  // the rest of the fields, by Tab, arrows and Space
  await field.press("ControlOrMeta+a");
  await maya.keyboard.type("i-0abc");
  await maya.keyboard.press("Tab");
  await maya.keyboard.type("disk is full");
  await maya.keyboard.press("Enter");
  await maya.keyboard.type("since noon");
  await maya.keyboard.press("Tab");
  await maya.keyboard.type("3");
  await maya.keyboard.press("Tab");
  await maya.keyboard.press("ArrowDown");
  await maya.keyboard.press("Tab");
  await maya.keyboard.press("ArrowDown");
  await maya.keyboard.press("Tab");
  await maya.keyboard.press("Space");
  await maya.keyboard.press("Tab");
  await maya.keyboard.press("Tab");
  await maya.keyboard.press("Space");
  answer = () => undefined;
  await maya.keyboard.press("ControlOrMeta+Enter");
  const { payload } = await bot.next(isSubmission);
  const values = Object.fromEntries(Object.entries(payload.view.state.values).map(([block, { value: v }]) => [block, v.value ?? v.selected_option?.value ?? v.selected_options?.map((o) => o.value)]));
  assert.deepEqual(values, { instances: "i-0abc", reason: "disk is full\nsince noon", limit: "3", region: "us-east-1", how: "hard", flags: ["force"], tags: ["web"] });
  assert.deepEqual([payload.view.callback_id, payload.view.private_metadata], ["command", "ec2 stop"]);
  await form.waitFor({ state: "hidden" });
  assert.equal(await focused(maya), "Fill in", "the focus is where it was");
});

test("the focus stays inside a modal, and Escape closes it with a word to the app", async () => {
  const bot = await app();
  const maya = await person("UMAYA");
  await withForm(bot, maya, STOP);
  const inside = () => maya.evaluate(() => document.querySelector("#modal").contains(document.activeElement));
  for (let step = 0; step < 16; step += 1) { await maya.keyboard.press("Tab"); assert.ok(await inside(), `after ${step + 1} tabs`); }
  await maya.getByRole("dialog").getByRole("button", { name: "Close" }).focus();
  await maya.keyboard.press("Shift+Tab");
  assert.equal(await focused(maya), "Run", "from the first to the last");
  await maya.keyboard.press("Escape");
  await maya.getByRole("dialog").waitFor({ state: "hidden" });
  const { payload } = await bot.next((frame) => frame.payload?.type === "view_closed");
  assert.equal(payload.view.callback_id, "command");
  assert.equal(await focused(maya), "Fill in");
});

test("a number that cannot be is refused before it is sent", async () => {
  const bot = await app();
  const maya = await person("UMAYA");
  await withForm(bot, maya, STOP);
  const form = maya.getByRole("dialog");
  await form.getByLabel("instances").fill("i-1");
  for (const [typed, error] of [["x", "Please enter a whole number."], ["0", "Please enter a number of at least 1."], ["11", "Please enter a number of at most 10."]]) {
    await form.getByLabel("limit").fill(typed);
    await maya.keyboard.press("Enter");
    await form.getByText(error).waitFor();
  }
});

test("a modal is pushed over another, and going back finds what was typed", async () => {
  const second = { type: "modal", callback_id: "second", title: plain("Which one"), submit: plain("Take it"), blocks: [input("name", { type: "plain_text_input" })] };
  const bot = await app((frame) => (isSubmission(frame) && frame.payload.view.callback_id === "command" ? { response_action: "push", view: second } : undefined));
  const maya = await person("UMAYA");
  await withForm(bot, maya, STOP);
  await maya.getByLabel("instances").fill("i-1");
  await maya.keyboard.press("Enter");
  await maya.getByRole("dialog", { name: "Which one" }).waitFor();
  assert.equal(await focused(maya), "name");
  await picture(maya, "modal-pushed");
  await maya.getByRole("button", { name: "Back" }).click();
  await maya.getByRole("dialog", { name: "ec2 stop" }).waitFor();
  assert.equal(await maya.getByLabel("instances").inputValue(), "i-1");
});

test("an app's update of an open modal keeps what was typed", async () => {
  const bot = await app();
  const maya = await person("UMAYA");
  const view = await withForm(bot, maya, STOP);
  await maya.getByLabel("instances").fill("i-77");
  await api("views.update", { view_id: view.id, view: { ...STOP, blocks: [{ type: "section", text: plain("Now with a word") }, ...STOP.blocks] } });
  await maya.getByRole("dialog").getByText("Now with a word").waitFor();
  assert.equal(await maya.getByLabel("instances").inputValue(), "i-77");
  assert.equal(await focused(maya), "instances");
});

test("a modal whose submission is not answered in time says so and stays", async () => {
  const bot = await app((frame) => (isSubmission(frame) ? null : undefined));
  const maya = await person("UMAYA");
  await control("settings", { ack_timeout_ms: 300 });
  await maya.waitForFunction(async () => (await (await fetch("/control/state")).json()).settings.ack_timeout_ms === 300);
  await withForm(bot, maya, STOP);
  await maya.getByLabel("instances").fill("i-1");
  await maya.keyboard.press("Enter");
  await maya.locator("#modal[aria-busy=true]").waitFor();
  await maya.keyboard.press("Enter");
  await maya.getByRole("dialog").getByText("We had some trouble connecting. Try again?").waitFor();
  assert.ok(await maya.getByRole("button", { name: "Run" }).isEnabled());
  assert.equal(bot.came.filter(isSubmission).length, 1, "sent once, however often Enter is pressed");
  await control("settings", { ack_timeout_ms: 3000 });
});

test("nobody else sees a modal, and its words are only words", async () => {
  const bot = await app();
  const [maya, omar] = [await person("UMAYA"), await person("UOMAR")];
  const evil = "<img src=x onerror=window.hacked=1>";
  await withForm(bot, maya, { ...STOP, blocks: [{ type: "section", text: plain(evil) }, input(evil.slice(0, 30), { type: "static_select", options: [option(evil)] })] });
  await maya.getByRole("dialog").getByText(evil).first().waitFor();
  assert.equal(await maya.locator("dialog img").count(), 0);
  assert.equal(await maya.evaluate(() => window.hacked), undefined);
  await message(omar, "Fill in").waitFor();
  assert.equal(await omar.getByRole("dialog").count(), 0);
});

test("a modal and the Home fit on a phone", async () => {
  const bot = await app();
  const maya = await person("UMAYA", { width: 375, height: 667 });
  await withForm(bot, maya, STOP);
  await fits(maya);
  await picture(maya, "phone-modal");
  await maya.getByRole("button", { name: "Cancel" }).tap();
  await maya.getByRole("dialog").waitFor({ state: "hidden" });
  await api("views.publish", { user_id: "UMAYA", view: { type: "home", blocks: HOME } });
  await maya.getByRole("button", { name: "Open the menu" }).tap();
  await maya.getByRole("button", { name: "drone" }).tap();
  await maya.getByRole("tab", { name: "Home" }).tap();
  await maya.getByRole("heading", { name: "What you may run" }).waitFor();
  await fits(maya);
  await picture(maya, "phone-home");
});

const HOME = [
  { type: "header", text: plain("What you may run") },
  { type: "section", text: { type: "mrkdwn", text: "*ec2 list*: the instances of a region" }, accessory: { type: "button", action_id: "run:0", value: "ec2 list", text: plain("Run") } },
  { type: "divider" },
  { type: "context", elements: [plain("as of now")] },
];

test("the Home is asked for when its tab is opened, is each person's own, and its buttons work", async () => {
  const bot = await app();
  const [maya, omar] = [await person("UMAYA"), await person("UOMAR")];
  const isOpened = (frame) => frame.payload?.event?.type === "app_home_opened" && frame.payload.event.tab === "home";
  for (const page of [maya, omar]) {
    await page.getByRole("button", { name: "drone" }).click();
    await page.getByRole("tab", { name: "Messages", selected: true }).press("ArrowLeft");
    await page.getByText("drone has published nothing here yet.").waitFor();
  }
  assert.deepEqual([(await bot.next(isOpened)).payload.event.user, (await bot.next(isOpened)).payload.event.user].sort(), ["UMAYA", "UOMAR"]);
  await api("views.publish", { user_id: "UMAYA", view: { type: "home", blocks: HOME } });
  await maya.getByRole("heading", { name: "What you may run" }).waitFor();
  await picture(maya, "home");
  await omar.getByText("drone has published nothing here yet.").waitFor();
  await maya.getByRole("button", { name: "Run" }).click();
  const { payload } = await bot.next(isAction);
  assert.deepEqual([payload.view.type, payload.actions[0].value, payload.user.id], ["home", "ec2 list", "UMAYA"]);
  await api("views.publish", { user_id: "UMAYA", view: { type: "home", blocks: [{ type: "header", text: plain("Nothing waits for you") }] } });
  await maya.getByRole("heading", { name: "Nothing waits for you" }).waitFor();
  await maya.getByRole("tab", { name: "Messages" }).click();
  await maya.locator("#home").waitFor({ state: "hidden" });
});

test("a shortcut of a message is chosen from its menu by keyboard", async () => {
  const bot = await app();
  const maya = await person("UMAYA");
  const { ts } = await api("chat.postMessage", { channel: "COPS", text: "ec2 list" });
  await message(maya, "ec2 list").focus();
  await maya.keyboard.press("Tab");
  await maya.keyboard.press("Tab");
  await maya.keyboard.press("Enter");
  await maya.getByRole("menuitem", { name: /^Run this again/ }).waitFor();
  await picture(maya, "shortcut");
  await maya.keyboard.press("Enter");
  const { payload } = await bot.next((frame) => frame.payload?.type === "message_action");
  assert.deepEqual([payload.callback_id, payload.message.ts, payload.channel.id, payload.user.id], ["run_again", ts, "COPS", "UMAYA"]);
});

test("an uploaded file shows its first lines, opens whole and can be saved", async () => {
  const maya = await person("UMAYA");
  const text = ["id,state", ...Array.from({ length: 40 }, (_, n) => `i-${n},<b>running</b>`)].join("\n");
  const { upload_url, file_id } = await api(`files.getUploadURLExternal?filename=instances.csv&length=${text.length}`, undefined);
  assert.equal((await fetch(upload_url, { method: "POST", body: text })).status, 200);
  await api("files.completeUploadExternal", { files: [{ id: file_id, title: "All instances" }], channel_id: "COPS", initial_comment: "the whole list" });
  const shown = message(maya, "the whole list");
  await shown.getByText("instances.csv, 7").waitFor();
  await shown.getByText("i-3,<b>running</b>").waitFor();
  assert.equal(await shown.getByText("i-20,").count(), 0);
  await shown.getByRole("button", { name: "Open All instances" }).press("Enter");
  const opened = maya.getByRole("dialog", { name: "All instances" });
  await opened.getByText("i-39,<b>running</b>").waitFor();
  await picture(maya, "file");
  const [download] = await Promise.all([maya.waitForEvent("download"), opened.getByRole("link", { name: "Save" }).click()]);
  assert.equal(download.suggestedFilename(), "instances.csv");
  const saved = [];
  for await (const part of await download.createReadStream()) saved.push(part);
  assert.equal(String(Buffer.concat(saved)), text);
  await maya.keyboard.press("Escape");
  await opened.waitFor({ state: "hidden" });
});

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

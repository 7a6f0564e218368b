// @slack/bolt: modals, the App Home and shortcuts.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { app, heard } from "./app.mjs";
import { PATIENT, acked, clicks, cursor, home, post, refused, says, sees, seesModal, seesNoModal, slackWaits, submits, types, until, views } from "./people.mjs";
import { FORM, HOME } from "./views.mjs";

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

/** The form is open before Maya; the view as the SDK got it. */
async function opened() {
  await types("maya", "ops", "form");
  const { view } = await heard.take("opened");
  await seesModal("maya", "Stop an instance");
  return view;
}
const close = () => post("close_view", { user: "maya" });

test("a command opens a form", async () => {
  const view = await opened();
  assert.deepEqual([view.type, view.callback_id, view.private_metadata, view.root_view_id, view.previous_view_id], ["modal", "command", "COPS", view.id, null]);
  assert.ok(view.hash);
  assert.deepEqual(await views("omar"), [], "nobody else sees it");
});

test("a wrong value is an error on its field", async () => {
  const [view] = await views("maya");
  const sent = await submits("maya", { target: "web-1" });
  const body = await heard.take("submission");
  const { target, region } = body.view.state.values;
  assert.deepEqual([body.type, body.user.id, body.view.id, body.response_urls], ["view_submission", "UMAYA", view.id, []]);
  assert.deepEqual([target.value, region.value.selected_option.value], [{ type: "plain_text_input", value: "web-1" }, "eu-central-1"]);
  assert.equal((await acked(sent.envelope_id)).payload.response_action, "errors");
  const told = await until("the person sees them", async () => {
    const { errors } = (await views("maya")).at(-1);
    return Object.keys(errors ?? {}).length > 0 && errors;
  });
  assert.deepEqual(told, { target: "An instance id begins with i-" });
});

test("a right value closes the form", async () => {
  const start = await cursor();
  await submits("maya", { target: "i-0abc", region: "eu-west-1" });
  const { view } = await heard.take("submission");
  assert.equal(view.state.values.region.value.selected_option.value, "eu-west-1");
  await seesNoModal("maya");
  await sees("maya", "ops", "will stop i-0abc", start);
});

test("an answer can update the form", async () => {
  const view = await opened();
  await submits("maya", { target: "i-update" });
  assert.equal((await seesModal("maya", "Stopping")).id, view.id);
  await close();
  await seesNoModal("maya");
});

test("an answer can push and clear", async () => {
  const below = await opened();
  await submits("maya", { target: "i-push" });
  const top = await seesModal("maya", "More options");
  assert.deepEqual((await views("maya")).map((view) => view.id), [below.id, top.id]);
  await heard.take("submission");
  await submits("maya", { note: "hurry" });
  assert.equal((await heard.take("submission")).view.previous_view_id, below.id);
  await seesModal("maya", "Stop an instance");
  await submits("maya", { target: "i-clear" });
  await seesNoModal("maya");
});

test("a button in a form pushes a view, and a closed form is told", async () => {
  const view = await opened();
  await clicks("maya", "more", { view_id: view.id });
  const body = await heard.take("action");
  assert.deepEqual([body.container, body.response_url], [{ type: "view", view_id: view.id }, undefined]);
  assert.equal((await heard.take("pushed")).view.previous_view_id, view.id);
  await seesModal("maya", "More options");
  await close();
  await seesModal("maya", "Stop an instance");
  await close();
  const closed = await heard.take("closed");
  assert.deepEqual([closed.type, closed.view.id, closed.is_cleared], ["view_closed", view.id, false]);
});

test("an open view is updated by its hash", async () => {
  const { id: view_id, hash } = await opened();
  const view = { ...FORM, title: { type: "plain_text", text: "Changed" } };
  await client.views.update({ view_id, hash, view });
  await seesModal("maya", "Changed");
  assert.equal(await refused(client.views.update({ view_id, hash, view })), "hash_conflict");
  await close();
  await heard.take("closed");
});

test("a trigger opens one view", async () => {
  await types("maya", "ops", "keep");
  const { trigger_id } = await heard.take("command");
  await client.views.open({ trigger_id, view: FORM });
  assert.equal(await refused(client.views.open({ trigger_id, view: FORM })), "exchanged_trigger_id");
  assert.equal(await refused(client.views.open({ trigger_id: "1.2.3", view: FORM })), "invalid_trigger_id");
  await close();
  await heard.take("closed");
});

test("the Home is published when it is opened", async () => {
  await post("open_home", { user: "omar", tab: "home" });
  const event = await heard.take("home_opened");
  assert.deepEqual([event.user, event.tab], ["UOMAR", "home"]);
  const shown = await until("the person sees a Home", () => home("omar"));
  assert.deepEqual([shown.type, shown.blocks[0].text.text], ["home", "What you may run"]);
  await clicks("omar", "approve", { view_id: shown.id });
  assert.equal((await heard.take("action")).actions[0].value, "approve-value");
  await client.views.publish({ user_id: "UOMAR", view: HOME });
  assert.equal(await refused(client.views.publish({ user_id: "UOMAR", view: HOME, hash: shown.hash })), "hash_conflict");
});

test("shortcuts reach the app", async () => {
  await post("shortcut", { user: "nina", callback_id: "new_request" });
  assert.equal((await heard.take("shortcut")).type, "shortcut");
  await seesModal("nina", "Stop an instance");
  const { ts } = await says("omar", "ops", "ec2 list");
  await post("shortcut", { user: "nina", callback_id: "run_again", channel: "ops", ts });
  const payload = await heard.take("message_shortcut");
  assert.deepEqual([payload.type, payload.channel.id, payload.message.text, payload.message_ts], ["message_action", "COPS", "ec2 list", ts]);
  assert.equal((await sees("nina", "ops", "again: ec2 list")).ephemeral, true);
});

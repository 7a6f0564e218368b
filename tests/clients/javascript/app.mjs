// The sample app on Bolt for JavaScript in Socket Mode. Only the API's base URL and the tokens are the sandbox's.

import { App } from "@slack/bolt";
import { API, Inbox } from "./people.mjs";
import { DONE, FORM, HOME, MORE, section } from "./views.mjs";

export const heard = new Inbox();
export const app = new App({
  token: "xoxb-sandbox", appToken: "xapp-sandbox", socketMode: true, clientOptions: { slackApiUrl: API }, logLevel: "error",
});

app.error(async (error) => heard.put("error", String(error.stack)));

app.command("/drone", async ({ ack, command, client, respond }) => {
  heard.put("command", command);
  const [word, ...words] = command.text.split(" ");
  const rest = words.join(" ");
  switch (word) {
    case "echo": return ack(`You said ${rest}`);
    case "public": return ack({ response_type: "in_channel", text: rest, blocks: [section(rest)] });
    case "large": return ack("x".repeat(Number(rest)));
    case "respond":
      await ack();
      for (let number = 1; number <= Number(rest); number++) {
        const status = await respond(`answer ${number}`).then((answer) => answer.status, (error) => error.message);
        heard.put("responded", status);
      }
      return;
    case "replace":
      await ack();
      await respond("draft");
      return respond({ text: "final", replace_original: true });
    case "delete":
      await ack();
      await respond("gone soon");
      await respond({ delete_original: true });
      return respond({ text: "all can read this", response_type: "in_channel" });
    case "form":
      await ack();
      return heard.put("opened", await client.views.open({ trigger_id: command.trigger_id, view: FORM }));
    case "keep": return ack();
    default: // `silence` and all else: no ack at all
  }
});

app.event("app_mention", async ({ event, say, body }) => {
  heard.put("mention", body);
  await say({ text: `Hello <@${event.user}>`, thread_ts: event.thread_ts ?? event.ts });
});

app.message(async ({ message, say }) => {
  heard.put("message", message);
  if (message.channel_type === "im" && message.subtype === undefined) await say(`You wrote: ${message.text}`);
});

app.action("approve", async ({ ack, body, respond }) => {
  await ack();
  heard.put("action", body);
  if (body.response_url) await respond({ text: `approved by <@${body.user.id}>`, replace_original: true });
});

app.action("more", async ({ ack, body, client }) => {
  await ack();
  heard.put("action", body);
  heard.put("pushed", await client.views.push({ trigger_id: body.trigger_id, view: MORE }));
});

app.view("command", async ({ ack, body, view, client }) => {
  heard.put("submission", body);
  const value = view.state.values.target.value.value;
  if (!value.startsWith("i-")) return ack({ response_action: "errors", errors: { target: "An instance id begins with i-" } });
  if (value === "i-update") return ack({ response_action: "update", view: DONE });
  if (value === "i-push") return ack({ response_action: "push", view: MORE });
  if (value === "i-clear") return ack({ response_action: "clear" });
  await ack();
  await client.chat.postMessage({ channel: view.private_metadata, text: `will stop ${value}` });
});

app.view("more", async ({ ack, body }) => {
  heard.put("submission", body);
  await ack();
});

app.view({ callback_id: "command", type: "view_closed" }, async ({ ack, body }) => {
  await ack();
  heard.put("closed", body);
});

app.event("app_home_opened", async ({ event, client }) => {
  heard.put("home_opened", event);
  if (event.tab === "home") await client.views.publish({ user_id: event.user, view: HOME });
});

app.shortcut("new_request", async ({ ack, shortcut, client }) => {
  await ack();
  heard.put("shortcut", shortcut);
  await client.views.open({ trigger_id: shortcut.trigger_id, view: FORM });
});

app.shortcut("run_again", async ({ ack, shortcut, respond }) => {
  await ack();
  heard.put("message_shortcut", shortcut);
  await respond(`again: ${shortcut.message.text}`);
});

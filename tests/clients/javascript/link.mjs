// @slack/socket-mode without Bolt: clients, what comes over their links, and when it is acked.

import { SocketModeClient } from "@slack/socket-mode";
import assert from "node:assert/strict";
import { API, Inbox, links, says, until } from "./people.mjs";

export const heard = new Inbox();
/** Whether an envelope is acked. */
export const settings = { acks: () => true };

/** A client that is not connected yet; what it gets is in `heard` under its number. */
export function client(number, appToken = "xapp-sandbox") {
  const made = new SocketModeClient({ appToken, clientOptions: { slackApiUrl: API }, logLevel: "error" });
  // before it parses them: every frame as it came
  made.on("ws_message", (data) => heard.put("frame", { number, data: String(data) }));
  made.on("connected", () => heard.put("connected", number));
  made.on("slack_event", (envelope) => {
    heard.put("envelope", { number, ...envelope });
    if (settings.acks(envelope)) envelope.ack();
  });
  return made;
}

/** Connects it; the id of its link. */
export async function connect(made) {
  const before = await links();
  await made.start();
  return until("the link is ready", async () => (await links()).find((id) => !before.includes(id)));
}

/** A direct message arrives. */
export async function delivered(text) {
  const said = await says("maya", "dm", text);
  const { body } = await heard.take("envelope", ({ body }) => body.event_id === said.event_id);
  assert.equal(body.event.text, text);
}

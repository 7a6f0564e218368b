// The views and blocks of the sample app.

export const text = (words) => ({ type: "plain_text", text: words });
export const section = (words) => ({ type: "section", text: { type: "mrkdwn", text: words } });
export const buttons = (...ids) => ({
  type: "actions",
  block_id: "buttons",
  elements: ids.map((id) => ({ type: "button", action_id: id, text: text(id), value: `${id}-value` })),
});
const field = (block_id, label, more = {}) => ({
  type: "input", block_id, label: text(label), element: { type: "plain_text_input", action_id: "value" }, ...more,
});
const region = (name, value) => ({ text: text(name), value });

export const FORM = {
  type: "modal",
  callback_id: "command",
  private_metadata: "COPS",
  notify_on_close: true,
  title: text("Stop an instance"),
  submit: text("Stop"),
  close: text("Cancel"),
  blocks: [
    field("target", "Instance"),
    field("reason", "Reason", { optional: true }),
    {
      type: "input", block_id: "region", label: text("Region"),
      element: {
        type: "static_select", action_id: "value", initial_option: region("Frankfurt", "eu-central-1"),
        options: [region("Frankfurt", "eu-central-1"), region("Ireland", "eu-west-1")],
      },
    },
    buttons("more"),
  ],
};
export const MORE = {
  type: "modal", callback_id: "more", title: text("More options"), submit: text("Set"), blocks: [field("note", "Note", { optional: true })],
};
export const DONE = { type: "modal", callback_id: "done", title: text("Stopping"), blocks: [section("It will take a minute.")] };
export const HOME = { type: "home", blocks: [section("What you may run"), buttons("approve")] };

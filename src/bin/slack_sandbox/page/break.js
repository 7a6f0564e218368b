"use strict";
// The panel that breaks things: each switch of the control API.

const SOCKET = [["half_open", "Half open"], ["thaw", "Thaw"], ["reset", "TCP reset"], ["drop", "Drop TCP"], ["close", "Close frame"], ["close_no_fin", "Close, no FIN"], ["no_pongs", "No pongs"], ["no_pings", "No pings"], ["ignore_pongs", "Ignore pongs"]];
const REASONS = ["warning", "refresh_requested", "link_disabled", "too_many_websockets"];
const FRAMES = { "Malformed JSON": { text: "{\"type\":" }, "Unknown type": { json: { type: "news", envelope_id: "00000000-0000-4000-8000-000000000000", payload: {} } },
  Binary: { binary: "\u0000\u0001" }, Fragments: { fragments: ["{\"type\":", "\"fragmented\"", "}"] }, "No event": { json: { type: "events_api", envelope_id: "00000000-0000-4000-8000-000000000001", payload: { type: "app_rate_limited" } } }, Ping: { ping: "sandbox" } };
const METHODS = ["*", "apps.connections.open", "auth.test", "chat.postMessage", "chat.update", "chat.delete", "chat.postEphemeral", "reactions.add", "reactions.remove", "users.info", "users.list", "usergroups.list", "usergroups.users.list",
  "conversations.info", "conversations.open", "conversations.list", "conversations.members", "conversations.history", "conversations.replies",
  "views.open", "views.update", "views.push", "views.publish", "files.getUploadURLExternal", "upload", "files.completeUploadExternal", "files.info", "response_url"];
const ERRORS = ["invalid_auth", "not_authed", "account_inactive", "user_removed_from_team", "team_disabled", "token_revoked", "token_expired", "not_allowed_token_type", "no_permission", "missing_scope", "missing_args", "internal_error", "fatal_error", "service_unavailable",
  "ratelimited", "channel_not_found", "not_in_channel", "is_archived", "msg_too_long", "message_not_found", "cant_update_message", "user_not_found", "expired_trigger_id", "exchanged_trigger_id", "hash_conflict"];
const CALLS = { "Slack error": (v) => ({ error: v || "internal_error" }), "HTTP status": (v) => ({ status: Number(v) || 503 }), "Retry-After (s)": (v) => ({ retry_after: Number(v) || 5 }),
  "Hang (ms)": (v) => ({ hang_ms: Number(v) || 10000 }), "No JSON": () => ({ non_json: true }), "Answer lost": () => ({ after_effect: true }), "Connection dropped": () => ({ drop: true }) };
const DIALS = { "Refuse (status)": (v) => ({ refuse: Number(v) || 503 }), "No hello": () => ({ withhold_hello: true }), "Late hello (ms)": (v) => ({ delay_hello_ms: Number(v) || 8000 }),
  "Disconnect before hello": (v) => ({ disconnect: v || "refresh_requested" }), "Hello with a count": (v) => ({ num_connections: Number(v) || 10 }) };

const options = (list) => list.map((value) => h("option", { value }, value));
const button = (label, act, style) => h("button", { type: "button", class: style, onclick: act }, label);
const number = (label, value, more) => h("input", { type: "number", min: 0, value, "aria-label": label, title: label, ...more });
const row = (...children) => h("div", { class: "row" }, children);
const group = (id, ...children) => h("div", { class: "row", id }, children);
const labelled = (label, node) => h("label", { class: "pair" }, label, node);

async function fault(body) {
  const answer = await call("fault", body);
  if (answer.ok) toast(answer.armed ? "armed" : "no link to break");
}

function linkPart() {
  const which = h("select", { id: "which-link", "aria-label": "Link" });
  const target = () => (which.value ? { connection: Number(which.value) } : {});
  const notice = h("input", { type: "number", min: 0, placeholder: "10000", "aria-label": "Milliseconds until the close frame" });
  const cadence = number("Milliseconds between pings of the link, 0 as all", 1000);
  const disconnect = (reason) => fault({ socket: "disconnect", reason, ...(notice.value === "" ? {} : { close_after_ms: Number(notice.value) }), ...target() });
  return [
    h("h2", null, "Open links"), row(which), group("of-links", SOCKET.map(([id, label]) => button(label, () => fault({ socket: id, ...target() })))),
    row(labelled("ping every (ms)", cadence), button("Set cadence", () => fault({ socket: "ping_every", ping_ms: Number(cadence.value), ...target() }))),
    h("h2", null, "Tell a link to disconnect"), group("of-reasons", REASONS.map((reason) => button(reason, () => disconnect(reason)))), row(labelled("close after (ms)", notice)),
    h("h2", null, "Frames"), group("of-frames", Object.entries(FRAMES).map(([label, frame]) => button(label, () => call("envelope", { ...frame, ...target() }).then((answer) => answer.ok && toast(`sent on link ${answer.connection}`))))),
  ];
}

function dialPart() {
  const what = h("select", { "aria-label": "What the next connection meets" }, options(Object.keys(DIALS)));
  const value = h("input", { placeholder: "value", size: 12, list: "reasons", "aria-label": "Value for the connection" });
  const times = number("Connections, 0 for all", 1);
  const ghosts = number("Ghosts", 3);
  return [
    h("h2", null, "The next connections"), h("datalist", { id: "reasons" }, options(REASONS)),
    row(what, value), row(labelled("connections", times), button("Arm the dial", () => fault({ dial: DIALS[what.value](value.value), times: Number(times.value) }), "primary")),
    row(labelled("ghosts, which Slack still counts", ghosts), button("Set ghosts", () => fault({ ghosts: Number(ghosts.value) }))),
  ];
}

function callPart() {
  const method = h("select", { "aria-label": "Method" }, options(METHODS));
  const what = h("select", { "aria-label": "Failure" }, options(Object.keys(CALLS)));
  const value = h("input", { placeholder: "value", size: 12, list: "errors", "aria-label": "Value" });
  const times = number("Times, 0 for ever", 1), skip = number("Calls that pass before", 0);
  const arm = () => fault({ api: { method: method.value, times: Number(times.value), skip: Number(skip.value), ...CALLS[what.value](value.value) } });
  return [
    h("h2", null, "Calls of the Web API"), h("datalist", { id: "errors" }, options(ERRORS)),
    row(method, what, value), row(labelled("times", times), labelled("after", skip), button("Arm", arm, "primary")),
  ];
}

function settingsPart() {
  const set = (body) => call("settings", body).then((answer) => { if (answer.ok) { here.world.settings = answer.settings; drawSettings(); } });
  const box = (key, label) => h("label", { class: "choice" }, h("input", { type: "checkbox", id: `set-${key}`, onchange: (event) => set({ [key]: event.target.checked }) }), h("span", null, label));
  const entry = (key, label, type, read) => h("input", { type, "aria-label": label, title: label, id: `set-${key}`, class: type === "text" ? "long" : null, spellcheck: "false", onchange: (event) => set({ [key]: read(event.target.value) }) });
  const list = (text) => text.split(/[\s,]+/).filter(Boolean);
  return [
    h("h2", null, "How strict Slack is"), box("rate_limits", "Limits of rate (tiers, one message a second)"), box("channel_messages", "Channel messages reach the bot without a mention"),
    box("should_escape", "Names and links behind a command are marked (should_escape)"),
    row(labelled("ack within (ms)", entry("ack_timeout_ms", "Milliseconds an envelope may stay unacked", "number", Number)), labelled("ping every (ms)", entry("ping_ms", "Milliseconds between pings of all links", "number", Number)), labelled("clock ahead (s)", entry("clock_skew_s", "Seconds that Slack's clock is ahead", "number", Number))),
    row(labelled("form within (ms)", entry("trigger_ms", "Milliseconds in which a trigger opens a form", "number", Number)), labelled("again after (ms)", entry("retry_after_ms", "Milliseconds before each time an unacked event comes again", "text", (text) => list(text).map(Number))), labelled("Enterprise Grid", h("select", { id: "set-grid", "aria-label": "Enterprise Grid", title: "Where the app is installed", onchange: (event) => set({ grid: event.target.value }) }, options(["off", "workspace", "organisation"])))),
    row(labelled("bot's scopes", entry("scopes", "Scopes of the bot token", "text", list))), row(labelled("app's scopes", entry("app_scopes", "Scopes of the app-level token", "text", list))),
  ];
}

function drawSettings() {
  const { settings } = here.world;
  for (const key of ["rate_limits", "channel_messages", "should_escape"]) $(`#set-${key}`).checked = settings[key];
  for (const key of ["ack_timeout_ms", "trigger_ms", "ping_ms", "clock_skew_s", "retry_after_ms", "grid", "scopes", "app_scopes"]) {
    const node = $(`#set-${key}`);
    if (document.activeElement !== node) node.value = Array.isArray(settings[key]) ? settings[key].join(" ") : settings[key];
  }
}

function drawBreak() {
  $("#break-body").replaceChildren(...linkPart(), ...dialPart(), ...callPart(), ...settingsPart(),
    h("h2", null, "Afterwards"), row(button("Mend everything", () => call("faults/clear", {}).then(() => toast("mended"))),
      button("Reset the workspace", () => call("reset", {}).then(() => become(here.me)), "danger")),
    h("h2", null, "What the bot acked"), h("p", { class: "note" }, "“Again” delivers with a new envelope, “same” the identical one."), h("ol", { id: "acks" }),
    h("h2", null, "What the bot called"), h("ol", { id: "calls" }));
  drawLinks();
}

function showBreak(open) {
  const panel = $("#break");
  if (panel.hidden === !open) return;
  const hadFocus = panel.contains(document.activeElement);
  panel.hidden = !open;
  $("#break-open").setAttribute("aria-expanded", String(open));
  if (open) { drawSettings(); drawCalls(); $(".close", panel).focus(); }
  else if (hadFocus) (matchMedia("(max-width: 700px)").matches ? $("#side-open") : $("#break-open")).focus();
}

function drawLinks() {
  const which = $("#which-link");
  if (!which) return;
  const chosen = which.value;
  const flags = (l) => [...["half_open", "closing", "no_pongs", "no_pings", "pongs_ignored"].filter((flag) => l[flag]).map((flag) => flag.replace("_", " ")), ...(l.ping_ms ? [`pinged every ${l.ping_ms} ms`] : [])];
  which.replaceChildren(h("option", { value: "" }, here.links.length ? "all links" : "no link is open"), ...here.links.map((l) => h("option", { value: l.id }, `link ${l.id}${flags(l).length ? ` (${flags(l).join(", ")})` : ""}`)));
  which.value = here.links.some((l) => String(l.id) === chosen) ? chosen : "";
}

/** What came of it, newest first. Drawn anew only when there is news: a button must not move under the finger. */
async function drawCalls() {
  if ($("#break").hidden) return;
  const [{ calls }, { acks, pending }] = await Promise.all([call("log?limit=15"), call("acks?limit=10")]);
  const stamp = JSON.stringify([calls.map((c) => c.n), acks.map((a) => a.envelope_id + a.time), pending]);
  if ($("#calls").drawn === stamp) return;
  $("#calls").drawn = stamp;
  const failed = (c) => c.status !== 200 || (c.response && c.response.ok === false);
  $("#calls").replaceChildren(...calls.reverse().map((c) => h("li", { class: failed(c) ? "failed" : null, title: JSON.stringify(c.args) },
    h("span", null, c.method), h("span", null, c.status === 0 ? "dropped" : failed(c) ? (c.response && c.response.error) || String(c.status) : "ok"))));
  const again = (id, identical) => call("redeliver", { envelope_id: id, identical }).then((answer) => answer.ok && toast(`sent on link ${answer.connection}`));
  const pair = (id) => [button("again", () => again(id, false), "more"), button("same", () => again(id, true), "more")];
  $("#acks").replaceChildren(
    ...pending.map((id) => h("li", { class: "failed", title: id }, h("span", null, "not acked"), h("span", null, pair(id)))),
    ...acks.reverse().map((a) => h("li", { class: a.ignored ? "failed" : null, title: `${a.envelope_id}, ${a.size} bytes` },
      h("span", null, a.type || "unknown"), h("span", null, a.ignored ? `ignored: ${a.ignored} ` : a.latency_ms === null ? "" : `${a.latency_ms.toFixed(0)} ms `, pair(a.envelope_id)))));
}

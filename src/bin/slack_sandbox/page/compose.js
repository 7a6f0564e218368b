"use strict";
// The two composers, and the panel that breaks things.

const HINTS = [["/drone help", "what you may do"], ["/drone ping", "is it there?"], ["/drone whoami", "who it thinks you are"], ["/drone status", "how it is"],
  ["/drone ec2 list", "instances"], ["/drone ec2 show ", "one instance"], ["/drone ec2 start ", ""], ["/drone ec2 stop ", ""], ["/drone ec2 reboot ", ""]];

class Composer {
  constructor(form) {
    this.thread = form.dataset.place === "thread";
    this.editing = null;
    this.typed = [];
    this.area = h("textarea", { rows: 1, "aria-label": "Message", autocomplete: "off", enterkeyhint: "send" });
    this.hint = h("ul", { class: "hint", hidden: true, role: "listbox" });
    this.mode = h("div", { class: "mode", hidden: true });
    form.append(this.mode, this.hint, h("div", { class: "box" }, this.area, h("button", { class: "primary", "aria-label": "Send" }, "Send")));
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.area.addEventListener("input", () => { this.grow(); this.suggest(); });
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.area.addEventListener("blur", () => setTimeout(() => { this.hint.hidden = true; }, 150));
    this.area.placeholder = this.thread ? "Reply…" : "Message, or / for a command";
  }

  grow() {
    this.area.style.height = "auto";
    this.area.style.height = this.area.scrollHeight + "px";
  }

  set(text) { this.area.value = text; this.grow(); this.area.focus(); }

  /** What would complete the word before the caret: commands, people, groups, channels. */
  candidates() {
    const text = this.area.value.slice(0, this.area.selectionStart);
    if (text.startsWith("/") && !this.thread) {
      const used = this.typed.filter((t) => t.startsWith("/")).map((t) => [t, "used before"]);
      return [...HINTS, ...used].filter(([c], i, all) => c.startsWith(text) && c !== text && all.findIndex(([d]) => d.trim() === c.trim()) === i)
        .map(([c, note]) => ({ label: c, note, from: 0, text: c }));
    }
    const match = /(^|\s)([@#])([\w.-]*)$/.exec(text);
    if (!match) return [];
    const from = text.length - match[3].length - 1;
    const options = match[2] === "#" ? here.world.channels.filter((c) => !c.is_im).map((c) => [c.name, ""])
      : [...here.world.users.map((u) => [u.name, u.note]), ...here.world.groups.map((g) => [g.handle, "group"])];
    return options.filter(([name]) => name.startsWith(match[3]) && name !== match[3])
      .map(([name, note]) => ({ label: match[2] + name, note, from, text: match[2] + name + " " }));
  }

  suggest() {
    this.options = this.candidates().slice(0, 8);
    this.chosen = -1;
    this.hint.hidden = this.options.length === 0;
    this.hint.replaceChildren(...this.options.map((option) => h("li", { role: "option", "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); this.complete(option); } },
      h("span", null, option.label), h("span", { class: "note" }, option.note))));
  }

  choose(step) {
    const count = this.options.length;
    this.chosen = this.chosen < 0 ? (step > 0 ? 0 : count - 1) : (this.chosen + step + count) % count;
    [...this.hint.children].forEach((node, index) => node.setAttribute("aria-selected", String(index === this.chosen)));
  }

  complete(option) {
    const caret = this.area.selectionStart;
    this.set(this.area.value.slice(0, option.from) + option.text + this.area.value.slice(caret));
    this.suggest();
  }

  key(event) {
    const open = !this.hint.hidden;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (open && this.chosen >= 0) this.complete(this.options[this.chosen]);
      else this.send();
    } else if (open && event.key === "Tab") {
      event.preventDefault();
      this.complete(this.options[Math.max(this.chosen, 0)]);
    } else if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.choose(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "ArrowUp" && !this.area.value && this.typed.length) {
      event.preventDefault();
      this.set(this.typed[this.typed.length - 1]);
    } else if (event.key === "Escape") {
      if (open) this.hint.hidden = true;
      else if (this.editing) this.stopEditing();
      else if (this.thread) closeThread();
    }
  }

  edit(message) {
    this.editing = message.ts;
    this.mode.hidden = false;
    this.mode.replaceChildren("Editing a message. ", h("button", { type: "button", onclick: () => this.stopEditing() }, "Cancel"));
    this.set(unescape(message.text.replace(/<@(\w+)>/g, (all, id) => { const u = here.world.users.find((x) => x.id === id); return u ? "@" + u.name : all; })
      .replace(/<(?:https?|mailto):[^|>]*\|([^>]*)>/g, "$1").replace(/<(https?:[^>]*)>/g, "$1")));
  }

  stopEditing() { this.editing = null; this.mode.hidden = true; this.set(""); }

  async send() {
    const text = this.area.value.trim();
    if (!text) return;
    const place = { user: here.me, channel: here.channel };
    if (this.thread && text.startsWith("/")) { toast("Slack has no slash commands in threads"); return; }
    this.typed.push(text);
    const editing = this.editing;
    this.stopEditing();
    this.hint.hidden = true;
    if (editing) await call("edit", { ...place, ts: editing, text });
    else if (text.startsWith("/")) await this.command(place, text);
    else await call("say", { ...place, text, ...(this.thread ? { thread_ts: here.thread } : {}) });
  }

  async command(place, text) {
    const [, command, rest] = /^(\/\S*)\s*([^]*)$/.exec(text);
    if (command !== "/drone") { toast(`${command} is not a command here; the bot's is /drone`); this.set(text); return; }
    await call("slash", { ...place, command, text: rest });
  }
}

const composers = [...document.querySelectorAll(".composer")].map((form) => new Composer(form));
function edit(message, inChannel) { composers.find((c) => c.thread !== inChannel).edit(message); }

// ---- break things

const SOCKET = [["half_open", "Half open"], ["thaw", "Thaw"], ["reset", "TCP reset"], ["drop", "Drop TCP"], ["close", "Close frame"], ["close_no_fin", "Close, no FIN"], ["no_pongs", "No pongs"], ["no_pings", "No pings"]];
const REASONS = ["warning", "refresh_requested", "link_disabled", "too_many_websockets"];
const FRAMES = { "Malformed JSON": { text: "{\"type\":" }, "Unknown type": { json: { type: "news", envelope_id: "00000000-0000-4000-8000-000000000000", payload: {} } },
  Binary: { binary: "\u0000\u0001" }, Fragments: { fragments: ["{\"type\":", "\"fragmented\"", "}"] }, "No event": { json: { type: "events_api", envelope_id: "00000000-0000-4000-8000-000000000001", payload: { type: "app_rate_limited" } } } };
const METHODS = ["*", "apps.connections.open", "auth.test", "chat.postMessage", "chat.update", "chat.postEphemeral", "reactions.add", "users.info", "usergroups.users.list", "response_url"];
const CALLS = { "Slack error": (v) => ({ error: v || "internal_error" }), "HTTP status": (v) => ({ status: Number(v) || 503 }), "Retry-After (s)": (v) => ({ retry_after: Number(v) || 5 }),
  "Hang (ms)": (v) => ({ hang_ms: Number(v) || 10000 }), "No JSON": () => ({ non_json: true }), "Answer lost": () => ({ after_effect: true }), "Connection dropped": () => ({ drop: true }) };
const DIALS = { "Refuse (503)": { refuse: 503 }, "No hello": { withhold_hello: true }, "Hello after 8 s": { delay_hello_ms: 8000 }, "Disconnect before hello": { disconnect: "refresh_requested" } };

const options = (list) => list.map((value) => h("option", { value }, value));
const button = (label, act, style) => h("button", { type: "button", class: style, onclick: act }, label);
const fault = (body) => call("fault", body).then((answer) => { if (answer.ok) toast(answer.armed ? "armed" : "no link to break"); });

function drawBreak() {
  const which = h("select", { id: "which-link", "aria-label": "Link" });
  const target = () => (which.value ? { connection: Number(which.value) } : {});
  const method = h("select", { "aria-label": "Method" }, options(METHODS));
  const what = h("select", { "aria-label": "Failure" }, options(Object.keys(CALLS)));
  const value = h("input", { placeholder: "value", size: 12, "aria-label": "Value" });
  const times = h("input", { type: "number", min: 0, value: 1, "aria-label": "Times, 0 for ever", title: "times; 0 for ever" });
  const ghosts = h("input", { type: "number", min: 0, value: 3, "aria-label": "Ghosts" });
  $("#break-body").replaceChildren(
    h("h2", null, "Open links"), h("div", { class: "row" }, which),
    h("div", { class: "row" }, SOCKET.map(([id, label]) => button(label, () => fault({ socket: id, ...target() })))),
    h("div", { class: "row" }, REASONS.map((reason) => button(reason, () => fault({ socket: "disconnect", reason, ...target() })))),
    h("h2", null, "Frames"), h("div", { class: "row" }, Object.entries(FRAMES).map(([label, frame]) => button(label, () => call("envelope", { ...frame, ...target() })))),
    h("h2", null, "The next connection"), h("div", { class: "row" }, Object.entries(DIALS).map(([label, dial]) => button(label, () => fault({ dial })))),
    h("div", { class: "row" }, ghosts, button("ghost connections", () => fault({ ghosts: Number(ghosts.value) }))),
    h("h2", null, "Calls of the Web API"), h("div", { class: "row" }, method, what, value, times,
      button("Arm", () => fault({ api: { method: method.value, times: Number(times.value), ...CALLS[what.value](value.value) } }), "primary")),
    h("h2", null, "Afterwards"), h("div", { class: "row" }, button("Mend everything", () => call("faults/clear", {}).then(() => toast("mended"))),
      button("Reset the workspace", () => call("reset", {}).then(() => become(here.me)), "danger")),
    h("h2", null, "What the bot called"), h("ol", { id: "calls" }));
  drawLinks();
}

function drawLinks() {
  const which = $("#which-link");
  if (!which) return;
  const chosen = which.value;
  which.replaceChildren(h("option", { value: "" }, "all links"), ...here.links.map((l) => h("option", { value: l.id }, `link ${l.id}${l.half_open ? " (half open)" : l.closing ? " (closing)" : ""}`)));
  which.value = here.links.some((l) => String(l.id) === chosen) ? chosen : "";
}

async function drawCalls() {
  if ($("#break").hidden) return;
  const { calls } = await call("log?limit=15");
  const failed = (c) => c.status !== 200 || (c.response && c.response.ok === false);
  $("#calls").replaceChildren(...calls.reverse().map((c) => h("li", { class: failed(c) ? "failed" : null, title: JSON.stringify(c.args) },
    h("span", null, c.method), h("span", null, c.status === 0 ? "dropped" : failed(c) ? (c.response && c.response.error) || String(c.status) : "ok"))));
}

// ---- start

$("#me").addEventListener("change", (event) => become(event.target.value));
$("#side-open").addEventListener("click", () => { $("#side").classList.add("open"); $("#me").focus(); });
$("#side-close").addEventListener("click", () => $("#side").classList.remove("open"));
$("main").addEventListener("click", (event) => { if (!event.target.closest("#side-open")) $("#side").classList.remove("open"); });
$("#break-open").addEventListener("click", () => { closeThread(); $("#side").classList.remove("open"); $("#break").hidden = !$("#break").hidden; drawCalls(); });
$("#break .close").addEventListener("click", () => { $("#break").hidden = true; });
$("#thread .close").addEventListener("click", closeThread);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") $("#side").classList.remove("open"); });
setInterval(drawCalls, 1500);
drawBreak();
become(here.me);

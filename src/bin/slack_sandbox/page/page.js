"use strict";
// The chat: who I am, where I am, what I see. The server's cursor tells what is new.

const $ = (selector, root = document) => root.querySelector(selector);
const kept = (key, value) => { try { if (value === undefined) return localStorage.getItem(key); localStorage.setItem(key, value); } catch { /* private window */ } return null; };
const here = { me: kept("me") || "UMAYA", channel: kept("channel") || "COPS", thread: null, cursor: 0, messages: new Map(), unread: new Map(), world: null, turn: 0, links: [] };

const names = {
  user: (id) => { const user = here.world && here.world.users.find((u) => u.id === id); return user ? user.real_name || user.name : null; },
  channel: (id) => { const channel = here.world && here.world.channels.find((c) => c.id === id); return channel ? channel.name : null; },
  group: (id) => { const group = here.world && here.world.groups.find((g) => g.id === id); return group ? "@" + group.handle : null; },
};

async function call(route, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await (await fetch("/control/" + route, options)).json();
  if (!answer.ok) toast(answer.error);
  return answer;
}

let toastTimer;
function toast(text) {
  $("#toast").textContent = text;
  $("#toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("#toast").hidden = true; }, 4000);
}

// ---- what is new

async function loadWorld() {
  here.world = await call("state");
  if (!here.world.users.some((u) => u.id === here.me)) here.me = "UMAYA";
  if (!visibleChannels().some((c) => c.id === here.channel)) here.channel = "COPS";
  drawSide();
}

const visibleChannels = () => here.world.channels.filter((c) => c.is_im ? c.user === here.me : c.members.includes(here.me));

/** Starts over as someone: everything they see, then whatever comes. */
async function become(user) {
  here.me = user;
  kept("me", user);
  const turn = ++here.turn;
  here.messages.clear();
  here.unread.clear();
  here.cursor = 0;
  closeThread();
  await loadWorld();
  drawAll();
  for (let first = true; turn === here.turn; first = false) {
    try {
      const limit = first ? "&limit=2000" : "";
      const answer = await call(`changes?user=${here.me}&since=${here.cursor}&timeout_ms=${first ? 0 : 20000}${limit}`);
      if (turn !== here.turn) return;
      await take(answer, first);
    } catch {
      if (turn !== here.turn) return;
      drawStatus(null);
      await new Promise((resume) => setTimeout(resume, 1000));
    }
  }
}

async function take(answer, first) {
  // A sandbox that was started again counts from the beginning.
  if (answer.cursor < here.cursor) { become(here.me); return; }
  const quiet = answer.messages.length === 0 && answer.cursor > here.cursor;
  here.cursor = answer.cursor;
  drawStatus(answer.connections);
  if (quiet && !first) {
    const state = await call("state");
    if (!state.channels.length) return;
    here.world = state;
    if (Object.keys(state.calls).length === 0 && here.messages.size) {
      const everything = await call(`messages?user=${here.me}&limit=2000`);
      here.messages = new Map(everything.messages.map((m) => [m.channel + m.ts, m]));
      drawAll();
      return;
    }
    drawSide();
  }
  for (const message of answer.messages) {
    const key = message.channel + message.ts;
    if (!first && !here.messages.has(key) && message.channel !== here.channel && message.user !== here.me) {
      here.unread.set(message.channel, (here.unread.get(message.channel) || 0) + 1);
    }
    here.messages.set(key, message);
  }
  if (first) drawAll();
  else if (answer.messages.length) { drawSide(); drawMessages(); drawThread(); }
}

// ---- the side

function drawSide() {
  const people = here.world.users.filter((u) => !u.is_bot);
  $("#me").replaceChildren(...people.map((u) => h("option", { value: u.id, selected: u.id === here.me }, `${u.real_name} – ${u.note || "member"}`)));
  $("#me").value = here.me;
  $("#me-note").textContent = groupsOf(here.me);
  const entry = (channel) => {
    const count = here.unread.get(channel.id);
    const label = channel.is_im ? "drone" : channel.name;
    return h("li", null, h("button", { "aria-current": String(channel.id === here.channel), class: count ? "unread" : null, onclick: () => go(channel.id) },
      h("span", { "aria-hidden": "true" }, channel.is_im ? "@" : channel.is_private ? "*" : "#"), h("span", null, label),
      count ? h("span", { class: "count" }, String(count)) : null));
  };
  const all = visibleChannels();
  $("#channels").replaceChildren(...all.filter((c) => !c.is_im).map(entry));
  $("#dms").replaceChildren(...all.filter((c) => c.is_im).map(entry));
}

function groupsOf(user) {
  const groups = here.world.groups.filter((g) => g.users.includes(user)).map((g) => "@" + g.handle);
  return groups.length ? "in " + groups.join(", ") : "in no group";
}

function drawStatus(links) {
  const open = links && links.filter((l) => l.ready && !l.closing && !l.half_open);
  here.links = links || [];
  const text = !links ? "the sandbox does not answer" : open.length ? `bot online: ${open.length} link${open.length > 1 ? "s" : ""}` : "bot offline";
  $("#status-text").textContent = text + (links && links.length > open.length ? `, ${links.length - open.length} broken` : "");
  for (const place of ["#status", "#status-short"]) $(place).classList.toggle("online", Boolean(open && open.length));
  drawLinks();
}

function go(channel) {
  here.channel = channel;
  kept("channel", channel);
  here.unread.delete(channel);
  $("#side").classList.remove("open");
  closeThread();
  drawAll();
  $(".composer[data-place=main] textarea").focus();
}

// ---- messages

const inOrder = (wanted) => [...here.messages.values()].filter((m) => m.channel === here.channel && !m.deleted && wanted(m)).sort((a, b) => Number(a.ts) - Number(b.ts));

function drawAll() {
  const channel = here.world.channels.find((c) => c.id === here.channel);
  $("#title").textContent = channel.is_im ? "drone" : "#" + channel.name;
  $("#subtitle").textContent = channel.is_im ? "app" : channel.has_bot ? `${channel.members.length} members` : "drone is not in this channel";
  drawSide();
  drawMessages(true);
  drawThread();
}

function fill(list, nodes, jump) {
  const atEnd = jump || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  list.replaceChildren(...nodes);
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function drawMessages(jump) {
  const shown = inOrder((m) => !m.thread_ts || m.broadcast);
  const empty = h("li", { class: "empty" }, "Nothing here yet. Try ", h("code", null, "/drone help"), " or ", h("code", null, "@drone ping"), ".");
  fill($("#messages"), shown.length ? shown.map((m) => messageNode(m, true)) : [empty], jump);
}

function drawThread() {
  if (!here.thread) return;
  const shown = inOrder((m) => m.ts === here.thread || m.thread_ts === here.thread);
  fill($("#replies"), shown.map((m) => messageNode(m, false)));
  $("#thread-place").textContent = $("#title").textContent;
}

function openThread(ts) {
  here.thread = ts;
  $("#break").hidden = true;
  $("#thread").hidden = false;
  drawThread();
  $("#replies").scrollTop = $("#replies").scrollHeight;
  $(".composer[data-place=thread] textarea").focus();
}

function closeThread() { here.thread = null; $("#thread").hidden = true; }

const COLOURS = ["#b3446c", "#2d7d46", "#1f6feb", "#8a5a00", "#6f42c1", "#a33b20", "#22757a"];
function face(id, name) {
  let sum = 0;
  for (const letter of id) sum += letter.codePointAt(0);
  const colour = id === "UDRONE" ? "#444b57" : COLOURS[sum % COLOURS.length];
  const node = h("div", { class: "face", "aria-hidden": "true" }, [...(name || "?")][0].toUpperCase());
  node.style.background = colour;
  return node;
}

function messageNode(message, inChannel) {
  const name = message.user === "USLACKBOT" ? "Slackbot" : names.user(message.user) || message.user;
  const time = new Date(Number(message.ts) * 1000);
  const replies = inChannel ? threadCount(message) : 0;
  const press = (element) => pressed(message, element);
  const edited = message.edits ? h("span", { class: "small", title: message.history.map((v) => v.text).join("\n→ ") }, " (edited)") : null;
  const body = h("div", { class: "body" }, bodyOf(message, names, press));
  if (edited) ($(":scope > p:last-child, :scope > .block:last-child > p:last-child", body) || body).append(edited);
  return h("li", { class: message.ephemeral ? "ephemeral" : null, "data-ts": message.ts },
    face(message.user, name),
    h("div", null,
      message.ephemeral ? h("div", { class: "only" }, "Only visible to you") : null,
      h("div", { class: "by" }, h("b", null, name), message.bot_id ? h("span", { class: "tag" }, "APP") : null,
        h("time", { datetime: time.toISOString(), title: message.ts }, time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })),
        message.thread_ts && inChannel && message.broadcast ? h("span", { class: "small" }, "also in a thread") : null),
      body,
      message.reactions.length ? h("div", { class: "reactions" }, message.reactions.map((r) => h("span", { title: r.users.map(names.user).join(", ") }, `${emoji(r.name)} ${r.users.length}`))) : null,
      replies ? h("button", { class: "more", onclick: () => openThread(message.ts) }, `${replies} ${replies > 1 ? "replies" : "reply"}`) : null),
    tools(message, inChannel));
}

const threadCount = (message) => [...here.messages.values()].filter((m) => m.channel === message.channel && m.thread_ts === message.ts && !m.deleted).length;

function tools(message, inChannel) {
  const mine = message.user === here.me && message.via === "say";
  const list = [
    inChannel && !message.ephemeral ? h("button", { onclick: () => openThread(message.thread_ts || message.ts) }, "Reply in thread") : null,
    mine ? h("button", { onclick: () => edit(message, inChannel) }, "Edit") : null,
    mine ? h("button", { onclick: () => call("delete", { user: here.me, channel: message.channel, ts: message.ts }) }, "Delete") : null,
  ].filter(Boolean);
  return list.length ? h("div", { class: "tools" }, list) : null;
}

async function pressed(message, element) {
  if (element.url) window.open(element.url, "_blank", "noreferrer");
  if (element.confirm && !(await confirmed(element.confirm))) return;
  await call("click", { user: here.me, channel: message.channel, ts: message.ts, action_id: element.action_id });
}

function confirmed(ask) {
  const dialog = $("#confirm");
  const text = (object, other) => (object && object.text) || other;
  $("h3", dialog).textContent = text(ask.title, "Are you sure?");
  $("p", dialog).replaceChildren(...[textObject(ask.text, names)].flat(Infinity).filter(Boolean));
  $("[value=yes]", dialog).textContent = text(ask.confirm, "Yes");
  $("[value=yes]", dialog).className = ask.style === "danger" ? "danger" : "primary";
  $("[value=no]", dialog).textContent = text(ask.deny, "Cancel");
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

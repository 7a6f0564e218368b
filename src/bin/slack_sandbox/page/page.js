"use strict";
// The chat: who I am, where I am, what is new. The server's cursor tells.

const kept = (key, value) => { try { if (value === undefined) return localStorage.getItem(key); localStorage.setItem(key, value); } catch { /* private window */ } return null; };
const here = { me: kept("me") || "UMAYA", channel: kept("channel") || "COPS", tab: "messages", thread: null, cursor: 0, messages: new Map(), unread: new Map(), views: [], home: null, world: null, turn: 0, links: [] };

const names = {
  user: (id) => { const user = here.world && here.world.users.find((u) => u.id === id); return user ? user.real_name || user.name : null; },
  channel: (id) => { const channel = here.world && here.world.channels.find((c) => c.id === id); return channel ? channel.name : null; },
  group: (id) => { const group = here.world && here.world.groups.find((g) => g.id === id); return group ? "@" + group.handle : null; },
};

async function call(route, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch("/control/" + route, options);
  const answer = await response.json().catch(() => ({ ok: false, error: `the sandbox answered HTTP ${response.status}` }));
  if (!answer.ok) toast(answer.error);
  return answer;
}

let toastTimer;
function toast(text) {
  const node = $("#toast");
  // a modal dialog covers everything outside itself
  (document.querySelector("dialog[open]") || document.body).append(node);
  node.textContent = text;
  node.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { node.hidden = true; }, 4000);
}

// ---- what is new

const visibleChannels = () => here.world.channels.filter((c) => (c.is_im ? c.user === here.me : c.members.includes(here.me)));
const currentChannel = () => here.world.channels.find((c) => c.id === here.channel);

async function loadWorld() {
  here.world = await call("state");
  if (!here.world.users.some((u) => u.id === here.me)) here.me = "UMAYA";
  if (!visibleChannels().some((c) => c.id === here.channel)) here.channel = visibleChannels()[0].id;
}

/** Starts over as someone: everything they see, then whatever comes. */
async function become(user) {
  here.me = user;
  kept("me", user);
  const turn = ++here.turn;
  Object.assign(here, { cursor: 0, tab: "messages", messages: new Map(), unread: new Map(), views: [], home: null });
  closeThread();
  drawModal();
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
    } else drawSide();
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
  if (answer.home !== undefined) { here.home = answer.home; drawTabs(); }
  if (answer.views !== undefined) takeViews(answer.views);
}

// ---- the side

function drawSide() {
  const people = here.world.users.filter((u) => !u.is_bot);
  const shown = JSON.stringify([people, here.me]);
  if ($("#me").drawn !== shown) {
    $("#me").drawn = shown;
    $("#me").replaceChildren(...people.map((u) => h("option", { value: u.id, selected: u.id === here.me }, `${u.real_name} – ${u.note || "member"}`)));
    $("#me").value = here.me;
  }
  const groups = here.world.groups.filter((g) => g.users.includes(here.me)).map((g) => "@" + g.handle);
  $("#me-note").textContent = groups.length ? "in " + groups.join(", ") : "in no group";
  const all = visibleChannels();
  fill($("#channels"), all.filter((c) => !c.is_im).map(channelEntry));
  fill($("#dms"), all.filter((c) => c.is_im).map(channelEntry));
}

function channelEntry(channel) {
  const count = here.unread.get(channel.id) || 0, current = channel.id === here.channel;
  const label = channel.is_im ? "drone" : channel.name;
  const make = () => h("li", null, h("button", { "data-action": channel.id, "aria-current": String(current), class: count ? "unread" : null, onclick: () => go(channel.id) },
    h("span", { "aria-hidden": "true" }, channel.is_im ? "@" : channel.is_private ? "*" : "#"), h("span", null, label),
    count ? h("span", { class: "count", "aria-label": `${count} unread` }, String(count)) : null));
  return { key: channel.id, stamp: JSON.stringify([label, count, current, channel.is_private]), make };
}

function drawStatus(links) {
  const open = (links || []).filter((l) => l.ready && !l.closing && !l.half_open);
  here.links = links || [];
  const broken = here.links.length - open.length;
  const words = !links ? "the sandbox does not answer" : open.length ? `bot online: ${open.length} link${open.length > 1 ? "s" : ""}` : "bot offline";
  const text = words + (broken ? `, ${broken} broken` : "");
  if ($("#status-text").textContent !== text) $("#status-text").textContent = text;
  $("#break-status").textContent = text;
  $("#status-short span:last-child").textContent = !links ? "no sandbox" : open.length ? "online" : "offline";
  for (const place of ["#status", "#status-short"]) $(place).classList.toggle("online", open.length > 0);
  drawLinks();
}

function showSide(open) {
  $("#side").classList.toggle("open", open);
  $("#side-open").setAttribute("aria-expanded", String(open));
  if (open) $("#me").focus();
}

function go(channel) {
  here.channel = channel;
  here.tab = "messages";
  kept("channel", channel);
  here.unread.delete(channel);
  showSide(false);
  closeThread();
  drawAll();
  focusComposer();
  if (currentChannel().is_im) call("open_home", { user: here.me, tab: "messages" });
}

function drawAll() {
  const channel = currentChannel();
  $("#title").textContent = channel.is_im ? "drone" : "#" + channel.name;
  $("#subtitle").textContent = channel.is_im ? "app" : channel.has_bot ? `${channel.members.length} members` : "drone is not in this channel";
  composers[0].place($("#title").textContent);
  drawSide();
  drawTabs();
  drawMessages(true);
  drawThread();
}

// ---- start

const composers = [...document.querySelectorAll(".composer")].map((form) => new Composer(form));
const edit = (message, inChannel) => composers.find((c) => c.thread !== inChannel).edit(message);
const focusComposer = () => { if (!$("#room").hidden) composers[0].area.focus(); };

function listen() {
  $("#me").addEventListener("change", (event) => become(event.target.value));
  $("#side-open").addEventListener("click", () => showSide(true));
  $("#side-close").addEventListener("click", () => { showSide(false); $("#side-open").focus(); });
  $("main").addEventListener("click", (event) => { if (!event.target.closest("#side-open")) showSide(false); });
  $("#break-open").addEventListener("click", () => { closeThread(); showSide(false); showBreak($("#break").hidden); });
  $("#break .close").addEventListener("click", () => showBreak(false));
  $("#thread .close").addEventListener("click", closeThread);
  for (const list of ["#messages", "#replies"]) $(list).addEventListener("keydown", listKey);
  $("#tabs").addEventListener("click", (event) => { const tab = event.target.closest("[role=tab]"); if (tab) openTab(tab.dataset.tab); });
  $("#tabs").addEventListener("keydown", tabKey);
  $("#menu").addEventListener("keydown", menuKey);
  $("#modal").addEventListener("keydown", modalKey);
  $("#modal").addEventListener("cancel", (event) => { event.preventDefault(); closeView(here.views[here.views.length - 1]); });
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest("#menu, [aria-haspopup=menu]")) closeMenu(false); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    if ($("#side").classList.contains("open")) { showSide(false); $("#side-open").focus(); }
    else if ($("#break").contains(document.activeElement)) showBreak(false);
  });
  setInterval(drawCalls, 1500);
}

listen();
drawBreak();
become(here.me);

"use strict";
// The messages of a channel and of a thread, what one can do with each, and the files.

const inOrder = (wanted) => [...here.messages.values()].filter((m) => m.channel === here.channel && !m.deleted && wanted(m)).sort((a, b) => Number(a.ts) - Number(b.ts));
const threadCount = (message) => [...here.messages.values()].filter((m) => m.channel === message.channel && m.thread_ts === message.ts && !m.deleted).length;

/** Brings a list up to date. What did not change stays the same node, so that focus, selection and a screen reader's place stay. */
function fill(list, entries, jump) {
  const atEnd = jump || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const old = list.drawn || new Map(), drawn = new Map();
  const active = list.contains(document.activeElement) ? document.activeElement : null;
  let refocus = null;
  for (const { key, stamp, make } of entries) {
    const before = old.get(key);
    if (before && before.stamp === stamp) { drawn.set(key, before); continue; }
    const node = make();
    drawn.set(key, { stamp, node });
    if (!before) continue;
    if (active && before.node.contains(active)) refocus = (active.dataset.action && $(`[data-action="${CSS.escape(active.dataset.action)}"]`, node)) || node;
    before.node.replaceWith(node);
  }
  const wanted = new Set([...drawn.values()].map(({ node }) => node));
  for (const node of [...list.children]) if (!wanted.has(node)) node.remove();
  let at = list.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else list.insertBefore(node, at);
  }
  list.drawn = drawn;
  if (atEnd) list.scrollTop = list.scrollHeight;
  if (refocus) refocus.focus({ preventScroll: true });
}

const entryOf = (inChannel) => (message) => ({
  key: message.channel + message.ts, stamp: `${message.cursor} ${inChannel ? threadCount(message) : ""} ${here.me}`, make: () => messageNode(message, inChannel),
});

function drawMessages(jump) {
  const shown = inOrder((m) => !m.thread_ts || m.broadcast).map(entryOf(true));
  const empty = { key: "empty", stamp: "", make: () => h("li", { class: "empty" }, "Nothing here yet. Try ", h("code", null, "/drone help"), " or ", h("code", null, "@drone ping"), ".") };
  fill($("#messages"), shown.length ? shown : [empty], jump);
}

function drawThread() {
  if (!here.thread) return;
  fill($("#replies"), inOrder((m) => m.ts === here.thread || m.thread_ts === here.thread).map(entryOf(false)));
  $("#thread-place").textContent = $("#title").textContent;
}

function openThread(ts) {
  here.thread = ts;
  showBreak(false);
  $("#thread").hidden = false;
  drawThread();
  $("#replies").scrollTop = $("#replies").scrollHeight;
  $(".composer[data-place=thread] textarea").focus();
}

function closeThread() {
  const hadFocus = $("#thread").contains(document.activeElement);
  here.thread = null;
  $("#thread").hidden = true;
  if (hadFocus) focusComposer();
}

const COLOURS = ["#b3446c", "#2d7d46", "#1f6feb", "#8a5a00", "#6f42c1", "#a33b20", "#22757a"];
function face(id, name) {
  let sum = 0;
  for (const letter of id) sum += letter.codePointAt(0);
  const node = h("div", { class: "face", "aria-hidden": "true" }, [...(name || "?")][0].toUpperCase());
  node.style.background = id === "UDRONE" ? "#444b57" : COLOURS[sum % COLOURS.length];
  return node;
}

function messageNode(message, inChannel) {
  const name = message.user === "USLACKBOT" ? "Slackbot" : names.user(message.user) || message.user;
  const time = new Date(Number(message.ts) * 1000);
  const replies = inChannel ? threadCount(message) : 0;
  const act = (element) => call("click", { user: here.me, channel: message.channel, ts: message.ts, action_id: element.action_id });
  const edited = message.edits ? h("span", { class: "small", title: message.history.map((v) => v.text).join("\n→ ") }, " (edited)") : null;
  let shown;
  try { shown = bodyOf(message, names, act); } catch (error) { shown = h("p", { class: "note" }, `[the page cannot show this message: ${error.message}]`); }
  const body = h("div", { class: "body" }, shown);
  if (edited) ($(":scope > p:last-child, :scope > .block:last-child > p:last-child", body) || body).append(edited);
  return h("li", { class: message.ephemeral ? "ephemeral" : null, "data-ts": message.ts, tabindex: -1 },
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

// ---- what one can do with a message

function tools(message, inChannel) {
  const items = actionsOf(message, inChannel);
  const reply = () => openThread(message.thread_ts || message.ts);
  return h("div", { class: "tools" },
    inChannel && !message.ephemeral ? h("button", { onclick: reply }, "Reply in thread") : null,
    items.length ? h("button", { class: "dots", "aria-haspopup": "menu", "aria-label": "More actions", onclick: (event) => openMenu(event.currentTarget, items) }, "⋯") : null);
}

/** Slack offers neither shortcuts nor threads at a message that only one person sees. */
function actionsOf(message, inChannel) {
  if (message.ephemeral) return [];
  const place = { user: here.me, channel: message.channel, ts: message.ts };
  const mine = message.user === here.me && message.via === "say";
  const shortcuts = (here.world.shortcuts || []).filter((s) => s.type === "message");
  return [
    ...shortcuts.map((s) => ({ label: s.name || s.title, note: "drone", act: () => call("shortcut", { ...place, callback_id: s.callback_id }) })),
    inChannel ? { label: "Reply in thread", act: () => openThread(message.thread_ts || message.ts) } : null,
    mine ? { label: "Edit message", act: () => edit(message, inChannel) } : null,
    mine ? { label: "Delete message", act: () => call("delete", place) } : null,
  ].filter(Boolean);
}

let menuOwner = null;
/** A menu at a button: arrow keys, Enter, Escape; the button gets the focus back. */
function openMenu(owner, items) {
  const menu = $("#menu");
  if (menuOwner === owner) { closeMenu(true); return; }
  closeMenu(false);
  menuOwner = owner;
  owner.setAttribute("aria-expanded", "true");
  // a modal dialog covers everything outside itself
  (owner.closest("dialog") || document.body).append(menu);
  menu.replaceChildren(...items.map((item) => h("button", { type: "button", role: "menuitem", tabindex: -1, onclick: () => { closeMenu(true); item.act(); } }, h("span", null, item.label), item.note ? h("span", { class: "note" }, item.note) : null)));
  menu.hidden = false;
  const at = owner.getBoundingClientRect(), size = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(at.right - size.width, innerWidth - size.width - 8))}px`;
  menu.style.top = `${at.bottom + size.height + 8 < innerHeight ? at.bottom + 4 : Math.max(8, at.top - size.height - 4)}px`;
  menu.firstChild.focus();
}

function closeMenu(giveBack) {
  if (!menuOwner) return;
  const owner = menuOwner;
  menuOwner = null;
  // first: without the focus its row hides it
  if (giveBack) owner.focus();
  $("#menu").hidden = true;
  owner.setAttribute("aria-expanded", "false");
}

function menuKey(event) {
  const items = [...$("#menu").children], at = items.indexOf(document.activeElement);
  const go = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (go !== undefined) { event.preventDefault(); items[(go + items.length) % items.length].focus(); }
  if (event.key === "Escape" || event.key === "Tab") { event.preventDefault(); event.stopPropagation(); closeMenu(true); }
}

/** Arrow keys walk over messages, Enter opens the thread, Escape goes back to the composer. */
function listKey(event) {
  const list = event.currentTarget, items = [...list.children];
  const at = items.indexOf(event.target);
  if (event.target !== list && at < 0) return;
  const go = { ArrowUp: at < 0 ? items.length - 1 : at - 1, ArrowDown: at < 0 ? items.length - 1 : at + 1, Home: 0, End: items.length - 1 }[event.key];
  if (go !== undefined) { event.preventDefault(); items[Math.max(0, Math.min(go, items.length - 1))]?.focus(); }
  else if (event.key === "Enter" && at >= 0 && list.id === "messages") { const [reply] = event.target.querySelectorAll(".tools button:not(.dots)"); reply?.click(); }
  else if (event.key === "Escape" && list.id === "messages") focusComposer();
}

// ---- files

const sized = (bytes) => (bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const isText = (file) => /^(text\/|application\/(json|yaml|x-yaml|xml))/.test(file.mimetype || "") || /\.(txt|log|csv|json|ya?ml|md|toml)$/i.test(file.name || "");
const contents = new Map();

/** The bytes of a file, fetched once; by its id alone, for its name may be anything. */
function contentOf(file) {
  if (!contents.has(file.id)) {
    contents.set(file.id, fetch(`/files-pri/-${encodeURIComponent(file.id)}/file`).then(async (response) => {
      if (!response.ok) throw new Error(`${file.name}: the sandbox answered HTTP ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    }));
  }
  return contents.get(file.id);
}

/** A file in a message: its name, its size, the first lines of a text. */
function fileNode(file) {
  const title = file.title || file.name;
  const preview = h("pre", { class: "preview", hidden: true });
  if (isText(file) && file.size < 1e6) {
    contentOf(file).then((bytes) => {
      const lines = new TextDecoder().decode(bytes).split("\n");
      preview.textContent = lines.slice(0, 5).join("\n") + (lines.length > 5 ? "\n…" : "");
      preview.hidden = !preview.textContent;
    }).catch(() => { preview.hidden = false; preview.textContent = "its content is gone"; });
  }
  return h("div", { class: "file" },
    h("div", { class: "row" }, h("span", { class: "icon", "aria-hidden": "true" }, "📄"),
      h("span", { class: "grow" }, h("b", null, title), h("br"), h("span", { class: "note" }, `${title === file.name ? "" : file.name + ", "}${sized(file.size)}`)),
      h("button", { type: "button", "aria-label": `Open ${title}`, onclick: () => openFile(file) }, "Open")),
    preview);
}

/** Shows a file whole. A text is shown as text whatever it claims to be; anything else can only be saved. */
async function openFile(file) {
  const bytes = await contentOf(file).catch((error) => toast(error.message));
  if (!bytes) return;
  const dialog = $("#file");
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  dialog.replaceChildren(
    h("header", null, h("h3", { id: "file-title" }, file.title || file.name), h("button", { type: "button", class: "quiet close", "aria-label": "Close the file", onclick: () => dialog.close() }, "✕")),
    h("p", { class: "note" }, `${file.name}, ${sized(file.size)}`),
    isText(file) ? h("pre", { tabindex: 0, "aria-label": "Content" }, new TextDecoder().decode(bytes)) : h("p", null, "This is no text; save it to look at it."),
    h("div", { class: "row" }, h("a", { class: "button primary", href: url, download: file.name }, "Save")));
  dialog.addEventListener("close", () => URL.revokeObjectURL(url), { once: true });
  dialog.showModal();
}

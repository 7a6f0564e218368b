"use strict";
// Modals (a stack of which the last is seen) and the App Home.

const drafts = new Map();
const modal = { drawn: null, fields: [], sent: null };
const keyOf = (block) => `${block.block_id} ${block.element && block.element.action_id}`;

/** What this person's modals are now. */
function takeViews(views) {
  here.views = views || [];
  for (const id of [...drafts.keys()]) if (!here.views.some((view) => view.id === id)) drafts.delete(id);
  const top = here.views[here.views.length - 1];
  const answered = !top || !modal.sent || top.id !== modal.sent.id || top.hash !== modal.sent.hash || top.failed || Object.keys(top.errors || {}).length > 0;
  if (answered) modal.sent = null;
  drawModal();
  drawBusy();
}

function drawModal() {
  const dialog = $("#modal");
  const view = here.views[here.views.length - 1];
  if (!view) {
    modal.drawn = null;
    if (dialog.open) { dialog.close(); if (document.activeElement === document.body) focusComposer(); }
    return;
  }
  const stamp = JSON.stringify([here.me, here.views.length, view]);
  if (modal.drawn === stamp && dialog.open) return;
  const focused = dialog.open && dialog.contains(document.activeElement) ? document.activeElement.closest("[data-block]")?.dataset.block : null;
  modal.drawn = stamp;
  modal.fields = [];
  if (!drafts.has(view.id)) drafts.set(view.id, new Map());
  dialog.replaceChildren(modalForm(view));
  if (!dialog.open) dialog.showModal();
  const failed = modal.fields.find((field) => (view.errors || {})[field.block.block_id]);
  const before = modal.fields.find((field) => field.block.block_id === focused);
  const first = failed || before || modal.fields.find((field) => field.block.element && field.block.element.focus_on_load) || modal.fields[0];
  if (first) first.focus();
  else ($(".foot .primary", dialog) || $(".close", dialog)).focus();
}

function modalForm(view) {
  const draft = drafts.get(view.id);
  const body = (view.blocks || []).map((block) => {
    if (block.type !== "input") return blockNode(block, names, (element) => pressedInView(view, element));
    const field = fieldNode(block, draft.get(keyOf(block)), (view.errors || {})[block.block_id]);
    const changed = () => { draft.set(keyOf(block), field.read()); if (field.show) field.show(null); };
    field.node.addEventListener("input", changed);
    field.node.addEventListener("change", changed);
    modal.fields.push(field);
    return field.node;
  });
  const below = here.views.length > 1;
  const submit = view.submit || (modal.fields.length ? { text: "Submit" } : null);
  const form = h("form", { novalidate: true, onsubmit: (event) => { event.preventDefault(); submitModal(view); } },
    h("header", null,
      below ? h("button", { type: "button", class: "quiet back", "aria-label": "Back", onclick: () => closeView(view) }, "‹") : null,
      h("h3", { id: "modal-title" }, words(view.title)), h("span", { class: "note" }, "drone"),
      h("button", { type: "button", class: "quiet close", "aria-label": "Close", onclick: () => closeView(here.views[0]) }, "✕")),
    h("div", { class: "body" }, body),
    h("p", { class: "error trouble", role: "alert", hidden: !view.failed }, view.failed),
    h("div", { class: "row foot" },
      h("button", { type: "button", onclick: () => closeView(view) }, words(view.close) || "Close"),
      submit ? h("button", { class: "primary" }, words(submit)) : null));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); submitModal(view); }
  });
  return form;
}

const pressedInView = (view, element) => call("click", { user: here.me, view_id: view.id, action_id: element.action_id });

/** While the app has not answered, nothing can be sent a second time. */
function drawBusy() {
  const send = $("#modal .foot .primary");
  if (send) send.disabled = modal.sent !== null;
  $("#modal").setAttribute("aria-busy", String(modal.sent !== null));
}

function trouble(text) {
  const line = $("#modal .trouble");
  if (line) { line.textContent = text; line.hidden = false; }
}

async function submitModal(view) {
  if (modal.sent) return;
  const found = modal.fields.map((field) => ({ field, value: field.read() })).map(({ field, value }) => ({ field, value, error: value === undefined ? null : wrong(field.block, value) }));
  for (const { field, error } of found) if (field.show) field.show(error);
  const first = found.find(({ error }) => error);
  if (first) { first.field.focus(); return; }
  modal.sent = view;
  drawBusy();
  const values = Object.fromEntries(found.filter(({ value }) => value !== undefined).map(({ field, value }) => [field.block.block_id, value]));
  const answer = await call("submit", { user: here.me, view_id: view.id, values });
  if (answer.ok) return;
  modal.sent = null;
  drawBusy();
  trouble(answer.error);
}

const closeView = (view) => call("close_view", { user: here.me, view_id: view.id });

/** Escape closes the view on top; Tab stays inside. */
function modalKey(event) {
  if (event.key !== "Tab") return;
  const stops = [...$("#modal").querySelectorAll("button, input, select, textarea, a[href], [tabindex='0']")].filter((node) => !node.disabled && node.offsetParent !== null);
  const first = stops[0], last = stops[stops.length - 1];
  if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
  else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
}

// ---- the App Home

/** The tabs stand in the conversation with the bot only. */
function drawTabs() {
  const isDm = currentChannel().is_im;
  if (!isDm) here.tab = "messages";
  $("#tabs").hidden = !isDm;
  for (const tab of document.querySelectorAll("#tabs [role=tab]")) {
    const chosen = tab.dataset.tab === here.tab;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
  $("#home").hidden = here.tab !== "home";
  $("#room").hidden = here.tab === "home";
  if (here.tab === "home") drawHome();
}

function drawHome() {
  const stamp = JSON.stringify([here.me, here.home]);
  const home = $("#home");
  if (home.drawn === stamp) return;
  const focused = home.contains(document.activeElement) ? document.activeElement.dataset.action : null;
  home.drawn = stamp;
  const act = (element) => pressedInView(here.home, element);
  const body = here.home ? h("div", { class: "body" }, (here.home.blocks || []).map((block) => blockNode(block, names, act)))
    : h("p", { class: "note" }, "drone has published nothing here yet.");
  home.replaceChildren(body);
  if (focused) $(`[data-action="${CSS.escape(focused)}"]`, home)?.focus();
}

/** Slack tells the app which tab was opened. */
async function openTab(tab) {
  here.tab = tab;
  drawTabs();
  await call("open_home", { user: here.me, tab });
}

function tabKey(event) {
  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
  event.preventDefault();
  const other = here.tab === "home" ? "messages" : "home";
  openTab(other);
  $(`#tab-${other}`).focus();
}

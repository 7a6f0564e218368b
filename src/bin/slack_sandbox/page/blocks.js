"use strict";
// Block Kit as DOM nodes. `act(element)` is called where somebody presses a button.

function confirmed(ask) {
  if (!ask) return Promise.resolve(true);
  const dialog = $("#confirm");
  const text = (object, other) => (object && object.text) || other;
  $("h3", dialog).textContent = text(ask.title, "Are you sure?");
  $(".words", dialog).replaceChildren(...[textObject(ask.text, names)].flat(Infinity).filter(Boolean));
  $("[value=yes]", dialog).textContent = text(ask.confirm, "Yes");
  $("[value=yes]", dialog).className = ask.style === "danger" ? "danger" : "primary";
  $("[value=no]", dialog).textContent = text(ask.deny, "Cancel");
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

/** A button: its link opens, its question is asked, then the app hears of it. */
function buttonNode(element, act) {
  const style = { primary: "primary", danger: "danger" }[element.style];
  const press = async () => {
    if (element.url && /^https?:\/\//i.test(element.url)) window.open(element.url, "_blank", "noreferrer");
    if (await confirmed(element.confirm)) act(element);
  };
  return h("button", { type: "button", class: style, "data-action": element.action_id, "aria-label": element.accessibility_label, onclick: press }, textObject(element.text, names)?.textContent);
}

/** Anything in a section's corner or an actions block: the sandbox delivers presses of buttons, nothing else. */
function control(element, act) {
  if (element.type === "button") return buttonNode(element, act);
  return h("span", { class: "note" }, element.type === "image" ? `[image: ${element.alt_text}]` : `[${element.type}]`);
}

function tableBlock(block, names) {
  const cell = (c) => h("td", null, c.type === "rich_text" ? rich(c, names) : c.text);
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" }, h("table", null, (block.rows || []).map((row) => h("tr", null, row.map(cell)))));
}

/** One Block Kit block that is no input. */
function blockNode(block, names, act) {
  switch (block.type) {
    case "section": {
      const fields = block.fields && h("div", { class: "fields" }, block.fields.map((f) => h("div", null, textObject(f, names))));
      const accessory = block.accessory && control(block.accessory, act);
      return h("div", { class: "block section" }, h("div", null, textObject(block.text, names), fields), accessory);
    }
    case "header": return h("h3", null, textObject(block.text, names)?.textContent);
    case "divider": return h("hr");
    case "context": return h("div", { class: "block context" }, (block.elements || []).map((e) => h("span", null, e.type === "image" ? `[${e.alt_text}]` : textObject(e, names))));
    case "actions": return h("div", { class: "block actions" }, (block.elements || []).map((e) => control(e, act)));
    case "rich_text": return h("div", { class: "block" }, rich(block, names));
    case "markdown": return h("div", { class: "block" }, h("p", null, block.text));
    case "image": return h("p", { class: "note" }, `[image: ${block.alt_text || block.image_url}]`);
    case "table": return tableBlock(block, names);
    default: return h("p", { class: "note" }, `[a block of type ${block.type}]`);
  }
}

/** An old-style attachment: a bar at its side, then its words. */
function attachmentNode(attachment, names, act) {
  const node = h("div", { class: "attachment" },
    attachment.pretext ? mrkdwn(attachment.pretext, names) : null,
    attachment.title ? h("b", null, attachment.title_link ? anchor(attachment.title_link, attachment.title) : attachment.title) : null,
    attachment.blocks ? attachment.blocks.map((block) => blockNode(block, names, act)) : mrkdwn(attachment.text || attachment.fallback || "", names),
    (attachment.fields || []).map((field) => h("p", null, h("b", null, field.title), " ", field.value)),
    attachment.footer ? h("p", { class: "small" }, attachment.footer) : null);
  node.style.borderLeftColor = { good: "#2eb886", warning: "#daa038", danger: "#a30200" }[attachment.color] || (/^#?[0-9a-f]{6}$/i.test(attachment.color) ? "#" + attachment.color.replace("#", "") : "");
  return node;
}

/** The body of a message: its blocks, or else its text; then attachments and files. */
function bodyOf(message, names, act) {
  const words = message.blocks && message.blocks.length ? message.blocks.map((block) => blockNode(block, names, act)) : mrkdwn(message.text || "", names);
  const attachments = Array.isArray(message.attachments) ? message.attachments.map((attachment) => attachmentNode(attachment, names, act)) : [];
  return [words, attachments, (message.files || []).map(fileNode)];
}

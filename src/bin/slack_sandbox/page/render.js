"use strict";
// Slack's text and blocks as DOM nodes. Nothing here ever parses HTML: every word becomes a text node.

const EMOJI = { tada: "🎉", eyes: "👀", white_check_mark: "✅", x: "❌", warning: "⚠️", hourglass: "⌛", hourglass_flowing_sand: "⏳",
  thumbsup: "👍", "+1": "👍", "-1": "👎", rocket: "🚀", robot_face: "🤖", lock: "🔒", no_entry: "⛔", red_circle: "🔴",
  large_green_circle: "🟢", white_circle: "⚪", information_source: "ℹ️", wave: "👋", bulb: "💡", fire: "🔥", question: "❓" };

/** An element with attributes (`on…` are listeners) and children; null children are left out. */
function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

const unescape = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
const emoji = (name) => EMOJI[name] || `:${name}:`;

function anchor(url, label) {
  const safe = /^(https?:|mailto:)/i.test(url) ? url : null;
  return h("a", { href: safe, target: "_blank", rel: "noreferrer noopener", title: url }, label || url);
}

/** `<…>` of mrkdwn: mentions, dates, links. */
function angle(inner, names) {
  const [target, label] = inner.split(/\|(.*)/s);
  const shown = label === undefined ? null : unescape(label);
  if (target.startsWith("@")) return h("span", { class: "at" }, "@" + (names.user(target.slice(1)) || shown || target.slice(1)));
  if (target.startsWith("#")) return h("span", { class: "at" }, "#" + (names.channel(target.slice(1)) || shown || target.slice(1)));
  if (target.startsWith("!subteam^")) return h("span", { class: "at" }, names.group(target.slice(9)) || shown || target);
  if (target.startsWith("!date^")) {
    const [, seconds, format] = target.split("^");
    return h("time", { title: new Date(seconds * 1000).toISOString() }, format ? dated(seconds, format) : shown || target);
  }
  if (target.startsWith("!")) return h("span", { class: "at" }, "@" + target.slice(1));
  return anchor(unescape(target), shown);
}

function dated(seconds, format) {
  const date = new Date(seconds * 1000);
  const day = date.toLocaleDateString(), time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return format.replace(/\{date[a-z_]*\}/g, day).replace(/\{time_secs\}/g, date.toLocaleTimeString()).replace(/\{time\}/g, time);
}

const STYLES = [["*", "b"], ["_", "i"], ["~", "s"]];

/** One line of mrkdwn without code: tokens, then bold, italic, strike, emoji. */
function inline(text, names) {
  const out = [];
  let rest = text;
  while (rest) {
    const match = /<([^<>\n]+)>|`([^`\n]+)`|(^|[^\w])([*_~])(?=\S)((?:<[^>]*>|`[^`]*`|(?!\4).)*?[^\s])\4(?![\w])|:([a-z0-9_+-]+):/.exec(rest);
    if (!match) break;
    out.push(unescape(rest.slice(0, match.index)));
    const [all, token, code, before, mark, inside, name] = match;
    if (token !== undefined) out.push(angle(token, names));
    else if (code !== undefined) out.push(h("code", null, unescape(code)));
    else if (mark) out.push(unescape(before), h(STYLES.find(([sign]) => sign === mark)[1], null, inline(inside, names)));
    else out.push(EMOJI[name] ? emoji(name) : all);
    rest = rest.slice(match.index + all.length);
  }
  out.push(unescape(rest));
  return out;
}

/** mrkdwn with its fences and quotes. */
function mrkdwn(text, names) {
  const out = [];
  text.split("```").forEach((part, index, parts) => {
    if (index % 2 && index + 1 < parts.length) {
      out.push(h("pre", null, unescape(part.replace(/^\n|\n$/g, ""))));
      return;
    }
    const trimmed = (index ? part.replace(/^\n/, "") : part).replace(index + 1 < parts.length ? /\n$/ : /$^/, "");
    let plain = [];
    const flush = () => { if (plain.length) out.push(h("p", null, inline(plain.join("\n"), names))); plain = []; };
    for (const line of trimmed.split("\n")) {
      if (!line.startsWith("&gt;")) { plain.push(line); continue; }
      flush();
      out.push(h("blockquote", null, inline(line.slice(4).trimStart(), names)));
    }
    if (plain.join("")) flush();
  });
  return out;
}

function textObject(object, names) {
  if (!object) return null;
  if (object.type === "mrkdwn") return mrkdwn(object.text || "", names);
  const plain = (object.text || "").replace(/:([a-z0-9_+-]+):/g, (all, name) => (object.emoji !== false && EMOJI[name]) || all);
  return h("p", null, plain);
}

function styled(node, style) {
  if (!style) return node;
  let out = node;
  for (const [key, tag] of [["code", "code"], ["bold", "b"], ["italic", "i"], ["strike", "s"]]) if (style[key]) out = h(tag, null, out);
  return out;
}

function richElement(element, names) {
  switch (element.type) {
    case "text": return styled(element.text, element.style);
    case "link": return styled(anchor(element.url, element.text), element.style);
    case "user": return h("span", { class: "at" }, "@" + (names.user(element.user_id) || element.user_id));
    case "channel": return h("span", { class: "at" }, "#" + (names.channel(element.channel_id) || element.channel_id));
    case "usergroup": return h("span", { class: "at" }, names.group(element.usergroup_id) || element.usergroup_id);
    case "broadcast": return h("span", { class: "at" }, "@" + element.range);
    case "emoji": return emoji(element.name);
    case "date": return dated(element.timestamp, element.format || "{date_short} {time}");
    default: return `[${element.type}]`;
  }
}

function rich(block, names) {
  return (block.elements || []).map((part) => {
    const inside = () => (part.elements || []).map((element) => richElement(element, names));
    switch (part.type) {
      case "rich_text_preformatted": return h("pre", null, inside());
      case "rich_text_quote": return h("blockquote", null, h("p", null, inside()));
      case "rich_text_list": {
        const items = (part.elements || []).map((item) => h("li", null, (item.elements || []).map((e) => richElement(e, names))));
        return h(part.style === "ordered" ? "ol" : "ul", null, items);
      }
      default: return h("p", null, inside());
    }
  });
}

function control(element, press) {
  if (element.type !== "button") return h("span", { class: "note" }, `[${element.type}]`);
  const style = { primary: "primary", danger: "danger" }[element.style];
  return h("button", { type: "button", class: style, onclick: () => press(element) }, element.text && element.text.text);
}

function tableBlock(block, names) {
  const cell = (c) => h("td", null, c.type === "rich_text" ? rich(c, names) : c.text);
  return h("table", null, (block.rows || []).map((row) => h("tr", null, row.map(cell))));
}

/** One Block Kit block. */
function blockNode(block, names, press) {
  switch (block.type) {
    case "section": {
      const fields = block.fields && h("div", { class: "fields" }, block.fields.map((f) => h("div", null, textObject(f, names))));
      const accessory = block.accessory && control(block.accessory, press);
      return h("div", { class: "block section" }, h("div", null, textObject(block.text, names), fields), accessory);
    }
    case "header": return h("h3", null, block.text && block.text.text);
    case "divider": return h("hr");
    case "context": return h("div", { class: "block context" }, (block.elements || []).map((e) => h("span", null, e.type === "image" ? `[${e.alt_text}]` : textObject(e, names))));
    case "actions": return h("div", { class: "block actions" }, (block.elements || []).map((e) => control(e, press)));
    case "rich_text": return h("div", { class: "block" }, rich(block, names));
    case "markdown": return h("div", { class: "block" }, h("p", null, block.text));
    case "image": return h("p", { class: "note" }, `[image: ${block.alt_text || block.image_url}]`);
    case "table": return tableBlock(block, names);
    default: return h("p", { class: "note" }, `[a block of type ${block.type}]`);
  }
}

/** The body of a message: its blocks, or else its text. */
function bodyOf(message, names, press) {
  if (message.blocks && message.blocks.length) return message.blocks.map((block) => blockNode(block, names, press));
  return mrkdwn(message.text || "", names);
}

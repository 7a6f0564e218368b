"use strict";
// Slack's text as DOM nodes. Nothing here ever parses HTML: every word becomes a text node.

const $ = (selector, root = document) => root.querySelector(selector);

const EMOJI = { tada: "🎉", eyes: "👀", white_check_mark: "✅", x: "❌", warning: "⚠️", hourglass: "⌛", hourglass_flowing_sand: "⏳",
  thumbsup: "👍", "+1": "👍", "-1": "👎", rocket: "🚀", robot_face: "🤖", lock: "🔒", no_entry: "⛔", red_circle: "🔴",
  large_green_circle: "🟢", white_circle: "⚪", information_source: "ℹ️", wave: "👋", bulb: "💡", fire: "🔥", question: "❓",
  heavy_check_mark: "✔️", zap: "⚡", rotating_light: "🚨", bell: "🔔", no_entry_sign: "🚫", octagonal_sign: "🛑", large_yellow_circle: "🟡",
  large_blue_circle: "🔵", double_vertical_bar: "⏸️", arrow_forward: "▶️", stopwatch: "⏱️", memo: "📝", mag: "🔍", key: "🔑", bug: "🐛",
  ok_hand: "👌", pray: "🙏", clap: "👏", thinking_face: "🤔", smile: "😄", joy: "😂", heart: "❤️", "100": "💯", boom: "💥", thumbsdown: "👎" };

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

/** By its code points where Slack gives them, else by its name. */
function emoji(name, unicode) {
  const points = (unicode || "").split("-").map((hex) => parseInt(hex, 16));
  if (unicode && points.every((point) => point > 0 && point <= 0x10ffff)) return String.fromCodePoint(...points);
  return Object.hasOwn(EMOJI, name) ? EMOJI[name] : `:${name}:`;
}

/** A link, where it leads outside by http(s) or mail; anything else is only words. */
function anchor(url, label) {
  if (!/^(https?:\/\/|mailto:)/i.test(url)) return h("span", { class: "no-link", title: "not a link Slack would open" }, label || url);
  return h("a", { href: url, target: "_blank", rel: "noreferrer noopener", title: url }, label || url);
}

/** `<…>` of mrkdwn: mentions, dates, links. */
function angle(inner, names) {
  const [target, label] = inner.split(/\|(.*)/s);
  const shown = label === undefined ? null : unescape(label);
  if (target.startsWith("@")) return h("span", { class: "at" }, "@" + (names.user(target.slice(1)) || shown || target.slice(1)));
  if (target.startsWith("#")) return h("span", { class: "at" }, "#" + (names.channel(target.slice(1)) || shown || target.slice(1)));
  if (target.startsWith("!subteam^")) return h("span", { class: "at" }, names.group(target.slice(9)) || shown || target);
  if (target.startsWith("!date^")) {
    const [, seconds, format, link] = target.split("^");
    const when = dated(seconds, format && unescape(format), shown || target);
    return link ? anchor(unescape(link), when) : when;
  }
  if (target.startsWith("!")) return h("span", { class: "at" }, "@" + target.slice(1));
  return anchor(unescape(target), shown);
}

/** A moment in the words of the format; the fallback where it is none. */
function dated(seconds, format, fallback) {
  const date = new Date(Number(seconds) * 1000);
  if (!format || Number.isNaN(date.getTime())) return fallback || String(seconds);
  const day = date.toLocaleDateString(), time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = format.replace(/\{date[a-z_]*\}/g, day).replace(/\{time_secs\}/g, date.toLocaleTimeString()).replace(/\{time\}/g, time);
  return h("time", { datetime: date.toISOString(), title: date.toISOString() }, words);
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
    else out.push(emoji(name));
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
  const text = object.text || "";
  return h("p", null, object.emoji === false ? text : text.replace(/:([a-z0-9_+-]+):/g, (all, name) => emoji(name)));
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
    case "emoji": return styled(emoji(element.name, element.unicode), element.style);
    case "date": return dated(element.timestamp, element.format || "{date_short} {time}", element.fallback);
    case "color": return element.value;
    default: return `[${element.type}]`;
  }
}

/** A rich_text block: sections, lists (indented, counted on from `offset`), preformatted text, quotes. */
function rich(block, names) {
  return (block.elements || []).map((part) => {
    const inside = () => (part.elements || []).map((element) => richElement(element, names));
    switch (part.type) {
      case "rich_text_preformatted": return h("pre", null, inside());
      case "rich_text_quote": return h("blockquote", null, h("p", null, inside()));
      case "rich_text_list": {
        const items = (part.elements || []).map((item) => h("li", null, (item.elements || []).map((e) => richElement(e, names))));
        const ordered = part.style === "ordered";
        const list = h(ordered ? "ol" : "ul", ordered ? { start: (part.offset || 0) + 1 } : null, items);
        list.style.marginInlineStart = `${Math.min(Number(part.indent) || 0, 8) * 24}px`;
        return list;
      }
      default: return h("p", null, inside());
    }
  });
}

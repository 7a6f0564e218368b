"use strict";
// The inputs of Block Kit. Each is `{node, read, focus}`: what stands on the page, its value as the app will get it, where the caret goes.

const optionList = (element) => element.options || (element.option_groups || []).flatMap((group) => group.options || []);
const words = (object) => textObject(object, names)?.textContent || "";
let inputs = 0;

function textInput(element, value, type) {
  const first = value ?? element.initial_value ?? "";
  const attributes = { placeholder: element.placeholder && element.placeholder.text, maxlength: element.max_length, autocomplete: "off", spellcheck: "false" };
  const node = element.multiline ? h("textarea", { ...attributes, rows: 4 })
    : h("input", { ...attributes, type, inputmode: element.type === "number_input" ? (element.is_decimal_allowed ? "decimal" : "numeric") : null });
  node.value = first;
  return { node, target: node, read: () => node.value };
}

function selectInput(element, value, options, initial) {
  const first = value ?? initial ?? "";
  const option = (o) => h("option", { value: o.value, selected: o.value === first }, words(o.text));
  const groups = element.option_groups && element.option_groups.map((group) => h("optgroup", { label: words(group.label) }, (group.options || []).map(option)));
  const placeholder = (element.placeholder && element.placeholder.text) || "Choose…";
  const node = h("select", null, h("option", { value: "" }, placeholder), groups || options.map(option));
  node.value = first;
  return { node, target: node, read: () => node.value };
}

function choiceInput(element, value, type) {
  const initial = type === "radio" ? [element.initial_option && element.initial_option.value] : (element.initial_options || []).map((o) => o.value);
  const first = value === undefined ? initial : [value].flat();
  const name = `choice-${++inputs}`;
  const boxes = optionList(element).map((option) => {
    const box = h("input", { type, name, value: option.value });
    box.checked = first.includes(option.value);
    return [box, h("label", { class: "choice" }, box, h("span", null, h("span", null, words(option.text)), option.description ? h("span", { class: "note" }, words(option.description)) : null))];
  });
  const node = h("div", { class: "choices", role: type === "radio" ? "radiogroup" : "group" }, boxes.map(([, label]) => label));
  const chosen = () => boxes.filter(([box]) => box.checked).map(([box]) => box.value);
  return { node, target: node, focus: () => (boxes.find(([box]) => box.checked) || boxes[0])[0].focus(), read: () => (type === "radio" ? chosen()[0] || "" : chosen()) };
}

/** The people and places that the pickers of Slack offer. */
function placesFor(kind) {
  const people = here.world.users.filter((u) => !u.deleted).map((u) => ({ value: u.id, text: { text: "@" + u.name } }));
  const channels = here.world.channels.filter((c) => !c.is_im).map((c) => ({ value: c.id, text: { text: "#" + c.name } }));
  return { users_select: people, channels_select: channels, conversations_select: [...channels, ...people] }[kind];
}

/** An element that takes something in; `null` for one that the page does not know. `value` is what was typed so far. */
function inputNode(element, { value }) {
  const initial = element.initial_option && element.initial_option.value;
  switch (element.type) {
    case "plain_text_input": return textInput(element, value, "text");
    case "number_input": return textInput(element, value, "text");
    case "email_text_input": return textInput(element, value, "email");
    case "url_text_input": return textInput(element, value, "url");
    case "datepicker": return textInput({ ...element, initial_value: element.initial_date }, value, "date");
    case "timepicker": return textInput({ ...element, initial_value: element.initial_time }, value, "time");
    case "static_select": return selectInput(element, value, optionList(element), initial);
    case "radio_buttons": return choiceInput(element, value, "radio");
    case "checkboxes": return choiceInput(element, value, "checkbox");
    case "multi_static_select": return choiceInput(element, value, "checkbox");
    case "users_select": case "channels_select": case "conversations_select":
      return selectInput(element, value, placesFor(element.type), element.initial_user || element.initial_channel || element.initial_conversation);
    default: return null;
  }
}

/** What Slack's own client finds wrong before anything is sent; `null` where nothing is. */
function wrong(block, value) {
  const element = block.element;
  const empty = value === "" || value === undefined || (Array.isArray(value) && value.length === 0);
  if (empty) return block.optional ? null : "Please complete this required field.";
  if (element.min_length && [...value].length < element.min_length) return `Please enter at least ${element.min_length} characters.`;
  if (element.type !== "number_input") return null;
  const number = Number(value);
  if (Number.isNaN(number) || (!element.is_decimal_allowed && !Number.isInteger(number))) return element.is_decimal_allowed ? "Please enter a number." : "Please enter a whole number.";
  if (element.min_value !== undefined && number < Number(element.min_value)) return `Please enter a number of at least ${element.min_value}.`;
  if (element.max_value !== undefined && number > Number(element.max_value)) return `Please enter a number of at most ${element.max_value}.`;
  return null;
}

/** An input block with its label, its hint and its error. */
function fieldNode(block, draft, error) {
  const input = inputNode(block.element || {}, { value: draft });
  const id = `field-${++inputs}`;
  if (!input) return { block, node: h("p", { class: "note" }, `[an input of type ${block.element && block.element.type}]`), read: () => undefined, focus: () => {} };
  const label = [words(block.label), block.optional ? h("span", { class: "note" }, " (optional)") : null];
  const described = [block.hint ? `${id}-hint` : null, `${id}-error`].filter(Boolean).join(" ");
  const said = h("p", { class: "error", id: `${id}-error`, role: "alert", hidden: !error }, error);
  input.target.setAttribute("aria-describedby", described);
  const isGroup = input.node.classList.contains("choices");
  if (isGroup) input.target.setAttribute("aria-labelledby", `${id}-label`);
  else input.target.id = id;
  const show = (text) => {
    said.textContent = text || "";
    said.hidden = !text;
    if (text) input.target.setAttribute("aria-invalid", "true"); else input.target.removeAttribute("aria-invalid");
  };
  show(error);
  return {
    block, show, read: input.read, focus: input.focus || (() => input.target.focus()),
    node: h("div", { class: "field", "data-block": block.block_id },
      h(isGroup ? "span" : "label", isGroup ? { class: "label", id: `${id}-label` } : { class: "label", for: id }, label),
      input.node, said, block.hint ? h("p", { class: "note", id: `${id}-hint` }, words(block.hint)) : null),
  };
}

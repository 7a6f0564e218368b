"use strict";
// The two composers, with completion of commands, people, groups and channels.

class Composer {
  constructor(form) {
    this.thread = form.dataset.place === "thread";
    this.editing = null;
    this.typed = [];
    const list = `hints-${form.dataset.place}`;
    this.area = h("textarea", { rows: 1, role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list, autocomplete: "off", enterkeyhint: "send" });
    this.hint = h("ul", { class: "hint", id: list, hidden: true, role: "listbox", "aria-label": "Completions" });
    this.mode = h("div", { class: "mode", hidden: true });
    this.options = [];
    form.append(this.mode, this.hint, h("div", { class: "box" }, this.area, h("button", { class: "primary", "aria-label": "Send" }, "Send")));
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.area.addEventListener("input", () => { this.grow(); this.suggest(); });
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.area.addEventListener("blur", () => this.show([]));
    this.place(null);
  }

  /** Says where a message goes. */
  place(name) {
    this.area.placeholder = this.thread ? "Reply…" : "Message, or / for a command";
    this.area.setAttribute("aria-label", this.thread ? "Reply in the thread" : `Message to ${name}`);
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
      const used = this.typed.filter((t) => t.startsWith("/")).reverse().map((t) => ({ label: t, note: "used before", text: t }));
      const known = commands().map((c) => ({ label: `${c.command} ${c.usage_hint || ""}`.trim(), note: c.description || "", text: c.command + " " }));
      return [...known, ...used].filter((c, i, all) => c.text.startsWith(text) && c.text.trim() !== text.trim() && all.findIndex((d) => d.text.trim() === c.text.trim()) === i)
        .map((c) => ({ ...c, from: 0 }));
    }
    const match = /(^|\s)([@#])([\w.-]*)$/.exec(text);
    if (!match) return [];
    const from = text.length - match[3].length - 1;
    const options = match[2] === "#" ? here.world.channels.filter((c) => !c.is_im).map((c) => [c.name, ""])
      : [...here.world.users.map((u) => [u.name, u.note]), ...here.world.groups.map((g) => [g.handle, "group"])];
    return options.filter(([name]) => name.startsWith(match[3]) && name !== match[3])
      .map(([name, note]) => ({ label: match[2] + name, note, from, text: match[2] + name + " " }));
  }

  /** Shows what would complete. The first is chosen at once while a name is typed, so that Enter takes it; the rest of a command goes as it is. */
  suggest() {
    this.show(this.candidates().slice(0, 8));
    const text = this.area.value.slice(0, this.area.selectionStart);
    if (this.options.length && !/^\/\S*\s/.test(text)) this.choose(1);
  }

  show(options) {
    this.options = options;
    this.chosen = -1;
    this.hint.hidden = options.length === 0;
    this.area.setAttribute("aria-expanded", String(options.length > 0));
    this.area.removeAttribute("aria-activedescendant");
    this.hint.replaceChildren(...options.map((option, index) => h("li", { role: "option", id: `${this.hint.id}-${index}`, "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); this.complete(option); } },
      h("span", null, option.label), h("span", { class: "note" }, option.note))));
  }

  choose(step) {
    const count = this.options.length;
    this.chosen = this.chosen < 0 ? (step > 0 ? 0 : count - 1) : (this.chosen + step + count) % count;
    [...this.hint.children].forEach((node, index) => node.setAttribute("aria-selected", String(index === this.chosen)));
    this.area.setAttribute("aria-activedescendant", `${this.hint.id}-${this.chosen}`);
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
      if (open) { event.stopPropagation(); this.show([]); }
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
    this.show([]);
    if (editing) await call("edit", { ...place, ts: editing, text });
    else if (text.startsWith("/")) await this.command(place, text);
    else await call("say", { ...place, text, ...(this.thread ? { thread_ts: here.thread } : {}) });
  }

  async command(place, text) {
    const [, command, rest] = /^(\/\S*)\s*([^]*)$/.exec(text);
    if (!commands().some((c) => c.command === command)) { toast(`${command} is no command here; there is ${commands().map((c) => c.command).join(", ")}`); this.set(text); return; }
    const answer = await call("slash", { ...place, command, text: rest });
    if (!answer.ok) this.set(text);
  }
}

/** The slash commands of the app. */
const commands = () => here.world.commands || [{ command: "/drone", usage_hint: "help", description: "the bot" }];

// Where a member writes: growing with the text, what may follow / @ and #,
// files by button, by drop and from the clipboard.

import { $, $$, say, ask, address, toast, nonce } from "./ui.js";

const maxText = 16 << 10; // bytes
const maxFile = 4 << 20;
const maxFiles = 4;

export function grow(t) {
  t.style.height = "auto";
  t.style.height = t.scrollHeight + 2 + "px";
}

// measure says how many characters of a text are too many to be sent, here and
// to who writes it. Nothing is cut: what was pasted may be all there is of it.
export function measure(t) {
  const bytes = t.value.length * 3 > maxText ? new TextEncoder().encode(t.value) : new Uint8Array();
  let end = Math.min(maxText, bytes.length);
  while ((bytes[end] & 0xc0) === 0x80) end--; // not within a character
  const over = new TextDecoder().decode(bytes.slice(end)).length;
  const p = $("[data-over]", t.form);
  p.hidden = !over;
  p.replaceChildren();
  if (!over) return 0;
  const files = t.form.elements.file;
  p.textContent = files ? say("tooLong", { n: over }) : say("tooLongBy", { n: over });
  if (files) p.append(" ", asFile(t));
  return over;
}

function asFile(t) {
  const b = document.createElement("button");
  b.type = "button";
  b.className = "btn small";
  b.textContent = say("asFile");
  b.addEventListener("click", () => {
    const file = new File([t.value], "message.txt", { type: "text/plain" });
    addFiles(t.form, [file]);
    if (![...t.form.elements.file.files].some((f) => f.name === file.name && f.size === file.size)) return; // there was no room
    t.value = "";
    grow(t);
    measure(t);
    t.focus();
  });
  return b;
}

export function prepare(form) {
  const t = form.elements.text;
  grow(t);
  measure(t);
  if (form.dataset.ready) return;
  form.dataset.ready = "yes";
  const hints = new Hints(form, t);
  // What has been changed is another message, whatever became of the one before.
  t.addEventListener("input", () => { form.elements.nonce.value = nonce(); grow(t); measure(t); hints.look(); });
  t.addEventListener("blur", () => setTimeout(() => hints.hide(), 150));
  // Some keyboards tell of Enter twice, as a key and as a line break to insert.
  let sent = false;
  t.addEventListener("beforeinput", (e) => { if (sent && e.inputType === "insertLineBreak") e.preventDefault(); });
  t.addEventListener("keydown", (e) => {
    sent = false;
    // An input method's Enter chooses a word; it does not send.
    if (e.isComposing || e.keyCode === 229) return;
    if (hints.key(e)) { e.preventDefault(); return; }
    if (e.key === "Enter" && !e.shiftKey && !e.ctrlKey && !e.altKey && !inFence(t)) {
      e.preventDefault();
      sent = true;
      form.requestSubmit();
    } else if (e.key === "ArrowUp" && !t.value) {
      const mine = $$(".msg:has([data-edit-link])", form.closest("main, aside")).at(-1);
      if (mine) { e.preventDefault(); $("[data-edit-link]", mine).click(); }
    }
  });
  t.addEventListener("paste", (e) => {
    if (e.clipboardData?.files.length) { e.preventDefault(); addFiles(form, e.clipboardData.files); }
  });
  form.elements.file.addEventListener("change", () => showFiles(form));
  for (const ev of ["dragenter", "dragover"]) form.addEventListener(ev, (e) => { if (e.dataTransfer?.types.includes("Files")) { e.preventDefault(); form.classList.add("drop"); } });
  for (const ev of ["dragleave", "drop"]) form.addEventListener(ev, () => form.classList.remove("drop"));
  form.addEventListener("drop", (e) => { if (e.dataTransfer?.files.length) { e.preventDefault(); addFiles(form, e.dataTransfer.files); } });
}

// inFence says whether the caret is in a piece of code that is not closed yet:
// there, Enter begins a line.
function inFence(t) {
  return t.value.slice(0, t.selectionStart).split("```").length % 2 === 0;
}

function addFiles(form, files, keep = [...form.elements.file.files]) {
  const all = new DataTransfer();
  for (const f of [...keep, ...files]) {
    if (f.size > maxFile) toast(say("fileLarge", { name: f.name }), "sorry");
    else if (all.items.length === maxFiles) toast(say("filesMany"), "sorry");
    else all.items.add(f);
  }
  form.elements.file.files = all.files;
  form.elements.nonce.value = nonce();
  drawFiles(form);
}

function showFiles(form) {
  addFiles(form, [...form.elements.file.files], []);
}

export function drawFiles(form) {
  const box = $("[data-chosen]", form);
  const files = [...form.elements.file.files];
  box.hidden = files.length === 0;
  box.replaceChildren(...files.map((f) => {
    const b = document.createElement("button");
    b.type = "button";
    b.setAttribute("aria-label", say("fileRemove", { name: f.name }));
    const name = document.createElement("bdi");
    name.textContent = f.name;
    b.append(name, " ✕");
    b.addEventListener("click", () => {
      addFiles(form, files.filter((x) => x !== f), []);
      form.elements.text.focus();
    });
    return b;
  }));
}

// Hints is the list that opens while a word is being typed (a combobox).
class Hints {
  constructor(form, text) {
    this.list = $(".hints", form);
    this.text = text;
    this.items = [];
    this.at = -1;
    this.list.addEventListener("mousedown", (e) => {
      const li = e.target.closest("li");
      if (li) { e.preventDefault(); this.choose(+li.dataset.i); }
    });
  }

  word() {
    const before = this.text.value.slice(0, this.text.selectionStart);
    const cmd = before.match(/^\/[a-z0-9-]*$/i);
    if (cmd) return cmd[0];
    // Chinese is written without spaces.
    return before.match(/(?:^|[\s(（，。、：！？；\p{sc=Han}])([@#][^\s@#]{0,32})$/u)?.[1] || "";
  }

  async look() {
    const w = this.word();
    this.abort?.abort();
    if (!w) { this.hide(); return; }
    this.abort = new AbortController();
    // Until the server has answered, what it offered before and still fits.
    if (this.items.length) this.show(this.items.filter((h) => h.insert.toLowerCase().startsWith(w.toLowerCase())));
    try {
      const { hints } = await ask(address("/chat/complete", { q: w }), { signal: this.abort.signal });
      if (this.word() !== w) return;
      this.show(hints);
    } catch (err) {
      if (err.name !== "AbortError") this.hide();
    }
  }

  show(items) {
    this.items = items;
    if (!items.length) { this.hide(); return; }
    this.list.replaceChildren(...items.map((h, i) => {
      const li = document.createElement("li");
      li.role = "option";
      li.id = this.list.id + "-" + i;
      li.dataset.i = i;
      for (const [tag, v] of [["b", h.label], ["i", h.args], ["span", h.help]]) {
        if (!v) continue;
        const el = document.createElement(tag);
        el.textContent = v;
        li.append(el);
      }
      return li;
    }));
    this.list.hidden = false;
    this.mark(0);
  }

  mark(i) {
    this.at = (i + this.items.length) % this.items.length;
    [...this.list.children].forEach((li, k) => li.setAttribute("aria-selected", k === this.at));
    const li = this.list.children[this.at];
    this.text.setAttribute("aria-activedescendant", li.id);
    li.scrollIntoView({ block: "nearest" });
  }

  hide() {
    this.list.hidden = true;
    this.items = [];
    this.text.removeAttribute("aria-activedescendant");
  }

  // key says whether the key was for the list.
  key(e) {
    if (!this.items.length) return false;
    switch (e.key) {
      case "ArrowDown": this.mark(this.at + 1); return true;
      case "ArrowUp": this.mark(this.at - 1); return true;
      case "Escape": this.hide(); e.stopPropagation(); return true;
      case "Tab": if (e.shiftKey) return false; this.choose(this.at); return true;
      case "Enter":
        // What is written in full already is sent.
        if (this.items[this.at].insert === this.word()) { this.hide(); return false; }
        this.choose(this.at);
        return true;
    }
    return false;
  }

  choose(i) {
    const t = this.text;
    const end = t.selectionStart;
    const start = end - this.word().length;
    t.setRangeText(this.items[i].insert + " ", start, end, "end");
    this.hide();
    t.focus();
    grow(t);
  }
}

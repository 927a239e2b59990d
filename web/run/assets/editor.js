// The editor: the page's text area, with the same text in colours below it, line
// numbers, and the keys that one expects where code is written. The text area
// stays what is edited: what reads screens, writes by voice or undoes, works.

import { read, CODE } from "./tokens.js";

const mostPainted = 256 * 1024; // of more only the text is shown
const mostTokens = 2000; // of a longer line too

export class Editor {
  constructor(area, say) {
    this.area = area;
    this.say = say;
    this.lines = [];
    this.states = []; // in which each line begins
    this.bad = new Set(); // lines that something was found in, from 1
    this.leaving = false;
    this.build();
    this.paint();
    area.addEventListener("input", () => {
      this.mark([]);
      this.paint();
      this.reveal();
    });
    document.addEventListener("selectionchange", () => {
      if (document.activeElement === area) this.reveal();
    });
    area.addEventListener("keydown", (e) => this.key(e));
    area.addEventListener("beforeinput", (e) => this.before(e));
    area.addEventListener("blur", () => { this.leaving = false; });
  }

  build() {
    const make = (tag, name) => Object.assign(document.createElement(tag), { className: name });
    this.pane = make("div", "pane");
    const sheet = make("div", "sheet");
    this.numbers = make("div", "lines");
    const stage = make("div", "stage");
    this.below = make("div", "paint");
    for (const el of [this.numbers, this.below]) el.setAttribute("aria-hidden", "true");
    this.area.before(this.pane);
    stage.append(this.below, this.area);
    sheet.append(this.numbers, stage);
    this.pane.append(sheet);
    // Pressing beside the text leads into it.
    this.pane.addEventListener("mousedown", (e) => {
      if (e.target === this.area || e.offsetX > this.pane.clientWidth) return;
      e.preventDefault();
      this.area.focus();
    });
  }

  get value() { return this.area.value; }

  // set replaces the whole text; undo brings the old one back. The caret stays
  // in its line.
  set(text) {
    if (text === this.value) return;
    const before = this.value.slice(0, this.area.selectionStart);
    const line = before.split("\n").length - 1;
    const top = this.pane.scrollTop;
    this.area.focus();
    this.area.select();
    this.type(text);
    const at = text.split("\n").slice(0, line).join("\n").length + (line ? 1 : 0);
    this.area.setSelectionRange(Math.min(at, text.length), Math.min(at, text.length));
    this.pane.scrollTop = top;
  }

  // type puts text in the place of what is selected, as if it had been typed.
  type(text) {
    this.typing = true;
    const done = text === "" ? document.execCommand("delete") : document.execCommand("insertText", false, text);
    this.typing = false;
    if (done) return;
    this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
    this.area.dispatchEvent(new Event("input"));
  }

  key(e) {
    if (e.isComposing || e.altKey) return;
    const held = e.ctrlKey || e.metaKey;
    if (e.key === "Escape") {
      this.leaving = true;
      this.say(this.area.form.dataset.leave);
      return;
    }
    if (e.key === "Tab" && !held && !this.leaving) {
      e.preventDefault();
      this.indent(e.shiftKey);
      return;
    }
    if (e.key !== "Shift") this.leaving = false;
  }

  // before sees what is about to be typed, on whatever keyboard.
  before(e) {
    if (this.typing || e.isComposing) return;
    if (e.inputType === "insertLineBreak") {
      e.preventDefault();
      this.newline();
    } else if (e.inputType === "insertText" && e.data === "}") {
      this.close(e);
    }
  }

  // indent moves the selected lines in or out; without a selection it types a
  // tab.
  indent(out) {
    const { selectionStart: a, selectionEnd: b, value } = this.area;
    if (!out && !value.slice(a, b).includes("\n")) {
      this.type("\t");
      return;
    }
    const from = value.lastIndexOf("\n", a - 1) + 1;
    const last = b > a && value[b - 1] === "\n" ? b - 1 : b;
    const end = value.indexOf("\n", last);
    const to = end < 0 ? value.length : end;
    const old = value.slice(from, to).split("\n");
    const lines = old.map((l) => (out ? l.replace(/^(\t| {1,4})/, "") : l && "\t" + l));
    const text = lines.join("\n");
    if (text === old.join("\n")) return;
    this.area.setSelectionRange(from, to);
    this.type(text);
    if (a === b) {
      const at = Math.max(from, a + lines[0].length - old[0].length);
      this.area.setSelectionRange(at, at);
    } else {
      this.area.setSelectionRange(from, from + text.length);
    }
  }

  // newline begins a line as deep as the one before, deeper behind what opens.
  newline() {
    const { selectionStart: a, selectionEnd: b, value } = this.area;
    const line = value.slice(value.lastIndexOf("\n", a - 1) + 1, a);
    const indent = /^[ \t]*/.exec(line)[0];
    const opens = /[{([]\s*$/.test(line) || /^\s*(case\b.*|default\s*):\s*$/.test(line);
    if (opens && /^[})\]]/.test(value.slice(b))) {
      this.type("\n" + indent + "\t\n" + indent);
      const at = this.area.selectionStart - indent.length - 1;
      this.area.setSelectionRange(at, at);
      return;
    }
    this.type("\n" + indent + (opens ? "\t" : ""));
  }

  // close takes a tab away before a brace that begins its line.
  close(e) {
    const { selectionStart: a, selectionEnd: b, value } = this.area;
    const from = value.lastIndexOf("\n", a - 1) + 1;
    if (a !== b || !/^\t+$/.test(value.slice(from, a))) return;
    e.preventDefault();
    this.area.setSelectionRange(a - 1, a);
    this.type("}");
  }

  // paint draws anew the lines that have changed, and those whose state has.
  paint() {
    const value = this.value;
    const plain = value.length > mostPainted;
    const lines = value.split("\n");
    const old = this.lines, oldStates = this.states;
    let head = 0;
    while (head < lines.length && head < old.length && lines[head] === old[head]) head++;
    let tail = 0;
    while (tail < lines.length - head && tail < old.length - head && lines[lines.length - 1 - tail] === old[old.length - 1 - tail]) tail++;
    const states = oldStates.slice(0, head);
    let state = head < oldStates.length ? oldStates[head] : head ? read(lines[head - 1], states[head - 1]) : CODE;
    const fresh = [];
    let i = head;
    for (; i < lines.length; i++) {
      if (i >= lines.length - tail) {
        const was = oldStates[i - lines.length + old.length];
        if (was === state) break; // from here on all is as it was
      }
      states.push(state);
      const row = document.createElement("div");
      if (plain || lines[i].length > mostTokens) {
        row.textContent = lines[i];
        state = plain ? CODE : read(lines[i], state);
      } else {
        state = read(lines[i], state, (text, kind) => {
          if (!kind) return row.append(text);
          const part = document.createElement("span");
          part.className = kind;
          part.textContent = text;
          row.append(part);
        });
      }
      fresh.push(row);
    }
    const kept = lines.length - i;
    for (let n = old.length - kept - head; n > 0; n--) this.below.children[head].remove();
    const at = this.below.children[head] || null;
    const part = document.createDocumentFragment();
    part.append(...fresh.slice(0, 30000));
    for (const row of fresh.slice(30000)) part.append(row);
    this.below.insertBefore(part, at);
    this.states = states.concat(kept ? oldStates.slice(oldStates.length - kept) : []);
    this.lines = lines;
    if (lines.length !== this.numbered || this.renumber) this.number();
  }

  number() {
    this.numbered = this.lines.length;
    this.renumber = this.bad.size > 0;
    this.numbers.textContent = "";
    const text = [];
    for (let i = 1; i <= this.lines.length; i++) {
      if (!this.bad.has(i)) {
        text.push(i);
        continue;
      }
      if (text.length) this.numbers.append(text.join("\n") + "\n");
      text.length = 0;
      this.numbers.append(Object.assign(document.createElement("b"), { textContent: i }), "\n");
    }
    this.numbers.append(text.join("\n"));
  }

  // mark shows lines, from 1, as those in which something was found.
  mark(lines) {
    if (!lines.length && !this.bad.size) return;
    for (const row of this.below.querySelectorAll(".bad")) row.classList.remove("bad");
    this.bad = new Set(lines);
    for (const n of lines) this.below.children[n - 1]?.classList.add("bad");
    this.number();
  }

  // go puts the caret at an offset, where it is seen.
  go(at) {
    this.area.focus({ preventScroll: true });
    this.area.setSelectionRange(at, at);
    const box = this.place(at);
    if (!box) return;
    const pane = this.pane.getBoundingClientRect();
    this.pane.scrollTop += box.top - pane.top - pane.height / 3;
    this.reveal();
    this.pane.scrollIntoView({ block: "nearest" });
  }

  // place is where an offset is on the screen.
  place(at) {
    const before = this.value.slice(0, at).split("\n");
    const row = this.below.children[before.length - 1];
    if (!row) return null;
    const range = document.createRange();
    range.selectNodeContents(row);
    let left = before.at(-1).length;
    const walk = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
    for (let n; (n = walk.nextNode()); left -= n.length) {
      if (left > n.length) continue;
      range.setEnd(n, left);
      break;
    }
    const line = row.getBoundingClientRect();
    return { top: line.top, x: before.at(-1) ? range.getBoundingClientRect().right : line.left };
  }

  // reveal moves the text sideways to where the caret is seen: the browser does
  // not know that the line numbers stand before it.
  reveal() {
    const { selectionStart: a, selectionEnd: b } = this.area;
    const box = a === b && this.place(a);
    if (!box) return;
    const pane = this.pane.getBoundingClientRect();
    const from = this.numbers.getBoundingClientRect().right + 12, to = pane.left + this.pane.clientWidth - 24;
    if (box.x < from) this.pane.scrollLeft -= from - box.x + (to - from) / 4;
    else if (box.x > to) this.pane.scrollLeft += box.x - to;
  }
}

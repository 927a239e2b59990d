// Lists of messages: putting one in its place, what stands together, days, the
// mark of what is new, how far has been read.

import { $, $$, body, say, locale, post, localTime, unreadSum } from "./ui.js";

const together = 5 * 60 * 1000;
const dayKey = (d) => d.getFullYear() * 10000 + d.getMonth() * 100 + d.getDate();

function dayText(d) {
  const now = new Date();
  if (dayKey(d) === dayKey(now)) return say("day.today");
  now.setDate(now.getDate() - 1);
  if (dayKey(d) === dayKey(now)) return say("day.yesterday");
  return d.toLocaleDateString(locale, { weekday: "long", year: "numeric", month: "long", day: "numeric" });
}

function separator(kind, text) {
  const li = document.createElement("li");
  li.className = kind;
  const span = document.createElement("span");
  span.textContent = text;
  li.append(span);
  return li;
}

// arrange says which messages go on from the one before and where days begin.
// The server does the same for a page as it loads.
export function arrange(list) {
  if (!list || list.classList.contains("root")) return;
  for (const d of $$(":scope > .day", list)) d.remove();
  let prev;
  for (const li of $$(":scope > .msg", list)) {
    const d = new Date(+li.dataset.t);
    const sameDay = prev && dayKey(d) === dayKey(new Date(+prev.dataset.t));
    if (!sameDay) {
      const mark = li.previousElementSibling?.classList.contains("unread") ? li.previousElementSibling : li;
      mark.before(separator("day", dayText(d)));
    }
    li.classList.toggle("cont", Boolean(sameDay && prev.dataset.by === li.dataset.by && prev.dataset.kind === li.dataset.kind &&
      +li.dataset.t - +prev.dataset.t < together && !$(".editor", li) && !li.previousElementSibling.matches(".unread, .day")));
    prev = li;
  }
}

const codeLength = 40;

// dress adds to messages what only a script can do.
export function dress(from) {
  for (const t of $$("time", from)) localTime(t);
  for (const pre of $$(".text pre, .file pre", from)) {
    if (pre.querySelector(".copy") || pre.textContent.length < codeLength || !navigator.clipboard) continue;
    const b = document.createElement("button");
    b.type = "button";
    b.className = "btn small copy";
    b.textContent = say("copy");
    b.addEventListener("click", async () => {
      await navigator.clipboard.writeText($("code", pre).textContent);
      b.textContent = say("copied");
      setTimeout(() => { b.textContent = say("copy"); }, 1500);
    });
    pre.append(b);
  }
}

function parse(html) {
  const t = document.createElement("template");
  t.innerHTML = html;
  return t.content.querySelector(".msg");
}

// listOf is where a message belongs on this page, if it does.
function listOf(conv, root) {
  if (conv !== body.dataset.conv) return null;
  if (root) return root === body.dataset.root ? $("#replies") : null;
  return $("#list");
}

// busy says whether somebody is at work in a message: writes, chooses, or has
// pressed a button and not let go. A new look would take it from their hands.
const busy = (li) => li.querySelector(".editor, .more[open], .ask :is(input, select, textarea):focus, :active");

// waiting are the new looks of messages that were busy, by id.
const waiting = new Map();

function showWaiting() {
  // Of a copy: what is busy still goes back to the end, where the loop would find
  // it again, for ever.
  for (const [id, m] of [...waiting]) {
    waiting.delete(id);
    put(m);
  }
}

// A tap becomes a click a moment after the finger is up.
for (const e of ["focusout", "pointerup", "pointercancel", "keyup", "toggle"]) {
  document.addEventListener(e, () => { if (waiting.size) setTimeout(showWaiting, 50); }, true);
}

// older says that li is not the newest look, now. What is open to be edited has
// none.
const older = (li, now) => +li.dataset.rev < +now.dataset.rev && !$(".editor", li);

// put shows a message as it is now, in its place; it says whether it is a new
// one here. Looks may come in any order, from the stream and as answers: the
// newest stays. What a member is filling in is left alone until they are done,
// unless it is they who want the new look (force).
export function put(m, { force } = {}) {
  const places = [];
  const list = listOf(m.conv, m.root);
  if (list) places.push(list);
  if (!m.root && m.id === body.dataset.root) places.push($("#thread .list.root"));
  let fresh = false;
  for (const list of places) {
    let li = parse(m.html);
    const old = $(`:scope > [data-m="${m.id}"]`, list);
    if (old) {
      const later = waiting.has(m.id) && parse(waiting.get(m.id).html);
      if (busy(old) && !force) {
        if (!later || !older(li, later)) waiting.set(m.id, m);
        continue;
      }
      if (later && older(li, later)) li = later;
      if (older(li, old)) continue;
      keepAnswers(old, li);
      replace(old, li);
    } else if (force) {
      continue; // it has gone meanwhile
    } else {
      let after = list.lastElementChild;
      while (after && (!after.dataset.m || after.dataset.m > m.id)) after = after.previousElementSibling;
      // An old message that changed, far above what is shown, stays there.
      if (!after && !m.fresh && list.id === "list" && $(".earlier")) continue;
      after ? after.after(li) : list.prepend(li);
      if (m.fresh) li.classList.add("fresh-now");
      fresh = true;
    }
    li.classList.toggle("open", list.id === "list" && m.id === body.dataset.root);
    dress(li);
    arrange(list);
  }
  return fresh;
}

// replace puts a message's new look in place; who was at its button or field
// stays there.
function replace(old, li) {
  const at = old.contains(document.activeElement) && document.activeElement;
  old.replaceWith(li);
  if (!at) return;
  const field = at.matches("input, select, textarea");
  const same = at.id && $("#" + CSS.escape(at.id), li) ||
    $$("button", li).find((b) => at.matches("button") && b.name === at.name && b.value === at.value && b.form?.action === at.form?.action);
  if (!same) li.tabIndex = -1;
  (same || li).focus({ preventScroll: true });
  if (same && field) same.setSelectionRange?.(at.selectionStart, at.selectionEnd);
}

// answers are the fields of the forms in messages that somebody has changed.
export function answers(from) {
  return $$(".ask [name^='f.']", from).filter((f) => {
    if (!f.options) return f.value !== f.defaultValue;
    const asked = [...f.options].find((o) => o.defaultSelected) || f.options[0];
    return f.value !== asked.value;
  });
}

// keepAnswers carries what is half filled in over to the message's new look.
function keepAnswers(from, to) {
  for (const f of answers(from)) {
    const now = $(`.ask [name="${CSS.escape(f.name)}"]`, to);
    if (now) now.value = f.value;
  }
}

export function take(id) {
  for (const li of $$(`[data-m="${id}"]`)) {
    const list = li.parentElement;
    const there = li.contains(document.activeElement);
    const next = li.nextElementSibling || li.previousElementSibling;
    li.remove();
    arrange(list);
    if (!there) continue;
    // Who was in it goes on from where it was.
    const to = next?.isConnected ? next : scroller(list);
    if (to && to !== scroller(list)) to.tabIndex = -1;
    to?.focus({ preventScroll: true });
  }
}

// Scrolling: who is at the bottom stays there.
export const scroller = (list) => list?.closest(".scroll");
export const atBottom = (s) => s && s.scrollHeight - s.scrollTop - s.clientHeight < 90;
export function toBottom(s) {
  if (s) s.scrollTop = s.scrollHeight;
}

// toNew goes to the bottom, but not past where the new message begins.
export function toNew(s, li) {
  s.scrollTop = li.offsetTop - s.offsetTop - 8;
}

export function showBeginning() {
  const s = $("#scroll");
  const mark = $("#list .unread");
  // What is new begins at the top, unless all of it is in sight anyway.
  if (mark) toNew(s, mark);
  else toBottom(s);
  toBottom(scroller($("#replies")));
}

// Reading: what is there when a conversation is opened counts as read, and what
// comes later when it is in sight at the bottom.
let lastRead = "";
let timer;
export function readSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => { if (atBottom($("#scroll"))) read(); }, 300);
}

export async function read() {
  const list = $("#list");
  if (!list || document.visibilityState !== "visible") return;
  let newest = $$(":scope > .msg", list).at(-1)?.dataset.m || "";
  const reply = $$("#replies > .msg").at(-1)?.dataset.m || "";
  if (reply && reply.split("-")[1] > newest) newest = reply;
  const conv = body.dataset.conv;
  clearBadge(conv);
  const now = [conv, newest, body.dataset.root].join(" ");
  if (!newest || now === lastRead) return;
  lastRead = now;
  try {
    await post("read", { c: conv, m: newest, t: body.dataset.root });
  } catch {
    lastRead = "";
  }
}

export function clearBadge(conv) {
  const a = $(`#nav [data-place="${CSS.escape(conv)}"]`);
  if (!a) return;
  a.classList.remove("fresh");
  const b = $("[data-badge]", a);
  b.hidden = true;
  $("[data-count]", b).textContent = "0";
  unreadSum();
}

// countUnread adds one to what waits in conv; false if it is not in the list.
export function countUnread(conv, threadOnly) {
  const a = $(`#nav [data-place="${CSS.escape(conv)}"]`);
  if (!a) return false;
  a.classList.add("fresh");
  if (!threadOnly) {
    const b = $("[data-badge]", a);
    const c = $("[data-count]", b);
    const n = (b.hidden ? 0 : parseInt(c.textContent, 10) || 0) + 1;
    c.textContent = n >= 99 ? "99+" : n;
    b.hidden = false;
  }
  unreadSum();
  return true;
}

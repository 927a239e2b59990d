// Going from one place to another without loading the page anew.

import { $, body, ask, mine, toast, closeSide, unreadSum } from "./ui.js";
import { arrange, dress, answers, showBeginning, read, readSoon, scroller, toBottom, atBottom } from "./list.js";
import { prepare } from "./compose.js";

let current = 0;
const place = () => `${body.dataset.conv} ${body.dataset.root}`;

// Drafts are what is written and not sent yet: of a composer with its nonce, so
// that what was sent already is not said twice; of a field of a form as it is.
// They outlive the page in its tab.
const shelf = "drafts " + body.dataset.me;
const drafts = new Map(JSON.parse(sessionStorage.getItem(shelf) || "[]"));
const composers = () => document.querySelectorAll("[data-composer]");
const keyOf = (f) => f.elements.c.value + " " + f.elements.t.value;

function keepDrafts() {
  for (const f of composers()) {
    const t = f.elements.text.value;
    t ? drafts.set(keyOf(f), [t, f.elements.nonce.value]) : drafts.delete(keyOf(f));
  }
  for (const f of answers(document)) drafts.set(f.id, f.value);
}

function restoreDrafts() {
  for (const f of composers()) {
    const d = drafts.get(keyOf(f));
    if (d && !f.elements.text.value) [f.elements.text.value, f.elements.nonce.value] = d;
  }
  for (const f of document.querySelectorAll(".ask [name^='f.']")) {
    if (!drafts.has(f.id)) continue;
    f.value = drafts.get(f.id);
    drafts.delete(f.id);
  }
}

addEventListener("pagehide", () => {
  keepDrafts();
  try {
    sessionStorage.setItem(shelf, JSON.stringify([...drafts]));
  } catch { /* there is no room: as good as no drafts */ }
});

// go shows the page at url; false if it has to be loaded as a whole.
export async function go(url, { push = true, focus = true } = {}) {
  const turn = ++current;
  let p;
  try {
    p = await ask(mine(url));
  } catch (err) {
    toast(err.message, "sorry");
    return;
  }
  if (turn !== current) return;
  keepDrafts();
  // Who has joined can write now: that is another page of the same conversation.
  const sameConv = p.conv && p.conv === body.dataset.conv && p.open === writable() && !new URL(url, location).searchParams.has("before") && $("#list");
  const still = sameConv && hold();
  const was = place();
  body.dataset.conv = p.conv;
  body.dataset.root = p.root;
  $("#nav").innerHTML = p.side;
  if (!sameConv) $("#main").innerHTML = p.main;
  else for (const li of document.querySelectorAll("#list > .msg")) li.classList.toggle("open", li.dataset.m === p.root);
  const thread = $("#thread");
  thread.innerHTML = p.thread;
  thread.hidden = !p.root;
  const community = document.title.split(" · ").at(-1);
  document.title = p.title + " · " + community;
  if (push) history.pushState({}, "", url);
  closeSide();
  settle(!sameConv, was !== place());
  if (still) still();
  if (!focus) return;
  // Where fingers type, the keyboard waits until it is asked for.
  const desk = matchMedia("(hover: hover)").matches;
  const where = p.root && was.split(" ")[1] !== p.root ? thread : $("#main");
  (desk && $("textarea", where) || $(".scroll", where) || where).focus({ preventScroll: true });
}

const writable = () => Boolean($("#main [data-composer]"));

// hold remembers what is in sight of the conversation, and returns what brings
// it back when a thread beside has made it narrower or wider.
function hold() {
  const s = $("#scroll");
  if (atBottom(s)) return () => toBottom(s);
  const top = s.getBoundingClientRect().top;
  const li = [...s.querySelectorAll(".msg")].find((m) => m.getBoundingClientRect().bottom > top);
  const at = li?.getBoundingClientRect().top;
  return () => { if (li?.isConnected) s.scrollTop += li.getBoundingClientRect().top - at; };
}

// settle makes what has just been put on the page ready.
export function settle(main = true, moved = true) {
  for (const l of document.querySelectorAll(".list")) arrange(l);
  dress(main ? document : $("#thread"));
  restoreDrafts();
  for (const f of document.querySelectorAll("[data-composer]")) prepare(f);
  if (main) showBeginning();
  else if (moved) toBottom(scroller($("#replies")));
  if (main) $("#scroll")?.addEventListener("scroll", onScroll, { passive: true });
  unreadSum();
  read();
}

function onScroll() {
  if (atBottom(this)) {
    const j = $(".jump");
    if (j) j.hidden = true;
    readSoon();
  }
}

// refresh reads the place that is shown anew, as after missing too much.
export async function refresh() {
  keepDrafts();
  body.dataset.conv = "";
  await go(location.pathname + location.search, { push: false, focus: false });
}

let sideTimer;
export function refreshSide() {
  clearTimeout(sideTimer);
  sideTimer = setTimeout(async () => {
    try {
      const p = await ask(mine(location));
      if ($("#nav :active")) return refreshSide(); // not from under a finger
      if (p.conv && p.conv === body.dataset.conv && p.open !== writable()) return refresh();
      const open = $("#nav").contains(document.activeElement) && document.activeElement.getAttribute("href");
      $("#nav").innerHTML = p.side;
      if (open) $(`#nav [href="${CSS.escape(open)}"]`)?.focus();
      unreadSum();
    } catch { /* the next change tries again */ }
  }, 150);
}

// earlier puts what was said before on top of the list.
export async function earlier(link) {
  link.setAttribute("aria-busy", "true");
  try {
    const p = await ask(mine(link.href));
    const t = document.createElement("template");
    t.innerHTML = p.main;
    const s = $("#scroll");
    const from = s.scrollHeight - s.scrollTop;
    const list = $("#list");
    const focus = list.querySelector(".msg");
    list.prepend(...t.content.querySelectorAll("#list > *"));
    const top = t.content.querySelector(".earlier, .begin");
    link.closest(".earlier").replaceWith(top);
    dress(list);
    arrange(list);
    s.scrollTop = s.scrollHeight - from;
    focus?.querySelector("a, button, summary")?.focus({ preventScroll: true });
  } catch (err) {
    link.removeAttribute("aria-busy");
    toast(err.message, "sorry");
  }
}

// Going from one place to another without loading the page anew.

import { $, body, ask, toast, closeSide, unreadSum } from "./ui.js";
import { arrange, dress, answers, showBeginning, read, readSoon, scroller, toBottom, atBottom } from "./list.js";
import { prepare } from "./compose.js";

let current = 0;
const drafts = new Map();
const place = () => `${body.dataset.conv} ${body.dataset.root}`;

function keepDrafts() {
  for (const f of document.querySelectorAll("[data-composer]")) {
    const t = f.elements.text.value;
    const key = f.elements.c.value + " " + f.elements.t.value;
    t ? drafts.set(key, t) : drafts.delete(key);
  }
  for (const f of answers(document)) drafts.set(f.id, f.value);
}

function restoreDrafts() {
  for (const f of document.querySelectorAll("[data-composer]")) {
    const t = drafts.get(f.elements.c.value + " " + f.elements.t.value);
    if (t && !f.elements.text.value) f.elements.text.value = t;
  }
  for (const f of document.querySelectorAll(".ask [name^='f.']")) {
    if (!drafts.has(f.id)) continue;
    f.value = drafts.get(f.id);
    drafts.delete(f.id);
  }
}

// go shows the page at url; false if it has to be loaded as a whole.
export async function go(url, { push = true, focus = true } = {}) {
  const turn = ++current;
  let p;
  try {
    p = await ask(url);
  } catch (err) {
    toast(err.message, "sorry");
    return;
  }
  if (turn !== current) return;
  keepDrafts();
  const sameConv = p.conv && p.conv === body.dataset.conv && !new URL(url, location).searchParams.has("before") && $("#list");
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
  if (!focus) return;
  // Where fingers type, the keyboard waits until it is asked for.
  const desk = matchMedia("(hover: hover)").matches;
  const where = p.root && was.split(" ")[1] !== p.root ? thread : $("#main");
  (desk && $("textarea", where) || $(".scroll", where) || where).focus({ preventScroll: true });
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
      const p = await ask(location.pathname + location.search);
      if ($("#nav :active")) return refreshSide(); // not from under a finger
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
    const p = await ask(link.href);
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

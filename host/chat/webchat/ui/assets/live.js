// What happens meanwhile: server-sent events. A tab that is out of sight lets
// go of its connection after a while, because browsers have few to one server;
// it looks in from time to time, and is up to date when it comes back.

import { $, body, address, hush, post, say, readAloud } from "./ui.js";
import { put, take, atBottom, toBottom, toNew, scroller, readSoon, clearBadge, countUnread } from "./list.js";
import { refresh, refreshSide } from "./nav.js";

const hideAfter = 5_000;
const lookEvery = 60_000;

let source = null;
let cursor = body.dataset.cursor;
let timer; // until a tab out of sight looks in
let retry;
let lost = false;
let tries = 0;

// tell says that the connection is lost, until it is back.
function tell(is) {
  lost = is;
  body.classList.toggle("lost", is);
  $("#lost > span").hidden = !is;
}

function remember(e) {
  if (e.lastEventId) cursor = e.lastEventId;
}

// open begins to listen; once says to stop when all that was missed is told.
function open(once) {
  close();
  source = new EventSource(address("/chat/live", { since: cursor }));
  source.addEventListener("message", (e) => { remember(e); onMessage(JSON.parse(e.data)); });
  source.addEventListener("gone", (e) => { remember(e); const g = JSON.parse(e.data); take(g.id); recount(g); });
  source.addEventListener("places", (e) => { remember(e); refreshSide(); });
  source.addEventListener("read", (e) => { remember(e); clearBadge(JSON.parse(e.data).conv); });
  source.addEventListener("reset", () => refresh());
  source.addEventListener("now", () => {
    body.dataset.live = "yes";
    tries = 0;
    if (lost) tell(false);
    if (once) close();
  });
  source.addEventListener("error", () => {
    body.dataset.live = "no";
    // The first may be no more than the end of a stream.
    if (tries++ > 0 && !lost) tell(true);
    // The browser tries again by itself, except after an answer it did not expect.
    if (source?.readyState === EventSource.CLOSED) {
      clearTimeout(retry);
      retry = setTimeout(() => open(once), Math.min(8_000, 1000 * 2 ** Math.min(tries, 3)));
    }
  });
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

function recount(m) {
  if (m.root) refreshRoot(m.conv, m.root);
}

// A reply changes the number below its root.
async function refreshRoot(conv, root) {
  if (conv !== body.dataset.conv || !$(`#list > [data-m="${root}"]`)) return;
  try {
    const res = await fetch(address("/chat/message", { c: conv, m: root }), { headers: { Accept: "application/json" } });
    if (!res.ok) return;
    const m = await res.json();
    const s = $("#scroll");
    const follow = atBottom(s);
    put({ ...m, conv, id: root });
    if (follow) toBottom(s);
  } catch { /* it will be right on the next page */ }
}

// pressed is the button or form of the page that was used last. What is said to
// the member soon after is the answer, and is shown to them.
let pressed = { at: 0 };
const soon = 15_000;

export function expect(form) {
  pressed = { form, conv: body.dataset.conv, at: Date.now(), answered: false };
}

// answered says whether the answer to the form is there.
export const answered = (form) => pressed.form === form && pressed.answered;

function answers(m) {
  if (!m.to || m.mine || m.quiet || m.conv !== pressed.conv || Date.now() - pressed.at > soon) return false;
  pressed.answered = true;
  return true;
}

function onMessage(m) {
  const here = m.conv === body.dataset.conv;
  const list = m.root ? $("#replies") : $("#list");
  const s = scroller(list);
  const follow = atBottom(s);
  const fresh = put(m);
  if (m.root) recount(m);
  const crowd = here && m.crowd && $(".bar [data-members]");
  if (crowd) crowd.textContent = m.crowd;
  if (!m.fresh) {
    if (follow) toBottom(s);
    return;
  }
  const seen = here && document.visibilityState === "visible" && (!m.root || m.root === body.dataset.root);
  if (here && fresh) {
    const answer = answers(m);
    if (answer) hush();
    if (answer || follow || m.mine) toNew(s, $(`[data-m="${m.id}"]`, list));
    else if (!m.root) $(".jump").hidden = false;
  }
  if (m.mine || m.quiet) return;
  if (seen) {
    if (follow) readSoon();
    // The thread is open: who is called is there.
    if (m.call) post("read", { c: m.conv, m: m.root, t: m.root }).catch(() => {});
    if (m.text) readAloud(say("says", { who: m.by, what: m.text }));
  } else if (!countUnread(m.conv, Boolean(m.root) && !m.call)) {
    refreshSide();
  }
}

// look looks in now and then while the tab is out of sight. "now" closes the
// stream again when everything has been told.
function look() {
  if (source) close();
  else open(true);
  timer = setTimeout(look, lookEvery);
}

export function start() {
  // A tab may begin out of sight, as when a browser opens all it had open.
  const seen = document.visibilityState === "visible";
  open(!seen);
  if (!seen) timer = setTimeout(look, lookEvery);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") {
      if (!source || source.readyState === EventSource.CLOSED) open();
      readSoon();
    } else {
      timer = setTimeout(look, hideAfter);
    }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (e) => { if (e.persisted) open(); });
}

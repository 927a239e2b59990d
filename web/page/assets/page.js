// What pages do better with a script. Without it everything works too.

const body = document.body;

// On a phone the menu is longer than the window is wide: it begins at where one is.
const here = document.querySelector(".menu [aria-current]");
if (here) {
  const menu = here.closest(".menu");
  menu.scrollLeft = here.offsetLeft - (menu.clientWidth - here.offsetWidth) / 2;
}

// A sheet closes when something else is clicked, and by Escape.
addEventListener("click", (e) => {
  for (const d of document.querySelectorAll("details.drop[open]")) if (!d.contains(e.target)) d.open = false;
});
addEventListener("keydown", (e) => {
  if (e.key !== "Escape") return;
  for (const d of document.querySelectorAll("details.drop[open], details.sure[open]")) {
    d.open = false;
    d.querySelector("summary").focus();
  }
});

// data-copy="ID" copies the text of that element.
addEventListener("click", async (e) => {
  const b = e.target.closest("[data-copy]");
  if (!b) return;
  const from = document.getElementById(b.dataset.copy);
  await navigator.clipboard.writeText(from.value ?? from.textContent);
  const was = b.textContent;
  b.textContent = body.dataset.copied;
  setTimeout(() => (b.textContent = was), 1500);
});

// A form with data-keep asks before what was typed into it is lost.
let touched = false;
addEventListener("input", (e) => (touched ||= !!e.target.closest("form[data-keep]")));
addEventListener("submit", () => (touched = false));
addEventListener("beforeunload", (e) => {
  if (!touched) return;
  e.preventDefault();
  e.returnValue = body.dataset.unsaved;
});

// A form is sent once, however often its button is pressed until the answer is
// there. If none comes it can be sent again.
addEventListener("submit", (e) => {
  const f = e.target;
  if (e.defaultPrevented || f.getAttribute("method") !== "post" || f.hasAttribute("target")) return;
  if ("sent" in f.dataset) return e.preventDefault();
  f.dataset.sent = "";
  setTimeout(() => delete f.dataset.sent, 10000);
});
addEventListener("pageshow", () => {
  for (const f of document.querySelectorAll("form[data-sent]")) delete f.dataset.sent; // gone back to
});

// Times are shown as the reader's clock has them; the server wrote UTC.
const zone = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
function localTimes(within) {
  for (const t of within.querySelectorAll("time[datetime]:not([data-told])")) {
    const at = new Date(t.dateTime);
    if (isNaN(at)) continue;
    t.dataset.told = "";
    t.title ||= t.textContent;
    if (!t.hasAttribute("data-ago")) t.textContent = zone.format(at);
  }
}
localTimes(document);
document.addEventListener("htmx:after:swap", () => localTimes(document));

// What a page that changes by itself has to say stands above it: that hearth
// cannot be reached, which passes, or that one is signed out. A part of the page
// that is cut off says so by the event hearth:lost, and hearth:found when it is
// not any more; detail names it.
const news = document.getElementById("live-off");
const cutOff = new Set();
let signedOut = false;
let looking = 0;
function tell() {
  const what = signedOut ? "ended" : cutOff.size ? "lost" : "";
  if (!news || (news.dataset.says ?? "") === what) return;
  news.dataset.says = what;
  news.replaceChildren(...(what ? [document.getElementById("news-" + what).content.cloneNode(true)] : []));
}
function lost(part) {
  cutOff.add(part);
  tell();
}
function found(part) {
  cutOff.delete(part);
  signedOut = false;
  tell();
}
function ended() {
  signedOut = true;
  tell();
}
document.addEventListener("hearth:lost", (e) => lost(e.detail));
document.addEventListener("hearth:found", (e) => found(e.detail));
document.addEventListener("hearth:ended", ended);

// A stream connects again by itself. A moment without it is not worth a word.
const late = new WeakMap();
document.addEventListener("htmx:sse:before:connection", (e) => {
  if (signedOut) return e.preventDefault();
  if (e.detail.connection.attempt && !late.has(e.target)) late.set(e.target, setTimeout(lost, 1000, e.target));
});
document.addEventListener("htmx:sse:after:connection", (e) => {
  clearTimeout(late.get(e.target));
  late.delete(e.target);
  found(e.target);
});
document.addEventListener("htmx:sse:close", (e) => {
  clearTimeout(late.get(e.target));
  late.delete(e.target);
  cutOff.delete(e.target);
  tell();
});
document.addEventListener("htmx:sse:error", (e) => e.detail.status === 401 && ended());
document.addEventListener("ended", ended); // as the last message of a stream

// What is asked for as one goes, or every few seconds.
document.addEventListener("htmx:before:response", (e) => {
  const { response, sourceEvent } = e.detail.ctx;
  const unasked = sourceEvent?.type === "every" || sourceEvent?.type === "load";
  if (response.status === 401) ended();
  else if (response.status >= 500 && unasked) look();
  else return found("page");
  e.preventDefault();
});
document.addEventListener("htmx:error", (e) => e.detail.ctx && look());
function look() {
  lost("page");
  clearInterval(looking);
  looking = setInterval(async () => {
    try {
      if (!(await fetch("/healthz", { cache: "no-store" })).ok) return;
    } catch {
      return;
    }
    clearInterval(looking);
    found("page");
  }, 2000);
}

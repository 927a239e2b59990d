// The page of a member. It works without any script, slower: every act is a
// form, every place an address. What is here keeps the page where it is and up
// to date.

import { $, $$, body, ask, toast, nonce, toggleTheme, openSide, closeSide, address } from "./ui.js";
import { put, take, toBottom, scroller, arrange, dress } from "./list.js";
import { go, settle, earlier } from "./nav.js";
import { grow, drawFiles, measure } from "./compose.js";
import { start, expect, answered } from "./live.js";

const plain = (e) => e.button === 0 && !e.metaKey && !e.ctrlKey && !e.shiftKey && !e.altKey;

document.addEventListener("click", (e) => {
  const t = e.target.closest("a, button, summary");
  for (const d of $$(".more[open]")) if (!d.contains(e.target) || t?.matches("a")) d.open = false;
  if (!t || !plain(e)) return;
  if (t.matches("[data-theme-toggle]")) return toggleTheme();
  if (t.matches("[data-jump]")) return toBottom($("#scroll"));
  if (t.matches(".menu")) { e.preventDefault(); return openSide(t); }
  if (t.matches(".side .close, .shade")) { e.preventDefault(); return closeSide(true); }
  if (t.matches("[data-earlier]")) { e.preventDefault(); return earlier(t); }
  if (t.matches("[data-edit-link]")) { e.preventDefault(); return redraw(t.closest(".msg"), { edit: "1" }); }
  if (t.matches("[data-cancel]")) { e.preventDefault(); return redraw(t.closest(".msg")); }
  if (t.matches("[data-nav]")) { e.preventDefault(); return go(t.href); }
});

// redraw shows a message anew, as a form with edit.
async function redraw(li, params = {}) {
  const { m, c } = li.dataset;
  try {
    const got = await ask(address("/chat/message", { c, m, ...params }));
    put({ conv: c, id: m, root: m.includes("-") ? m.split("-")[0] : "", html: got.html }, { force: true });
    const now = $(`[data-m="${m}"]`);
    const area = $(".editor textarea", now);
    if (area) {
      grow(area);
      area.focus();
      area.setSelectionRange(area.value.length, area.value.length);
    } else {
      ($("summary", now) || $("#main textarea"))?.focus({ preventScroll: true });
    }
  } catch (err) {
    toast(err.message, "sorry");
  }
}

document.addEventListener("submit", async (e) => {
  const form = e.target;
  if (form.matches("[data-get]")) {
    e.preventDefault();
    return go(form.getAttribute("action") + "?" + new URLSearchParams(new FormData(form)));
  }
  if (form.method !== "post") return;
  e.preventDefault();
  if (form.dataset.ask && !confirm(form.dataset.ask)) return;
  const by = e.submitter;
  if (form.getAttribute("aria-busy") === "true") return;
  const data = new FormData(form, by);
  if (form.matches("[data-composer]") && !data.get("text").trim() && !form.elements.file.files.length) return;
  const text = form.elements.text;
  if (text?.matches("textarea") && measure(text)) return text.focus();
  if (form.matches("[data-press]")) expect(form);
  form.setAttribute("aria-busy", "true");
  try {
    const multipart = form.enctype === "multipart/form-data";
    const got = await ask(form.getAttribute("action"), { method: "POST", body: multipart ? data : new URLSearchParams(data) });
    // A new act; had it failed, the same nonce would make sending it again safe.
    if (form.elements.nonce) form.elements.nonce.value = nonce();
    await done(form, by, got, data);
  } catch (err) {
    toast(err.message, "sorry");
  } finally {
    form.removeAttribute("aria-busy");
  }
});

async function done(form, by, got, sent) {
  if (got.go === "reload") return location.reload(); // which says what there is to say
  // An answer that is there already says more.
  if (!form.matches("[data-press]") || !answered(form)) toast(got.say, got.tone);
  if (form.matches("[data-composer]")) {
    // What was written on meanwhile stays.
    const t = form.elements.text;
    t.value = t.value.startsWith(sent.get("text")) ? t.value.slice(sent.get("text").length) : t.value;
    form.elements.file.value = "";
    drawFiles(form);
    grow(t);
    measure(t);
    const root = form.elements.t.value;
    if (got.html) {
      put({ conv: got.conv, id: got.id, root, html: got.html, fresh: true });
      toBottom(scroller($(root ? "#replies" : "#list")));
    }
    t.focus();
    return;
  }
  if (got.go) return go(got.go);
  const li = form.closest(".msg");
  if (!li) return;
  for (const d of $$(".more[open]", li)) d.open = false;
  const { m, c } = li.dataset;
  if (got.html) {
    put({ conv: c, id: m, root: m.includes("-") ? m.split("-")[0] : "", html: got.html }, { force: true });
    if (form.matches("[data-edit]")) $("#main textarea")?.focus({ preventScroll: true });
  } else if (got.id && form.action.includes("/delete")) {
    take(m);
  }
}

document.addEventListener("keydown", (e) => {
  if (e.key === "Escape") {
    const open = $(".more[open]");
    const editor = e.target.closest?.(".editor");
    if (open) { open.open = false; $("summary", open).focus(); }
    else if (editor) redraw(editor.closest(".msg"));
    else if (!closeSide(true) && body.dataset.root && e.target.closest("#thread")) $("[data-close]")?.click();
  } else if (e.key === "Enter" && !e.shiftKey && !e.isComposing && e.keyCode !== 229 && e.target.matches?.(".editor textarea")) {
    e.preventDefault();
    e.target.form.requestSubmit();
  }
});

document.addEventListener("input", (e) => { if (e.target.matches(".editor textarea")) { grow(e.target); measure(e.target); } });

// A sheet of a message near the bottom opens upwards.
document.addEventListener("toggle", (e) => {
  const d = e.target;
  if (!d.matches?.(".more") || !d.open) return;
  for (const other of $$(".more[open]")) if (other !== d) other.open = false;
  const sheet = $(".sheet", d);
  sheet.classList.remove("up");
  const view = d.closest(".scroll").getBoundingClientRect();
  if (sheet.getBoundingClientRect().bottom > view.bottom && d.getBoundingClientRect().top - sheet.offsetHeight > view.top) sheet.classList.add("up");
}, true);

addEventListener("popstate", () => go(location.pathname + location.search, { push: false }));

// A window that changes its size keeps its last line in sight, if it was.
const atEnd = (s) => s && s.scrollHeight - s.scrollTop - s.clientHeight < 2;
let bottom;
new ResizeObserver(() => { if (bottom) toBottom($("#scroll")); }).observe($("#main"));
document.addEventListener("scroll", (e) => {
  if (e.target.id === "scroll") bottom = atEnd(e.target);
}, { passive: true, capture: true });
// A picture of unknown size grows when it comes.
document.addEventListener("load", (e) => { if (bottom && e.target.closest?.("#scroll")) toBottom($("#scroll")); }, true);

for (const z of $$("[data-zone]")) z.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
if ($("#toasts .toast")) setTimeout(() => $("#toasts").replaceChildren(), 4000);
settle();
bottom = atEnd($("#scroll"));
start();
if (matchMedia("(hover: hover)").matches) $(body.dataset.root ? "#thread textarea" : "#main textarea")?.focus({ preventScroll: true });
body.dataset.ready = "yes";

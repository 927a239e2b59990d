// The page: it runs, formats and shares what the editor holds without loading
// anew. Without it the form does the same by itself.

import { Editor } from "./editor.js";

const $ = (sel) => document.querySelector(sel);
const root = document.documentElement;
const form = $("#form");
const say = (text) => { $("#aloud").textContent = text || ""; };

root.classList.add("js");
const editor = new Editor($("#code"), say);
const mac = /Mac|iPhone|iPad/.test(navigator.platform);
if (mac) $("#keys").textContent = $("#keys").textContent.replace("Ctrl", "⌘");

// The key that takes one to the program is not written into it.
$(".skip").addEventListener("keydown", (e) => { if (e.key === "Enter") e.preventDefault(); });
$(".skip").addEventListener("keyup", (e) => { if (e.key === "Enter") editor.area.focus(); });

// On a phone the examples are folded.
const narrow = matchMedia("(max-width: 860px)");
const fold = () => { $("#examples").open = !narrow.matches; };
fold();
narrow.addEventListener("change", fold);

$("#theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = "hearth_theme=" + root.dataset.theme + "; path=/run; max-age=34560000; samesite=lax";
});

// What is asked for at present: one thing at a time.
let asking = null;

function begin() {
  asking?.abort();
  asking = new AbortController();
  return asking;
}

function end(mine) {
  if (asking !== mine) return false;
  asking = null;
  wait(null);
  return true;
}

// wait shows how it is going, and for how long already.
let clock = 0, since = 0;
function wait(text) {
  $("#progress").hidden = !text;
  $("#cancel").hidden = !text;
  $("#shown").classList.toggle("old", Boolean(text));
  if (!text) {
    clearInterval(clock);
    clock = since = 0;
    $("#since").textContent = "";
    return;
  }
  if ($("#doing").textContent !== text || !clock) say(text);
  $("#doing").textContent = text;
  if (clock) return;
  since = performance.now();
  clock = setInterval(() => {
    $("#since").textContent = Math.floor((performance.now() - since) / 1000) + " s";
  }, 1000);
}

// show puts a part of the page that the server made in its place.
function show(html) {
  const made = new DOMParser().parseFromString(html, "text/html");
  $("#shown").replaceChildren(...made.body.childNodes);
  editor.mark([...$("#shown").querySelectorAll("[data-line]")].map((li) => Number(li.dataset.line)));
  look();
}

function sorry(text) {
  const p = document.createElement("p");
  p.className = "sorry";
  p.textContent = text;
  $("#shown").replaceChildren(p);
  say(text);
  look();
}

// look brings the result into view where it stands below the program.
function look() {
  const box = $("#result").getBoundingClientRect();
  if (box.top > innerHeight * 0.45 || box.bottom < 60) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    $("#result").scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
  }
}

// attempt does something that may fail, be cancelled, or be overtaken. What may be
// done twice is tried again for so many milliseconds where hearth cannot be
// reached, as while it starts anew.
async function attempt(path, accept, then, patience = 0) {
  keep();
  const mine = begin();
  const slow = setTimeout(() => wait(form.dataset.sent), 500);
  try {
    const body = new URLSearchParams(new FormData(form));
    for (let until = 0; ;) {
      try {
        const res = await fetch(path, { method: "POST", body, headers: { Accept: accept }, signal: mine.signal });
        await then(res, () => clearTimeout(slow));
        break;
      } catch (err) {
        until ||= Date.now() + patience; // from when it was last heard of
        if (mine.signal.aborted || Date.now() >= until) throw err;
        clearTimeout(slow);
        wait(form.dataset.again);
        await new Promise((done) => setTimeout(done, 1000));
        if (mine.signal.aborted) throw new DOMException("", "AbortError");
      }
    }
    end(mine);
  } catch (err) {
    if (err.name !== "AbortError" && end(mine)) sorry(form.dataset.unreached);
  } finally {
    clearTimeout(slow);
  }
}

// lines yields what a stream says, line by line.
async function* lines(res) {
  const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const all = (rest + value).split("\n");
    rest = all.pop();
    yield* all;
  }
  if (rest) yield rest;
}

function run() {
  wait(form.dataset.sent);
  look();
  return attempt("/run", "application/x-ndjson", async (res, answered) => {
    answered();
    for await (const line of lines(res)) {
      const a = JSON.parse(line);
      if (a.sorry) return sorry(a.sorry);
      if (a.html !== undefined) {
        show(a.html);
        return say(a.say);
      }
      wait(a.say);
    }
    throw new Error("it ended too early");
  }, 60_000);
}

const format = () => attempt("/run/format", "application/json", async (res) => {
  const a = await res.json();
  if (a.sorry) return sorry(a.sorry);
  editor.set(a.code);
  say(a.say);
});

const share = () => attempt("/run/share", "application/json", async (res) => {
  const a = await res.json();
  if (a.sorry) return sorry(a.sorry);
  show(a.html);
  say(a.say);
  $("#link").focus();
  $("#link").select();
});

$("#cancel").addEventListener("click", () => {
  const mine = asking;
  mine?.abort();
  end(mine);
  sorry(form.dataset.cancelled);
  editor.area.focus();
});

form.addEventListener("submit", (e) => {
  const what = e.submitter?.id;
  if (what === "language") return keep();
  e.preventDefault();
  if (what === "format") return format();
  if (what === "share") return share();
  run();
});

form.addEventListener("keydown", (e) => {
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
    e.preventDefault();
    run();
  }
});

$("#shown").addEventListener("click", async (e) => {
  const at = e.target.closest("[data-at]") || e.target.closest(".excerpt")?.closest("[data-line]")?.querySelector("[data-at]");
  if (at && !String(getSelection())) {
    e.preventDefault();
    editor.go(Number(at.dataset.at));
  }
  const copy = e.target.closest("[data-copy]");
  if (copy) {
    $("#link").select();
    try {
      await navigator.clipboard.writeText($("#link").value);
    } catch {
      document.execCommand("copy");
    }
    copy.textContent = form.dataset.copied;
    say(form.dataset.copied);
  }
});

// What somebody has written is kept in this tab while they look at examples.
const begun = editor.value;
const store = "hearth-run";
function keep() {
  try {
    if (editor.value !== begun) sessionStorage.setItem(store, editor.value);
  } catch { /* without storage there is nothing to go back to */ }
}
function kept() {
  try {
    return sessionStorage.getItem(store);
  } catch {
    return null;
  }
}
addEventListener("pagehide", keep);
const mine = kept();
if (mine && mine !== begun) {
  $("#mine").hidden = false;
  $("#mine button").addEventListener("click", () => {
    editor.set(mine);
    $("#mine").hidden = true;
  });
}

editor.mark([...document.querySelectorAll("#shown [data-line]")].map((li) => Number(li.dataset.line)));
document.body.dataset.ready = "yes";

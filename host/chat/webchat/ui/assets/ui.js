// What every part of the page uses: texts, notices, the theme, the list on the
// left, and requests.

export const body = document.body;
export const $ = (sel, from = document) => from.querySelector(sel);
export const $$ = (sel, from = document) => [...from.querySelectorAll(sel)];

const texts = JSON.parse(body.dataset.texts || "{}");
export const locale = document.documentElement.lang;

export function say(key, values = {}) {
  return (texts[key] || key).replace(/\{(\w+)\}/g, (_, k) => values[k] ?? "");
}

// address adds which member this tab is: the browser may be several by now.
export function address(path, params = {}) {
  const q = new URLSearchParams({ as: body.dataset.me });
  for (const [k, v] of Object.entries(params)) if (v) q.set(k, v);
  return path + "?" + q;
}

// mine is the address of a page as this tab's member sees it.
export function mine(url) {
  const u = new URL(url, location);
  return address(u.pathname, { ...Object.fromEntries(u.searchParams), as: body.dataset.me });
}

// ask sends a request and returns what the server says; a refusal is thrown
// with the text to show.
export async function ask(url, options = {}) {
  let res;
  try {
    res = await fetch(url, { ...options, headers: { Accept: "application/json", ...options.headers } });
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new Error(say("unreached"));
  }
  if (res.status === 204) return {};
  let data;
  try {
    data = await res.json();
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new Error(say("failed"));
  }
  if (!res.ok) {
    if (res.status === 401) location.assign("/chat");
    throw new Error(data.say || say("failed"));
  }
  return data;
}

export const post = (what, fields) =>
  ask(address("/chat/" + what), { method: "POST", body: new URLSearchParams(fields) });

let toastTimer;
export function hush() {
  clearTimeout(toastTimer);
  $("#toasts").replaceChildren();
}

export function toast(text, tone) {
  if (!text) return;
  const p = document.createElement("p");
  p.className = "toast" + (tone === "sorry" ? " sorry" : "");
  p.textContent = text;
  $("#toasts").replaceChildren(p);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => p.remove(), (tone === "sorry" ? 2500 : 1200) + text.length * 60);
}

export function readAloud(text) {
  const p = document.createElement("p");
  p.textContent = text;
  const box = $("#aloud");
  box.append(p);
  while (box.childElementCount > 5) box.firstElementChild.remove();
}

export function nonce() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

// The theme goes into a cookie, so that the server draws the next page in it.
export function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = "hearth_theme=" + root.dataset.theme + "; path=/chat; max-age=34560000; samesite=lax";
}

// The list on the left, which on a phone slides over the page.
let opener;
export function openSide(link) {
  opener = link;
  $("#nav").classList.add("open");
  ($("#nav [aria-current]") || $("#nav a")).focus();
}

export function closeSide(back) {
  const nav = $("#nav");
  if (location.hash === "#nav") history.replaceState(history.state, "", location.pathname + location.search);
  if (!nav.classList.contains("open")) return false;
  nav.classList.remove("open");
  if (back && opener?.isConnected) opener.focus();
  return true;
}

// unreadSum keeps the title and the button of the list telling what waits.
export function unreadSum() {
  let n = 0;
  for (const b of $$("#nav [data-badge]:not([hidden]) [data-count]")) n += parseInt(b.textContent, 10) || 0;
  document.title = document.title.replace(/^\(\d+\+?\) /, "");
  if (n) document.title = `(${n > 99 ? "99+" : n}) ` + document.title;
  for (const d of $$(".menu .dot")) d.hidden = !n;
}

export function localTime(t) {
  const d = new Date(t.dateTime);
  if (isNaN(d)) return;
  t.textContent = d.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  t.title = d.toLocaleString(locale, { dateStyle: "full", timeStyle: "short" });
}

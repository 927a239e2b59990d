// The way in: tells the server the time zone, so that days begin when they do here.
const zone = document.querySelector("[name=zone]");
if (zone) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";

// Who was forgotten is here as soon as they are, and what was erased is said when
// all of it is: until then their last words are asked for.
async function hear() {
  const parting = document.querySelector(".parting[data-awaited]");
  if (!parting) return;
  try {
    const res = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await res.text(), "text/html");
    const words = page.querySelector(".parting");
    if (!words) return; // another tab has heard them
    parting.replaceChildren(...words.childNodes);
    if (!("awaited" in words.dataset)) delete parting.dataset.awaited;
  } catch { /* offline for a moment */ }
  setTimeout(hear, 500);
}
setTimeout(hear, 250);

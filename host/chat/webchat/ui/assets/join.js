// The way in: tells the server the time zone, so that days begin when they do here.
const zone = document.querySelector("[name=zone]");
if (zone) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";

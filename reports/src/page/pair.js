"use strict";
(() => {
const D = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const sides = ["left", "right"].map($);
// The address holds the place in each run: a link opens both where they were.
const address = new URLSearchParams(location.hash.slice(1));
const places = sides.map((frame) => address.get(frame.id) || "");
let dark = address.get("theme") ? address.get("theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
let chosen = address.has("theme");
const tell = (frame, message) => frame.contentWindow.postMessage(message, "*");
function theme() {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  for (const frame of sides) if (frame.contentWindow) tell(frame, { fencepost: "theme", theme: dark ? "dark" : "light" });
}
function write() {
  const p = new URLSearchParams();
  sides.forEach((frame, i) => { if (places[i]) p.set(frame.id, places[i]); });
  if (chosen) p.set("theme", dark ? "dark" : "light");
  history.replaceState(null, "", "#" + p);
}
const toDifference = () => { if (D.at !== null) for (const frame of sides) tell(frame, { fencepost: "go", t: D.at }); };
addEventListener("message", (e) => {
  const i = sides.findIndex((frame) => frame.contentWindow === e.source);
  if (i < 0 || !e.data || e.data.fencepost !== "moved") return;
  places[i] = e.data.fragment;
  write();
  if (!e.data.told && ready && $("together").checked) tell(sides[1 - i], { fencepost: "go", t: e.data.t });
});
let ready = false, loaded = 0;
sides.forEach((frame) => {
  frame.addEventListener("load", () => {
    loaded += 1;
    if (loaded < sides.length) return;
    theme();
    const given = sides.map((side) => address.get(side.id));
    if (given.some(Boolean)) given.forEach((place, n) => place && tell(sides[n], { fencepost: "place", fragment: place }));
    else toDifference();
    setTimeout(() => { ready = true; }, 300);
  });
  frame.srcdoc = frame.dataset.page;
});
if ($("part")) $("part").onclick = toDifference;
$("theme").onclick = () => { dark = !dark; chosen = true; theme(); write(); };
$("copy").onclick = () => navigator.clipboard?.writeText($("command").textContent);
theme();
})();

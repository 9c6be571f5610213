"use strict";
(() => {
const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
let shown = "";

/** The page of a run is made here, out of its parts, and lives in a frame of its own. */
function show(run) {
  shown = run;
  for (const tab of document.querySelectorAll("[data-run]")) tab.setAttribute("aria-selected", String(tab.dataset.run === run));
  const stage = $("stage");
  stage.hidden = !run;
  stage.replaceChildren();
  if (!run) return;
  const text = JSON.parse($("viewer").textContent).replace("{{data}}", () => $(`data-${run}`).textContent);
  const frame = document.createElement("iframe");
  frame.title = `${run} run`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/html" }));
  frame.setAttribute("src", `${address}#theme=${isDark() ? "dark" : "light"}`);
  frame.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
  stage.append(frame);
}
for (const tab of document.querySelectorAll("[data-run]")) tab.addEventListener("click", () => show(shown === tab.dataset.run ? "" : tab.dataset.run));
$("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; if (shown) show(shown); });
// On paper nothing is folded.
let folded = [];
addEventListener("beforeprint", () => { folded = [...document.querySelectorAll("details:not([open])")]; for (const d of folded) d.open = true; });
addEventListener("afterprint", () => { for (const d of folded) d.open = false; });
})();

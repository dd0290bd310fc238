// What the pages do beyond links and forms. Everything but type-ahead and live updates works without it.
import { follow } from "./live.js";
import { lookups } from "./lookup.js";
import { follows as askForm } from "./ask.js";

const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

export function span(seconds) {
  let left = Math.abs(Math.trunc(seconds));
  const parts = [];
  for (const [name, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) parts.push(`${count} ${name}`);
    if (parts.length === 2 || (parts.length && name === "min")) break;
  }
  return parts.join(" ") || "0 s";
}

function tick() {
  for (const each of document.querySelectorAll("time[data-when]")) {
    const away = (Date.parse(each.dateTime) - Date.now()) / 1000;
    const words = Math.abs(away) < 1 ? "now" : away > 0 ? `in ${span(away)}` : `${span(away)} ago`;
    const relative = each.querySelector(".rel");
    if (relative.textContent !== words) relative.textContent = words;
    each.title = new Date(each.dateTime).toLocaleString();
  }
}

export function dress(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      const before = button.firstChild.textContent;
      button.firstChild.textContent = "Copied";
      setTimeout(() => { button.firstChild.textContent = before; }, 1500);
    });
  }
  lookups(root);
}

function filter(input) {
  const list = document.getElementById(input.dataset.filter);
  const narrow = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of list.querySelectorAll("[data-words]")) row.hidden = !words.every((w) => row.dataset.words.includes(w));
    for (const part of list.querySelectorAll("section")) part.hidden = !part.querySelector("[data-words]:not([hidden])");
  };
  input.addEventListener("input", narrow);
}

document.documentElement.classList.add("scripted");
dress(document);
for (const input of document.querySelectorAll("input[data-filter]")) filter(input);
for (const form of document.querySelectorAll("form[data-filters]")) form.addEventListener("change", () => form.requestSubmit());
for (const form of document.querySelectorAll("form[data-ask]")) askForm(form, dress);
document.addEventListener("submit", (event) => {
  if (event.target.method === "post") setTimeout(() => { for (const b of event.target.querySelectorAll("button")) b.disabled = true; });
});
addEventListener("pageshow", () => { for (const b of document.querySelectorAll("form button")) b.disabled = false; });
tick();
setInterval(tick, 1000);
if (document.querySelector("[data-live]")) follow(dress, tick);

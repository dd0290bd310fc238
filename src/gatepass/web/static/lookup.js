// Type-ahead for long lists: the server filters, this shows and keeps what was chosen. A combobox as WAI-ARIA has it.
let count = 0;

function element(name, given = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

export function lookups(root) {
  for (const each of root.querySelectorAll("[data-lookup]")) if (!each.dataset.ready && each.querySelector("input:not([type=hidden])")) lookup(each);
}

function lookup(box) {
  box.dataset.ready = "yes";
  const name = box.dataset.lookup, many = "many" in box.dataset;
  const input = box.querySelector("input:not([type=hidden])");
  const list = element("ul", { id: `lookup-${++count}`, role: "listbox", "aria-label": "What there is", hidden: "" });
  const chips = element("div", { class: "chips" });
  const chosen = new Map();
  const form = box.closest("form");
  let options = [], at = -1, turn = 0, soon = 0, looking = false, hasty = false;

  for (const each of box.querySelectorAll("[data-chosen]")) { chosen.set(each.value, each.dataset.label); each.remove(); }
  input.removeAttribute("name");
  for (const [key, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id })) input.setAttribute(key, value);
  if (many) { input.value = ""; box.prepend(chips); }
  box.append(list);
  keep(true);

  function keep(first = false) {
    for (const each of box.querySelectorAll("input[type=hidden]")) each.remove();
    for (const value of chosen.keys()) box.append(element("input", { type: "hidden", name, value }));
    if (many) {
      chips.replaceChildren(...[...chosen].map(([value, label]) => {
        const chip = element("button", { type: "button", "aria-label": `Remove ${label}` }, `${label} ✕`);
        chip.addEventListener("click", () => { chosen.delete(value); keep(); input.focus(); });
        return chip;
      }));
    } else if (chosen.size) {
      input.value = [...chosen.values()][0];
    }
    box.dispatchEvent(new CustomEvent("chosen", { bubbles: true, detail: { first, field: box.dataset.field, label: [...chosen].map(([value, label]) => (label === value ? value : `${label} ${value}`)).join(", ") } }));
  }

  function close() {
    list.hidden = true; at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function mark(next) {
    at = options.length && !looking ? (next + options.length) % options.length : -1;
    [...list.children].forEach((each, n) => each.setAttribute("aria-selected", n === at ? "true" : "false"));
    if (at >= 0 && list.children[at]) {
      input.setAttribute("aria-activedescendant", list.children[at].id);
      list.children[at].scrollIntoView({ block: "nearest" });
    }
  }

  function take(option) {
    if (!many) chosen.clear();
    chosen.set(option.value, option.label);
    hasty = false;
    if (many) input.value = "";
    keep(); close();
  }

  async function find() {
    const mine = ++turn;
    const query = new URLSearchParams({ flow: form.elements.flow.value, target: form.elements.target?.value ?? "", field: box.dataset.field, q: input.value });
    const answer = await fetch(`/ask/options?${query}`);
    if (mine !== turn || !answer.ok) return;
    options = (await answer.json()).options;
    list.replaceChildren(...options.map((option, n) => {
      const row = element("li", { role: "option", id: `${list.id}-${n}`, "aria-selected": "false" }, element("span", {}, option.label));
      if (option.value !== option.label) row.append(element("span", { class: "mono dim" }, option.value));
      row.addEventListener("mousedown", (event) => { event.preventDefault(); take(option); });
      return row;
    }));
    if (!options.length) list.replaceChildren(element("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, "nothing holds what you typed"));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    looking = false;
    if (options.length) mark(0);
    if (hasty && options.length) take(options[0]);
    hasty = false;
  }

  input.addEventListener("input", () => {
    if (!many && chosen.size) { chosen.clear(); const text = input.value; keep(); input.value = text; }
    clearTimeout(soon);
    looking = true; hasty = false; mark(-1);
    soon = setTimeout(find, 120);
  });
  input.addEventListener("focus", () => { if (!chosen.size || many) find(); });
  input.addEventListener("blur", () => {
    setTimeout(close, 100);
    if (!many && !chosen.size && input.value) {
      const typed = input.value.trim();
      chosen.set(typed, typed); keep();
    }
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) find(); else mark(at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && looking) {
      event.preventDefault(); hasty = true;
    } else if (event.key === "Enter" && !list.hidden && at >= 0) {
      event.preventDefault(); take(options[at]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault(); close();
    } else if (event.key === "Backspace" && many && !input.value && chosen.size) {
      chosen.delete([...chosen.keys()].at(-1)); keep();
    }
  });
}

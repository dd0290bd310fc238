// Live updates: the server says that something changed, the page reads itself anew and replaces its live parts.
let reading = false, again = false;

function typing(part) {
  const at = document.activeElement;
  return part.contains(at) && at.matches("input, textarea, select");
}

function typed(part) {
  return [...part.querySelectorAll("input:not([type=hidden]), textarea, select")].some((each) =>
    each.tagName === "SELECT" ? [...each.options].some((o) => o.selected !== o.defaultSelected && o.index > 0) : each.value !== each.defaultValue);
}

function open(part) {
  return [...part.querySelectorAll("details")].map((each) => each.open);
}

async function read(dress, tick) {
  if (reading) { again = true; return; }
  reading = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Live": "1" } });
    if (answer.redirected || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (!next || typing(part) || typed(part)) continue;
      const opened = open(part);
      const held = part.contains(document.activeElement) ? document.activeElement.id || null : null;
      part.replaceChildren(...next.childNodes);
      [...part.querySelectorAll("details")].forEach((each, n) => { each.open = opened[n] ?? each.open; });
      if (held) document.getElementById(held)?.focus();
      dress(part);
    }
    tick();
  } finally {
    reading = false;
    if (again) { again = false; setTimeout(() => read(dress, tick), 200); }
  }
}

export function follow(dress, tick) {
  let soon = 0;
  const cursor = document.querySelector("[data-cursor]").dataset.cursor;
  const source = new EventSource(`/events?after=${encodeURIComponent(cursor)}`);
  source.addEventListener("changed", () => {
    clearTimeout(soon);
    soon = setTimeout(() => read(dress, tick), 150);
  });
  source.addEventListener("over", () => { source.close(); location.assign("/login"); });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

// The form of a flow: says beside it what will be given, and lets the flow's code change it after a change.
export function follows(form, dress) {
  const say = (field, words) => {
    for (const each of form.querySelectorAll(`[data-echo="${CSS.escape(field)}"]`)) each.textContent = words;
  };

  const echo = (target) => {
    const field = target.closest?.("[data-field]")?.dataset.field;
    if (!field || !target.name) return;
    if (target.tagName === "SELECT") say(field, target.selectedOptions[0]?.textContent.trim() || "…");
    else if (target.type === "radio") say(field, target.dataset.label);
    else if (target.type !== "checkbox" && target.type !== "hidden") say(field, target.value || "…");
  };

  let turn = 0;
  const changed = async (field) => {
    const mine = ++turn;
    const body = new URLSearchParams(new FormData(form));
    body.set("changed", field);
    const answer = await fetch("/ask/changed", { method: "POST", body });
    if (mine !== turn || !answer.ok) return;
    const at = document.activeElement?.id;
    const fields = form.querySelector("#fields");
    fields.innerHTML = (await answer.json()).fields;
    dress(fields);
    if (at) document.getElementById(at)?.focus();
  };

  form.addEventListener("change", (event) => {
    echo(event.target);
    const box = event.target.closest("[data-changes]");
    if (box && event.target.name) changed(box.dataset.field);
  });
  form.addEventListener("chosen", (event) => {
    say(event.detail.field, event.detail.label || "…");
    const box = event.target.closest("[data-changes]");
    if (box && !event.detail.first && event.detail.label) changed(box.dataset.field);
  });
  for (const each of form.querySelectorAll("input:checked, select")) if (each.value) echo(each);
}

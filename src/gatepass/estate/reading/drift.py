"""From YAML to how the standing trust is watched."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from gatepass.estate.drift import FOLDER, LEAST, Declared, Drift
from gatepass.estate.durations import format_duration
from gatepass.estate.reading.draft import Draft
from gatepass.estate.reading.notify import read_reach_to


def read_drift(draft: Draft) -> Drift | None:
    """The block `drift`; None when it is not there."""
    item = draft.root.item("drift")
    if item is None:
        return None
    every = item.get("every") or timedelta(days=1)
    if every < LEAST:
        found = f"every {format_duration(every)}: each look reads every account"
        draft.fault(item.item("every") or item, "length", found, f"{format_duration(LEAST)} or more")
    files = {
        name: Declared(text, hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest())
        for name, text in draft.sources.items()
        if name.startswith(FOLDER)
    }
    if not files:
        draft.fault(
            item, "no_file", f"there is nothing below {FOLDER} to compare AWS with", "the teams' files"
        )
    context = item.get("context") or ""
    if context and context not in files:
        draft.fault(item.item("context") or item, "no_file", f"there is no file {context!r} in the estate")
    return Drift(
        every=every,
        files=files,
        notify=tuple(read_reach_to(draft, each) for each in item.elements("notify")),
        enter_by=item.get("enter_by") or "",
        managed_by=item.get("managed_by") or "",
        acknowledge=tuple(item.values("acknowledge")),
        context=context,
    )

"""From YAML to who is told of a flow's requests."""

from __future__ import annotations

import re

from gatepass.estate.format.shape import Item
from gatepass.estate.notify import NOTICES, Notify, Reach, Webhook
from gatepass.estate.reading.draft import Draft

GROUP_MESSAGE = 7
"""People in one group message, at most (spec/sym.md 2.6)."""
_IN_SLACK = re.compile(r"#.+|[CDGUW][A-Z0-9]{2,30}")


def read_notify(draft: Draft, item: Item | None) -> Notify:
    """The block `notify` of a flow; nothing when it is not there."""
    if item is None:
        return Notify()
    return Notify(
        ask=tuple(read_reach_to(draft, each) for each in item.elements("ask")),
        tell=tuple(read_reach_to(draft, each) for each in item.elements("tell")),
    )


def read_reach_to(draft: Draft, item: Item) -> Reach:
    """One way to reach somebody; a fault when it names nobody."""
    slack = _slack(draft, item)
    webhook = item.item("webhook")
    if not (slack or item.has("slack") or item.has("mail") or webhook):
        draft.fault(item, "nobody", "no destination is named", "one of slack, mail, webhook")
    return Reach(
        slack=slack,
        mail=tuple(item.values("mail")),
        webhook=Webhook(str(webhook.get("url")), str(webhook.get("secret"))) if webhook else None,
        timeout=item.get("timeout"),
        events=frozenset(item.values("events") or NOTICES),
    )


def _slack(draft: Draft, item: Item) -> tuple[str, ...]:
    entry = item.item("slack")
    if entry is None:
        return ()
    named = entry.elements() or [entry]
    for each in named:
        if not _IN_SLACK.fullmatch(str(each.value)):
            draft.known(each, "people", what="person")
    if len(named) > GROUP_MESSAGE:
        found = f"{len(named)} people are too many for one group message"
        draft.fault(entry, "length", found, f"at most {GROUP_MESSAGE}, or a channel")
    return tuple(str(each.value) for each in named)

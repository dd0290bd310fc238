"""What a sink remembers of a message it sent: how far it spoke, so that what waited behind it is not said again."""

from __future__ import annotations

import json
from typing import Any

from gatepass.notify.notice import Notice
from gatepass.store import Message


def ref(notice: Notice, **more: object) -> str:
    """What to keep of a message that said everything waiting now."""
    return json.dumps({"upto": max(m.n for m in notice.waiting), **more}, sort_keys=True)


def read_ref(message: Message) -> dict[str, Any]:
    """What was kept of it; nothing for one not sent."""
    if message.sent_ref is None:
        return {}
    found = json.loads(message.sent_ref)
    return found if isinstance(found, dict) else {}


def said_already(notice: Notice) -> bool:
    """Whether an earlier message spoke for this one too."""
    return any(read_ref(m).get("upto", 0) >= notice.message.n for m in notice.history)


def events(notice: Notice) -> tuple[str, ...]:
    """What happened since the last message that was sent, in order, each once."""
    found = [str(m.body.get("event", "changed")) for m in notice.waiting]
    return tuple(dict.fromkeys(found)) or (notice.event,)

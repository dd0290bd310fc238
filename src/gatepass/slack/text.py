"""Text on its way to Slack: escaped, within Slack's limits. Nothing that people wrote is ever interpreted there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gatepass.notify.words import moment, plain

Block = dict[str, Any]

OPTIONS = 100
"""Options of one select; above it the list is filtered here (external select)."""
OPTION_TEXT, OPTION_VALUE = 75, 150
TITLE, BUTTON, PLACEHOLDER = 24, 75, 150
SECTION, LABEL, HINT, METADATA = 3000, 2000, 2000, 3000
FIELD, FIELDS = 2000, 10
MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100


def escape(text: str) -> str:
    """The three characters with a meaning in Slack's text; without them no mention, link or command is left."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fit(text: str, most: int) -> str:
    """At most so many characters, with an ellipsis where something was left out; never empty (Slack refuses that)."""
    text = text or "-"
    return text if len(text) <= most else text[: most - 1] + "…"


def words(text: str, most: int = SECTION) -> Block:
    """Text that is shown as it stands."""
    return {"type": "plain_text", "text": fit(plain(text, most), most), "emoji": False}


def marked(text: str, most: int = SECTION) -> Block:
    """Text of ours with Slack's marks; what people wrote in it is escaped already. Links are not guessed."""
    return {"type": "mrkdwn", "text": fit(text, most), "verbatim": True}


def date(at: datetime) -> str:
    """A moment, shown in the reader's own time zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{moment(at)}>"


def section(text: str) -> Block:
    """A paragraph."""
    return {"type": "section", "text": marked(text)}


def context(text: str) -> Block:
    """A small line."""
    return {"type": "context", "elements": [marked(text, FIELD)]}


def button(action: str, label: str, value: str, style: str = "", confirm: str = "") -> Block:
    """A button; it carries an opaque request id and version, and nothing that is believed (security.md 24)."""
    made: Block = {
        "type": "button",
        "action_id": f"gatepass:{action}",
        "text": {"type": "plain_text", "text": fit(label, BUTTON)},
        "value": value,
    }
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = {
            "title": {"type": "plain_text", "text": fit(f"{label}?", 100)},
            "text": {"type": "plain_text", "text": fit(confirm, 300)},
            "confirm": {"type": "plain_text", "text": "Yes"},
            "deny": {"type": "plain_text", "text": "No"},
        }
    return made


def option(label: str, value: str) -> Block:
    """One choice of a select."""
    return {"text": {"type": "plain_text", "text": fit(label, OPTION_TEXT)}, "value": value}

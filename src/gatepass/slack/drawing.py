"""Block Kit as text for a terminal: what people would see, near enough to judge it by."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

WIDTH = 76
_DATE = re.compile(r"<!date\^[0-9]+\^[^|]*\|([^>]*)>")
_LINK = re.compile(r"<(https?://[^|>]*)\|([^>]*)>")
_SIGN = re.compile(r":[a-z_]+:")
_SIGNS = {
    ":hourglass_flowing_sand:": "…",
    ":white_check_mark:": "✓",
    ":checkered_flag:": "■",
    ":no_entry:": "✗",
    ":leftwards_arrow_with_hook:": "↩",
    ":alarm_clock:": "⏰",
    ":warning:": "!",
}
_CHOICE = {"static_select", "multi_static_select", "external_select", "multi_external_select"}


def draw_modal(view: dict[str, Any]) -> str:
    """A modal in a frame."""
    submit = f"[ {view['submit']['text']} ]" if "submit" in view else ""
    close = f"[ {view['close']['text']} ]" if "close" in view else ""
    body = [line for block in view["blocks"] for line in (*_block(block), "")]
    foot = f"{close}  {submit}".rjust(WIDTH - 4)
    return _frame(view["title"]["text"], [*body, foot])


def draw_message(name: str, text: str, blocks: Sequence[dict[str, Any]]) -> str:
    """A message in a frame, under what it tells; its notification below it."""
    body = [line for block in blocks for line in _block(block)]
    return _frame(name, [*body, "", *_wrapped(f"notification: {text}")])


def _frame(title: str, lines: Sequence[str]) -> str:
    head = f"┌─ {title} " + "─" * max(0, WIDTH - len(title) - 5) + "┐"
    rows = [f"│ {line.ljust(WIDTH - 4)} │" for line in lines]
    return "\n".join([head, *rows, "└" + "─" * (WIDTH - 2) + "┘"])


def _block(block: dict[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "section":
            if "text" in block:
                yield from _wrapped(read(block["text"]["text"]))
            for each in block.get("fields", ()):
                yield from _wrapped("  " + read(each["text"]).replace("\n", ": ", 1))
        case "context":
            for each in block["elements"]:
                yield from _wrapped("  " + read(each["text"]))
        case "actions":
            yield "  ".join(f"[ {each['text']['text']} ]" for each in block["elements"])
        case "input":
            yield from _input(block)


def _input(block: dict[str, Any]) -> Iterator[str]:
    optional = " (optional)" if block.get("optional") else ""
    yield from _wrapped(f"{block['label']['text']}{optional}")
    element = block["element"]
    kind = element["type"]
    if kind in _CHOICE:
        chosen = element.get("initial_option", {}).get("text", {}).get("text", "")
        names = ", ".join(o["text"]["text"] for o in element.get("options", ())) or "type to find"
        yield from _wrapped(f"  ▾ {chosen or 'choose'}: {names}")
    elif kind.endswith("users_select"):
        yield "  ▾ people of the workspace"
    else:
        yield f"  ▏{element.get('initial_value', '')}".ljust(WIDTH - 12) + "▕"
    if "hint" in block:
        yield from _wrapped("  " + block["hint"]["text"])


def read(text: str) -> str:
    """Marked text as it is shown."""
    text = _LINK.sub(r"\2", _DATE.sub(r"\1", text))
    for mark, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(mark, character)
    text = _SIGN.sub(lambda found: _SIGNS.get(found.group(), found.group()), text)
    return re.sub(r"(?<!\w)[*`]|[*`](?!\w)", "", text)


def _wrapped(text: str) -> list[str]:
    printable = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    lines = [part for line in printable.splitlines() for part in textwrap.wrap(line, WIDTH - 4) or [""]]
    return lines or [""]

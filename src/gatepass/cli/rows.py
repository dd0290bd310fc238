"""Rows as a table or as JSON. Imports as good as nothing: the commands that need no AWS print through it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, object]


SECONDS = "remaining_seconds"
CAUSE = 100
"""Characters of a cause in a table; JSON has all of it."""


def as_json(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """A list of objects with these keys, in their order."""
    import json

    return json.dumps([{key: row.get(key) for key in columns} for row in rows], indent=2)


def as_table(rows: Sequence[Row], columns: Sequence[str], *, every: bool = False) -> str:
    """Columns of text below a heading; those that say nothing in any row only when `every` is wanted."""
    if rows and not every:
        columns = [key for key in columns if any(row.get(key) for row in rows)]
    cells = [["LEFT" if key == SECONDS else key.upper().replace("_", " ") for key in columns]]
    cells += [[printable(_cell(key, row.get(key))) for key in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _cell(key: str, value: object) -> str:
    if key == SECONDS and isinstance(value, int):
        return left(value)
    text = shown(value)
    return text if key != "cause" or len(text) <= CAUSE else f"{text[: CAUSE - 3]}..."


def left(seconds: float | None) -> str:
    """A length for people: `1:04:09`, `9:05`, empty when there is none."""
    if seconds is None:
        return ""
    hours, rest = divmod(max(int(seconds), 0), 3600)
    minutes, whole = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"


def shown(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(str(v) for v in value)
    return str(value)


def printable(text: str) -> str:
    """Text from AWS or files never reaches the terminal with control characters (security.md 32)."""
    return "".join(c if c.isprintable() else "?" for c in text)

"""Moments as the server writes them, for people on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from gatepass.clock import SystemClock, relative


def when(text: str, now: datetime | None = None) -> str:
    """`15:16 UTC, in 29 min`; with its date when that is not today's. What is no moment stays as it is."""
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return text
    now = now or SystemClock().now()
    day = "" if at.date() == now.date() else f"{at:%Y-%m-%d} "
    return f"{day}{at:%H:%M} UTC, {relative(at, now)}"


def with_moments(rows: Sequence[Mapping[str, object]], *keys: str) -> list[Mapping[str, object]]:
    """The rows with the moments under `keys` as `when` says them."""
    now = SystemClock().now()
    told = ({key: when(str(row[key]), now) for key in keys if row.get(key)} for row in rows)
    return [{**row, **moments} for row, moments in zip(rows, told, strict=True)]

"""Lengths as people write them: `30s`, `10m`, `1h`, `2d`, `1mo` (30 days), or ISO 8601 (`PT1H30M`).

One number and one unit, as in spec/sym.md 3.6; ISO 8601 for everything else. Always positive whole seconds.
"""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "mo": timedelta(days=30),
}
ALLOWED = "a length such as 30m, 1h, 2d, 1mo or PT1H30M"
LONGEST = timedelta(days=3660)
"""Nothing in gatepass lasts longer than ten years; longer text is a mistake, and would overflow dates."""

_SHORT = re.compile(r"([1-9][0-9]{0,9})(s|m|h|d|mo)")
_ISO = re.compile(
    r"P(?:([0-9]{1,9})W|(?:([0-9]{1,9})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?)"
)


def parse_duration(text: str) -> timedelta | None:
    """The length that `text` writes, or None when it is not a positive length in one of the two forms."""
    if short := _SHORT.fullmatch(text):
        return _bounded(int(short[1]) * int(UNITS[short[2]].total_seconds()))
    if iso := _ISO.fullmatch(text):
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in iso.groups())
        return _bounded((weeks * 7 + days) * 86400 + hours * 3600 + minutes * 60 + seconds)
    return None


def _bounded(seconds: int) -> timedelta | None:
    return timedelta(seconds=seconds) if 0 < seconds <= LONGEST.total_seconds() else None


def format_duration(length: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as `length` (whole seconds): `90m`, `1h`, `2d`."""
    for unit in ("d", "h", "m"):
        count, rest = divmod(length, UNITS[unit])
        if not rest and count:
            return f"{count}{unit}"
    return f"{int(length.total_seconds())}s"

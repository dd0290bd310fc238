"""Lengths of time that are offered where one is chosen; the desk decides whether one is allowed."""

from __future__ import annotations

from datetime import timedelta

from gatepass.access.requests import Request
from gatepass.errors import GatepassError
from gatepass.estate.durations import ALLOWED, parse_duration
from gatepass.web.naming import Names

USUAL = tuple(timedelta(minutes=minutes) for minutes in (15, 30, 60, 120, 240, 480, 720, 1440))


def lengths(names: Names, request: Request, below: timedelta | None = None) -> tuple[timedelta, ...]:
    """What the flow lists, or usual lengths, up to the request's cap (or shorter than `below`)."""
    listed = names.durations(request.flow) or USUAL
    cap = request.terms.max_duration
    fitting = (each for each in {*listed, *((cap,) if cap else ())} if cap is None or each <= cap)
    if below is not None:
        fitting = (each for each in {*listed, *USUAL} if each < below)
    return tuple(sorted(fitting))


def read(text: str) -> timedelta | None:
    """A length that was chosen; None: none was. Raises `GatepassError` for what is none."""
    if not text:
        return None
    length = parse_duration(text)
    if length is None:
        raise GatepassError(f"{text[:40]!r} is not a length of time", advice=f"write {ALLOWED}")
    return length

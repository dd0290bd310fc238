"""Secrets by reference: `env:NAME` and `file:PATH`, looked up when the process starts or a message is sent."""

from __future__ import annotations

import os
from pathlib import Path

from gatepass.app.settings import SettingsError


def look_up(reference: str) -> str | None:
    """The secret that a reference names; None: it names nothing. ValueError: it is a literal."""
    kind, _, place = reference.partition(":")
    if kind == "env":
        return os.environ.get(place, "").strip() or None
    if kind != "file":
        raise ValueError("a literal")
    try:
        return Path(place).expanduser().read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def resolve(reference: str, what: str) -> str:
    """The secret that a reference names. Raises `SettingsError` naming `what` and the reference, never a value."""
    try:
        value = look_up(reference)
    except ValueError:
        advice = "write a reference: env:NAME or file:PATH"
        raise SettingsError(f"{what}: found a literal", advice=advice) from None
    if value is None:
        raise SettingsError(f"{what}: {reference} names nothing", advice="set it, or correct the reference")
    if not value.isprintable():  # what sends it would show it in its fault (I17)
        raise SettingsError(f"{what}: {reference} has a line break or another control character in it")
    return value

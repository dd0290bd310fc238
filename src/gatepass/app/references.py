"""Secrets by reference: `env:NAME` and `file:PATH`, looked up when the process starts or a message is sent."""

from __future__ import annotations

import os
from pathlib import Path

from gatepass.app.settings import SettingsError


def resolve(reference: str, what: str) -> str:
    """The secret that a reference names. Raises `SettingsError` naming `what` and the reference, never a value."""
    kind, _, place = reference.partition(":")
    value: str | None = None
    if kind == "env":
        value = os.environ.get(place)
    elif kind == "file":
        try:
            value = Path(place).expanduser().read_text(encoding="utf-8").strip()
        except OSError:
            value = None
    else:
        raise SettingsError(f"{what}: found a literal", advice="write a reference: env:NAME or file:PATH")
    if not value:
        raise SettingsError(
            f"{what}: {kind}:{place} names nothing", advice="set it, or correct the reference"
        )
    return value

"""What a person must see to log in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """Open this address, and compare this code when there is one."""

    url: str
    code: str | None = None

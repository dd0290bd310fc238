"""One spelling for equal content: what digests are made of, and what versions are kept as."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta


def canonical(value: object) -> object:
    """A value of this model as plain JSON with one spelling for equal content; maps keep their order in lists only."""
    if is_dataclass(value):
        return {each.name: canonical(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): canonical(each) for key, each in value.items()}
    if isinstance(value, frozenset):
        return sorted(str(each) for each in value)
    if isinstance(value, tuple):
        return [canonical(each) for each in value]
    if isinstance(value, timedelta):
        return {"seconds": int(value.total_seconds())}
    return value


def digest(value: object) -> str:
    """SHA-256, in hex, over the canonical JSON of a value of this model."""
    text = json.dumps(canonical(value), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

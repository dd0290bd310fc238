"""Time-based one-time codes (RFC 6238): SHA-1, 6 digits, 30 s steps, as AWS virtual devices use."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from datetime import datetime

from gatepass.clock import to_ms
from gatepass.sessions.errors import BadInput

STEP_SECONDS = 30


def totp(seed: str, now: datetime) -> str:
    """The code of a base32 seed at `now`. Raises `BadInput` without showing the seed."""
    text = seed.replace(" ", "").upper()
    try:
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise BadInput("the TOTP seed in the vault is not base32", advice="put it in again") from error
    digest = hmac.digest(key, struct.pack(">Q", step_of(now)), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def step_of(now: datetime) -> int:
    """The number of the 30 s step `now` is in; a code works once per step and device."""
    return to_ms(now) // 1000 // STEP_SECONDS

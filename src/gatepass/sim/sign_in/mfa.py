"""MFA devices: time-based codes (RFC 6238), each good once, within one step of its time."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from gatepass.sim.iam.state import Device
from gatepass.sim.world import World

STEP = 30


def code(seed: bytes, step: int) -> str:
    """The six digits of a time step."""
    digest = hmac.new(seed, step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"


def code_at(device: Device, now: datetime) -> str:
    """What the device shows at `now`."""
    return code(device.seed, int(now.timestamp()) // STEP)


def find(world: World, account: str, serial: str) -> Device | None:
    """The device of this serial number that is in use in the account."""
    device = world.iam_of(account).devices.get(serial)
    return device if device is not None and device.user else None


def spend(device: Device, given: str, now: datetime) -> bool:
    """Whether the code is right now; a right one is then used up."""
    present = int(now.timestamp()) // STEP
    for step in (present, present - 1, present + 1):
        if step not in device.used and hmac.compare_digest(code(device.seed, step), given):
            device.used.add(step)
            return True
    return False

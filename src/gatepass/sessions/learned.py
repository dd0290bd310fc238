"""What was learned from AWS and is worth keeping: how long a role may be asked for (S-12). No secrets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gatepass.clock import from_ms, to_ms
from gatepass.sessions.errors import Unsafe
from gatepass.sessions.files import private_dir, read_private, replace
from gatepass.sessions.model import HOUR

REFUSAL_HOLDS = timedelta(days=1)
"""After that a longer duration is tried again: somebody may have raised the role's MaxSessionDuration."""


@dataclass(frozen=True)
class Lengths:
    """What AWS said to the durations one role was asked for."""

    accepted: timedelta | None = None
    """The longest over an hour that worked: the role's maximum is no less."""
    refused: timedelta | None = None
    """The shortest that was too long: the maximum is less."""
    refused_at: datetime | None = None


class Learned:
    """Lengths by role ARN, kept in a small file; a damaged file is an empty one. Thread-safe."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._path, self._now = path, now
        self._lock = threading.Lock()
        self._known: dict[str, Lengths] | None = None

    @property
    def lengths(self) -> Mapping[str, Lengths]:
        """What is known and still holds."""
        with self._lock:
            if self._known is None:
                self._known = self._read()
            return {arn: self._holding(found) for arn, found in self._known.items()}

    def accept(self, role_arn: str, lasts: timedelta) -> None:
        """Remember that `lasts` works. Writes only what is news."""
        found = self.lengths.get(role_arn, Lengths())
        if lasts <= max(HOUR, found.accepted or HOUR):
            return
        lower = found.refused is None or lasts < found.refused
        self._keep(role_arn, Lengths(lasts, *((found.refused, found.refused_at) if lower else ())))

    def refuse(self, role_arn: str, lasts: timedelta) -> None:
        """Remember that `lasts` is too long. May be repeated."""
        found = self.lengths.get(role_arn, Lengths())
        works = found.accepted if found.accepted is not None and found.accepted < lasts else None
        self._keep(role_arn, Lengths(works, min(lasts, found.refused or lasts), self._now()))

    def _holding(self, found: Lengths) -> Lengths:
        if found.refused_at is not None and self._now() - found.refused_at >= REFUSAL_HOLDS:
            return Lengths(found.accepted)
        return found

    def _keep(self, role_arn: str, found: Lengths) -> None:
        known = {**self.lengths, role_arn: found}
        with self._lock:
            self._known = known
            private_dir(self._path.parent)
            replace(self._path, json.dumps({arn: _row(each) for arn, each in known.items()}).encode())

    def _read(self) -> dict[str, Lengths]:
        try:
            found = json.loads(read_private(self._path))
            return {str(arn): _lengths(row) for arn, row in found.items()}
        except (OSError, ValueError, TypeError, AttributeError, OverflowError, Unsafe):
            return {}


def _row(found: Lengths) -> dict[str, int]:
    row: dict[str, int] = {}
    if found.accepted is not None:
        row["accepted"] = int(found.accepted.total_seconds())
    if found.refused is not None and found.refused_at is not None:
        row |= {"refused": int(found.refused.total_seconds()), "refused_at": to_ms(found.refused_at)}
    return row


def _lengths(row: object) -> Lengths:
    if not isinstance(row, dict):  # older files hold one number, the longest that worked: an hour
        return Lengths()
    accepted, refused, at = row.get("accepted"), row.get("refused"), row.get("refused_at")
    works = timedelta(seconds=accepted) if isinstance(accepted, int) else None
    if isinstance(refused, int) and isinstance(at, int):
        return Lengths(works, timedelta(seconds=refused), from_ms(at))
    return Lengths(works)

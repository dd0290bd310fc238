"""What was learned from AWS and is worth keeping: the longest duration that works per role (S-12). No secrets."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from gatepass.sessions.errors import Unsafe
from gatepass.sessions.files import private_dir, read_private, replace


class Learned:
    """Durations by role ARN, kept in a small file; a damaged file is an empty one. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._durations: dict[str, timedelta] | None = None

    @property
    def durations(self) -> Mapping[str, timedelta]:
        """What is known."""
        with self._lock:
            if self._durations is None:
                self._durations = self._read()
            return dict(self._durations)

    def learn(self, role_arn: str, lasts: timedelta) -> None:
        """Remember that `lasts` works and more does not."""
        known = {**self.durations, role_arn: lasts}
        with self._lock:
            self._durations = known
            private_dir(self._path.parent)
            replace(self._path, json.dumps({k: int(v.total_seconds()) for k, v in known.items()}).encode())

    def _read(self) -> dict[str, timedelta]:
        try:
            found = json.loads(read_private(self._path))
            return {str(k): timedelta(seconds=int(v)) for k, v in found.items()}
        except (OSError, ValueError, AttributeError, Unsafe):
            return {}

"""Where signed checkpoints go: outside the database, to every configured sink (security.md 14)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gatepass.access.chain import Head
from gatepass.access.checkpoint import Signer
from gatepass.clock import to_ms
from gatepass.errors import Unavailable


class Sink(Protocol):
    """Keeps published checkpoints, where whoever writes the database cannot change them."""

    def keep(self, name: str, checkpoint: str) -> None:
        """Keep it under this name, durably; a name that is there already is the same checkpoint. Raises OSError."""
        ...


class DirectorySink:
    """A directory of files, one a checkpoint, best on another machine's disk or a volume that only grows."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, name: str, checkpoint: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._directory / f".{name}.partial"
        with open(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(checkpoint)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._directory / name)


class SignedCheckpoints:
    """Signs and publishes. The engine calls it hourly and at shutdown."""

    def __init__(self, signer: Signer, sinks: Sequence[Sink]) -> None:
        self._signer = signer
        self._sinks = sinks

    def publish(self, heads: Sequence[Head], at: datetime) -> None:
        """Sign these ends of the chains and give them to every sink (may be repeated).

        Every sink is tried. Raises `Unavailable`, naming those that did not take it.
        """
        checkpoint = self._signer.sign(heads, at)
        failed = []
        for sink in self._sinks:
            try:
                sink.keep(f"checkpoint-{to_ms(at)}.json", checkpoint)
            except OSError as refused:
                failed.append(str(refused))
        if failed:
            raise Unavailable(
                f"the checkpoint of the audit log was not kept: {'; '.join(failed)}",
                advice="make the place writable; the next checkpoint will hold this one's entries too",
            )

"""Waking whoever waits for something due: within the process by an event, between processes by NOTIFY.

Losing a notice is harmless: whoever waits looks again after a short time-out anyway (handlers-and-sim.md D).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

_CHANNEL = "gatepass_due"
_RETRY = 1.0


class Waker(Protocol):
    """Ends waits, here and in other processes."""

    def wake(self) -> None: ...
    def wait(self, timeout: float) -> bool: ...
    def close(self) -> None: ...


class LocalWaker:
    """All who wait are in this process."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def wake(self) -> None:
        self._woken.set()

    def wait(self, timeout: float) -> bool:
        woken = self._woken.wait(timeout)
        self._woken.clear()
        return woken

    def close(self) -> None:
        self._woken.set()


class PostgresWaker(LocalWaker):
    """Notices travel through the database. The listener has a connection of its own, made at the first wait.

    `listen_to` is the address of that connection: behind a pooler in transaction mode LISTEN hears nothing, so it
    must go to the database itself.
    """

    def __init__(self, writer: Engine, listen_to: str) -> None:
        super().__init__()
        self._writer = writer.execution_options(isolation_level="AUTOCOMMIT")
        self._listen_to = listen_to
        self._start = threading.Lock()
        self._threads: dict[Callable[[], None], threading.Thread] = {}
        self._closed = threading.Event()
        self._to_say = threading.Event()

    def wake(self) -> None:
        """Those of this process at once; the others by a notice that a thread sends, one for all that gathered."""
        super().wake()
        self._to_say.set()
        self._begin(self._notify)

    def wait(self, timeout: float) -> bool:
        self._begin(self._listen)
        return super().wait(timeout)

    def close(self) -> None:
        self._closed.set()
        self._to_say.set()
        super().close()
        for thread in self._threads.values():
            thread.join(timeout=5)

    def _begin(self, what: Callable[[], None]) -> None:
        with self._start:
            if what not in self._threads and not self._closed.is_set():
                thread = threading.Thread(target=what, name=f"store{what.__name__}", daemon=True)
                self._threads[what] = thread
                thread.start()

    def _notify(self) -> None:
        """A statement of its own after the commit: inside it would hold one lock for the whole database."""
        last = False
        while not last:
            self._to_say.wait()
            self._to_say.clear()
            last = self._closed.is_set()
            try:
                with self._writer.connect() as connection:
                    connection.exec_driver_sql(f"NOTIFY {_CHANNEL}")
            except SQLAlchemyError:
                continue  # what is due was committed; the others find it at their next look

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                self._hear()
            except psycopg.Error:
                self._closed.wait(_RETRY)

    def _hear(self) -> None:
        """Pass on notices until the connection breaks; what was missed before is made up for by one wake."""
        with psycopg.connect(self._listen_to, autocommit=True) as connection:
            connection.execute(f"LISTEN {_CHANNEL}")
            super().wake()
            while not self._closed.is_set():
                for _ in connection.notifies(timeout=0.5, stop_after=1):
                    super().wake()

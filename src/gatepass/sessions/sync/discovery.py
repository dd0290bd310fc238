"""Which accounts and roles a login opens: all of them, within the portal's patience (S-69)."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from gatepass.sessions.errors import SessionError
from gatepass.sessions.model import Integration
from gatepass.sessions.providers.portal import Portal
from gatepass.sessions.providers.transport import AwsRefused, Transport

WORKERS = 4
CALLS_PER_SECOND = 10.0
PATIENCE_SECONDS = 120.0
T = TypeVar("T")


@dataclass(frozen=True)
class FoundRole:
    """One role of one account, as the portal lists it."""

    account_id: str
    account_name: str
    email: str
    role_name: str

    def to_json(self) -> dict[str, str]:
        """For the wire."""
        return {
            "account_id": self.account_id,
            "account_name": self.account_name,
            "email": self.email,
            "role_name": self.role_name,
        }


@dataclass
class Progress:
    """What is known so far: a second try goes on from here."""

    roles: list[FoundRole] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    complete: bool = False


class Pacer:
    """At most so many calls a second for all threads; half as many after each refusal, slowly more after."""

    def __init__(
        self,
        rate: float = CALLS_PER_SECOND,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._most, self._rate = rate, rate
        self._now, self._sleep = now, sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def turn(self) -> None:
        """Wait for the next turn."""
        pause = self._next_turn() - self._now()
        if pause > 0:
            self._sleep(pause)

    def _next_turn(self) -> float:
        """The moment of this thread's turn, taken from nobody else."""
        with self._lock:
            at = max(self._next, self._now())
            self._next = at + 1 / self._rate
            self._rate = min(self._most, self._rate * 1.02)
            return at

    def refused(self) -> None:
        """The portal said too many: halve the rate, but stay above one call in two seconds."""
        with self._lock:
            self._rate = max(self._rate / 2, 0.5)

    def patiently(self, call: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
        """The call's answer; tries again with full jitter while the portal says too many, up to `seconds`."""
        ends = self._now() + seconds
        pause = 0.5
        while True:
            self.turn()
            try:
                return call()
            except AwsRefused as error:
                if error.aws_code not in ("TooManyRequestsException", "429") or self._now() > ends:
                    raise
                self.refused()
                self._sleep(random.uniform(0, pause))  # noqa: S311  jitter
                pause = min(pause * 2, 20.0)


_KEPT: dict[str, Progress] = {}


def discover(
    transport: Transport, integration: Integration, token: str, pacer: Pacer | None = None
) -> Progress:
    """All roles behind the integration. Incomplete results name what failed and are gone on with next time."""
    portal = Portal(transport, integration.region, integration.name, token)
    pacer = pacer or Pacer()
    progress = _KEPT.get(integration.name)
    if progress is None or progress.complete:
        progress = _KEPT[integration.name] = Progress()
    progress.failed.clear()
    accounts = list(_pages(lambda mark: pacer.patiently(lambda: portal.accounts(mark))))
    waiting: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
    for account in accounts:
        if account["accountId"] not in progress.done:
            waiting.put(account)
    _in_threads(lambda: _drain(waiting, portal, pacer, progress))
    progress.complete = not progress.failed
    progress.roles.sort(key=lambda r: (r.account_name, r.account_id, r.role_name))
    return progress


def _drain(
    waiting: queue.SimpleQueue[dict[str, str]], portal: Portal, pacer: Pacer, progress: Progress
) -> None:
    while True:
        try:
            account = waiting.get_nowait()
        except queue.Empty:
            return
        account_id = account["accountId"]
        try:
            roles = [
                FoundRole(
                    account_id,
                    account.get("accountName", ""),
                    account.get("emailAddress", ""),
                    role["roleName"],
                )
                for role in _role_pages(portal, pacer, account_id)
            ]
        except SessionError as error:
            progress.failed[account_id] = error.line()
            continue
        except Exception as error:  # noqa: BLE001  a thread's edge: what ends it would pass for an empty account
            progress.failed[account_id] = f"the portal's answer cannot be used ({type(error).__name__})"
            continue
        progress.roles.extend(roles)
        progress.done.add(account_id)


def _role_pages(portal: Portal, pacer: Pacer, account_id: str) -> Iterable[dict[str, str]]:
    return _pages(lambda mark: pacer.patiently(lambda: portal.roles(account_id, mark)))


def _pages(page: Callable[[str | None], tuple[list[dict[str, str]], str | None]]) -> Iterable[dict[str, str]]:
    mark: str | None = None
    seen: set[str] = set()
    while True:
        rows, mark = page(mark)
        yield from rows
        if not mark or mark in seen:  # a portal that repeats its mark would never end
            return
        seen.add(mark)


def _in_threads(work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

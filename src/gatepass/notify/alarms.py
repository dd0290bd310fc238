"""Tells operators of alarms: in Slack, by mail, to a webhook, as far as each is named in the settings (N1).

An alarm is raised in the middle of taking back, so nothing here waits and nothing raises: a thread says it, tries each
way a few times, and leaves the rest to the log and to `/metrics`, which have every alarm anyway.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from email.message import EmailMessage

import httpx

from gatepass.clock import Clock, iso, to_ms
from gatepass.errors import GatepassError
from gatepass.notify.mail import MailServer, hand_over
from gatepass.notify.webhook import post

log = logging.getLogger(__name__)

Way = Callable[[str], None]
"""Says words to an operator, or raises `GatepassError`."""
PAUSES = (1.0, 10.0, 60.0, 300.0)
"""Seconds between tries of one way."""
MOST = 200
"""Alarms that wait at most; more are one storm, and the first of it are what matters."""


class AlarmTeller:
    """Says alarms by every way. Thread-safe; `close` it when done."""

    def __init__(self, ways: Mapping[str, Way]) -> None:
        self._ways = ways
        self._waiting: queue.Queue[str] = queue.Queue(MOST)
        self._closed = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def say(self, words: str) -> None:
        """Say this soon, at most once by each way; returns at once."""
        if not self._ways:
            return
        try:
            self._waiting.put_nowait(words)
        except queue.Full:
            log.warning("too many alarms at once; not told: %s", words)
        with self._start:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
                self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                words = self._waiting.get(timeout=0.5)
            except queue.Empty:
                continue
            left = dict(self._ways)
            for pause in (*PAUSES, 0.0):
                left = {name: way for name, way in left.items() if not _said(name, way, words)}
                if not left or self._closed.wait(pause):
                    break


def _said(name: str, way: Way, words: str) -> bool:
    try:
        way(words)
    except GatepassError as problem:
        log.warning("an alarm was not told by %s yet: %s", name, problem)
        return False
    except Exception:
        log.exception("an alarm cannot be told by %s", name)
    return True


def by_mail(server: MailServer, addresses: list[str]) -> Way:
    """One mail to all of them."""

    def say(words: str) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"] = server.sender, ", ".join(addresses)
        mail["Subject"] = f"[gatepass] alarm: {' '.join(words.split())[:120]}"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(words)
        hand_over(server, mail)

    return say


def by_webhook(url: str, secret: Callable[[], str], client: httpx.Client, clock: Clock) -> Way:
    """A post signed like every other webhook's; `event` is `alarm`."""

    def say(words: str) -> None:
        now = clock.now()
        body = json.dumps({"event": "alarm", "at": iso(now), "text": words}, sort_keys=True).encode()
        post(client, url, secret(), f"alarm.{to_ms(now)}", now, body)

    return say

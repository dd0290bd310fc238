"""Operators are told of alarms (N1): once when raised, once when over, by every way, without waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gatepass.app.health import LoggedAlarms
from gatepass.app.settings import Settings, SettingsError
from gatepass.app.telling import telling
from gatepass.clock import SystemClock
from gatepass.desk import Book
from gatepass.errors import Unavailable
from gatepass.notify import AlarmTeller, alarms, by_webhook
from gatepass.notify.webhook import sign
from gatepass.store import open_store
from gatepass.testing.clock import VirtualClock


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def test_n1_an_alarm_is_told_when_it_is_raised_and_when_it_is_over() -> None:
    told: list[str] = []
    raised = LoggedAlarms()
    raised.tell = told.append
    for tries in (3, 4, 5):
        raised.raised("take-back", f"{tries} tries failed")
    raised.cleared("take-back")
    raised.cleared("take-back")
    assert told == ["take-back: 3 tries failed", "take-back: over"]


def test_n1_a_way_that_fails_is_tried_again_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "PAUSES", (0.0, 0.0))
    told: list[str] = []
    refusals = iter([Unavailable("away"), RuntimeError("broken"), Unavailable("away")])
    go = threading.Event()

    def flaky(words: str) -> None:
        go.wait(60)
        refusal = next(refusals, None)
        if isinstance(refusal, Unavailable):
            raise refusal
        told.append(f"late {words}")

    teller = AlarmTeller({"mail": lambda words: told.append(words), "slack": flaky})
    teller.say("clock: off")  # returns although a way stands still
    go.set()
    until(lambda: len(told) == 2)
    teller.close()
    assert told == ["clock: off", "late clock: off"]


def test_n1_a_storm_does_not_fill_the_memory() -> None:
    stuck = threading.Event()

    def stand_still(words: str) -> None:
        stuck.wait(60)

    teller = AlarmTeller({"slack": stand_still})
    for number in range(alarms.MOST * 3):
        teller.say(str(number))
    stuck.set()
    teller.close()


def test_n1_the_webhook_of_alarms_is_signed_like_every_other() -> None:
    got: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return httpx.Response(204)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    by_webhook("https://ops.example/alarm", lambda: "key", client, VirtualClock())("clock: off")
    (request,) = got
    stamp = request.headers["gatepass-signature"].partition(",")[0].removeprefix("t=")
    assert request.headers["gatepass-signature"] == sign("key", int(stamp), request.content)
    assert b'"event": "alarm"' in request.content


def test_n1_a_way_that_is_not_configured_is_refused_at_the_start(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a.db", SystemClock(), audit_key=b"k", exclusive=False)
    named = replace(
        Settings(data_dir=tmp_path),
        alarm_slack="#ops",
        alarm_mail="a@b.c",
        alarm_webhook="http://ops.example",
    )
    with pytest.raises(SettingsError) as refused:
        telling(named, store, SystemClock(), Book())
    for name in ("ALARM_SLACK", "ALARM_MAIL", "ALARM_WEBHOOK"):
        assert name in str(refused.value)
    store.close()

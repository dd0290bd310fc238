"""Rates: each person their own, all of one address together (security.md 20)."""

from __future__ import annotations

from datetime import timedelta

from gatepass.api.guard import Crowd
from gatepass.testing.clock import VirtualClock

ANA = {b"authorization": b"Bearer gp_ana"}
BEN = {b"cookie": b"theme=dark; __Host-gatepass=0123456789abcdefghijBEN"}
CLEO = {b"cookie": b"gatepass=0123456789abcdefghijCLEO"}


def sent(crowd: Crowd, headers: dict[bytes, bytes], times: int, address: str = "10.0.0.1") -> int:
    """How many of so many at once were let through."""
    return sum(crowd.allow(headers, address) for _ in range(times))


def test_people_behind_one_proxy_do_not_stop_each_other() -> None:
    crowd = Crowd(VirtualClock())
    assert [sent(crowd, who, 300) for who in (ANA, BEN, CLEO)] == [200, 200, 200]


def test_who_was_too_fast_may_again_after_a_while() -> None:
    clock = VirtualClock()
    crowd = Crowd(clock)
    assert sent(crowd, ANA, 300) == 200
    clock.advance(timedelta(seconds=1))
    assert sent(crowd, ANA, 300) == 50


def test_made_up_tokens_gain_nothing() -> None:
    crowd = Crowd(VirtualClock())
    made_up = ({b"authorization": f"Bearer gp_{number}".encode()} for number in range(5000))
    assert sum(crowd.allow(headers, "10.0.0.1") for headers in made_up) == 2000
    assert sent(crowd, ANA, 10, address="10.0.0.2") == 10


def test_who_shows_nothing_is_counted_by_address() -> None:
    crowd = Crowd(VirtualClock())
    assert sent(crowd, {}, 300) == 200
    assert sent(crowd, {b"cookie": b"gatepass=short"}, 10) == 0
    assert sent(crowd, {}, 10, address="10.0.0.2") == 10

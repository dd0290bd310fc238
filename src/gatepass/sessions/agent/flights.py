"""Single flight: each hop is made once at a time, for all who wait (S-35). What is being made can be called off."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from gatepass.sessions.agent.world import Entry
from gatepass.sessions.model import Session


class CalledOff(Exception):
    """What was waited for was stopped, locked, revoked or edited while it was made: its result is nobody's."""


@dataclass(eq=False)
class Flight:
    """One making under way."""

    chain: tuple[Session, ...]
    """The recipe it follows; who wants another recipe must not join."""
    with_person: bool
    landing: asyncio.Future[Entry]
    task: asyncio.Task[Entry]

    async def landed(self) -> Entry:
        """Its outcome. The one who waits may be cancelled; the flight goes on."""
        return await asyncio.shield(self.landing)


class Flights:
    """All makings under way, by session."""

    def __init__(self) -> None:
        self._under_way: dict[str, list[Flight]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._under_way

    def names(self) -> set[str]:
        """The sessions that are being made."""
        return set(self._under_way)

    def current(self, name: str) -> Flight | None:
        """The flight to join, if any."""
        flights = self._under_way.get(name)
        return flights[-1] if flights else None

    def start(
        self, name: str, chain: tuple[Session, ...], making: Coroutine[Any, Any, Entry], *, with_person: bool
    ) -> Flight:
        """Begin to make; the flight leaves this table when it has landed."""
        landing: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        flight = Flight(chain, with_person, landing, asyncio.create_task(making))
        self._under_way.setdefault(name, []).append(flight)
        flight.task.add_done_callback(lambda _: self._land(name, flight))
        return flight

    def call_off(self, name: str) -> None:
        """Nobody gets what is being made for this session: those who wait are told at once. May be repeated."""
        for flight in self._under_way.pop(name, []):
            _settle(flight.landing, CalledOff())
            flight.task.cancel()

    async def all_landed(self) -> None:
        """Return when nothing is being made any more."""
        while self._under_way:
            await asyncio.wait([flight.task for flights in self._under_way.values() for flight in flights])

    def _land(self, name: str, flight: Flight) -> None:
        flights = self._under_way.get(name, [])
        if flight in flights:
            flights.remove(flight)
        if not flights:
            self._under_way.pop(name, None)
        if flight.task.cancelled():
            _settle(flight.landing, CalledOff())
        elif (error := flight.task.exception()) is not None:
            _settle(flight.landing, error)
        elif not flight.landing.done():
            flight.landing.set_result(flight.task.result())


def _settle(landing: asyncio.Future[Entry], error: BaseException) -> None:
    """Fail what is waited for; nobody need wait: the log has been told."""
    if not landing.done():
        landing.set_exception(error)
        landing.exception()

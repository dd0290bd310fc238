"""The versions of the estate: the current one, the one a request was made under, and applying a new one (I18)."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

from gatepass.errors import Bug, GatepassError
from gatepass.estate.model import Estate
from gatepass.estate.wire import from_plain
from gatepass.store import Tx, View


class NoEstate(GatepassError):
    """No estate was ever applied to this installation."""

    code = "no_estate"


@dataclass(frozen=True, slots=True)
class Version:
    """One applied version of the estate."""

    number: int
    estate: Estate


class Book:
    """Reads versions from the store, keeping parsed those that were read. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parsed: dict[int, Version] = {}
        self._newest: Version | None = None

    def current(self, view: View | Tx) -> Version:
        """The version in force, as this transaction sees it."""
        number = view.estates.current_number()
        if number == 0:
            raise NoEstate("no estate has been applied", advice="run: gatepass apply ESTATE")
        found = self.at(view, number)
        self._newest = found
        return found

    def newest(self) -> Version | None:
        """The version last seen in force, without asking the store: for what is checked again later. None: never."""
        return self._newest

    def at(self, view: View | Tx, number: int) -> Version:
        """The version of that number: what a request was made under, whatever has been applied since."""
        with self._lock:
            known = self._parsed.get(number)
        if known is None:
            stored = view.estates.version(number)
            if stored is None:
                raise Bug(f"version {number} of the estate is not in the store")
            known = Version(number, from_plain(json.loads(stored.source)))
            with self._lock:
                self._parsed[number] = known
        return known

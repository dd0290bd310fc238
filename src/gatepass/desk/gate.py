"""Asked again just before access is given, and who is still here: what the engine wants to know of the estate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatepass.access.requests import Grant, Request
from gatepass.desk.asking import account_options
from gatepass.desk.book import Book
from gatepass.desk.forms import still_offered
from gatepass.desk.people import find
from gatepass.estate.change import Held, orphans
from gatepass.estate.model import Estate
from gatepass.store import OpenAsk, Tx, View


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Fills the engine's `Gate` and `Roster`. Reads rows only; any error means no access is given."""

    book: Book

    def refused(self, tx: Tx, waiting: Sequence[Grant]) -> Mapping[str, str]:
        """Of these waiting grants, those that may not start any more, and why (I8, I10, I13, I18)."""
        tx.estates.stay()
        found = {}
        for grant in waiting:
            request = tx.requests.get(grant.request)
            why = "its request is gone" if request is None else self.why_not(tx, request)
            if why:
                found[grant.id] = why
        return found

    def why_not(self, rows: View | Tx, request: Request) -> str:
        """Why what was asked may not be given now; empty: it may."""
        estate = self.book.current(rows).estate
        person = find(rows, estate, request.requester)
        if person is None or not person.active:
            return f"{request.requester} is not active any more"
        if request.organization is not None and request.organization not in estate.organizations:
            return f"organization {request.organization} has left the estate"
        asked_under = self.book.at(rows, request.estate_version).estate
        changed = _changed(rows, asked_under, estate, request) or self.why_lost(
            rows, OpenAsk(request.requester, request.flow, request.target)
        )
        if changed:
            return changed
        target = asked_under.targets.get(request.target) if request.target is not None else None
        if target is None or target.accounts is None:
            return self._still_offered(rows, request)
        if request.account_id not in {option.value for option in account_options(rows, target).options}:
            return f"account {request.account_id} is not offered by {target.name} any more"
        return self._still_offered(rows, request)

    def _still_offered(self, rows: View | Tx, request: Request) -> str:
        flow = self.book.at(rows, request.estate_version).estate.flows[request.flow]
        chosen = dict(request.values)
        if request.account_id is not None:
            chosen.setdefault("account_id", request.account_id)
        return still_offered(rows, request.requester, flow, chosen)

    def why_gone(self, rows: View | Tx, person: str) -> str | None:
        """Why a person may hold nothing any more; None: they are active."""
        found = find(rows, self.book.current(rows).estate, person)
        if found is None:
            return "not in the estate any more"
        return None if found.active else "disabled"

    def why_lost(self, rows: View | Tx, ask: OpenAsk) -> str | None:
        """Why the estate in force lets this person not ask for this: they left the group that may (I13).

        None where nobody could ask: what the estate took away is looked after when it is applied (I18).
        """
        return why_lost(self.book.current(rows).estate, ask)


def why_lost(estate: Estate, ask: OpenAsk) -> str | None:
    """Why this estate lets somebody who is in it not ask for this; None: it does, or nobody could."""
    person, flow = estate.people.get(ask.requester), estate.flows.get(ask.flow)
    target = estate.targets.get(ask.target) if ask.target is not None else None
    if person is None or flow is None or (ask.target is not None and target is None):
        return None
    if estate.rule_for(flow, target, person) is not None:
        return None
    return f"{person.label} may not ask flow {flow.name} for {ask.target or 'this'} any more"


def why_ended(estate: Estate, ask: OpenAsk) -> str | None:
    """Why what somebody has or waits for ends under this estate, where what they ask for is still there (I13)."""
    person = estate.people.get(ask.requester)
    if person is None:
        return f"{ask.requester} is not in the estate any more"
    return why_lost(estate, ask) if person.active else f"{person.label} is not active any more"


def _changed(rows: View | Tx, asked_under: Estate, now: Estate, request: Request) -> str:
    """What the estate took away after it was asked for: nobody begins what the version in force does not hold (I18)."""
    if request.target is None or request.organization is None:
        return ""
    held = Held("", request.requester, request.flow, request.organization, request.target, request.account_id)
    return next((orphan.why for orphan in orphans(asked_under, now, (held,))), "")

"""The database itself refuses steps that are not in the tables, whoever writes (architecture.md 2)."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from gatepass.access.states import GRANT_STEPS, REQUEST_STEPS, GrantState, RequestState
from gatepass.errors import Bug
from gatepass.testing.store_suite.lab import StoreLab, approve, ask, grant, granting, key, refused

S = TypeVar("S", bound=StrEnum)

_BY_HAND = "UPDATE {table} SET prior_state = state, state = :to WHERE id = :id"


class StepCases:
    """Cases of steps, made by hand past the store and through it."""

    def test_a_grant_takes_no_step_that_is_not_in_the_table(self, lab: StoreLab) -> None:
        begun = "starts_at = made_at, ends_at = made_at + 1, ended_at = made_at, "
        statement = _BY_HAND.format(table="grants").replace("SET ", f"SET {begun}")
        for prior, path in _paths(GRANT_STEPS, GrantState.WAITING).items():
            for current in GrantState:
                grant_id = f"{prior}-{current}"
                grant(lab, grant_id)
                for step in path:
                    lab.by_hand(statement, {"to": step, "id": grant_id})
                if prior != current and (prior, current) in GRANT_STEPS:
                    lab.by_hand(statement, {"to": current, "id": grant_id})
                elif prior != current:
                    with refused(Exception):
                        lab.by_hand(statement, {"to": current, "id": grant_id})

    def test_a_request_takes_no_step_that_is_not_in_the_table(self, lab: StoreLab) -> None:
        statement = _BY_HAND.format(table="requests")
        for prior, path in _paths(REQUEST_STEPS, RequestState.ASKED).items():
            for current in RequestState:
                request_id = f"{prior}-{current}"
                ask(lab, request_id)
                for step in path:
                    lab.by_hand(statement, {"to": step, "id": request_id})
                if prior != current and (prior, current) in REQUEST_STEPS:
                    lab.by_hand(statement, {"to": current, "id": request_id})
                elif prior != current:
                    with refused(Exception):
                        lab.by_hand(statement, {"to": current, "id": request_id})

    def test_a_step_that_was_not_taken_cannot_be_claimed(self, lab: StoreLab) -> None:
        grant(lab)
        for lie in ("state = 'ended'", "prior_state = 'active', state = 'ending'", "prior_state = 'active'"):
            with refused(Exception):
                lab.by_hand(f"UPDATE grants SET ended_at = 1, starts_at = 1, ends_at = 2, {lie}")  # noqa: S608
        with refused(Exception):
            lab.by_hand("UPDATE facts SET state = 'deleting'")

    def test_nothing_begins_in_the_middle(self, lab: StoreLab) -> None:
        approved = approve(lab, ask(lab))
        with refused(Bug), lab.store.write() as tx:
            tx.requests.add(replace(approved, id="r2"))
        waiting = grant(lab)
        with refused(Bug), lab.store.write() as tx:
            tx.requests.add_grant(replace(granting(waiting, lab), id="g2"))

    def test_access_that_has_begun_has_an_end(self, lab: StoreLab) -> None:
        """There is no way to an end that is empty (I11)."""
        waiting = grant(lab)
        with refused(Bug), lab.store.write() as tx:
            tx.requests.move_grant(replace(waiting, state=GrantState.GRANTING))
        with lab.store.write() as tx:
            tx.requests.move_grant(granting(waiting, lab))
        with refused(Exception):
            lab.by_hand("UPDATE grants SET ends_at = NULL")

    def test_the_store_refuses_what_the_tables_refuse(self, lab: StoreLab) -> None:
        request = ask(lab)
        with refused(Bug), lab.store.write() as tx:
            tx.requests.save(replace(request, state=RequestState.ENDED))
        waiting = grant(lab)
        with refused(Bug), lab.store.write() as tx:
            tx.facts.hold(key())
            tx.requests.move_grant(replace(granting(waiting, lab), state=GrantState.ACTIVE))
        with lab.store.read() as view:
            assert view.requests.get(request.id) == request
            assert view.requests.grant(waiting.id) == waiting


def _paths(steps: frozenset[tuple[S, S]], first: S) -> dict[S, list[S]]:
    """A shortest way from the first state to each other one."""
    paths: dict[S, list[S]] = {first: []}
    ahead = [first]
    for state in ahead:
        for prior, current in sorted(steps, key=str):
            if prior == state and current not in paths:
                paths[current] = [*paths[state], current]
                ahead.append(current)
    return paths

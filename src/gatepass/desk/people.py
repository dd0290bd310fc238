"""People as they are now: declared in the estate, disabled here; read afresh for every decision (I8, I13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gatepass.access.decide import Reason, Refused, Verdict
from gatepass.estate.model import Estate, Person
from gatepass.store import Tx, View


def find(view: View | Tx, estate: Estate, person_id: str) -> Person | None:
    """The person with this stable id; inactive when disabled here, None when the estate does not know them."""
    person = estate.people.get(person_id)
    if person is None or not view.people.disabled(person_id):
        return person
    return replace(person, active=False)


def need(view: View | Tx, estate: Estate, person_id: str) -> Person:
    """The person, active. Raises `Refused` for anybody else: somebody who left may do nothing."""
    person = find(view, estate, person_id)
    if person is None or not person.active:
        words = f"{person_id} is not an active person of this installation"
        raise Refused(Verdict(Reason.NOT_ACTIVE, words, "ask an admin of gatepass"))
    return person


def services(estate: Estate) -> frozenset[str]:
    """In which services somebody's id may be asked for: ours, those of integrations, those the estate names ids of."""
    used = {integration.type for integration in estate.integrations.values()}
    named = {service for person in estate.people.values() for service in person.identities}
    return frozenset({"aws_sso", "oidc", "slack"} | used | named)


def finder(view: View | Tx, estate: Estate) -> Callable[[str], Person | None]:
    """`find`, with everything but the id given."""
    return lambda person_id: find(view, estate, person_id)

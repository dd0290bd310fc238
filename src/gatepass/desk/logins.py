"""Whose login it is: from what an issuer of identities says to a person of the estate (I7).

Who somebody is, is their issuer and subject. The address in a login finds a person once, when nothing is stored for
them at this issuer; from then on it is never looked at again, for addresses are given to other people.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatepass.access.decide import Reason, Refused, Verdict
from gatepass.desk import people
from gatepass.estate.model import Estate, Person
from gatepass.store import Tx

SERVICE = "oidc"
"""Under this word people's subjects are kept, by issuer."""


@dataclass(frozen=True, slots=True)
class Login:
    """What an issuer said, after its word was checked."""

    issuer: str
    subject: str
    email: str = ""
    """Empty unless the issuer says that it has verified it."""


def recognise(tx: Tx, estate: Estate, login: Login) -> Person:
    """The active person behind a login; what is learned is stored. Raises `Refused` for everybody else."""
    found = _known(tx, estate, login) or _by_address(tx, estate, login)
    person = people.find(tx, estate, found) if found is not None else None
    if person is None or not person.active:
        words = "you are signed in at your organization, but gatepass does not know you"
        raise Refused(Verdict(Reason.NOT_ACTIVE, words, "ask an admin of gatepass to add you to the estate"))
    if person.identity(SERVICE, login.issuer) is None:
        tx.people.store_identity(person.id, SERVICE, login.issuer, login.subject, by="discovered")
    return person


def _known(tx: Tx, estate: Estate, login: Login) -> str | None:
    declared = estate.person_by_identity(SERVICE, login.issuer, login.subject)
    if declared is not None:
        return declared.id
    stored = (
        each.person
        for each in tx.people.identities()
        if (each.service, each.external_id, each.identity) == (SERVICE, login.issuer, login.subject)
        and each.failed_at is None
    )
    return next(stored, None)


def _by_address(tx: Tx, estate: Estate, login: Login) -> str | None:
    person = estate.person_by_email(login.email) if login.email else None
    if person is None or person.identity(SERVICE, login.issuer) is not None:
        return None
    taken = tx.people.identity(person.id, SERVICE, login.issuer)
    return person.id if taken is None else None

"""The states of requests, grants, facts and attempts, and every legal step between them.

These tables are the only place where a step is allowed: pure code asks `check_step`, the store keeps the
same tables as foreign keys and refuses what they refuse (architecture.md 2). Only these words are used in
code, columns, API and screens.
"""

from __future__ import annotations

from enum import StrEnum

from gatepass.errors import Bug


class RequestState(StrEnum):
    """Where a request stands."""

    ASKED = "asked"
    """Committed; handlers still to run."""
    PENDING = "pending"
    """Waiting for people to decide."""
    APPROVED = "approved"
    """Decided for; its grants are on their way, active, or ending."""
    ENDED = "ended"
    """Every grant is final, or there was nothing to grant (an approval-only flow)."""
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Nobody answered in time."""
    FAILED = "failed"
    """Refused by a check after it was asked, or every grant failed; the reason is kept."""


class GrantState(StrEnum):
    """Where one claim of one request on one fact stands."""

    WAITING = "waiting"
    """Decided, not begun: no access, no end yet."""
    GRANTING = "granting"
    """Its end is committed; AWS has not yet been read to agree."""
    ACTIVE = "active"
    """AWS was read and holds the fact."""
    ENDING = "ending"
    """Over; AWS has not yet been read to agree."""
    ENDED = "ended"
    FAILED = "failed"
    COVERED = "covered"
    """The person held exactly this before us: nothing was written and nothing will be taken."""


class FactState(StrEnum):
    """What we last knew of one piece of access in AWS."""

    ABSENT = "absent"
    CREATING = "creating"
    PRESENT = "present"
    DELETING = "deleting"
    UNKNOWN = "unknown"
    """An outcome is not known: present for taking back, absent for the person, until AWS is read."""


class Verb(StrEnum):
    """What an attempt does to a fact."""

    GRANT = "grant"
    REVOKE = "revoke"


class Outcome(StrEnum):
    """How an attempt ended, as far as is known; an attempt without one is open."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


R, G, F = RequestState, GrantState, FactState

REQUEST_STEPS: frozenset[tuple[RequestState, RequestState]] = frozenset(
    {
        (R.ASKED, R.PENDING),  # checks and handlers passed; people decide
        (R.ASKED, R.APPROVED),  # the rule or a handler decided: automatic
        (R.ASKED, R.DENIED),  # a handler decided
        (R.ASKED, R.CANCELLED),
        (R.ASKED, R.FAILED),  # a handler raised, or a value is offered no more
        (
            R.PENDING,
            R.PENDING,
        ),  # an approval that does not yet reach the quorum; a change that voids approvals
        (R.PENDING, R.APPROVED),
        (R.PENDING, R.DENIED),
        (R.PENDING, R.CANCELLED),
        (R.PENDING, R.EXPIRED),
        (R.PENDING, R.FAILED),
        (R.APPROVED, R.APPROVED),  # an approved extension
        (R.APPROVED, R.ENDED),
        (R.APPROVED, R.FAILED),
    }
)

GRANT_STEPS: frozenset[tuple[GrantState, GrantState]] = frozenset(
    {
        (G.WAITING, G.GRANTING),  # the commit that sets its end
        (G.WAITING, G.COVERED),
        (G.WAITING, G.FAILED),
        (G.WAITING, G.ENDED),  # cancelled, leaver
        (G.GRANTING, G.ACTIVE),
        (G.GRANTING, G.FAILED),  # AWS refused and was read to hold nothing
        (G.GRANTING, G.ENDING),
        (G.ACTIVE, G.ACTIVE),  # an approved extension
        (G.ACTIVE, G.ENDING),
        (G.ENDING, G.ENDED),
    }
)

FACT_STEPS: frozenset[tuple[FactState, FactState]] = frozenset(
    {
        (F.ABSENT, F.CREATING),
        (F.ABSENT, F.PRESENT),  # found standing, or as drift
        (F.ABSENT, F.UNKNOWN),  # found after its end with an open attempt of ours
        (F.CREATING, F.PRESENT),
        (F.CREATING, F.ABSENT),
        (F.CREATING, F.DELETING),
        (F.CREATING, F.UNKNOWN),
        (
            F.PRESENT,
            F.CREATING,
        ),  # standing access is gone and is wanted now; or made again after a late delete
        (F.PRESENT, F.DELETING),
        (F.PRESENT, F.ABSENT),  # removed outside gatepass
        (F.PRESENT, F.UNKNOWN),
        (F.DELETING, F.ABSENT),
        (F.DELETING, F.PRESENT),
        (F.DELETING, F.CREATING),
        (F.DELETING, F.UNKNOWN),
        (F.UNKNOWN, F.ABSENT),
        (F.UNKNOWN, F.CREATING),
        (F.UNKNOWN, F.PRESENT),
        (F.UNKNOWN, F.DELETING),
    }
)

FINAL_REQUEST: frozenset[RequestState] = frozenset({R.ENDED, R.DENIED, R.CANCELLED, R.EXPIRED, R.FAILED})
FINAL_GRANT: frozenset[GrantState] = frozenset({G.ENDED, G.FAILED, G.COVERED})


def check_step(prior: StrEnum, current: StrEnum) -> None:
    """Refuse an illegal step, as the store will. A fact that stays as it is takes no step.

    Raises `Bug`: whoever calls computed a step that the tables do not hold.
    """
    legal = (prior, current) in REQUEST_STEPS | GRANT_STEPS | FACT_STEPS
    stays = isinstance(prior, FactState) and prior is current
    if not (legal or stays):
        kind = type(prior).__name__.removesuffix("State").lower()
        raise Bug(f"a {kind} cannot go from {prior} to {current}")

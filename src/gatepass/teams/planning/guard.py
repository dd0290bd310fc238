"""The lock-out guard: no account is left without a role that we, or the people for emergencies, can become (T-79)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from gatepass.teams.model import Document, Resources
from gatepass.teams.planning.meaning import lets_in


class Changing(Protocol):
    """What the guard needs to know of a change."""

    @property
    def kind(self) -> str: ...
    @property
    def account_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def is_write(self) -> bool: ...
    @property
    def phase(self) -> int: ...
    @property
    def wanted(self) -> Any: ...
    @property
    def live(self) -> Any: ...


def lockouts(live: Resources, changes: Iterable[Changing], actors: tuple[str, ...]) -> tuple[str, ...]:
    """Accounts that had a way in for one of the actors and would have none, after either phase; ids, sorted.

    Only accounts in which a role is changed or removed can lose theirs. The actor's own account needs no role.
    """
    listed = [change for change in changes if change.kind == "role" and change.is_write]
    if not actors:
        return ()
    own = {actor.split(":")[4] for actor in actors if actor.count(":") >= 5}
    before: dict[str, dict[str, Document]] = {}
    touched = {change.account_id for change in listed} - own
    for role in live.roles:
        if role.account.id in touched:
            before.setdefault(role.account.id, {})[role.name.lower()] = role.trust
    found = set()
    for account in touched:
        trusts = dict(before.get(account, {}))
        if not _has_way(trusts, actors):
            continue
        for phase in (1, 2):
            for change in listed:
                if change.account_id == account and change.phase == phase:
                    _predict(trusts, change)
            if not _has_way(trusts, actors):
                found.add(account)
    return tuple(sorted(found))


def _predict(trusts: dict[str, Document], change: Changing) -> None:
    if change.wanted is None:
        trusts.pop(change.name.lower(), None)
    else:
        trusts[change.name.lower()] = change.wanted.trust


def _has_way(trusts: Mapping[str, Document], actors: tuple[str, ...]) -> bool:
    return any(lets_in(trust, actor) for trust in trusts.values() for actor in actors)

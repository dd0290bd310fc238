"""Every thing that a declaration or an account holds, with the kind that knows how to read and change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gatepass.teams.kinds.center import AssignmentKind, Center, DirectoryGroupKind, SetKind
from gatepass.teams.kinds.federation import OidcKind, SamlKind
from gatepass.teams.kinds.kind import PROTECT, Kind, with_owner
from gatepass.teams.kinds.people import GroupKind, UserKind
from gatepass.teams.kinds.roles import PolicyKind, RoleKind
from gatepass.teams.model import Group, Resources


@dataclass(frozen=True, slots=True)
class Entry:
    """One wanted or live thing with how to treat it."""

    kind: Kind[Any]
    account_id: str
    name: str
    value: Any

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account_id, self.kind.name, self.name.lower()


KINDS: tuple[tuple[Kind[Any], Callable[[Resources], Iterable[Any]]], ...] = (
    (GroupKind(), lambda resources: _peopled(resources)),
    (PolicyKind(), lambda resources: resources.policies),
    (RoleKind(), lambda resources: resources.roles),
    (UserKind(), lambda resources: resources.users),
)
SAML, OIDC = SamlKind(), OidcKind()


def entries(resources: Resources, estate: str = "") -> Iterator[Entry]:
    """Everything IAM holds of these resources; with `estate`, tagged as ours."""
    for kind, listed in KINDS:
        for value in listed(resources):
            yield Entry(kind, value.account.id, value.name, _tagged(kind.name, value, estate))
    for saml in resources.saml_providers:
        if saml.managed or not estate:
            yield Entry(SAML, saml.account.id, saml.name, _tagged("saml-provider", saml, estate))
    for oidc in resources.oidc_providers:
        if oidc.managed or not estate:
            yield Entry(OIDC, oidc.account.id, oidc.host, _tagged("oidc-provider", oidc, estate))


def _peopled(resources: Resources) -> Iterator[Group]:
    """The groups with who is in them."""
    members: dict[tuple[str, str], list[str]] = {}
    for user in resources.users:
        for group in user.groups:
            members.setdefault((user.account.id, group), []).append(user.name)
    for item in resources.groups:
        yield replace(item, members=tuple(sorted(members.get((item.account.id, item.name), ()))))


def center_entries(resources: Resources, centers: Mapping[str, Center], estate: str = "") -> Iterator[Entry]:
    """Everything of Identity Center, by organization; the account is the one it is reached through."""
    for item in resources.permission_sets:
        center = centers.get(item.organization)
        if center is not None:
            yield Entry(
                SetKind(center), center.account_id, item.name, _tagged("permission-set", item, estate)
            )
    for group in resources.directory_groups:
        center = centers.get(group.organization)
        if center is not None and group.managed:
            yield Entry(DirectoryGroupKind(center), center.account_id, group.name, group)
    for assignment in resources.assignments:
        center = centers.get(assignment.organization)
        if center is not None:
            yield Entry(AssignmentKind(center), center.account_id, assignment_name(assignment), assignment)


def assignment_name(value: Any) -> str:
    """One assignment in words: it has no name of its own."""
    return f"{value.permission_set} for {value.principal_kind} {value.principal} in {value.account.id}"


def _tagged(kind: str, value: Any, estate: str) -> Any:
    if not estate or not hasattr(value, "tags"):
        return value
    key = f"{kind}/{getattr(value, 'short', '') or getattr(value, 'name', '') or value.host}"
    protected = {PROTECT: "true"} if getattr(value, "protect", False) else {}
    return replace(value, tags={**with_owner(value.tags, estate, key), **protected})

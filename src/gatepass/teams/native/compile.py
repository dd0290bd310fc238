"""From files of the native form to the compiled answer: roles, people, Identity Center, federation, imported things."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gatepass.teams.compiling.component import Source
from gatepass.teams.compiling.world import World
from gatepass.teams.declaration import Wanted, finish
from gatepass.teams.importing.imported import read_imported
from gatepass.teams.model import Compiled, Component, Finding, Handover, Resources
from gatepass.teams.native.directory import Directory, DirectoryReader, informed
from gatepass.teams.native.form import Declared, read_organizations
from gatepass.teams.native.roles import known_roles, named_roles, role_sources
from gatepass.teams.nodes import Mapping, read_yaml
from gatepass.teams.people.making import Peopled
from gatepass.teams.people.users import read_people
from gatepass.teams.upstream.merging import Merger


def compile_native(files: list[Path], wanted: Wanted, findings: list[Finding]) -> Compiled:
    """The native form: several files are one declaration, merged key by key."""
    trees = [read_yaml(file, str(file), findings) for file in files]
    root = Merger().all([tree for tree in trees if isinstance(tree, Mapping)])
    pairs: list[tuple[Source, World]] = []
    more = Resources()
    parts: list[Component] = []
    handovers: list[Handover] = []
    for declared in read_organizations(root, findings):
        peopled = read_people(declared, findings)
        made = DirectoryReader(declared, findings, files[0].parent).read()
        sources = role_sources(declared, declared.world, findings)
        imported = read_imported(declared, findings)
        world = named_roles(sources, informed(declared.world, made))
        world = known_roles(sources, world, (*peopled.roles, *imported.roles))
        pairs += [(source, world) for source in sources]
        parts += _people_parts(declared, peopled)
        parts += _imported_parts(declared, imported)
        handovers += peopled.handovers
        more = _added(more, declared, peopled, made)
    compiled = finish(pairs, findings, wanted, parts)
    stood = [part for part in parts if part.name == "imported"]
    more = replace(
        more,
        users=(*more.users, *(user for part in stood for user in part.users)),
        groups=(*more.groups, *(group for part in stood for group in part.groups)),
    )
    resources = _joined(more, compiled.resources, wanted.account)
    return replace(compiled, resources=resources, handovers=tuple(handovers))


def _people_parts(declared: Declared, peopled: Peopled) -> list[Component]:
    """The roles and policies that people need, as one component per account."""
    names = sorted(
        {role.account.name for role in peopled.roles} | {policy.account.name for policy in peopled.policies}
    )
    return [
        Component(
            "people",
            "native",
            declared.accounts[name],
            roles=tuple(role for role in peopled.roles if role.account.name == name),
            policies=tuple(policy for policy in peopled.policies if policy.account.name == name),
            attachments={
                arn if len(role.policies) > 1 else role.short: (role.name, arn)
                for role in peopled.roles
                if role.account.name == name
                for arn in role.policies
            },
            place=declared.node.place,
        )
        for name in names
    ]


def _imported_parts(declared: Declared, imported: Resources) -> list[Component]:
    """What stands in accounts already, one component per account."""
    return [
        Component(
            "imported",
            "native",
            account,
            roles=tuple(role for role in imported.roles if role.account.id == account.id),
            policies=tuple(policy for policy in imported.policies if policy.account.id == account.id),
            users=tuple(user for user in imported.users if user.account.id == account.id),
            groups=tuple(group for group in imported.groups if group.account.id == account.id),
            place=declared.node.place,
        )
        for account in declared.accounts.values()
        if any(
            item.account.id == account.id
            for listed in (imported.roles, imported.policies, imported.users, imported.groups)
            for item in listed
        )
    ]


def _added(more: Resources, declared: Declared, peopled: Peopled, made: Directory) -> Resources:
    return replace(
        more,
        organizations=(*more.organizations, declared.organization),
        accounts=(*more.accounts, *declared.accounts.values()),
        users=(*more.users, *peopled.users.values()),
        groups=(*more.groups, *peopled.groups.values()),
        saml_providers=(*more.saml_providers, *made.saml),
        oidc_providers=(*more.oidc_providers, *made.oidc),
        permission_sets=(*more.permission_sets, *made.sets.values()),
        assignments=(*more.assignments, *made.assignments),
        directory_groups=(*more.directory_groups, *made.groups.values()),
    )


def _joined(more: Resources, compiled: Resources, account: str) -> Resources:
    """Roles and policies of the components beside the rest; of one account only, when that is asked for."""

    def kept(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(item for item in items if not account or item.account.name == account)

    return replace(
        more,
        roles=compiled.roles,
        policies=compiled.policies,
        users=kept(more.users),
        groups=kept(more.groups),
        saml_providers=kept(more.saml_providers),
        oidc_providers=kept(more.oidc_providers),
        assignments=kept(more.assignments),
    )

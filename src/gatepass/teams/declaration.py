"""From files to the compiled answer: which form they are in, all components, and what only shows when all are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gatepass.teams.atmos import (
    FORMER,
    FORMER_SET_PATTERN,
    Found,
    StackReader,
    components,
    kind_of,
    learn,
    source_of,
)
from gatepass.teams.compile import Source, compile_component
from gatepass.teams.config import ConfigReader, RoleConfig
from gatepass.teams.lints import Linted, lint
from gatepass.teams.model import Compiled, Component, Finding, Level, Organization, Resources
from gatepass.teams.naming import account_name, make_label
from gatepass.teams.nodes import fault, read_yaml
from gatepass.teams.world import TEAM_SET_PATTERN, World, read_world


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to compile, and with which knowledge from outside the files."""

    paths: tuple[Path, ...]
    context: Path | None = None
    component: str = ""
    account: str = ""
    base: Path | None = None
    """The stacks folder, when it is not to be found from the paths."""


def compile_wanted(wanted: Wanted) -> Compiled:
    """Everything at the paths, compiled. No AWS call; equal files give equal answers."""
    findings: list[Finding] = []
    context = read_yaml(wanted.context, str(wanted.context), findings) if wanted.context else None
    world = read_world(context, findings)
    return compile_atmos(wanted, world, findings)


def compile_atmos(wanted: Wanted, world: World, findings: list[Finding]) -> Compiled:
    """Atmos stacks: the components that make teams, in every stack."""
    reader = StackReader(findings, wanted.base)
    found = [
        component
        for stack in reader.stacks(wanted.paths)
        for component in components(stack, reader.merger, findings)
    ]
    for component in found:
        world = learn(component, world, findings)
    sources = [source for component in found if (source := _source(component, reader, wanted, findings))]
    if not sources and not any(finding.is_fault for finding in findings):
        findings.append(_nothing(wanted))
    if any(component.real in FORMER for component in found) and world.team_set_pattern == TEAM_SET_PATTERN:
        world = replace(world, team_set_pattern=FORMER_SET_PATTERN)
    if sources and not world.accounts:
        message = "there is no account map: account names cannot become ids"
        advice = "give --context FILE with account_map.full_account_map, or a static account-map component"
        findings.append(
            fault("unknown-account", message, sources[0].variables, path="account_map", advice=advice)
        )
        return Compiled(findings=tuple(findings))
    return finish(sources, knowing(world, sources), findings, wanted)


def _nothing(wanted: Wanted) -> Finding:
    named = ", ".join(str(path) for path in wanted.paths)
    what = f"component {wanted.component!r}" if wanted.component else "component aws-teams or aws-team-roles"
    message = f"no {what} was found at {named}"
    return fault("component-missing", message, None, advice="name the stack files or the stacks folder")


def _source(found: Found, reader: StackReader, wanted: Wanted, findings: list[Finding]) -> Source | None:
    if wanted.component and wanted.component not in {found.name, found.real}:
        return None
    kind = kind_of(found)
    if kind is None:
        return None
    source = source_of(found, kind, reader.merger)
    if not source.label.is_empty:
        return source
    if found.stack.walked and not wanted.account:
        message = (
            f"{found.name} of {found.stack.file} has no labels and nobody imports it: taken for a catalog"
        )
        advice = "name the file and give --account to compile it"
        findings.append(Finding("component-skipped", Level.INFO, message, found.node.place, advice=advice))
        return None
    return replace(source, account=wanted.account)


def knowing(world: World, sources: Iterable[Source]) -> World:
    """The world plus what the components say of each other: which teams there are, and how accounts are named."""
    teams: set[str] = set()
    labels = dict(world.labels)
    some = False
    for source in sources:
        if source.kind == "aws-teams":
            some = True
            node = source.variables.get(source.variable)
            teams.update(getattr(node, "entries", ()))
        name = source.account or account_name(source.label, make_label(source.label)) or ""
        if name in world.accounts and not source.label.is_empty:
            labels.setdefault(name, source.label)
        elif source.kind == "aws-teams" and not source.label.is_empty:
            labels.setdefault(world.identity, source.label)
    return replace(world, teams=frozenset(teams) if some else world.teams, labels=labels)


def finish(sources: list[Source], world: World, findings: list[Finding], wanted: Wanted) -> Compiled:
    """Compiles every source, then judges them together."""
    reader = ConfigReader()
    done: list[tuple[Component, dict[str, RoleConfig], World]] = []
    for source in sources:
        done.append(compile_component(source, world, reader))
    done = _without_collisions(done)
    linted = lint([Linted(component, configs, known) for component, configs, known in done])
    parts = [
        replace(component, findings=(*component.findings, *more))
        for (component, _, _), more in zip(done, linted, strict=True)
    ]
    if wanted.account:
        parts = [part for part in parts if part.account is not None and part.account.name == wanted.account]
    everything = [*findings, *(finding for part in parts for finding in part.findings)]
    return Compiled(_resources(parts, world), tuple(parts), tuple(dict.fromkeys(everything)))


def _without_collisions(
    done: list[tuple[Component, dict[str, RoleConfig], World]],
) -> list[tuple[Component, dict[str, RoleConfig], World]]:
    """IAM compares names ignoring case over a whole account: the second role of a name is a fault (T-20)."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    result = []
    for component, configs, world in done:
        faults = []
        for role in component.roles:
            key = (role.account.id, role.name.lower())
            if key in first:
                other, where = first[key]
                message = f"{role.name} of {component.name} and {other} of {where} are one name in {role.account.name}"
                advice = "IAM ignores case; rename one of them"
                more = {"path": configs[role.short].path, "value": role.name, "advice": advice}
                faults.append(
                    replace(fault("role-name-collision", message, role.place, **more), role=role.short)
                )
            else:
                first[key] = (role.name, component.name)
        result.append((replace(component, findings=(*component.findings, *faults)), configs, world))
    return result


def _resources(parts: list[Component], world: World) -> Resources:
    organization = Organization(
        "", partition=world.partition, id=world.organization_id, identity_account=world.identity
    )
    accounts = sorted(world.accounts.values(), key=lambda account: account.id)
    return Resources(
        organizations=(organization,),
        accounts=tuple(accounts),
        roles=tuple(
            sorted(
                (role for part in parts for role in part.roles), key=lambda role: (role.account.id, role.name)
            )
        ),
        policies=tuple(
            sorted(
                (policy for part in parts for policy in part.policies),
                key=lambda policy: (policy.account.id, policy.name),
            )
        ),
    )

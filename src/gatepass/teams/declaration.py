"""From files to the compiled answer: which form they are in, all components, and what only shows when all are known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gatepass.teams.compiling.component import Source, compile_component
from gatepass.teams.compiling.world import TEAM_SET_PATTERN, World, read_world
from gatepass.teams.lint.lints import lint
from gatepass.teams.lint.subject import Linted
from gatepass.teams.model import Compiled, Component, Finding, Level, Organization, Resources
from gatepass.teams.nodes import fault, read_yaml
from gatepass.teams.reading import nearest
from gatepass.teams.upstream.atmos import (
    FORMER,
    FORMER_SET_PATTERN,
    Found,
    StackReader,
    components,
    kind_of,
    learn,
    source_of,
)
from gatepass.teams.upstream.config import ConfigReader, RoleConfig
from gatepass.teams.upstream.naming import account_name, make_label


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to compile, and with which knowledge from outside the files."""

    paths: tuple[Path, ...]
    context: Path | None = None
    component: str = ""
    account: str = ""
    base: Path | None = None
    """The stacks folder, when it is not to be found from the paths."""
    compare_profiles: bool = False
    """Also say where the two profiles mean something else (T-32)."""


def compile_wanted(wanted: Wanted) -> Compiled:
    """Everything at the paths, compiled. No AWS call; equal files give equal answers."""
    findings: list[Finding] = []
    native = native_files(wanted.paths)
    if native:
        from gatepass.teams.native.compile import compile_native  # Atmos users do not pay for importing it

        return compile_native(native, wanted, findings)
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
    return finish([(source, knowing(world, sources)) for source in sources], findings, wanted)


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


_NATIVE = re.compile(r"""^\{?\s{0,2}"?organizations"?\s*:""", re.MULTILINE)
_STACK = re.compile(r"""^\{?\s{0,2}"?(components|import)"?\s*:""", re.MULTILINE)


def native_files(paths: Iterable[Path]) -> list[Path]:
    """The files of the native form at these paths; an estate's folder keeps them in `teams/`."""
    found = []
    for path in paths:
        if path.is_dir():
            inner = path / "teams" if (path / "estate.yaml").is_file() else path
            found += [file for file in sorted(inner.rglob("*.y*ml")) if _looks_native(file)]
        elif path.name != "estate.yaml" and _looks_native(path):
            found.append(path)
    return found


def _looks_native(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False  # reading it in earnest says why
    return bool(_NATIVE.search(text)) and not _STACK.search(text)


def finish(
    pairs: list[tuple[Source, World]],
    findings: list[Finding],
    wanted: Wanted,
    ready: Iterable[Component] = (),
) -> Compiled:
    """Compiles every source, then judges them together, with the components that are ready already."""
    reader = ConfigReader()
    done: list[tuple[Component, dict[str, RoleConfig], World]] = [
        compile_component(source, world, reader) for source, world in pairs
    ]
    done += [(component, {}, World()) for component in ready]
    done = _without_collisions(done)
    linted = lint([Linted(component, configs, known) for component, configs, known in done])
    parts = [
        replace(component, findings=(*component.findings, *more))
        for (component, _, _), more in zip(done, linted, strict=True)
    ]
    known_to = {id(part): (configs, known) for part, (_, configs, known) in zip(parts, done, strict=True)}
    if wanted.account:
        parts = _of_account(parts, wanted.account, findings)
    everything = [*findings, *(finding for part in parts for finding in part.findings)]
    if wanted.compare_profiles:
        from gatepass.teams.lint.profiles import profile_findings  # only lint asks for it

        everything += profile_findings((part, *known_to[id(part)]) for part in parts)
    world = pairs[0][1] if pairs else World()
    return Compiled(_resources(parts, world), tuple(parts), findings=tuple(dict.fromkeys(everything)))


def _of_account(parts: list[Component], name: str, findings: list[Finding]) -> list[Component]:
    """The components of one account; a name nobody knows is a fault, not an empty answer."""
    kept = [
        part
        for part in parts
        if part.account is not None and name in {part.account.name, part.account.full_name}
    ]
    if not kept:
        known = {part.account.name for part in parts if part.account is not None}
        message = f"nothing is declared for account {name!r}"
        findings.append(
            fault("unknown-account", message, None, path="--account", value=name, advice=nearest(name, known))
        )
    return kept


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
                path = configs[role.short].path if role.short in configs else f"roles.{role.short}"
                more = {"path": path, "value": role.name, "advice": advice}
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

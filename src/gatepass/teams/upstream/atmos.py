"""Unmodified Atmos/Cloud Posse YAML: files, imports, inheritance, and the components in it that make teams
(specification of teams, 2.5-2.7).

What is not needed is ignored (backends, settings, hooks); templates and YAML functions are never evaluated; nothing
outside the stacks folder is read and nothing remote is fetched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gatepass.teams.compiling.component import VARIABLE, Source
from gatepass.teams.compiling.world import World, read_account_map
from gatepass.teams.model import ComponentKind, Finding
from gatepass.teams.nodes import Mapping, Node, Scalar, Sequence, fault, read_yaml
from gatepass.teams.reading import UNEVALUATED, Reader, is_null, nearest
from gatepass.teams.upstream.config import LISTS, notice
from gatepass.teams.upstream.merging import Merger
from gatepass.teams.upstream.naming import account_name, make_label, read_label

KINDS: dict[str, ComponentKind] = {
    "aws-teams": "aws-teams",
    "aws-team-roles": "aws-team-roles",
    "iam-primary-roles": "aws-teams",
    "iam-delegated-roles": "aws-team-roles",
}
"""Real component name -> what it is; the last two are former names (T-9)."""
FORMER = {"iam-primary-roles": "aws-teams", "iam-delegated-roles": "aws-team-roles"}
FORMER_SET_PATTERN = "Identity%sRoleAccess"
_REMOTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*::|[A-Za-z][A-Za-z0-9+.-]+:)")
_SUFFIXES = (".yaml", ".yml")
_UNTIE = "take one of them away"


@dataclass(frozen=True, slots=True)
class Stack:
    """One file with everything it imports merged below it."""

    file: str
    tree: Mapping
    walked: bool = False
    """Found by walking a folder, not named by the user."""


class StackReader:
    """Reads stack files once each, however many others import them."""

    def __init__(self, findings: list[Finding], base: Path | None = None) -> None:
        self.findings = findings
        self.merger = Merger()
        self.imported: set[Path] = set()
        self._base = base
        self._guessed: set[Path] = set()
        """Base folders nobody named: a folder above may be meant."""
        self._trees: dict[Path, Mapping | None] = {}
        self._resolved: dict[Path, Mapping | None] = {}

    def stacks(self, paths: Iterable[Path]) -> list[Stack]:
        """Every stack at these paths: files as named; of folders the files nobody else imports."""
        found: list[Stack] = []
        for path in paths:
            if path.is_dir():
                found += self._folder(path)
                continue
            base = self._base or self._base_of(path)
            tree = self._resolve(path, base, ())
            if tree is not None:
                found.append(Stack(str(path), tree))
        return found

    def _base_of(self, path: Path) -> Path:
        """The stacks base folder of a file: the nearest folder called `stacks`, or what the nearest atmos.yaml says;
        else, as a guess, its own folder."""
        for folder in path.resolve().parents:
            if folder.name == "stacks":
                return folder
            if (folder / "atmos.yaml").is_file():
                return _stacks_folder(folder, [])[0]
        self._guessed.add(path.parent)
        return path.parent

    def _folder(self, folder: Path) -> Iterator[Stack]:
        base, wanted = _stacks_folder(folder, self.findings)
        base = self._base or base
        files = sorted(path for path in base.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
        files = [path for path in files if path.name not in {"atmos.yaml", "atmos.yml"}]
        trees = [
            (path, self._resolve(path, base, ()))
            for path in files
            if wanted(path.relative_to(base).as_posix())
        ]
        for path, tree in trees:
            if tree is not None and path.resolve() not in self.imported:
                yield Stack(str(path), tree, walked=True)

    def _resolve(self, path: Path, base: Path, chain: tuple[Path, ...]) -> Mapping | None:
        """The file over its imports, in order (T-11)."""
        key = path.resolve()
        if key in self._resolved:
            return self._resolved[key]
        node = read_yaml(path, str(path), self.findings)
        if node is not None and not isinstance(node, Mapping):
            if not (isinstance(node, Scalar) and node.kind == "null"):
                self.findings.append(
                    fault(
                        "type-mismatch",
                        f"{path} is not a mapping",
                        node,
                        path=str(path),
                        advice="a stack begins with import:, vars: or components:",
                    )
                )
            node = None
        if node is None:
            self._resolved[key] = None
            return None
        trees = [self._import(entry, path, base, (*chain, key)) for entry in self._entries(node)]
        flat = [tree for trees_of_entry in trees for tree in trees_of_entry]
        merged = self.merger.all([*flat, _without(node, "import")])
        self._resolved[key] = merged
        return merged

    def _entries(self, node: Mapping) -> list[Node]:
        imports = node.get("import")
        if is_null(imports):
            return []
        if isinstance(imports, Sequence):
            return imports.items
        Reader(self.findings).texts(imports, "import")
        return []

    def _import(self, entry: Node, path: Path, base: Path, chain: tuple[Path, ...]) -> list[Mapping]:
        optional = False
        target: Node | None = entry
        if isinstance(entry, Mapping):
            skip = entry.get("skip_if_missing")
            optional = isinstance(skip, Scalar) and skip.text == "true"
            target = entry.get("path")
            if target is None:
                advice = "write the name of a file, or a mapping with path: NAME"
                self.findings.append(
                    fault("attribute-missing", "an import has no path", entry, path="import", advice=advice)
                )
                return []
        text = Reader(self.findings).text(target, "import")
        if text is None:
            return []
        files = self._files(text, entry, path, base, optional=optional)
        return [tree for file in files if (tree := self._imported(file, entry, base, chain)) is not None]

    def _imported(self, file: Path, entry: Node, base: Path, chain: tuple[Path, ...]) -> Mapping | None:
        key = file.resolve()
        if key in chain:
            names = " -> ".join(_shown(link, base) for link in (*chain[chain.index(key) :], key))
            self.findings.append(
                fault("import-cycle", f"imports go in a circle: {names}", entry, path="import", advice=_UNTIE)
            )
            return None
        self.imported.add(key)
        return self._resolve(file, base, chain)

    def _files(self, text: str, entry: Node, path: Path, base: Path, *, optional: bool) -> list[Path]:
        """The files an import means; refused or missing ones become faults."""
        reason = ""
        if _REMOTE.match(text):
            reason = (
                f"import {text!r} is remote; gatepass fetches nothing: copy the file into the stacks folder"
            )
        elif text.startswith(("/", "~")) or Path(text).is_absolute():
            reason = f"import {text!r} is absolute; name it relative to the stacks folder {base}"
        start = path.parent if text.startswith(".") else base
        target = Path(os.path.normpath(start / text))
        if not reason and not _inside(target, base):
            reason = f"import {text!r} leaves the stacks folder {base}; name a file in it, or give --stacks"
        if text.endswith(".tmpl"):
            self.findings.append(
                fault("template-unsupported", f"import {text!r} is a Go template", entry, path="import",
                      value=text, advice=UNEVALUATED)
            )  # fmt: skip
            return []
        if reason:
            message, _, advice = reason.partition("; ")
            self.findings.append(
                fault("import-refused", message, entry, path="import", value=text, advice=advice)
            )
            return []
        files = _matching(target, base)
        if not files and base in self._guessed and not text.startswith("."):
            files = _above(text, base)
        if not files and not optional:
            known = [_shown(file, base) for file in base.rglob("*.yaml")][:500]
            message = f"import {text!r} names no file under {base}"
            advice = nearest(text, [name.removesuffix(".yaml") for name in known])
            self.findings.append(
                fault("import-missing", message, entry, path="import", value=text, advice=advice)
            )
        return files


def _shown(path: Path, base: Path) -> str:
    root = base.resolve()
    resolved = path.resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else str(path)


def _inside(target: Path, base: Path) -> bool:
    """Within the base folder, also after following links."""
    return target.resolve().is_relative_to(base.resolve())


def _matching(target: Path, base: Path) -> list[Path]:
    if "*" in target.name or "*" in str(target):
        relative = os.path.relpath(target, base)
        found = [
            *base.glob(relative),
            *(base.glob(f"{relative}.yaml") if target.suffix not in _SUFFIXES else ()),
        ]
        return sorted(
            {path for path in found if path.is_file() and path.suffix in _SUFFIXES and _inside(path, base)}
        )
    if target.suffix in _SUFFIXES and target.is_file():
        return [target]
    for suffix in _SUFFIXES:
        named = target.with_name(target.name + suffix)
        if named.is_file() and _inside(named, base):
            return [named]
    return []


def _above(text: str, base: Path) -> list[Path]:
    """What an import names under a folder a little above a guessed base: the nearest that has it."""
    for folder in base.resolve().parents[:4]:
        found = _matching(Path(os.path.normpath(folder / text)), folder)
        if found and all(_inside(path, folder) for path in found):
            return found
    return []


def _stacks_folder(folder: Path, findings: list[Finding]) -> tuple[Path, _Wanted]:
    """Where a project keeps its stacks, and which of its files are stacks of their own (`atmos.yaml`)."""
    settings = (
        read_yaml(folder / "atmos.yaml", "atmos.yaml", findings)
        if (folder / "atmos.yaml").is_file()
        else None
    )
    stacks = settings.get("stacks") if isinstance(settings, Mapping) else None
    if not isinstance(stacks, Mapping):
        inner = folder / "stacks"
        return (inner if inner.is_dir() else folder), _Wanted((), ())
    reader = Reader(findings, stacks)
    said = reader.text(stacks.get("base_path"), "stacks.base_path") if stacks.get("base_path") else None
    base = Path(os.path.normpath(folder / (said or "stacks")))
    if not _inside(base, folder) or not base.is_dir():
        base = folder
    patterns = [
        tuple(reader.texts(stacks.get(name), f"stacks.{name}") or ()) if not is_null(stacks.get(name)) else ()
        for name in ("included_paths", "excluded_paths")
    ]
    return base, _Wanted(*(tuple(_glob(pattern) for pattern in given) for given in patterns))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """`included_paths` and `excluded_paths` of atmos.yaml; without any, every file counts."""

    included: tuple[re.Pattern[str], ...]
    excluded: tuple[re.Pattern[str], ...]

    def __call__(self, name: str) -> bool:
        if any(pattern.fullmatch(name) for pattern in self.excluded):
            return False
        return not self.included or any(pattern.fullmatch(name) for pattern in self.included)


def _glob(pattern: str) -> re.Pattern[str]:
    """A doublestar glob; the extension may be left out."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(piece, re.escape(piece)) for piece in pieces) + r"(?:\.ya?ml)?")


def _without(node: Mapping, name: str) -> Mapping:
    if name not in node.entries:
        return node
    entries = {key: value for key, value in node.entries.items() if key != name}
    return Mapping(node.file, node.line, node.column, entries, node.keys)


# Components ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """A component of a stack with its variables merged in the order of T-13."""

    name: str
    real: str
    """The last resolved `metadata.component`, without a `/suffix`."""
    node: Mapping
    variables: Mapping
    stack: Stack


def components(stack: Stack, merger: Merger, findings: list[Finding]) -> Iterator[Found]:
    """The components of a stack that are deployed: abstract and disabled ones are left out (T-14)."""
    defined = _at(stack.tree, "components", "terraform")
    if defined is None:
        return
    for name, node in defined.entries.items():
        if not isinstance(node, Mapping) or not _is_deployed(node):
            continue
        real = _real_name(name, defined)
        if not _is_wanted(real, node, defined):
            continue
        bases = [base.get("vars") for base in _bases(name, defined, findings)]
        variables = merger.all(
            [
                stack.tree.get("vars"),
                _at(stack.tree, "terraform", "vars"),
                *bases,
                node.get("vars"),
                _at(stack.tree, "overrides", "vars"),
                _at(stack.tree, "terraform", "overrides", "vars"),
                _at(node, "overrides", "vars"),
            ]
        )
        yield Found(name, real, node, variables, stack)


_PROVIDERS = ("aws-saml", "github-oidc-provider", "account-map")


def _is_wanted(real: str, node: Mapping, defined: Mapping) -> bool:
    """Whether merging the variables is worth it: by name, or because somewhere in it stands what makes roles."""
    if real in KINDS or real in _PROVIDERS:
        return True
    inherits = _at(node, "metadata")
    own = node.get("vars")
    names = own.entries if isinstance(own, Mapping) else {}
    return any(name in names for name in VARIABLE.values()) or (
        inherits is not None
        and inherits.get("inherits") is not None
        and not defined.entries.keys().isdisjoint(KINDS)
    )


def _is_deployed(node: Mapping) -> bool:
    metadata = node.get("metadata")
    if not isinstance(metadata, Mapping):
        return True
    kind, enabled = metadata.get("type"), metadata.get("enabled")
    if isinstance(kind, Scalar) and kind.text == "abstract":
        return False
    return not (isinstance(enabled, Scalar) and enabled.text == "false")


def _real_name(name: str, defined: Mapping) -> str:
    seen = [name]
    while True:
        node = defined.get(seen[-1])
        metadata = node.get("metadata") if isinstance(node, Mapping) else None
        told = metadata.get("component") if isinstance(metadata, Mapping) else None
        if not isinstance(told, Scalar) or told.text in seen:
            break
        seen.append(told.text)
    for candidate in reversed(seen):
        for piece in (candidate.rpartition("/")[2], candidate.partition("/")[0]):
            if piece in KINDS or piece in _PROVIDERS:
                return piece
    return seen[-1]


def _bases(
    name: str, defined: Mapping, findings: list[Finding], chain: tuple[str, ...] = ()
) -> list[Mapping]:
    """The inherited components, furthest first, in list order (T-13)."""
    node = defined.get(name)
    metadata = node.get("metadata") if isinstance(node, Mapping) else None
    inherits = metadata.get("inherits") if isinstance(metadata, Mapping) else None
    found: list[Mapping] = []
    path = f"components.terraform.{name}.metadata.inherits"
    for item in inherits.items if isinstance(inherits, Sequence) else ():
        base = Reader(findings).text(item, path)
        if base is None:
            continue
        if base == name or base in chain:
            links = " -> ".join((*chain, name, base))
            findings.append(
                fault(
                    "import-cycle",
                    f"components inherit in a circle: {links}",
                    item,
                    path=path,
                    value=base,
                    advice=_UNTIE,
                )
            )
            continue
        target = defined.get(base)
        if not isinstance(target, Mapping):
            message = f"component {name} inherits {base!r}, which this stack does not have"
            advice = nearest(base, defined.entries)
            findings.append(fault("import-missing", message, item, path=path, value=base, advice=advice))
            continue
        found += [*_bases(base, defined, findings, (*chain, name)), target]
    return found


def _at(node: Node | None, *names: str) -> Mapping | None:
    for name in names:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else None


def kind_of(found: Found) -> ComponentKind | None:
    """Which of the two components this is, by name or, fixture style, by its variables (T-14)."""
    if found.real in KINDS:
        return KINDS[found.real]
    if isinstance(found.variables.get("teams_config"), Mapping):
        return "aws-teams"
    roles = found.variables.get("roles")
    if isinstance(roles, Mapping) and any(
        isinstance(role, Mapping) and any(name in role.entries for name in LISTS)
        for role in roles.entries.values()
    ):
        return "aws-team-roles"
    return None


def source_of(found: Found, kind: ComponentKind, merger: Merger) -> Source:
    """The component ready to compile: former spellings translated, naming read, lost list entries noted."""
    findings: list[Finding] = []
    path = f"components.terraform.{found.name}.vars"
    variables = _former(found, kind, merger, findings, path)
    label = read_label(variables, path, findings)
    node = variables.get(VARIABLE[kind])
    entries = node.entries.values() if isinstance(node, Mapping) else ()
    lists = (inner for entry in entries if isinstance(entry, Mapping) for inner in entry.entries.values())
    findings += [drop.finding() for inner in lists if (drop := merger.drops.get(id(inner))) is not None]
    return Source(found.name, kind, variables, label, path, findings=tuple(findings))


def _former(found: Found, kind: ComponentKind, merger: Merger, findings: list[Finding], path: str) -> Mapping:
    """`iam-primary-roles` kept its roles in two maps; the delegated one wins (T-9)."""
    if found.real not in FORMER:
        return found.variables
    message = f"component {found.real} is the former name of {FORMER[found.real]}"
    findings.append(notice(message, found.node.place, path, f"rename it to {FORMER[found.real]}"))
    if kind != "aws-teams" or found.variables.get("teams_config") is not None:
        return found.variables
    pair = [found.variables.get(name) for name in ("primary_roles_config", "delegated_roles_config")]
    config = merger.all(pair)
    entries = {**found.variables.entries, "teams_config": config}
    keys = {
        **found.variables.keys,
        "teams_config": Scalar(config.file, config.line, config.column, "teams_config", "str"),
    }
    return replace(found.variables, entries=entries, keys=keys)


def learn(found: Found, world: World, findings: list[Finding]) -> World:
    """What a component that makes no roles says about the world: account map, SAML and OIDC providers (2.7, A6)."""
    if found.real == "account-map":
        static = _at(found.node, "remote_state_backend", "static") or _at(found.node, "remote_state_backend")
        if static is not None and static.get("full_account_map") is not None:
            return read_account_map(static, Reader(findings, static), world)
        return world
    if found.real not in _PROVIDERS:
        return world
    named = _without(found.variables, "tags")  # of no matter for an ARN, and often templates
    label_inputs = read_label(named, f"components.terraform.{found.name}.vars", findings)
    label = make_label(label_inputs)
    account = world.accounts.get(account_name(label_inputs, label) or "")
    if account is None or not label_inputs.enabled:
        return world
    if found.real == "github-oidc-provider":
        arn = account.arn("oidc-provider/token.actions.githubusercontent.com")
        return replace(world, oidc={account.name: arn, **world.oidc})
    providers = found.variables.get("saml_providers")
    if not isinstance(providers, Mapping) or account.name in world.saml:
        return world
    arns = tuple(account.arn(f"saml-provider/{label.id}-{key}") for key in providers.entries)
    return replace(world, saml={**world.saml, account.name: arns}) if arns else world

"""Reading `workspace.toml`: every fault at once, each with its line, what was found and what is allowed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from gatepass.sessions.errors import BadInput, UnknownSession
from gatepass.sessions.files import read_private
from gatepass.sessions.model import (
    KINDS,
    MAX_ROLE_DURATION,
    Grant,
    IamUser,
    Integration,
    Process,
    Recipe,
    Session,
    Settings,
    SsoRole,
    StaticEndpoint,
    WebIdentity,
    Workspace,
)
from gatepass.sessions.workspace.registry import merged
from gatepass.sessions.workspace.schema import (
    BY_KIND,
    COMMON,
    INTEGRATION,
    NAME,
    SETTINGS,
    check_table,
    required_fields,
)

VERSION = 1
_TABLES = {"version", "settings", "integration", "session"}


class WorkspaceError(BadInput):
    """The workspace file has faults; the message lists all of them with their places."""

    code = "workspace_faulty"

    def __init__(self, path: Path, faults: list[str]) -> None:
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{path} has {count}: " + "; ".join(faults), advice=f"edit {path}")


def load_workspace(path: Path) -> Workspace:
    """The workspace at `path`; an empty one when there is no such file. Raises `WorkspaceError`, `Unsafe`."""
    try:
        raw = read_private(path)
    except FileNotFoundError:
        return Workspace()
    return parse_workspace(raw.decode("utf-8", "replace"), path)


def parse_workspace(text: str, path: Path) -> Workspace:
    """The workspace that `text` describes. Raises `WorkspaceError` with all faults."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(path, [f"not TOML: {error}"]) from error
    document, faults = merged(document, path.parent)
    reader = _Reader(text)
    reader.faults += faults
    workspace = reader.read(document)
    if reader.faults:
        raise WorkspaceError(path, reader.faults)
    return workspace


def require(workspace: Workspace, name: str) -> Session:
    """The session of this profile or name. Raises `UnknownSession` naming near ones."""
    found = workspace.find(name)
    if found is None:
        import difflib

        if not workspace.sessions:
            raise UnknownSession(
                "there are no sessions yet", advice="run: gatepass session add, or: gatepass sync"
            )
        near = difflib.get_close_matches(name, list(workspace.sessions), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "run: gatepass session list"
        raise UnknownSession(f"there is no session or profile {name!r}", advice=hint)
    return found


class _Reader:
    """Collects faults while turning tables into values."""

    def __init__(self, text: str) -> None:
        self.faults: list[str] = []
        self._lines = text.splitlines()

    def read(self, document: dict[str, Any]) -> Workspace:
        self._top(document)
        settings = self._settings(document.get("settings", {}))
        logins = [self._integration(*named) for named in self._named(document, "integration")]
        integrations = {found.name: found for found in logins if found is not None}
        made = [self._session(*named) for named in self._named(document, "session")]
        sessions = {found.name: found for found in made if found is not None}
        workspace = Workspace(sessions, integrations, settings)
        if not self.faults:
            self._check_references(workspace)
        return workspace

    def _top(self, document: dict[str, Any]) -> None:
        for key in document.keys() - _TABLES:
            self._fault("", f"{key}: unknown; allowed: {', '.join(sorted(_TABLES))}")
        if document.get("version", VERSION) != VERSION:
            self._fault("", f"version: found {document['version']!r}; this gatepass reads version {VERSION}")

    def _named(self, document: dict[str, Any], what: str) -> list[tuple[str, dict[str, Any]]]:
        tables = document.get(what, {})
        if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
            self._fault("", f'{what}: allowed: tables like [{what}."name"]')
            return []
        return list(tables.items())

    def _settings(self, table: dict[str, Any]) -> Settings:
        values, faults = check_table(table, SETTINGS, set())
        for fault in faults:
            self._fault("settings", fault)
        return Settings(**values)

    def _integration(self, name: str, table: dict[str, Any]) -> Integration | None:
        where = f'integration."{name}"'
        values, faults = check_table(table, INTEGRATION, required_fields(Integration) - {"name"})
        if not NAME.fullmatch(name):
            faults.append(
                f"name: found {name!r}; allowed: a letter or digit, then up to 62 of letters, digits and ._@+-"
            )
        for fault in faults:
            self._fault(where, fault)
        return None if faults else Integration(name=name, **values)

    def _session(self, name: str, table: dict[str, Any]) -> Session | None:
        where = f'session."{name}"'
        kind = str(table.get("kind", "missing"))
        if kind not in KINDS:
            self._fault(where, f"kind: found {kind!r}; allowed: {', '.join(KINDS)}")
            return None
        recipe_type = KINDS[kind]
        rest = {k: v for k, v in table.items() if k != "kind"}
        values, faults = check_table(rest, {**COMMON, **BY_KIND[kind]}, required_fields(recipe_type))
        if not _name_is_good(name):
            faults.append(
                f"name: found {name!r}; allowed: a letter or digit, then up to 62 of letters, digits and ._@+-"
            )
        if not faults:
            recipe = recipe_type(**{k: v for k, v in values.items() if k in BY_KIND[kind]})
            session = Session(
                name=name,
                recipe=recipe,
                profile=values.pop("profile", name),
                **{k: v for k, v in values.items() if k in COMMON},
            )
            faults = _faults_of(session, recipe)
        for fault in faults:
            self._fault(where, fault)
        return None if faults else session

    def _check_references(self, workspace: Workspace) -> None:
        for session in workspace.sessions.values():
            where = f'session."{session.name}"'
            if session.via is not None and session.via not in workspace.sessions:
                self._fault(where, f"via: found {session.via!r}; there is no such session")
            if session.integration is not None and session.integration not in workspace.integrations:
                self._fault(
                    where, f"integration: found {session.integration!r}; there is no such integration"
                )
            self._check_login(workspace, session)
        self._check_profiles(workspace)
        for cycle in _cycles(workspace):
            self._fault(f'session."{cycle[0]}"', f"via: a cycle: {' -> '.join(cycle)}")

    def _check_login(self, workspace: Workspace, session: Session) -> None:
        """Assertions come from a SAML provider, portal roles from an Identity Center."""
        found = workspace.integrations.get(session.integration or "")
        wanted = "saml" if session.kind == "saml-role" else "identity-center"
        if found is not None and found.kind != wanted:
            self._fault(
                f'session."{session.name}"',
                f"integration: {found.name!r} is of kind {found.kind}; a {session.kind} needs one of kind {wanted}",
            )

    def _check_profiles(self, workspace: Workspace) -> None:
        owners: dict[str, str] = {}
        for session in workspace.sessions.values():
            other = owners.setdefault(session.profile, session.name)
            if other != session.name:
                self._fault(
                    f'session."{session.name}"', f"profile: {session.profile!r} is also that of {other!r}"
                )

    def _fault(self, where: str, text: str) -> None:
        line = self._line_of(where) if where else 0
        place = f"line {line} [{where}] " if line else (f"[{where}] " if where else "")
        self.faults.append(place + text)

    def _line_of(self, where: str) -> int:
        plain = where.replace('"', "")
        for number, line in enumerate(self._lines, 1):
            if line.startswith("[") and line.split("]")[0].lstrip("[").strip().replace('"', "") == plain:
                return number
        return 0


def _name_is_good(name: str) -> bool:
    """A session name; synced ones may carry one slash between account and role."""
    return all(NAME.fullmatch(part) for part in name.split("/")) and name.count("/") <= 1


def _faults_of(session: Session, recipe: Recipe) -> list[str]:
    """Faults that need more than one key to see."""
    match recipe:
        case WebIdentity() if (recipe.token_file is None) == (not recipe.token_command):
            return ["token_file, token_command: exactly one of the two is required"]
        case Grant() if (recipe.request is None) == (recipe.target is None or recipe.flow is None):
            return ["request, target and flow: give either request, or both target and flow"]
        case Grant() if (recipe.role_arn is None) == (recipe.role_name is None):
            return ["role_name, role_arn: give role_name for a portal role, or role_arn for a role to assume"]
        case Grant() if recipe.role_name is not None and recipe.integration is None:
            return ["integration: missing; a portal role needs the integration it comes from"]
        case Grant() if recipe.role_arn is not None and recipe.via is None:
            return ["via: missing; a role needs the session it is assumed from"]
        case StaticEndpoint() | Process() | SsoRole() if session.duration is not None:
            return [f"duration: a session of kind {recipe.kind} cannot choose it"]
        case IamUser():
            return []
        case _ if session.duration is not None and session.duration > MAX_ROLE_DURATION:
            return [f"duration: a role lasts at most {int(MAX_ROLE_DURATION.total_seconds())} seconds"]
    return []


def _cycles(workspace: Workspace) -> list[list[str]]:
    """Each cycle of `via` once, from its alphabetically first member round to it again (S-11)."""
    found: dict[str, list[str]] = {}
    for start in workspace.sessions:
        seen = [start]
        here = workspace.sessions[start].via
        while here is not None and here in workspace.sessions and here not in seen:
            seen.append(here)
            here = workspace.sessions[here].via
        if here in seen:
            ring = seen[seen.index(here) :]
            first = ring.index(min(ring))
            turned = ring[first:] + ring[:first]
            found[turned[0]] = [*turned, turned[0]]
    return [found[name] for name in sorted(found)]


_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_key(key: str) -> str:
    """`key` as TOML writes it."""
    return key if _BARE.fullmatch(key) else toml_value(key)


def toml_value(value: object) -> str:
    """One value as TOML: text, whole numbers, flags, lists and tables of them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        body = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in body) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    raise TypeError(f"no TOML form for {type(value).__name__}")

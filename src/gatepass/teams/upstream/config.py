"""Teams and roles as they are written: attributes, their types, what is required (specification of teams, 2.1-2.5)."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from typing import Any

from gatepass.teams.model import Document, Finding, Level, Place, Profile
from gatepass.teams.nodes import Mapping, Node, Sequence
from gatepass.teams.reading import Reader, is_null, nearest

LISTS = (
    "trusted_teams",
    "denied_teams",
    "trusted_permission_sets",
    "denied_permission_sets",
    "trusted_role_arns",
    "denied_role_arns",
    "role_policy_arns",
)
TEAM_LISTS = ("trusted_teams", "denied_teams")
SESSION_SECONDS = (3600, 43200)
"""What IAM accepts as `MaxSessionDuration` (2.1)."""
LEGACY = {
    "sso_login_enabled": "aws_saml_login_enabled",
    "trusted_primary_roles": "trusted_teams",
    "denied_primary_roles": "denied_teams",
}
LEGACY_POLICIES = {"delegated_assume_role": "team_role_access"}


@dataclass(frozen=True, slots=True)
class Extras:
    """What only the native form can say about a role (4.4 H-4 to H-7, 4.5, 5.1, 11.4)."""

    profile: Profile = Profile.CLOUDPOSSE
    boundary: str | None = None
    path: str = "/"
    extra_statements: tuple[Document, ...] = ()
    require_org: bool = False
    require_mfa: bool = False
    external_id: str = ""
    source_identity: bool = False
    external: bool = False
    """Accounts outside the estate may be trusted (T-73)."""
    compaction: tuple[str, ...] = ()
    inline: Map[str, Document] = field(default_factory=dict)
    tags: Map[str, str] = field(default_factory=dict)
    protect: bool = False
    enforce: bool = False
    name: str = ""
    """The full role name, instead of the one the label gives."""
    broker: str = ""
    """The team over which those come whom it trusts too (C-9)."""
    max_chain: int = 0
    """Most roles that anybody may go through to become this one, itself included; 0: not limited (H-7)."""


@dataclass(frozen=True, slots=True)
class RoleConfig:
    """One entry of `teams_config` or `roles`, coerced; its node still knows where everything was written."""

    short: str
    node: Mapping
    path: str
    trusted_teams: tuple[str, ...] = ()
    denied_teams: tuple[str, ...] = ()
    trusted_permission_sets: tuple[str, ...] = ()
    denied_permission_sets: tuple[str, ...] = ()
    trusted_role_arns: tuple[str, ...] = ()
    denied_role_arns: tuple[str, ...] = ()
    role_policy_arns: tuple[str, ...] = ()
    allowed_roles: Map[str, tuple[str, ...]] = field(default_factory=dict)
    role_description: str | None = None
    max_session_duration: int = 3600
    aws_saml_login_enabled: bool = False
    enabled: bool = True
    github: tuple[str, ...] = ()
    extras: Extras = field(default_factory=Extras)

    def place(self, attribute: str = "", index: int | None = None) -> Place:
        """Where an attribute, or one entry of it, was written."""
        node = self.node.get(attribute) if attribute else None
        if node is None:
            return self.node.place
        if index is not None and isinstance(node, Sequence) and index < len(node.items):
            return node.items[index].place
        return node.place

    def echo(self, kind: str) -> dict[str, object]:
        """The input after coercion, as upstream echoes it (5.3)."""
        said: dict[str, object] = {name: list(getattr(self, name)) for name in LISTS}
        if kind == "aws-teams":
            said["allowed_roles"] = {name: list(roles) for name, roles in self.allowed_roles.items()}
        else:
            said["enabled"] = self.enabled
        said["aws_saml_login_enabled"] = self.aws_saml_login_enabled
        said["max_session_duration"] = self.max_session_duration
        said["role_description"] = self.role_description
        return dict(sorted(said.items()))


class ConfigReader:
    """Reads the entries of one map of roles; shared catalogs are read once and reused for every account."""

    def __init__(self) -> None:
        self._read: dict[tuple[int, str], tuple[Mapping, RoleConfig | None, tuple[Finding, ...]]] = {}

    def role(
        self, short: str, node: Node, path: str, kind: str, findings: list[Finding]
    ) -> RoleConfig | None:
        """One entry, or None when it has faults (all of them appended) or is a skipped template (T-1)."""
        key = (id(node), kind)
        known = self._read.get(key)
        if known is not None and known[1] is not None and known[1].short == short:
            return known[1]
        own: list[Finding] = []
        config = _read_role(short, node, path, kind, own) if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping):
            Reader(own).mapping(node, path)
            if not own:
                advice = "write its attributes, or take the entry away"
                Reader(own).refuse("type-mismatch", f"{path} is null, not a mapping", node, path, advice)
        if isinstance(node, Mapping) and not own:
            self._read[key] = (node, config, ())
        findings.extend(own)
        return config


def _read_role(short: str, node: Mapping, path: str, kind: str, findings: list[Finding]) -> RoleConfig | None:
    before = sum(finding.is_fault for finding in findings)
    node = _modern(node, path, findings)
    reader = Reader(findings, node)
    if kind == "aws-team-roles":
        if node.get("enabled") is None:
            _missing(reader, node, path, "enabled")
        elif is_null(node.get("enabled")) or reader.flag(node.get("enabled"), f"{path}.enabled") is False:
            return RoleConfig(short, node, path, enabled=False)
    lists: dict[str, Any] = {name: _list(reader, node, path, name) for name in LISTS}
    config = RoleConfig(
        short,
        node,
        path,
        **lists,
        allowed_roles=_allowed_roles(reader, node, path) if kind == "aws-teams" else {},
        role_description=_description(reader, node, path),
        max_session_duration=_session(reader, node, path),
        aws_saml_login_enabled=_saml(reader, node, path),
    )
    faulty = sum(finding.is_fault for finding in findings) > before
    return None if faulty else config


def _missing(reader: Reader, node: Mapping, path: str, name: str) -> None:
    message = f"attribute {name} of {path} is missing"
    reader.refuse("attribute-missing", message, node, f"{path}.{name}", f"add {name}, or merge a template")


def _modern(node: Mapping, path: str, findings: list[Finding]) -> Mapping:
    """The entry with its former attribute names translated; each gives a notice (T-9)."""
    old = [name for name in LEGACY if name in node.entries and LEGACY[name] not in node.entries]
    if not old:
        return node
    for name in old:
        place = node.keys[name].place
        message = f"{path}.{name} is the former name of {LEGACY[name]}"
        findings.append(notice(message, place, f"{path}.{name}", f"rename it to {LEGACY[name]}"))
    entries = {LEGACY.get(name, name): value for name, value in node.entries.items()}
    keys = {LEGACY.get(name, name): key for name, key in node.keys.items()}
    return Mapping(node.file, node.line, node.column, entries, keys)


def notice(message: str, place: Place | None, path: str, advice: str) -> Finding:
    """A former spelling that was understood."""
    return Finding("legacy-spelling", Level.INFO, message, place, path=path, advice=advice)


def _list(reader: Reader, node: Mapping, path: str, name: str) -> tuple[str, ...]:
    value = node.get(name)
    if value is None:
        _missing(reader, node, path, name)
        return ()
    read = reader.texts(value, f"{path}.{name}")
    if read is None:
        return ()
    if name in TEAM_LISTS:
        _no_duplicates(reader, read, value, f"{path}.{name}", "duplicate-team", "team")
    elif name == "role_policy_arns":
        _no_duplicates(reader, read, value, f"{path}.{name}", "duplicate-policy", "policy")
        return tuple(LEGACY_POLICIES.get(entry, entry) for entry in read)
    return read


def _no_duplicates(reader: Reader, read: tuple[str, ...], node: Node, path: str, id: str, word: str) -> None:  # noqa: A002
    """T-8: upstream fails on these in the middle of its evaluation."""
    assert isinstance(node, Sequence)
    for index, entry in enumerate(read):
        if entry in read[:index]:
            reader.refuse(
                id, f"{word} {entry!r} is listed twice", node.items[index], f"{path}[{index}]", "remove one"
            )


def _allowed_roles(reader: Reader, node: Mapping, path: str) -> dict[str, tuple[str, ...]]:
    allowed = reader.mapping(node.get("allowed_roles"), f"{path}.allowed_roles")
    found: dict[str, tuple[str, ...]] = {}
    for account, value in (allowed.entries if allowed else {}).items():
        place = f"{path}.allowed_roles.{account}"
        read = reader.texts(value, place)
        if read is not None:
            _no_duplicates(reader, read, value, place, "duplicate-team", "role")
            found[account] = read
    return found


def _description(reader: Reader, node: Mapping, path: str) -> str | None:
    value = node.get("role_description")
    if value is None:
        _missing(reader, node, path, "role_description")
        return None
    if is_null(value):
        return None
    text = reader.text(value, f"{path}.role_description")
    if text is not None and (
        len(text) > 1000 or any(not _allowed_character(character) for character in text)
    ):
        message = f"the description of {path} is longer than 1000 characters or not Latin-1"
        reader.refuse("type-mismatch", message, value, f"{path}.role_description")
    return text


def _allowed_character(character: str) -> bool:
    """What IAM takes in a description: Latin-1 plus tab, LF, CR (2.1)."""
    return character in "\t\n\r" or " " <= character <= "~" or "\xa1" <= character <= "\xff"


def _session(reader: Reader, node: Mapping, path: str) -> int:
    value = node.get("max_session_duration")
    if value is None:
        _missing(reader, node, path, "max_session_duration")
        return SESSION_SECONDS[0]
    if is_null(value):
        return SESSION_SECONDS[0]
    seconds = reader.whole(value, f"{path}.max_session_duration")
    low, high = SESSION_SECONDS
    if seconds is not None and not low <= seconds <= high:
        message = f"max_session_duration of {path} is {seconds}, outside {low} to {high} seconds"
        advice = "1 hour is 3600, 12 hours are 43200"
        reader.refuse("session-out-of-range", message, value, f"{path}.max_session_duration", advice)
    return seconds or low


def _saml(reader: Reader, node: Mapping, path: str) -> bool:
    value = node.get("aws_saml_login_enabled")
    if value is None:
        _missing(reader, node, path, "aws_saml_login_enabled")
        return False
    return bool(reader.flag(value, f"{path}.aws_saml_login_enabled"))


def read_github(
    configs: dict[str, RoleConfig], node: Node | None, path: str, org: str, findings: list[Finding]
) -> dict[str, RoleConfig]:
    """`trusted_github_repos`: entries become values of the `sub` claim (T-31)."""
    reader = Reader(findings)
    repositories = reader.mapping(node, path)
    if repositories is None:
        return configs
    found = dict(configs)
    for short, value in repositories.entries.items():
        place = f"{path}.{short}"
        read = reader.texts(value, place)
        if read is None or short not in found:
            continue
        assert isinstance(value, Sequence)
        subjects = [
            _subject(reader, entry, org, value.items[index], f"{place}[{index}]")
            for index, entry in enumerate(read)
        ]
        github = tuple(subject for subject in subjects if subject is not None)
        found[short] = replace(found[short], github=github)
    return found


def _subject(reader: Reader, entry: str, org: str, node: Node, path: str) -> str | None:
    repository, _, constraint = entry.partition(":")
    if "://" in entry or repository.count("/") > 1 or (":" in entry and not constraint):
        message = f"{entry!r} is not [org/]repo[:constraint]"
        reader.refuse("github-entry-invalid", message, node, path, "name the repository without a scheme")
        return None
    owner, _, name = repository.rpartition("/")
    owner = owner or ("" if "/" in repository else org)
    if not name or (repository.startswith("/")):
        reader.refuse("github-entry-invalid", f"{entry!r} names no repository", node, path, "write org/repo")
        return None
    if not owner:
        message = f"{entry!r} names no GitHub organization and trusted_github_org is not set"
        reader.refuse(
            "github-org-missing", message, node, path, f"write org/{entry}, or set trusted_github_org"
        )
        return None
    if not constraint:
        claim = "*"
    elif constraint.startswith(("ref:", "environment:")):
        claim = constraint
    else:
        claim = f"ref:refs/heads/{constraint}"
    return f"repo:{owner}/{name}:{claim}"


def unknown_key_advice(key: str, known: list[str]) -> str:
    return "use a full ARN or one of the keys; " + nearest(key, known)

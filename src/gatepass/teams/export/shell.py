"""A shell helper with the look-ups upstream writes per account: namespace, names, profiles, ARNs (T-40)."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from gatepass.teams.model import Component, Role


def shell_script(components: Iterable[Component]) -> str:
    """POSIX shell: source it for its functions, or run it with one of their names. A profile is the role's name."""
    listed = list(components)
    roles = sorted(
        (role for part in listed for role in part.roles), key=lambda role: (role.account.id, role.name)
    )
    namespace = next((part.label_id.partition("-")[0] for part in listed if part.label_id), "")
    return "\n".join(
        [
            "#!/bin/sh",
            "# Made by gatepass teams outputs. Source it, or run it: SCRIPT role-arn NAME",
            f"namespace() {{ printf '%s\\n' {shlex.quote(namespace)}; }}",
            _listing("role_names", sorted({role.short or role.name for role in roles})),
            _listing("profiles", [role.name for role in roles]),
            _listing("role_arns", [role.arn for role in roles]),
            _lookup("profile", [(role.short or role.name, role.name) for role in roles]),
            _lookup("role_arn", [pair for role in roles for pair in _names(role)]),
            'case "${1:-}" in',
            "  namespace) namespace ;;",
            "  role-names) role_names ;;",
            "  profiles) profiles ;;",
            "  role-arns) role_arns ;;",
            '  profile) profile "${2:-}" ;;',
            '  role-arn) role_arn "${2:-}" ;;',
            "esac",
            "",
        ]
    )


def _names(role: Role) -> list[tuple[str, str]]:
    return [(name, role.arn) for name in dict.fromkeys((role.short or role.name, role.name))]


def _listing(name: str, values: Iterable[str]) -> str:
    listed = " ".join(shlex.quote(value) for value in values)
    return f"{name}() {{ printf '%s\\n' {listed}; }}" if listed else f"{name}() {{ :; }}"


def _lookup(name: str, pairs: Iterable[tuple[str, str]]) -> str:
    first: dict[str, str] = {}
    for key, value in pairs:
        first.setdefault(key, value)
    cases = [
        f"    {shlex.quote(key)}) printf '%s\\n' {shlex.quote(value)} ;;"
        for key, value in sorted(first.items())
    ]
    unknown = f'    *) echo "{name.replace("_", "-")}: no role is named $1" >&2; return 1 ;;'
    return "\n".join([f"{name}() {{", '  case "$1" in', *cases, unknown, "  esac", "}"])

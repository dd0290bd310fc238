"""What the shell offers when Tab is pressed: sessions, profiles, logins, keys, secrets, programs.

Nothing is asked of agent, keyring or AWS, and what cannot be read offers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from gatepass.cli.laptop import places
from gatepass.sessions.errors import SessionError

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _offer(words: Callable[[click.Context, str], Iterable[str]]) -> Offer:
    """Those of `words` that begin with what was typed."""

    def offered(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            found = [word for word in words(context, incomplete) if word.startswith(incomplete)]
        except (SessionError, OSError):
            return []
        return [CompletionItem(word) for word in dict.fromkeys(found)]

    return offered


def _sessions(context: click.Context, incomplete: str) -> Iterable[str]:
    """By name, and by profile once that is what was begun."""
    from gatepass.cli.glance import listed

    rows = listed(places())
    names = [str(row["name"]) for row in rows]
    begun = [name for name in names if name.startswith(incomplete)]
    return begun or [str(row["profile"]) for row in rows]


def _integrations(context: click.Context, incomplete: str) -> Iterable[str]:
    from gatepass.sessions.workspace.reading import load_workspace

    return load_workspace(places().workspace).integrations


def _users(context: click.Context, incomplete: str) -> Iterable[str]:
    """Sessions with an access key of their own."""
    from gatepass.cli.glance import listed

    return [str(row["name"]) for row in listed(places()) if row["kind"] == "iam-user"]


def _secrets(context: click.Context, incomplete: str) -> Iterable[str]:
    from gatepass.sessions.vault.store import read_sealed

    return sorted(read_sealed(places().vault).records)


def _keys(context: click.Context, incomplete: str) -> Iterable[str]:
    """`KEY=` of the session's kind; behind `via=` and `integration=` what they may name."""
    from gatepass.sessions.workspace.reading import load_workspace, require
    from gatepass.sessions.workspace.schema import BY_KIND, COMMON

    key, equals, _ = incomplete.partition("=")
    workspace = load_workspace(places().workspace)
    if equals:
        named = {"via": [*workspace.sessions], "integration": [*workspace.integrations]}.get(key, [])
        return [f"{key}={name}" for name in sorted(named)]
    kind = context.params.get("kind") or require(workspace, context.params["name"]).kind
    return [f"{each}=" for each in (*BY_KIND[kind], *COMMON)]


sessions = _offer(_sessions)
integrations = _offer(_integrations)
users = _offer(_users)
secrets = _offer(_secrets)
keys = _offer(_keys)


def program(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shell's own: a program, then files."""
    begun = bool(context.params.get(param.name or ""))
    return [CompletionItem(incomplete, type="file" if begun else "command")]

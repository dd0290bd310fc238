"""Live accounts as a native estate: what to take in, and what to leave to others (T-81, H2)."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from gatepass.teams.applying.calls import Calls
from gatepass.teams.applying.live import Live, read_live
from gatepass.teams.applying.running import refined
from gatepass.teams.kinds.kind import MANAGED, OWNER_KEY, RESERVED_PATHS
from gatepass.teams.model import Account, Resources


@dataclass(frozen=True, slots=True)
class Selection:
    """Which things are taken in. Ignoring wins (T-81)."""

    ignore: tuple[str, ...] = ()
    """Globs on names and paths."""
    ignore_tags: tuple[tuple[str, str], ...] = ()
    only_tags: tuple[tuple[str, str], ...] = ()

    def takes(self, item: Any) -> bool:
        """Whether one role, policy, user or group is taken in. Roles of AWS's own never are."""
        if item.path.startswith(RESERVED_PATHS):
            return False
        names = (item.name, f"{item.path}{item.name}")
        if any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in self.ignore):
            return False
        tags = getattr(item, "tags", {})
        if any(tags.get(key) == value for key, value in self.ignore_tags):
            return False
        return not self.only_tags or any(tags.get(key) == value for key, value in self.only_tags)


def import_live(calls: Calls, accounts: Iterable[Account], selection: Selection) -> tuple[Resources, Live]:
    """What the accounts hold, as far as it is selected; with the reading, which names accounts it could not reach."""
    live = read_live(calls, accounts)
    live = refined(calls, live, Resources(policies=live.resources.policies), everything=True)
    return selected(live.resources, selection), live


def selected(resources: Resources, selection: Selection) -> Resources:
    """The selected things, without our own ownership tags: who owns them is not part of what they are."""

    def kept(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_bare(item) for item in items if selection.takes(item))

    return replace(
        resources,
        roles=kept(resources.roles),
        policies=kept(resources.policies),
        users=kept(resources.users),
        groups=kept(resources.groups),
    )


def _bare(item: Any) -> Any:
    if not hasattr(item, "tags"):
        return item
    tags = {key: value for key, value in item.tags.items() if key not in {MANAGED, OWNER_KEY}}
    return replace(item, tags=tags)

"""What lower packages want to know of the estate in force: how organizations are reached, which accounts they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatepass.app.drift import require_comparable
from gatepass.app.keys import Keys
from gatepass.aws import organizations
from gatepass.aws.door import Door, Reach
from gatepass.desk import Book, Caller
from gatepass.desk.applying import Applying
from gatepass.desk.office import Office
from gatepass.estate.model import Connector
from gatepass.estate.reading.loader import load
from gatepass.estate.wire import from_plain
from gatepass.handlers import Runner
from gatepass.handlers.looking import require_sound
from gatepass.store import Store
from gatepass.store.estates import KnownAccount


@dataclass(frozen=True, slots=True)
class EstateReaches:
    """Fills the door's `Reaches`: the estate in force, and what is kept of organizations that left it."""

    store: Store
    book: Book
    keys: Keys

    def reach(self, organization: str) -> Reach:
        """By its name, or by the place of an instance that it had: `NAME@INSTANCE`. KeyError: neither is known."""
        name, _, instance = organization.rpartition("@")
        with self.store.glance() as view:
            estate = self.book.current(view).estate
            kept = view.estates.tombstones() if name else ()
        if not name:
            return self._reach(organization, estate.organizations[organization].connector)
        live = [each.connector for each in estate.organizations.values()]
        for connector in live:  # the instance is back, perhaps under another name: as it is reached now
            if connector.instance_arn.rpartition("/")[2] == instance:
                return self._reach(organization, connector)
        found = {each.instance.rpartition("/")[2]: each.connector for each in kept}
        return self._reach(organization, from_plain(dict(found[instance]), Connector))

    def _reach(self, organization: str, connector: Connector) -> Reach:
        return Reach(
            organization=organization,
            role_arn=connector.role_arn,
            external_id=connector.external_id or self.keys.external_id(connector.instance_arn),
            region=connector.region,
            instance_arn=connector.instance_arn,
            identity_store_id=connector.identity_store_id,
        )


@dataclass(frozen=True, slots=True)
class EstateInventory:
    """Fills the engine's `Inventory`."""

    store: Store
    book: Book
    door: Door

    def organizations(self) -> Sequence[str]:
        with self.store.read() as view:
            if view.estates.current_number() == 0:
                return ()
            return sorted(self.book.current(view).estate.organizations)

    def accounts(self, organization: str) -> Sequence[KnownAccount]:
        """All of them, or an error; with tags only where a target asks for tags, for they cost a call an account."""
        with self.store.read() as view:
            targets = self.book.current(view).estate.targets.values()
        tags = any(t.organization == organization and t.accounts and t.accounts.tags for t in targets)
        found = organizations.accounts(self.door, organization, tags=tags)
        return [
            KnownAccount(
                id=each.id,
                name=each.name,
                email=each.email,
                unit_path="/".join(each.units),
                tags=each.tags,
                status="SUSPENDED" if each.suspended else "ACTIVE",
            )
            for each in found
        ]


@dataclass(frozen=True, slots=True)
class FileApplier:
    """Fills the API's `Applier`: the files of an estate, loaded and applied; every fault of them at once."""

    office: Office
    applying: Applying
    runner: Runner

    def apply(
        self, caller: Caller, files: dict[str, str], *, end_grants: bool, agreed: bool
    ) -> dict[str, Any]:
        """What was applied, in words. Nothing of the files is read, and no code of theirs runs, for who is no admin."""
        self.office.need_admin(caller)
        estate = load(files)
        require_comparable(estate)
        odd = require_sound(self.runner, estate)
        applied = self.applying.apply(caller.person, estate, end_grants=end_grants, agreed=agreed)
        return {
            "version": applied.number,
            "changes": [str(change) for change in applied.changes],
            "ended": applied.ended,
            "ends": list(applied.ends),
            "kept_connectors": list(applied.buried),
            "odd": [str(fault) for fault in odd],
        }


def external_ids(keys: Keys, instances: Mapping[str, str]) -> dict[str, str]:
    """The external id of each organization, by name; `instances` names the instance of each."""
    return {name: keys.external_id(instance) for name, instance in instances.items()}

"""`gatepass check --live`: an estate on disk against the organizations as they are now. No database is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import botocore.session

from gatepass.app.keys import Keys
from gatepass.app.settings import Settings
from gatepass.aws.door import Door, Patience, Reach
from gatepass.aws.live import Aim, Found, check_live
from gatepass.clock import SystemClock
from gatepass.estate.model import Estate, Target


@dataclass(frozen=True, slots=True)
class _Declared:
    """Reaches straight from an estate that need not be applied."""

    estate: Estate
    keys: Keys

    def reach(self, organization: str) -> Reach:
        connector = self.estate.organizations[organization].connector
        return Reach(
            organization=organization,
            role_arn=connector.role_arn,
            external_id=connector.external_id or self.keys.external_id(connector.instance_arn),
            region=connector.region,
            instance_arn=connector.instance_arn,
            identity_store_id=connector.identity_store_id,
        )


def look(
    estate: Estate, settings: Settings, source: botocore.session.Session | None = None
) -> Iterator[Found]:
    """What is wrong with each organization of the estate, one organization after another. Changes nothing.

    The external ids are those of this installation: its key is made where there is none yet.
    """
    keys = Keys.open(settings.key)
    patience = Patience(connect=settings.connect_timeout, read=settings.read_timeout)
    door = Door(_Declared(estate, keys), SystemClock(), source=source, patience=patience)
    for name in estate.organizations:
        aims = [_aim(target) for target in estate.targets.values() if target.organization == name]
        yield from check_live(door, name, aims)


def _aim(target: Target) -> Aim:
    known = target.accounts.ids if target.accounts is not None else frozenset[str]()
    account = target.settings.get("account_id")
    return Aim(
        target=target.name,
        accounts=tuple(sorted({*known, *([account] if account else [])})),
        permission_set=target.settings.get("permission_set_arn")
        or target.settings.get("permission_set_name", ""),
        group=target.settings.get("group_id") or target.settings.get("group_name", ""),
    )

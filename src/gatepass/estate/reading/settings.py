"""The settings of one target: each given or bound once, and the accounts from which the asker chooses."""

from __future__ import annotations

from dataclasses import replace

from gatepass.estate.format.shape import Item
from gatepass.estate.model import Accounts, Target
from gatepass.estate.reading.draft import Draft

SETS = ("permission_set_arn", "permission_set_name")
GROUPS = ("group_id", "group_name")
_NEEDED = {"aws_sso_permission_set": (SETS, ("account_id",)), "aws_sso_group": (GROUPS,)}
_SHORT_WORDS = {
    "account": "account_id",
    "accounts": "account_id",
    "permission_set": "permission_set_name",
    "group": "group_name",
}
"""Keys of the short form, and a setting that each stands for."""


def completed(draft: Draft, target: Target, item: Item) -> Target | None:
    """The target with its account scope; None after a fault, because a setting is missing, given twice or foreign."""
    target = _scoped(target, _accounts(draft, item), item)
    needed = _NEEDED[target.type]
    for keys in needed:
        times = sum((key in target.settings) + (key in target.field_bindings) for key in keys)
        misread = times == 0 and bool(_written(item) & set(keys))  # told already
        if times != 1 and not misread:
            words = " or ".join(_as_written(item, key) for key in keys)
            found = f"{words} is {'given twice' if times else 'missing'}"
            draft.fault(item, "target_settings", found, "each setting once, given or bound")
            return None
    known = {key for keys in needed for key in keys}
    if foreign := [key for key in target.field_bindings if key not in known]:
        found = f"{', '.join(foreign)} cannot be bound here"
        draft.fault(item, "target_settings", found, ", ".join(sorted(known)))
        return None
    return target


def _scoped(target: Target, accounts: Accounts | None, item: Item) -> Target:
    bound = target.field_bindings
    if accounts and accounts.known and len(accounts.ids) == 1 and not bound:
        return replace(target, settings={**target.settings, "account_id": next(iter(accounts.ids))})
    if accounts and "account_id" not in bound:
        bound = (*bound, "account_id")
    elif "account_id" in bound and not item.has("accounts"):
        accounts = Accounts(all=True)
    return replace(target, accounts=accounts, field_bindings=bound)


def _written(item: Item) -> set[str]:
    """Settings that were written, right or wrong, in either form."""
    settings = item.item("settings")
    raw = set(settings.node.entries()) if settings else set()
    return raw | {setting for word, setting in _SHORT_WORDS.items() if item.has(word)}


def _as_written(item: Item, key: str) -> str:
    """A setting in the words of the form in which the target was written."""
    short = key == "account_id" and not item.has("type")
    return "account, accounts or bind: [account_id]" if short else key


def _accounts(draft: Draft, item: Item) -> Accounts | None:
    scope = item.item("accounts")
    if scope is None:
        return None
    if scope.value == "all":
        return Accounts(all=True)
    if isinstance(scope.value, list):
        return Accounts(ids=frozenset(each.value for each in scope.value))
    unit = [scope.get("unit")] if scope.get("unit") else []
    tags = {key: each.value for key, each in scope.items("tags")}
    accounts = Accounts(frozenset(scope.values("ids")), frozenset([*unit, *scope.values("units")]), tags)
    if accounts == Accounts() and not scope.node.entries():
        draft.fault(scope, "no_accounts", "found no account", "ids, unit, units, tags, or the word all")
    return accounts

"""From YAML to targets and strategies, short form and long form alike.

The short form (targets within an organization or a flow) stands for the entities of Sym's long form. Derived names are
stable: target `<organization>-<name>`, strategy `<organization>-sso`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gatepass.estate.format.shape import AccountId, Item, Text
from gatepass.estate.format.words import PERMISSION_SET, PERMISSION_SET_ARN
from gatepass.estate.model import GROUP_ID, Organization, Strategy, Target
from gatepass.estate.reading.draft import Draft, label_of
from gatepass.estate.reading.organizations import strategy_name
from gatepass.estate.reading.settings import GROUPS, SETS, completed

SEED_TARGET = "main"
"""The short name of the target that an organization's `permission_set_arn` and `target_account_id` stand for."""

_GROUP_ID = Text(
    says="a group id such as 11111111-2222-3333-4444-555555555555", pattern=GROUP_ID, code="group"
)
_SETTING_SHAPES: Mapping[str, Text] = {
    "permission_set_arn": PERMISSION_SET_ARN,
    "permission_set_name": PERMISSION_SET,
    "account_id": AccountId(),
    "group_id": _GROUP_ID,
    "group_name": Text(says="the display name of a group", most=1024),
}


def read_targets(draft: Draft) -> None:
    """Build the targets of the organizations, then those of the long form with their strategies."""
    for name, item in draft.root.items("organizations"):
        _refuse_foreign_seed(draft, item)
        if organization := draft.organizations.get(name):
            _seed_target(draft, organization, item)
            for short, target in item.items("targets"):
                add_short_target(draft, organization, short, target)
    _entities(draft)


def finish_strategies(draft: Draft) -> None:
    """Add the implied strategies, once every flow has added its own targets; check accounts across organizations."""
    for organization, names in draft.implied.items():
        name = strategy_name(organization)
        if name in draft.declared("strategies"):
            item = draft.root.value["strategies"].value.get(name)
            if item:
                found = f"organization {organization} has targets of its own, which stand for this strategy"
                draft.fault(
                    item, "shared_name", found, "", "rename the strategy, or write all its targets here"
                )
            continue
        instance = draft.organizations[organization].connector.instance_arn
        integration = _integration_of(draft, organization)
        label = draft.organizations[organization].label
        settings = {"instance_arn": instance}
        draft.strategies[name] = Strategy(name, "aws_sso", label, integration, tuple(names), settings)
    _refuse_shared_accounts(draft)


def add_short_target(draft: Draft, organization: Organization, short: str, item: Item) -> str | None:
    """Build one target written within an organization, or within a flow for this organization; its full name."""
    settings: dict[str, str] = {}
    if permission_set := item.item("permission_set"):
        kind = "permission_set_arn" if permission_set.value.startswith("arn:") else "permission_set_name"
        settings[kind] = permission_set.value
    if group := item.item("group"):
        settings["group_id" if re.fullmatch(GROUP_ID, group.value) else "group_name"] = group.value
    if account := item.get("account"):
        settings["account_id"] = account
    kinds = [key for key in ("permission_set", "group") if item.has(key)]
    bound = item.values("bind")
    kinds += [kind for kind, word in (("permission_set", SETS[0]), ("group", GROUPS[0])) if word in bound]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "neither permission_set nor group"
        draft.fault(item, "target", f"found {found}", "exactly one of permission_set, group")
        return None
    target = Target(
        name=f"{organization.name}-{short}",
        short=short,
        label=label_of(item, short),
        type="aws_sso_group" if kinds[0] == "group" else "aws_sso_permission_set",
        organization=organization.name,
        settings=settings,
        field_bindings=tuple(bound),
        max_duration=item.get("max_duration"),
    )
    finished = completed(draft, target, item)
    if finished is None or not _add(draft, finished, item):
        return None
    draft.implied.setdefault(organization.name, []).append(finished.name)
    return finished.name


def _seed_target(draft: Draft, organization: Organization, item: Item) -> None:
    arn, account = item.item("permission_set_arn"), item.item("target_account_id")
    if item.has("permission_set_arn") != item.has("target_account_id"):
        missing = "target_account_id" if arn else "permission_set_arn"
        draft.fault(
            item, "missing", f"{missing} is missing", "permission_set_arn and target_account_id together"
        )
    if not arn or not account:
        return
    settings = {"permission_set_arn": arn.value, "account_id": account.value}
    name = f"{organization.name}-{SEED_TARGET}"
    label = organization.label
    target = Target(name, SEED_TARGET, label, "aws_sso_permission_set", organization.name, settings)
    draft.targets[name] = target
    draft.places[f"target {name}"] = arn
    draft.implied.setdefault(organization.name, []).append(name)


def _entities(draft: Draft) -> None:
    owners: dict[str, tuple[str, Item]] = {}
    for name, item in draft.root.items("strategies"):
        _strategy(draft, name, item, owners)
    for name, item in draft.root.items("targets"):
        if name in owners:
            _entity_target(draft, draft.organizations[owners[name][0]], name, item)
        elif not any(name in each.values("targets") for _, each in draft.root.items("strategies")):
            draft.fault(
                item, "no_strategy", f"target {name} is in no strategy", "", "list it in a strategy's targets"
            )
    for name, (organization, place) in owners.items():
        target = draft.targets.get(name)
        if target and target.organization != organization:
            found = f"target {name} lies in {target.organization}, this strategy in {organization}"
            draft.fault(place, "other_organization", found, f"targets of {organization}")


def _strategy(draft: Draft, name: str, item: Item, owners: dict[str, tuple[str, Item]]) -> None:
    reference = item.item("integration")
    if not reference or not draft.known(reference, "integrations", draft.integrations, "integration"):
        return
    integration = draft.integrations.get(reference.value)
    if integration is None:
        return  # told already
    instance = integration.external_id
    organization = next(
        (each.name for each in draft.organizations.values() if each.connector.instance_arn == instance), None
    )
    if organization is None:
        if integration.type != "permission_context" or ":instance/" not in instance:
            allowed = "a permission_context whose external_id is an instance ARN"
            draft.fault(
                reference, "integration", f"{integration.name} is {integration.type} {instance}", allowed
            )
        return
    for key, each in item.items("settings"):
        if key != "instance_arn":
            draft.fault(each, "unknown_key", f"aws_sso has no setting {key!r}", "instance_arn")
        elif each.value != instance:
            found = f"{each.value} is not the instance of {integration.name}"
            draft.fault(each, "other_instance", found, instance)
    targets = []
    for each in item.elements("targets"):
        if draft.known(each, "targets", draft.targets, "target"):
            targets.append(each.value)
            other, _ = owners.setdefault(each.value, (organization, each))
            if other != organization:
                found = f"target {each.value} is in a strategy of {other} too"
                draft.fault(each, "other_organization", found, "strategies of one organization")
    settings = {"instance_arn": instance}
    label = label_of(item, name)
    draft.strategies[name] = Strategy(name, "aws_sso", label, integration.name, tuple(targets), settings)


def _entity_target(draft: Draft, organization: Organization, name: str, item: Item) -> None:
    kind = item.get("type")
    if kind is None:
        return  # told already
    allowed = (*SETS, "account_id") if kind == "aws_sso_permission_set" else GROUPS
    settings: dict[str, str] = {}
    for key, each in item.items("settings"):
        if key not in allowed:
            draft.fault(each, "unknown_key", f"{kind} has no setting {key!r}", ", ".join(allowed))
        elif read := _SETTING_SHAPES[key].read(each.node, each.path, draft.faults):
            settings[key] = read.value
    target = Target(
        name=name,
        short=name.removeprefix(f"{organization.name}-"),
        label=label_of(item, name),
        type=kind,
        organization=organization.name,
        settings=settings,
        field_bindings=tuple(item.values("field_bindings")),
        max_duration=item.get("max_duration"),
    )
    if finished := completed(draft, target, item):
        _add(draft, finished, item)


def _add(draft: Draft, target: Target, item: Item) -> bool:
    arn = target.settings.get("permission_set_arn", "")
    instance = draft.organizations[target.organization].connector.instance_arn
    if arn and instance_in(arn) != instance_in(instance):
        place = (
            item.item("permission_set") or (item.item("settings") or item).item("permission_set_arn") or item
        )
        _foreign(draft, place, arn, instance)
    if target.name in draft.targets:
        found = f"another target is named {target.name}"
        draft.fault(item, "same_name", found, "", "rename one: <organization>-<target> must be unique")
        return False
    draft.targets[target.name] = target
    draft.places[f"target {target.name}"] = item
    return True


def instance_in(arn: str) -> str:
    """The instance that stands in the ARN of an instance or of a permission set: `ssoins-...`."""
    return arn.split("/")[1] if arn.count("/") else ""


def _refuse_foreign_seed(draft: Draft, item: Item) -> None:
    """In Sym's object, on the text as written: two wrong ARNs may name two instances besides."""
    entries = item.node.entries()
    settings = entries.get("sso_connector_settings") or entries.get("connector")
    instance = settings.entries().get("instance_arn") if settings else None
    arn = entries.get("permission_set_arn")
    if instance and arn and instance_in(arn.text) != instance_in(instance.text):
        _foreign(draft, Item(arn.text, arn, f"{item.path}.permission_set_arn"), arn.text, instance.text)


def _foreign(draft: Draft, item: Item, arn: str, instance: str) -> None:
    found = f"the permission set belongs to another instance, {instance_in(arn)}"
    advice = "use a permission set of this organization's instance, or mend its instance_arn"
    draft.fault(item, "foreign_permission_set", found, instance_in(instance), advice)


def _integration_of(draft: Draft, organization: str) -> str:
    instance = draft.organizations[organization].connector.instance_arn
    return next(name for name, each in draft.integrations.items() if each.external_id == instance)


def _refuse_shared_accounts(draft: Draft) -> None:
    """An account is in one AWS Organization: the same id in two is a slip of the hand (I12)."""
    owner: dict[str, str] = {}
    for name, organization in draft.organizations.items():
        if (other := owner.setdefault(organization.sso_account_id, name)) != name:
            _shared_account(draft, draft.places[name], organization.sso_account_id, other)
    for target in draft.targets.values():
        ids = target.accounts.ids if target.accounts else {target.settings.get("account_id", "")} - {""}
        for account in sorted(ids):
            if (other := owner.setdefault(account, target.organization)) != target.organization:
                _shared_account(draft, draft.places[f"target {target.name}"], account, other)


def _shared_account(draft: Draft, item: Item, account: str, other: str) -> None:
    found = f"{account} is an account of {other} too"
    draft.fault(item, "shared_account", found, "", "an account belongs to one AWS Organization")

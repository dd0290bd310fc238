"""From YAML to integrations and organizations: how each Identity Center instance is reached.

An organization is written under `organizations`, or follows from a long-form `permission_context` integration whose
`external_id` is an instance ARN. Every organization has an integration: its own, or one named `<organization>-sso`.
"""

from __future__ import annotations

from gatepass.estate.format.entities import INTEGRATION_SETTINGS
from gatepass.estate.format.shape import Item, Text
from gatepass.estate.format.words import INSTANCE_ARN, REGION, ROLE_ARN
from gatepass.estate.model import Connector, Environment, Integration, Organization
from gatepass.estate.reading.draft import Draft, label_of


def strategy_name(organization: str) -> str:
    """The name of the integration and of the strategy that an organization stands for."""
    return f"{organization}-sso"


def read_organizations(draft: Draft) -> None:
    """Build integrations, organizations, environments."""
    for name, item in draft.root.items("integrations"):
        _integration(draft, name, item)
    for name, item in draft.root.items("organizations"):
        _organization(draft, name, item)
    for name, integration in list(draft.integrations.items()):
        _organization_of_integration(draft, name, integration)
    _refuse_shared_instances(draft)
    for organization in draft.organizations.values():
        _implied_integration(draft, organization)
    for name, item in draft.root.items("environments"):
        _environment(draft, name, item)


def account_of(arn: str) -> str:
    """The account that stands in an IAM ARN."""
    return arn.split(":")[4]


def _integration(draft: Draft, name: str, item: Item) -> None:
    kind = item.get("type")
    settings = {key: str(each.value) for key, each in item.items("settings")}
    if kind in INTEGRATION_SETTINGS:
        _settings_of(draft, item, kind, settings)
    if kind == "permission_context":
        _permission_context(draft, item, settings)
    draft.integrations[name] = Integration(
        name, str(kind), str(item.get("external_id")), label_of(item, name), settings
    )


def _settings_of(draft: Draft, item: Item, kind: str, settings: dict[str, str]) -> None:
    needed, optional = INTEGRATION_SETTINGS[kind]
    for key, each in item.items("settings"):
        if key not in needed + optional:
            known = ", ".join(needed + optional) or "none"
            draft.fault(each, "unknown_key", f"{kind} has no setting {key!r}", known)
    for key in needed:
        if key not in settings and not _written(item, key):
            draft.fault(
                item.item("settings") or item, "missing", f"setting {key} is missing", ", ".join(needed)
            )


def _written(item: Item, key: str) -> bool:
    settings = item.item("settings")
    return settings is not None and settings.has(key)


def _permission_context(draft: Draft, item: Item, settings: dict[str, str]) -> None:
    for key, shape in (("role_arn", ROLE_ARN), ("region", REGION), ("instance_arn", INSTANCE_ARN)):
        for name, each in item.items("settings"):
            if name == key:
                shape.read(each.node, each.path, draft.faults)
    external = str(item.get("external_id"))
    inner = item.item("external_id")
    if inner and ":instance/" in external:
        INSTANCE_ARN.read(inner.node, inner.path, draft.faults)
        if settings.get("instance_arn", external) != external:
            draft.fault(
                inner, "other_instance", f"settings.instance_arn is {settings['instance_arn']}", external
            )
    elif inner:
        account = Text(
            says="an instance ARN or a 12-digit account id", pattern="[0-9]{12}", code="account_id"
        )
        account.read(inner.node, inner.path, draft.faults)


def _organization(draft: Draft, name: str, item: Item) -> None:
    written = [key for key in ("connector", "sso_connector_settings") if item.has(key)]
    if len(written) != 1:
        found = "both connector and sso_connector_settings" if written else "no connector"
        draft.fault(item, "connector", found, "one of connector, sso_connector_settings")
    inner = item.item(written[0]) if written else None
    connector = _connector(inner) if inner else None
    if inner is None or connector is None:
        return
    account = account_of(connector.role_arn)
    told = item.item("sso_account_id")
    if told and told.value != account:
        found = f"{told.value} is not the account of role_arn, {account}"
        draft.fault(
            told, "account_mismatch", found, account, "sso_account_id is where the connector's role stands"
        )
    if _partition(connector.instance_arn) != _partition(connector.role_arn):
        found = (
            f"instance and role lie in different partitions ({connector.instance_arn}, {connector.role_arn})"
        )
        draft.fault(inner, "partition", found)
    draft.places[name] = item
    draft.organizations[name] = Organization(
        name, label_of(item, name), connector, account, max_duration=item.get("max_duration")
    )


def _connector(item: Item) -> Connector | None:
    needed = [item.get(key) for key in ("instance_arn", "region", "role_arn")]
    if None in needed:
        return None
    instance_arn, region, role_arn = map(str, needed)
    return Connector(instance_arn, region, role_arn, item.get("external_id"), item.get("identity_store_id"))


def _partition(arn: str) -> str:
    return arn.split(":")[1]


def _organization_of_integration(draft: Draft, name: str, integration: Integration) -> None:
    if integration.type != "permission_context" or ":instance/" not in integration.external_id:
        return
    settings = integration.settings
    if not {"region", "role_arn"} <= set(settings) or settings["role_arn"].count(":") < 5:
        return  # told already
    connector = Connector(
        integration.external_id,
        settings["region"],
        settings["role_arn"],
        settings.get("external_id"),
        settings.get("identity_store_id"),
    )
    own = [
        each for each in draft.organizations.values() if each.connector.instance_arn == connector.instance_arn
    ]
    if own and own[0].connector != connector:
        item = draft.root.value["integrations"].value[name]
        found = f"organization {own[0].name} reaches this instance in another way"
        draft.fault(item, "connector", found, f"{own[0].connector.role_arn} in {own[0].connector.region}")
    elif not own and name in draft.declared("organizations"):
        item = draft.root.value["integrations"].value[name]
        draft.fault(
            item, "shared_name", f"organization {name} has another instance", "", "rename the integration"
        )
    elif not own:
        account = account_of(connector.role_arn)
        draft.places[name] = draft.root.value["integrations"].value[name]
        draft.organizations[name] = Organization(name, integration.label, connector, account)


def _refuse_shared_instances(draft: Draft) -> None:
    """Two organizations may not share an instance: their facts could not be told apart (architecture.md 2)."""
    first: dict[str, str] = {}
    for name, organization in draft.organizations.items():
        instance = organization.connector.instance_arn
        other = first.setdefault(instance, name)
        if other != name:
            item = draft.places[name]
            found = f"{other} has the instance {instance} too"
            draft.fault(
                item,
                "shared_instance",
                found,
                "one organization for one instance",
                "make them one organization",
            )


def _implied_integration(draft: Draft, organization: Organization) -> None:
    connector = organization.connector
    if any(each.external_id == connector.instance_arn for each in draft.integrations.values()):
        return
    settings = {
        "cloud": "aws",
        "instance_arn": connector.instance_arn,
        "region": connector.region,
        "role_arn": connector.role_arn,
        "external_id": connector.external_id,
        "identity_store_id": connector.identity_store_id,
    }
    name = strategy_name(organization.name)
    if name in draft.declared("integrations"):
        item = draft.places[organization.name]
        draft.fault(
            item, "shared_name", f"integration {name} has another instance", "", "rename the integration"
        )
        return
    given = {key: value for key, value in settings.items() if value is not None}
    draft.integrations[name] = Integration(
        name, "permission_context", connector.instance_arn, organization.label, given
    )


def _environment(draft: Draft, name: str, item: Item) -> None:
    integrations = {
        word: each.value
        for word, each in item.items("integrations")
        if draft.known(each, "integrations", draft.integrations, "integration")
    }
    draft.environments[name] = Environment(name, label_of(item, name), integrations)

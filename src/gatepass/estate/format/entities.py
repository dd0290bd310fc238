"""The long form: how integrations, targets, strategies and environments are written, as Sym's users know them."""

from __future__ import annotations

from gatepass.estate.format.organizations import BIND, TARGET
from gatepass.estate.format.shape import Choice, Key, ListOf, MapOf, Record, Text
from gatepass.estate.format.words import LABEL, LONG_NAME, MAX_DURATION, NAME, STRINGS
from gatepass.estate.model import TARGET_TYPES

INTEGRATION_SETTINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "permission_context": (
        ("region", "role_arn"),
        ("cloud", "external_id", "account_id", "instance_arn", "identity_store_id"),
    ),
    "slack": ((), ()),
    "pagerduty": (("api_token_secret",), ()),
    "okta": (("api_token_secret",), ()),
    "onelogin": (("client_id", "client_secret"), ()),
    "github": (("api_token_secret",), ()),
    "aptible": (("username_secret", "password_secret"), ()),
    "google": (
        (),
        (
            "type",
            "audience",
            "subject_token_type",
            "service_account_impersonation_url",
            "token_url",
            "credential_source",
            "customer_id",
        ),
    ),
    "tailscale": (("api_token_secret",), ()),
    "knowbe4": (("api_token_secret", "region"), ()),
    "segment": (("write_key_secret",), ()),
}
"""Type -> settings that must be there, settings that may (spec/sym.md 1.6). `custom` takes any."""
INTEGRATION_TYPES = (*INTEGRATION_SETTINGS, "custom")

INTEGRATION = Record(
    "integration",
    "Long form: a connection to one instance of an external service.",
    {
        "type": Key(Choice(INTEGRATION_TYPES), "The service.", required=True),
        "external_id": Key(
            Text(says="the service's own id"),
            "The id of the workspace, account or instance; a `permission_context` whose id is an instance ARN is an "
            "organization.",
            required=True,
        ),
        "label": Key(LABEL, "As people see it.", default="from the name"),
        "settings": Key(STRINGS, "By type; secrets are references."),
    },
)
ENTITY_TARGET = Record(
    "entity_target",
    "Long form: one thing that can be given.",
    {
        "type": Key(Choice(TARGET_TYPES), "What kind of access.", required=True),
        "label": Key(LABEL, "As people see it.", default="from the name"),
        "settings": Key(
            STRINGS,
            "`permission_set_arn` or `permission_set_name`, and `account_id`; or `group_id` or `group_name`.",
        ),
        "field_bindings": BIND,
        "accounts": TARGET.keys["accounts"],
        "max_duration": MAX_DURATION,
    },
)
STRATEGY = Record(
    "strategy",
    "Long form: a way of granting, with the targets it knows.",
    {
        "type": Key(Choice(("aws_sso",)), "The way of granting.", required=True),
        "label": Key(LABEL, "As people see it.", default="from the name"),
        "integration": Key(LONG_NAME, "The integration it works through.", required=True),
        "targets": Key(
            ListOf(LONG_NAME, 1), "Its targets, in the order in which they are shown.", required=True
        ),
        "settings": Key(STRINGS, "`instance_arn`, which must be the integration's."),
    },
)
ENVIRONMENT = Record(
    "environment",
    "What flows share.",
    {
        "label": Key(LABEL, "As people see it.", default="from the name"),
        "integrations": Key(
            MapOf(LONG_NAME, NAME), "Service word (such as `slack_id`) to the name of an integration."
        ),
    },
)

"""How organizations, their targets and their accounts are written."""

from __future__ import annotations

from gatepass.estate.format.shape import AccountId, Choice, Either, Key, ListOf, MapOf, Record, Text
from gatepass.estate.format.words import (
    END_SESSIONS,
    EXTERNAL_ID,
    GROUP,
    INSTANCE_ARN,
    LABEL,
    MAX_DURATION,
    NAME,
    PERMISSION_SET,
    PERMISSION_SET_ARN,
    REGION,
    ROLE_ARN,
    STORE_ID,
    UNIT,
)

BIND = Key(
    ListOf(Choice(("account_id", "permission_set_arn", "group_id"))),
    "Settings that come from the request's field of the same name.",
)
ACCOUNTS = Record(
    "accounts",
    "Accounts to choose from: named ones, those below a unit, those with a tag; whoever fits one is offered.",
    {
        "ids": Key(ListOf(AccountId()), "These accounts."),
        "unit": Key(UNIT, "Every account below this unit, at any depth, as it is when asked."),
        "units": Key(ListOf(UNIT), "The same for several units."),
        "tags": Key(
            MapOf(Text(says="the value of a tag", empty=True, most=256), Text(says="a tag key", most=128)),
            "Accounts that carry all these tags.",
        ),
    },
)
TARGET = Record(
    "target",
    "One thing that can be given: a permission set in an account, or membership of a group.",
    {
        "label": Key(LABEL, "As people see it.", default="from the name"),
        "permission_set": Key(PERMISSION_SET, "The permission set, by name or ARN."),
        "group": Key(GROUP, "The Identity Center group, by display name or id."),
        "account": Key(AccountId(), "The one account."),
        "accounts": Key(
            Either(scalar=Choice(("all",)), sequence=ListOf(AccountId(), 1), mapping=ACCOUNTS),
            "The accounts from which the asker chooses one; `all`: any account of the organization.",
        ),
        "bind": BIND,
        "max_duration": MAX_DURATION,
    },
)
_CONNECTOR_KEYS = {
    "instance_arn": Key(INSTANCE_ARN, "The Identity Center instance.", required=True),
    "region": Key(REGION, "The instance's region.", required=True),
    "role_arn": Key(ROLE_ARN, "The role that gatepass assumes there.", required=True),
    "external_id": Key(
        EXTERNAL_ID, "Sent when assuming the role.", default="the one gatepass generates for the organization"
    ),
    "identity_store_id": Key(STORE_ID, "The instance's identity store.", default="read from the instance"),
}
CONNECTOR = Record("connector", "How gatepass reaches the organization's Identity Center.", _CONNECTOR_KEYS)
SYM_CONNECTOR = Record(
    "sso_connector_settings",
    "The same, with the keys that Sym's connector module puts out.",
    {"cloud": Key(Choice(("aws",)), "Always `aws`."), **_CONNECTOR_KEYS},
)
ORGANIZATION = Record(
    "organization",
    "One AWS Organization: how it is reached and what may be asked for in it.",
    {
        "label": Key(LABEL, "As people see it.", default="from the name"),
        "connector": Key(CONNECTOR, "How it is reached. This or `sso_connector_settings`."),
        "sso_connector_settings": Key(SYM_CONNECTOR, "How it is reached, as Sym wrote it."),
        "sso_account_id": Key(
            AccountId(), "The account of the connector's role.", default="the one in `role_arn`"
        ),
        "permission_set_arn": Key(
            PERMISSION_SET_ARN, "With `target_account_id`: one target named `main`, as Sym wrote it."
        ),
        "target_account_id": Key(AccountId(), "The account of that target."),
        "targets": Key(MapOf(TARGET, NAME), "What may be asked for, by name."),
        "max_duration": MAX_DURATION,
        "end_sessions": END_SESSIONS,
    },
)

"""The format of an estate, as data: what may be written where, and what it means.

Reading, the published JSON schema and the reference in docs/estate.md all come from this page.
"""

from __future__ import annotations

from gatepass.estate.fields import FIELD_TYPES, MAX_LENGTH
from gatepass.estate.model import NOTICES, ROLES, SOURCES, TARGET_TYPES
from gatepass.estate.shape import (
    AccountId,
    Anything,
    Choice,
    Either,
    Flag,
    Json,
    Key,
    Length,
    ListOf,
    MapOf,
    Record,
    Text,
    Whole,
)

VERSION = 1
"""Of this format."""

_NAME_ADVICE = "begin with a letter or a digit; the label may say it nicer"
NAME = Text(
    says="a name of lower case letters, digits, - and _",
    pattern="[a-z0-9][a-z0-9_-]*",
    code="name",
    advice=_NAME_ADVICE,
    most=63,
)
LONG_NAME = Text(says=NAME.says, pattern=NAME.pattern, code="name", advice=_NAME_ADVICE, most=130)
PERSON_ID = Text(
    says="a stable id of lower case letters, digits, ., - and _",
    pattern="[a-z0-9][a-z0-9._-]*",
    code="name",
    advice=_NAME_ADVICE,
    most=63,
)
LABEL = Text(says="a label of one line", pattern=r"[^\x00-\x1f\x7f]*", most=120)
EMAIL = Text(says="an e-mail address", pattern=r"[^@\s,;<>]+@[^@\s,;<>]+", code="email", most=254)
GROUP = Text(says="the name of a group", pattern=r"[^\x00-\x1f\x7f]*", most=256)

_PARTITION = "aws|aws-cn|aws-us-gov"
INSTANCE = r"(?:sso)?ins-[a-zA-Z0-9-.]{16}"
INSTANCE_ARN = Text(
    says="an Identity Center instance such as arn:aws:sso:::instance/ssoins-7223000000000000",
    pattern=rf"arn:(?:{_PARTITION}):sso:::instance/{INSTANCE}",
    code="instance_arn",
    advice="copy InstanceArn from `aws sso-admin list-instances`: 16 characters follow ssoins-",
)
PERMISSION_SET_ARN_PATTERN = rf"arn:(?:{_PARTITION}):sso:::permissionSet/{INSTANCE}/ps-[a-zA-Z0-9-./]{{16}}"
PERMISSION_SET_ARN = Text(
    says="a permission set such as arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001",
    pattern=PERMISSION_SET_ARN_PATTERN,
    code="permission_set_arn",
    advice="copy it from `aws sso-admin list-permission-sets`: 16 characters follow ssoins- and ps-",
)
PERMISSION_SET = Text(
    says="the name of a permission set or its ARN",
    pattern=rf"[\w+=,.@-]{{1,32}}|{PERMISSION_SET_ARN_PATTERN}",
    code="permission_set",
    advice="names have at most 32 letters, digits and +=,.@-_",
)
ROLE_ARN = Text(
    says="an IAM role such as arn:aws:iam::123456789012:role/gatepass/Connector",
    pattern=rf"arn:(?:{_PARTITION}):iam::[0-9]{{12}}:role/[\w+=,.@/-]+",
    code="role_arn",
    advice="the account in it has exactly 12 digits",
)
REGION = Text(says="an AWS region such as eu-west-1", pattern="[a-z]{2}(?:-[a-z]+)+-[0-9]+", code="region")
UNIT = Text(
    says="an organizational unit such as ou-abcd-11111111, or a root such as r-abcd",
    pattern="ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}|r-[0-9a-z]{4,32}",
    code="unit",
)
EXTERNAL_ID = Text(
    says="an external id of 2 to 1224 characters", pattern=r"[\w+=,.@:/-]{2,1224}", code="external_id"
)
STORE_ID = Text(
    says="an identity store such as d-1234567890",
    pattern="d-[0-9a-f]{10}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    code="identity_store_id",
)
HOST = Text(
    says="a host name, with a port when it is not 443, such as api.example.com:8443",
    pattern=r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?",
    code="host",
    most=260,
)
PYTHON = Text(
    says="the path of a Python file within the estate, such as impls/access.py",
    pattern=r"(?!/)[^\x00-\x1f\\]*\.py",
    code="python_path",
    advice="a path relative to the estate's directory, ending in .py",
)
STRINGS = MapOf(Text(says="text", cast=True, empty=True), Text(says="a name", pattern=r"[\w.-]+", most=128))
MAX_DURATION = Key(Length(), "Access is never given for longer.", default="no limit of its own")
END_SESSIONS = Key(
    Choice(
        ("wait",),
        {
            "deny": "gatepass cannot end running sessions yet; take the key away and keep session durations short"
        },
    ),
    "What happens to sessions that still run when access ends: `wait` lets them run out.",
    default="`wait`",
)

_NO_GUESTS = {"guest": "guests can be approvers, but never ask"}
WHO = Record(
    "who",
    "A set of people. Empty lists nobody.",
    {
        "groups": Key(ListOf(GROUP), "Everybody in one of these groups."),
        "people": Key(ListOf(PERSON_ID), "These people, by their names under `people`."),
        "roles": Key(ListOf(Choice(ROLES)), "Everybody with one of these roles."),
    },
)
ASKERS = Record(
    "askers",
    "Who asks. Guests never do.",
    {
        **WHO.keys,
        "roles": Key(ListOf(Choice(("admin", "member"), _NO_GUESTS)), "Everybody with one of these roles."),
    },
)
APPROVE = Record(
    "approve",
    "Who may approve, and how many different people must.",
    {**WHO.keys, "needed": Key(Whole(1, 20), "How many different people must approve.", default="1")},
)
_LIMITS = {
    "allow_self": Key(
        Flag(), "Whether the requester counts as an approver, if they are one.", default="false"
    ),
    "max_duration": MAX_DURATION,
    "unanswered_after": Key(Length(), "A request nobody answered expires after this.", default="a day"),
    "accepted_lateness": Key(
        Length(),
        "No approval when access is forecast to be taken away later than due by more than this.",
        default="any, shown before the approval",
    ),
}
RULE = Record(
    "rule",
    "One rule of `decide`. The first rule that matches a request decides it, whole.",
    {
        "ask": Key(ASKERS, "Only for requests of these people.", default="everybody who may ask"),
        "targets": Key(ListOf(LONG_NAME, 1), "Only for these targets of the flow.", default="all"),
        "organizations": Key(ListOf(NAME, 1), "Only in these organizations.", default="all"),
        "approve": Key(APPROVE, "Who must approve. Needed unless the rule is `automatic`."),
        "automatic": Key(
            Flag(),
            "Alone: approved at once, nobody is asked. Beside `approve`: the flow's code may approve instead.",
            default="false",
        ),
        **_LIMITS,
    },
)
DECIDE = Record(
    "decide",
    "Who may ask and who decides. Without it members and admins may ask and admins decide.",
    {
        "ask": Key(ASKERS, "Who may use this flow.", default="every member and admin"),
        "rules": Key(
            ListOf(RULE, 1), "Read top down; a request that no rule matches cannot be made.", required=True
        ),
        **{name: Key(key.shape, f"For rules that do not say: {key.means}") for name, key in _LIMITS.items()},
    },
)
FIELD = Record(
    "field",
    "One question of the form.",
    {
        "type": Key(Choice(FIELD_TYPES), "What kind of value.", required=True),
        "label": Key(LABEL, "The question as people see it.", default="from the name"),
        "required": Key(Flag(), "Whether it must be answered, while it is visible.", default="true"),
        "default": Key(
            Anything("a value of the field's type"), "The value of an optional field that was left empty."
        ),
        "visible": Key(Flag(), "Whether it is shown from the start.", default="true"),
        "allowed_values": Key(
            ListOf(Anything("a value of the field's type"), 1), "The values to choose from.", default="any"
        ),
        "prefetch": Key(
            Flag(), "Options come from the flow's code, or from AWS for `account_id`.", default="false"
        ),
        "on_change": Key(PYTHON, "Code that reshapes the form when this value changes."),
        "pattern": Key(Text(says="a regular expression", most=500), "The whole of a text must match it."),
        "max_length": Key(
            Whole(1, 20_000), "Most characters of a text (of one element of a list).", default=str(MAX_LENGTH)
        ),
    },
)
_BIND = Key(
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
        "bind": _BIND,
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
PERSON = Record(
    "person",
    "Somebody who asks or decides. The name is the stable id: never give it to somebody else.",
    {
        "email": Key(EMAIL, "Their address.", required=True),
        "emails": Key(ListOf(EMAIL), "Further addresses by which they may be known."),
        "label": Key(LABEL, "Their name as people see it.", default="from the name"),
        "role": Key(Choice(ROLES), "What they are to gatepass itself.", default="`member`"),
        "groups": Key(ListOf(GROUP), "Groups that rules refer to."),
        "identities": Key(
            MapOf(
                MapOf(
                    Text(says="an id", most=256),
                    Text(says="the id of a workspace, instance or issuer", most=512),
                ),
                NAME,
            ),
            "Known ids in other services: service, then workspace, instance ARN or issuer, then the id there.",
        ),
        "active": Key(Flag(), "false: they have left; nothing is open to them.", default="true"),
    },
)
SLACK = Text(
    says="a channel (#name or its id) or a person (by their name under `people`, or their Slack id)",
    pattern="#[^\\s,#]{1,80}|[CDGUW][A-Z0-9]{2,30}|[a-z0-9][a-z0-9._-]*",
    code="slack",
)
SLACK_PERSON = Text(
    says="a person, by their name under `people` or their Slack id",
    pattern="[UW][A-Z0-9]{2,30}|[a-z0-9][a-z0-9._-]*",
    code="slack",
)
WEBHOOK = Record(
    "webhook",
    "An address that gets every event as a signed POST (docs/notifications.md).",
    {
        "url": Key(
            Text(says="an https address", pattern=r"https://\S+|http://127\.0\.0\.1[:/]\S*", code="url"),
            "Where to.",
            required=True,
        ),
        "secret": Key(
            Text(says="a reference: env:NAME or file:PATH", pattern=r"(?:env|file):\S+", code="reference"),
            "The key it is signed with, by reference.",
            required=True,
        ),
    },
)
_DESTINATIONS = {
    "slack": Key(
        Either(scalar=SLACK, sequence=ListOf(SLACK_PERSON, 1)),
        "A channel or a person; a list: one group message to up to seven people.",
    ),
    "mail": Key(ListOf(EMAIL, 1), "Addresses."),
}
ASK_WHERE = Record(
    "ask_where",
    "Where a decision is asked for.",
    {
        **_DESTINATIONS,
        "timeout": Key(
            Length(),
            "The next is asked when nobody answered for so long; after the last the request expires.",
            default="never",
        ),
    },
)
TELL_WHERE = Record(
    "tell_where",
    "Who is told of what happens, beside the requester and those who decide.",
    {
        **_DESTINATIONS,
        "webhook": Key(WEBHOOK, "A program."),
        "events": Key(ListOf(Choice(NOTICES), 1), "Of which events.", default="all"),
    },
)
NOTIFY = Record(
    "notify",
    "Who is told of a flow's requests, and where.",
    {
        "ask": Key(
            ListOf(ASK_WHERE, 1),
            "Tried in order: the next when one cannot be reached, or does not answer in time.",
            default="each person who may decide",
        ),
        "tell": Key(ListOf(TELL_WHERE, 1), "Told of events.", default="nobody else"),
    },
)
FLOW = Record(
    "flow",
    "What a person picks: a form, what may be given through it, and who decides.",
    {
        "label": Key(LABEL, "As people see it.", default="from the name"),
        "organizations": Key(
            Either(scalar=Choice(("all",)), sequence=ListOf(NAME, 1)),
            "The organizations it reaches.",
            default="those of its strategies; all, when `targets` are given",
        ),
        "strategies": Key(ListOf(LONG_NAME, 1), "The strategies it offers (long form)."),
        "targets": Key(
            Either(sequence=ListOf(LONG_NAME, 1), mapping=MapOf(TARGET, NAME)),
            "Targets it offers: names, or targets of its own in each of its organizations.",
            default="every target of its organizations or strategies; none: approval only",
        ),
        "fields": Key(MapOf(FIELD, NAME), "The form, in order."),
        "decide": Key(DECIDE, "Who may ask and who decides.", default="members ask, admins decide"),
        "environment": Key(NAME, "The environment whose integrations its code uses."),
        "implementation": Key(PYTHON, "The flow's code. With `decide` it can only narrow."),
        "vars": Key(STRINGS, "Values for the code, as text."),
        "hosts": Key(
            ListOf(HOST), "What the code may connect to: `name` or `name:port` (443).", default="nothing"
        ),
        "allowed_sources": Key(
            ListOf(Choice(SOURCES)),
            "From where it can be used: `slack`, `api` (everything else). An empty list: nowhere.",
            default="everywhere",
        ),
        "schedule_deescalation": Key(
            Flag(),
            "false: no length is asked; access ends by hand, at the latest at the organization's `max_duration`.",
            default="true",
        ),
        "allow_revoke": Key(Flag(), "Whether requester and approvers can end access early.", default="true"),
        "include_decision_message": Key(
            Flag(), "Whether approvers are asked for a message.", default="false"
        ),
        "allow_guest_interaction": Key(Flag(), "Whether guests may press buttons.", default="false"),
        "notify": Key(NOTIFY, "Where decisions are asked for, and who else is told."),
        "additional_header_text": Key(Text(says="Slack markdown", most=3000), "Shown above the form."),
        "end_sessions": END_SESSIONS,
    },
)
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
        "field_bindings": _BIND,
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
ESTATE = Record(
    "estate",
    "A gatepass estate. It may be spread over several YAML files of one directory.",
    {
        "gatepass": Key(Whole(VERSION, VERSION), "The version of this format. In at least one file."),
        "people": Key(MapOf(PERSON, PERSON_ID), "Who asks and decides, by stable id."),
        "organizations": Key(MapOf(ORGANIZATION, NAME), "The AWS Organizations, by name."),
        "flows": Key(MapOf(FLOW, NAME), "What people can pick, by name."),
        "environments": Key(MapOf(ENVIRONMENT, NAME), "Long form: environments by name."),
        "integrations": Key(MapOf(INTEGRATION, LONG_NAME), "Long form: integrations by name."),
        "targets": Key(MapOf(ENTITY_TARGET, LONG_NAME), "Long form: targets by name."),
        "strategies": Key(MapOf(STRATEGY, LONG_NAME), "Long form: strategies by name."),
        "teams": Key(
            Text(says="a directory within the estate", pattern=r"(?!/)[\w./-]+", code="teams_path"),
            "Where the standing trust between teams, roles and accounts is declared; read by `gatepass teams`.",
        ),
    },
)


def json_schema() -> Json:
    """The JSON schema (2020-12) of one estate file, from which editors complete and check."""
    named: dict[str, Json] = {}
    root = ESTATE.schema(named)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gatepass estate, format {VERSION}",
        **root,
        "$defs": dict(sorted(named.items())),
    }

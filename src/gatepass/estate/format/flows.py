"""How flows are written: the form, who asks, who decides."""

from __future__ import annotations

from gatepass.estate.fields import FIELD_TYPES, MAX_LENGTH
from gatepass.estate.format.notify import NOTIFY
from gatepass.estate.format.organizations import TARGET
from gatepass.estate.format.shape import (
    Anything,
    Choice,
    Either,
    Flag,
    Key,
    Length,
    ListOf,
    MapOf,
    Record,
    Text,
    Whole,
)
from gatepass.estate.format.words import (
    END_SESSIONS,
    GROUP,
    HOST,
    LABEL,
    LONG_NAME,
    MAX_DURATION,
    NAME,
    PERSON_ID,
    PYTHON,
    STRINGS,
)
from gatepass.estate.model import ROLES, SOURCES

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

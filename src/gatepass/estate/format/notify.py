"""How it is written who is told, and where."""

from __future__ import annotations

from gatepass.estate.format.shape import Choice, Either, Key, Length, ListOf, Record, Text
from gatepass.estate.format.words import EMAIL
from gatepass.estate.notify import NOTICES

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
DESTINATIONS = {
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
        **DESTINATIONS,
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
        **DESTINATIONS,
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

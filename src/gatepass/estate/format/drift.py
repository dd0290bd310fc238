"""How it is written that the standing trust is watched."""

from __future__ import annotations

from gatepass.estate.format.notify import DESTINATIONS, WEBHOOK
from gatepass.estate.format.shape import Key, Length, ListOf, Record, Text

DRIFT_WHERE = Record(
    "drift_where",
    "Who is told of drift.",
    {**DESTINATIONS, "webhook": Key(WEBHOOK, "A program.")},
)
DRIFT = Record(
    "drift",
    "How often AWS is compared with the teams declared in the folder `teams/`, and who is told (docs/teams.md).",
    {
        "every": Key(Length(), "Between two looks, 5m or more.", required=True),
        "notify": Key(ListOf(DRIFT_WHERE, 1), "Who is told of news.", default="whoever is told of alarms"),
        "enter_by": Key(
            Text(says="the name of a role", pattern=r"[\w+=,.@/-]{1,64}", code="role_name"),
            "The role by which accounts are entered.",
            default="the declaration's `apply_role`",
        ),
        "managed_by": Key(
            Text(says="a name", most=128),
            "What the tag `gatepass:managed` says, as for `gatepass teams plan`.",
            default="the organizations' names",
        ),
        "acknowledge": Key(ListOf(Text(says="the id of a lint"), 1), "Lints of level error that are meant."),
        "context": Key(
            Text(
                says="a path within the estate, below teams/", pattern=r"teams/[^\x00-\x1f\\]*", code="path"
            ),
            "For Atmos stacks: the file that `--context` names.",
        ),
    },
)

"""The format of an estate, as data: what may be written where, and what it means.

Reading, the published JSON schema and the reference in docs/estate.md all come from this page and its `format_*`.
"""

from __future__ import annotations

from gatepass.estate.format.drift import DRIFT
from gatepass.estate.format.entities import ENTITY_TARGET, ENVIRONMENT, INTEGRATION, STRATEGY
from gatepass.estate.format.flows import FLOW
from gatepass.estate.format.organizations import ORGANIZATION
from gatepass.estate.format.shape import Choice, Flag, Json, Key, ListOf, MapOf, Record, Text, Whole
from gatepass.estate.format.words import EMAIL, GROUP, LABEL, LONG_NAME, NAME, PERSON_ID
from gatepass.estate.model import ROLES

VERSION = 1
"""Of this format."""

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
        "drift": Key(DRIFT, "The server compares AWS with the folder `teams/`.", default="it does not"),
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

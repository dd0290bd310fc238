"""What is missing before Slack works: token, scopes, workspace, socket, channels, people. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from gatepass.estate.model import Estate
from gatepass.slack.manifest import NEEDED, SCOPES
from gatepass.slack.settings import SlackSettings

State = Literal["good", "missing", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    words: str
    advice: str = ""


def check(settings: SlackSettings, estate: Estate | None) -> list[Finding]:
    """Everything that could be looked at, in order; stops where Slack does not let us in."""
    web = WebClient(settings.bot_token, settings.base_url or WebClient.BASE_URL, 10)
    try:
        answer = web.auth_test()
    except (SlackApiError, SlackClientError, OSError) as problem:
        why = problem.response["error"] if isinstance(problem, SlackApiError) else str(problem)
        return [
            Finding(
                "token", "missing", f"Slack does not accept it: {why}", "copy the bot token (xoxb-) again"
            )
        ]
    team = str(answer["team_id"])
    found = [Finding("token", "good", f"{answer['user']} in {answer['team']}")]
    if team == settings.team:
        found.append(Finding("workspace", "good", team))
    else:
        words = f"the token is of {team}, and GATEPASS_SLACK_TEAM says {settings.team}"
        found.append(Finding("workspace", "missing", words, f"set GATEPASS_SLACK_TEAM={team}"))
    found += _scopes(str(answer.headers.get("x-oauth-scopes", "")))
    found.append(_entrance(settings))
    if estate is not None:
        found += _channels(web, estate)
        found.append(_people(estate, settings.team))
    return found


def _scopes(granted: str) -> Iterator[Finding]:
    if not granted:
        yield Finding("scopes", "note", "Slack did not say which scopes the token has")
        return
    have = {each.strip() for each in granted.split(",")}
    for scope, use in SCOPES.items():
        if scope not in have:
            state: State = "missing" if scope in NEEDED else "note"
            yield Finding(
                f"scope {scope}", state, f"not granted; it is for: {use}", "add it and install the app again"
            )


def _entrance(settings: SlackSettings) -> Finding:
    if not settings.app_token:
        words = "interactions come over HTTP to /slack/events, checked by the signing secret"
        return Finding("entrance", "good", words)
    web = WebClient(settings.app_token, settings.base_url or WebClient.BASE_URL, 10)
    try:
        web.apps_connections_open(app_token=settings.app_token)
    except (SlackApiError, SlackClientError, OSError) as problem:
        return Finding(
            "socket mode",
            "missing",
            f"no connection: {problem}",
            "make an app-level token with connections:write",
        )
    return Finding("socket mode", "good", "a connection can be opened")


def _channels(web: WebClient, estate: Estate) -> Iterator[Finding]:
    reaches = [r for flow in estate.flows.values() for r in (*flow.notify.ask, *flow.notify.tell)]
    named = sorted({name for reach in reaches for name in reach.slack if name[:1] in "#CG"})
    if not named:
        return
    try:
        member = _joined(web)
    except (SlackApiError, SlackClientError, OSError) as problem:
        yield Finding(
            "channels", "note", f"could not be listed: {problem}", "needs channels:read and groups:read"
        )
        return
    for name in named:
        if member.get(name.lstrip("#")):
            yield Finding(f"channel {name}", "good", "the app is in it")
        else:
            yield Finding(
                f"channel {name}",
                "missing",
                "the app is not in it",
                f"invite it: /invite @gatepass in {name}",
            )


def _joined(web: WebClient) -> dict[str, bool]:
    found: dict[str, bool] = {}
    cursor = ""
    while True:
        page = web.conversations_list(limit=200, cursor=cursor, types="public_channel,private_channel")
        for each in page["channels"]:
            found[each["name"]] = found[each["id"]] = bool(each.get("is_member"))
        cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            return found


def _people(estate: Estate, team: str) -> Finding:
    active = [p for p in estate.people.values() if p.active]
    linked = sum(1 for p in active if p.identity("slack", team) is not None)
    words = f"{linked} of {len(active)} have an identity of {team} in the estate"
    advice = (
        "add `identities: {slack: {TEAM: USER}}`, or run: gatepass people identity PERSON slack TEAM USER"
    )
    return Finding(
        "people", "good" if linked == len(active) else "note", words, "" if linked == len(active) else advice
    )

"""Who is it that pressed, typed or sent: workspace, kind of account, and the verified link to a person.

Never by profile e-mail, which a user or guest can change (security.md 24, I7). An error while looking is "no".
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any

from gatepass.clock import Clock
from gatepass.desk import Caller
from gatepass.errors import GatepassError
from gatepass.slack.client import SlackClient
from gatepass.slack.settings import SlackSettings
from gatepass.slack.sink import Links

log = logging.getLogger(__name__)

KNOWN_FOR = 60.0
"""Seconds for which the kind of an account is believed; links are read afresh each time (I8)."""


class TurnedAway(GatepassError):
    """Somebody of this workspace may not use gatepass; the words are for them."""

    code = "slack_visitor"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody known, at the desk through Slack."""

    user: str
    person: str
    guest: bool
    """A guest of the workspace: may press buttons where the flow allows it, and never asks."""

    @property
    def caller(self) -> Caller:
        return Caller(self.person, "slack")


class Visitors:
    """Lets people in. Thread-safe."""

    def __init__(self, settings: SlackSettings, slack: SlackClient, links: Links, clock: Clock) -> None:
        self._settings = settings
        self._slack = slack
        self._links = links
        self._clock = clock
        self._lock = threading.Lock()
        self._profiles: dict[str, tuple[float, dict[str, Any]]] = {}

    def visitor(self, body: dict[str, Any]) -> Visitor:
        """Who sent this interaction or command. Raises `TurnedAway` with what to do, for them to read."""
        user, team = _sender(body)
        try:
            return self._admit(user, team, body)
        except TurnedAway as refused:
            log.warning("slack: %s of %s was turned away: %s", user, team, refused.message)
            raise

    def _admit(self, user: str, team: str, body: dict[str, Any]) -> Visitor:
        if not self._ours(team, body):
            raise TurnedAway("gatepass does not belong to this workspace")
        profile = self._profile(user)
        if profile.get("is_bot") or profile.get("deleted") or user == "USLACKBOT":
            raise TurnedAway("gatepass answers people only")
        if profile.get("is_stranger") or not self._of_us(profile, body):
            raise TurnedAway("you come from another organization's workspace", advice="ask from your own")
        person = self._links.person(self._settings.team, user)
        if person is None:
            words = f"your Slack user {user} is not linked to a person of gatepass"
            how = f"gatepass people identity YOU slack {self._settings.team} {user}"
            raise TurnedAway(words, advice=f"an admin links you with: {how}")
        return Visitor(user, person, bool(profile.get("is_restricted") or profile.get("is_ultra_restricted")))

    def _ours(self, team: str, body: dict[str, Any]) -> bool:
        enterprise = (body.get("enterprise") or {}).get("id") or body.get("enterprise_id") or ""
        if enterprise and self._settings.enterprise and enterprise != self._settings.enterprise:
            return False
        return team == self._settings.team or (
            not team and bool(enterprise) and enterprise == self._settings.enterprise
        )

    def _of_us(self, profile: dict[str, Any], body: dict[str, Any]) -> bool:
        own = self._settings.team
        sent_as = (body.get("user") or {}).get("team_id", own) if isinstance(body.get("user"), dict) else own
        grid = (profile.get("enterprise_user") or {}).get("teams", [])
        return sent_as == own and (profile.get("team_id", own) == own or own in grid)

    def _profile(self, user: str) -> dict[str, Any]:
        now = self._clock.monotonic()
        with self._lock:
            at, known = self._profiles.get(user, (0.0, {}))
        if known and now - at < KNOWN_FOR:
            return known
        try:
            found = dict(self._slack.call("users_info", user=user)["user"])
        except GatepassError as problem:
            raise TurnedAway("your Slack account could not be checked", advice="try again") from problem
        with self._lock:
            if len(self._profiles) > 10_000:
                self._profiles.clear()
            self._profiles[user] = (now, found)
        return found


def _sender(body: dict[str, Any]) -> tuple[str, str]:
    """User and workspace of an interaction (objects) or of a command (flat)."""
    if "user_id" in body:
        return str(body["user_id"]), str(body.get("team_id") or "")
    user, team = body.get("user") or {}, body.get("team") or {}
    return str(user.get("id", "")), str(team.get("id", ""))

"""Slack as a story sees it: modals filled in and buttons pressed in the fake workspace, words read back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.stories.faces import Step, Went
from tests.unit.slack.slack_lab import TEAM, SlackLab

from gatepass.desk import Caller
from gatepass.estate.durations import parse_duration

CLEO = Caller("cleo", "story")
REASONS = {
    "is_requester": "somebody else has to decide",
    "answered": "you have answered this request already",
    "not_open": r"request \w+ is \w+",
    "bad_fields": "does not|not one of|allowed:",
    "not_found": "offers you no|[Tt]here is no",
}
"""What a person reads for each reason of a refusal."""


class SlackFace:
    """Modals, buttons and the words that come back."""

    def __init__(self, office: SlackLab) -> None:
        self._office = office
        self._slack = office.slack
        office.whole.parts.office.store_identity(CLEO, "eve", "slack", TEAM, "U0EVE")

    def do(self, step: Step, request: str) -> Went:
        who = {"eve": "U0EVE"}.get(str(step["by"]), str(step["by"]))
        if step["do"] == "ask":
            return self._ask(who, step)
        words = self._press(who, step, request)
        return self._refused(step, request, words) if ":warning:" in words else Went(request)

    def _refused(self, step: Step, request: str, words: str) -> Went:
        wanted = str(step.get("refused", ""))
        right = wanted in REASONS and re.search(REASONS[wanted], words)
        return Went(request, refused=wanted if right else words)

    def _ask(self, who: str, step: Step) -> Went:
        view = self._office.open(who, "req aws-access")
        if not any(block["type"] == "input" for block in view["blocks"]):
            return self._refused(step, "", json.dumps(view))
        hands, target = self._office.hands(who), str(step["target"])
        offered = json.dumps(view["blocks"])
        if target in offered and "target_id" in offered:
            revision = view["revision"]
            hands.choose(view, "target_id", target)
            self._slack.wait_for(lambda: self._slack.views[view["id"]]["revision"] > revision)
        values = {"target_id": target, "reason": "story", "duration": _seconds(step)}
        answer = json.dumps(hands.submit(view, values))
        made = re.search(r"`(r[a-z0-9]{12})`", answer)
        return Went(made.group(1)) if made else self._refused(step, "", answer)

    def _press(self, who: str, step: Step, request: str) -> str:
        shown = self._office.whole.parts.desk.show(CLEO, request).request
        value, card = f"{request}:{shown.version}", self._office.card()
        hands, word = self._office.hands(who), str(step["do"])
        if word == "deny" or (word == "approve" and "for" in step):
            action = "deny" if word == "deny" else "approve_less"
            view = self._opened(lambda: hands.click(card, f"gatepass:{action}", value))
            values = {"message": step.get("message")} if word == "deny" else {"for": _seconds(step)}
            return self._office.told_after(who, lambda: hands.submit(view, values))
        if word == "extend":
            before = set(self._slack.views)
            hands.click(card, "gatepass:extend", value)
            view = self._office.modal_after(before)
            hands.submit(view, {"by": _seconds(step)})
            self._slack.wait_for(lambda: "Sending" not in json.dumps(self._slack.views[view["id"]]["title"]))
            return json.dumps(self._slack.views[view["id"]]["blocks"])
        action = {"revoke": "end"}.get(word, word)
        return self._office.told_after(who, lambda: hands.click(card, f"gatepass:{action}", value))

    def _opened(self, act: Callable[[], object]) -> dict[str, Any]:
        before = set(self._slack.views)
        act()
        self._slack.wait_for(lambda: set(self._slack.views) - before)
        found: dict[str, Any] = self._slack.views[(set(self._slack.views) - before).pop()]
        return found


def _seconds(step: Step) -> str:
    length = parse_duration(str(step["for"]))
    assert length is not None
    return str(int(length.total_seconds()))

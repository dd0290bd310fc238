"""What a person sees in a modal: opened at once, while Slack's trigger lives, and filled when there is something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from gatepass.clock import Clock
from gatepass.engine.ports import TryLater
from gatepass.errors import GatepassError
from gatepass.slack.client import SlackClient, SlackFault
from gatepass.slack.elements import message
from gatepass.slack.forms import Form, form_view
from gatepass.slack.modals import problem_view
from gatepass.slack.text import Block
from gatepass.slack.visitors import Visitor, Visitors

LONGEST_WAIT = 30.0
"""Seconds that a call for a person waits when Slack asks for a pause; then it is given up."""
_OVERTAKEN = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between tries to show something in a view that an acknowledgement has yet to make."""
LOADING = message("gatepass", ":hourglass_flowing_sand: One moment…")
OURS = GatepassError("something went wrong in gatepass", advice="try again; its log says what it was")
Body = dict[str, Any]
Work = Callable[[Visitor], Block | Form]


class Screens:
    """Opens and changes modals. Thread-safe."""

    def __init__(
        self, slack: SlackClient, visitors: Visitors, clock: Clock, remember: Callable[[str, Form], None]
    ) -> None:
        self._slack, self._visitors, self._clock = slack, visitors, clock
        self._remember = remember
        """Keeps the form that a view shows, for what its person chooses next."""

    def open(self, body: Body, work: Work) -> None:
        """A new modal, empty at first: the trigger dies within three seconds, whatever `work` takes."""
        opened = self.call("views_open", trigger_id=body["trigger_id"], view=LOADING)["view"]
        self.show(str(opened["id"]), body, work)

    def show(self, view_id: str, body: Body, work: Work, mark: str = "") -> None:
        """What `work` makes for who did this, or what is wrong. An error that is not the person's is raised on."""
        try:
            shown = work(self._visitors.visitor(body))
        except GatepassError as problem:
            shown = problem_view(problem)
        except Exception:
            self.put(view_id, problem_view(OURS), mark)
            raise
        self.put(view_id, shown, mark)

    def put(self, view_id: str, shown: Block | Form, mark: str = "") -> None:
        """Show it. `mark`: the external id that the acknowledgement gave the view; until Slack knows it, what we
        show would be overwritten by the acknowledgement that it overtook."""
        if isinstance(shown, Form):
            self._remember(view_id, shown)
            shown = form_view(shown)
        if not mark:
            self.call("views_update", view_id=view_id, view=shown)
            return
        for pause in _OVERTAKEN:
            try:
                self.call("views_update", external_id=mark, view=shown)
                return
            except SlackFault as fault:
                if fault.error != "not_found":
                    raise
            threading.Event().wait(pause)
        raise SlackFault("views_update", "the acknowledgement's view did not appear")

    def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """A call for a person who waits: one pause that Slack asks for is kept, then it is tried once more."""
        try:
            return self._slack.call(method, **arguments)
        except TryLater as later:
            self._clock.sleep(min(later.after.total_seconds(), LONGEST_WAIT))
            return self._slack.call(method, **arguments)

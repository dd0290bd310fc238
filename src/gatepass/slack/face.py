"""The Slack face: every interaction is acknowledged at once; what it asks for is done afterwards, in pools.

Two pools: what may run implementer code cannot hold up decisions (S3). HTTP and Socket Mode share the listeners.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import timedelta
from typing import Any

from slack_bolt import Ack, App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from gatepass.clock import Clock
from gatepass.desk import BadAsk, Desk
from gatepass.errors import GatepassError
from gatepass.notify.words import plain
from gatepass.slack import forms
from gatepass.slack.asking import Asking, errors
from gatepass.slack.client import SlackClient, SlackFault
from gatepass.slack.deciding import Answers, Memory, Pressed, press_key
from gatepass.slack.elements import CHANGE, FIELD, matching, message
from gatepass.slack.filled import read_state
from gatepass.slack.forms import Form
from gatepass.slack.modals import ANSWER, MORE, answer_view, problem_view
from gatepass.slack.screens import LOADING, OURS, Body, Screens, Work
from gatepass.slack.settings import SlackSettings
from gatepass.slack.sink import Links
from gatepass.slack.text import Block, escape, section
from gatepass.slack.visitors import Visitor, Visitors

log = logging.getLogger(__name__)

SHORTCUT = "gatepass_request"
_SENDING = message("Sending", ":hourglass_flowing_sand: Your request is being checked…")
_HELP = """*{command} req [flow]*  ask for access
*{command} mine*  what you hold and wait for
*{command} whoami*  who gatepass takes you for
*{command} help*  this"""


class SlackFace:
    """One workspace's face. `app` is the Bolt application; `close` ends the pools."""

    def __init__(
        self,
        settings: SlackSettings,
        desk: Desk,
        slack: SlackClient,
        links: Links,
        memory: Memory,
        clock: Clock,
        *,
        threads: int = 16,
    ) -> None:
        self.settings = settings
        self._asking = Asking(desk)
        self._answers = Answers(desk, memory, clock)
        self._visitors = Visitors(settings, slack, links, clock)
        self._screens = Screens(slack, self._visitors, clock, self._asking.remember)
        self._forms = ThreadPoolExecutor(threads, thread_name_prefix="slack-forms")
        self._acts = ThreadPoolExecutor(threads, thread_name_prefix="slack-acts")
        self._listeners = ThreadPoolExecutor(2 * threads, thread_name_prefix="slack-listen")
        self.app = self._build()

    def close(self) -> None:
        """Finish what was begun; take nothing more."""
        for pool in (self._listeners, self._forms, self._acts):
            pool.shutdown(wait=True, cancel_futures=True)

    def _build(self) -> App:
        def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
            """Nothing is asked of Slack here: an acknowledgement waits for nobody. Visitors are checked later."""
            return AuthorizeResult(
                enterprise_id=enterprise_id,
                team_id=team_id,
                bot_token=self.settings.bot_token,
                bot_id="B0",
                bot_user_id="U0",
            )

        app = App(
            name="gatepass",
            authorize=authorize,
            signing_secret=self.settings.signing_secret or "socket mode",
            request_verification_enabled=False,  # `http.verify` did it, over the raw body, with our clock
            client=WebClient(base_url=self.settings.base_url or WebClient.BASE_URL),
            listener_executor=self._listeners,
            logger=logging.getLogger("gatepass.slack.bolt"),
        )
        app.command(self.settings.command)(self.on_command)
        app.global_shortcut(SHORTCUT)(self.on_shortcut)
        app.action(re.compile(f"^{CHANGE}"))(self.on_change)
        app.action("gatepass:extend")(self.on_extend)
        app.action(re.compile("^gatepass:(deny|approve_with|approve_less)$"))(self.on_message_wanted)
        app.action(re.compile("^gatepass:"))(self.on_press)
        app.action(re.compile(".*"))(_ignore)
        app.options(re.compile(".*"))(self.on_options)
        app.view(forms.CHOOSER)(self.on_chosen)
        app.view(forms.FORM)(self.on_form)
        app.view(ANSWER)(self.on_answer)
        app.view(MORE)(self.on_more)
        return app

    # -- words and shortcuts

    def on_command(self, ack: Ack, body: Body) -> None:
        word, _, rest = str(body.get("text") or "").strip().partition(" ")
        match word.casefold():
            case "req" | "request":
                ack()
                self._open(body, lambda visitor: self._asking.begin(visitor, rest.strip()))
            case "mine":
                ack()
                self._open(body, self._answers.mine)
            case "whoami":
                ack()
                self._open(body, lambda visitor: self._answers.whoami(visitor, self.settings.team))
            case _:
                ack(response_type="ephemeral", text=_HELP.format(command=self.settings.command))

    def on_shortcut(self, ack: Ack, body: Body) -> None:
        ack()
        self._open(body, lambda visitor: self._asking.begin(visitor, ""))

    def _open(self, body: Body, work: Work) -> None:
        """A modal at once, while the trigger lives; what it shows, when it is there."""
        self._forms.submit(self._guarded, self._screens.open, body, work)

    # -- forms

    def on_chosen(self, ack: Ack, body: Body, view: Body) -> None:
        flow = str(read_state(view).get("flow", ""))
        mark = _marked(ack, LOADING)
        self._later(self._forms, body, view, lambda visitor: self._asking.form(visitor, flow), mark)

    def on_change(self, ack: Ack, body: Body) -> None:
        ack()
        view, action = body["view"], body["actions"][0]
        name = str(action["action_id"]).removeprefix(CHANGE)
        self._later(self._forms, body, view, lambda visitor: self._asking.changed(visitor, view, name))

    def on_options(self, ack: Ack, body: Body) -> None:
        """Type-ahead: from the form that was opened; read again, within the time there is, when that is forgotten."""
        name = re.sub(f"^({FIELD}|{CHANGE})", "", str(body.get("action_id", "")))
        form = self._asking.remembered(str((body.get("view") or {}).get("id", "")))
        if form is None:
            form = self._within(self._forms.submit(self._read_again, body))
        ack(options=_options(form, name, str(body.get("value") or "")) if form is not None else [])

    def _read_again(self, body: Body) -> Form:
        form = self._asking.again(self._visitors.visitor(body), body["view"])
        self._asking.remember(str(body["view"]["id"]), form)
        return form

    def on_form(self, ack: Ack, body: Body, view: Body) -> None:
        """With the acknowledgement when it is quick, native errors included; in the modal afterwards when it is not."""
        work = self._forms.submit(lambda: self._asking.send(self._visitors.visitor(body), view))
        try:
            sent = work.result(self.settings.patience)
        except NotYet:
            mark = _marked(ack, _SENDING)
            self._acts.submit(self._guarded, self._finish, body, view, work, mark)
        except BadAsk as bad:
            ack(response_action="errors", errors=errors(view, bad))
        except GatepassError as problem:
            ack(response_action="update", view=problem_view(problem))
        except Exception:  # the face's outer edge: the person is told, the log has it
            log.exception("slack: a submission broke off")
            ack(response_action="update", view=problem_view(OURS))
        else:
            ack(response_action="update", view=sent)

    def _finish(self, body: Body, view: Body, work: Future[Block], mark: str) -> None:
        shown: Block | Form
        try:
            shown = work.result()
        except BadAsk as bad:
            shown = self._asking.with_faults(self._visitors.visitor(body), view, bad)
        except GatepassError as problem:
            shown = problem_view(problem)
        except Exception:
            self._screens.put(str(view["id"]), problem_view(OURS), mark)
            raise
        self._screens.put(str(view["id"]), shown, mark)

    # -- buttons

    def on_press(self, ack: Ack, body: Body) -> None:
        ack()
        pressed = _pressed(body)
        self._tell(body, lambda visitor: self._answers.press(visitor, pressed))

    def on_message_wanted(self, ack: Ack, body: Body) -> None:
        ack()
        pressed = _pressed(body)
        view = answer_view(pressed.action, pressed.value, pressed.where)
        trigger = body["trigger_id"]
        self._acts.submit(self._guarded, self._screens.call, "views_open", trigger_id=trigger, view=view)

    def on_extend(self, ack: Ack, body: Body) -> None:
        ack()
        value = str(body["actions"][0].get("value", ""))
        if (body.get("container") or {}).get("type") == "view":
            self._later(self._acts, body, body["view"], lambda visitor: self._answers.more(visitor, value))
            return
        self._open(body, lambda visitor: self._answers.more(visitor, value))

    def on_answer(self, ack: Ack, body: Body, view: Body) -> None:
        ack()
        meta = json.loads(view["private_metadata"])
        state = read_state(view)
        text, seconds = str(state.get("message", "")), str(state.get("for", ""))
        lasts = timedelta(seconds=int(seconds)) if seconds.isdecimal() else None
        pressed = Pressed(str(meta["a"]), str(meta["v"]), str(meta["w"]), str(view["id"]))
        self._tell(body, lambda visitor: self._answers.press(visitor, pressed, text, lasts), pressed.where)

    def on_more(self, ack: Ack, body: Body, view: Body) -> None:
        by = str(read_state(view).get("by", ""))
        seconds = int(by) if by.isdecimal() else 0
        mark = _marked(ack, _SENDING)
        pressed = Pressed("extend", str(json.loads(view["private_metadata"])["v"]), "", str(view["id"]))

        def extend(visitor: Visitor) -> Block:
            return message("More time", self._answers.extend(visitor, pressed, seconds))

        self._later(self._acts, body, view, extend, mark)

    # -- afterwards

    def _later(
        self,
        pool: ThreadPoolExecutor,
        body: Body,
        view: Body,
        work: Work,
        mark: str = "",
    ) -> None:
        pool.submit(self._guarded, self._screens.show, str(view["id"]), body, work, mark)

    def _tell(self, body: Body, work: Callable[[Visitor], str], where: str = "") -> None:
        self._acts.submit(self._guarded, self._tell_now, body, work, where)

    def _tell_now(self, body: Body, work: Callable[[Visitor], str], where: str) -> None:
        """Do it, and tell who pressed what came of it, where they pressed."""
        try:
            words = work(self._visitors.visitor(body))
        except GatepassError as problem:
            words = f":warning: {escape(plain(str(problem), 2500))}"
        container = body.get("container") or {}
        if not where and container.get("type") == "view":
            self._screens.show(str(container["view_id"]), body, lambda visitor: self._after(visitor, words))
            return
        user = str(body["user"]["id"])
        channel = where.partition(":")[0] or str(container.get("channel_id", ""))
        try:
            self._screens.call("chat_postEphemeral", channel=channel, user=user, text=words)
        except GatepassError:
            self._screens.call("chat_postMessage", channel=user, text=words)

    def _after(self, visitor: Visitor, words: str) -> Block:
        view = self._answers.mine(visitor)
        return {**view, "blocks": [section(words), *view["blocks"]][:100]}

    def _within(self, work: Future[Form]) -> Form | None:
        try:
            return work.result(self.settings.patience)
        except (NotYet, GatepassError):
            return None

    def _guarded(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        """The pools' outer edge: nothing is lost without a word in the log."""
        try:
            work(*arguments, **named)
        except SlackFault as fault:
            log.warning("slack: %s", fault)
        except GatepassError as problem:
            log.warning("slack: nobody could be told: %s", problem)
        except Exception:
            log.exception("slack: work after an acknowledgement broke off")


def _pressed(body: Body) -> Pressed:
    action, container = body["actions"][0], body.get("container") or {}
    ts = container.get("message_ts")
    where = f"{container.get('channel_id', '')}:{ts}" if ts else ""
    name = str(action["action_id"]).removeprefix("gatepass:")
    return Pressed(name, str(action.get("value", "")), where, press_key(body, action))


def _options(form: Form, name: str, query: str) -> list[Block]:
    if name == forms.TARGET:
        return matching(forms.target_options(form.offers), query)
    each = next((f for f in form.fields if f.name == name), None)
    choices = form.choices(each) if each is not None else None
    return matching(choices or (), query)


def _marked(ack: Ack, view: Block) -> str:
    """Acknowledge with this view, under a mark of its own."""
    mark = f"gatepass.{uuid.uuid4()}"
    ack(response_action="update", view={**view, "external_id": mark})
    return mark


def _ignore(ack: Ack) -> None:
    ack()

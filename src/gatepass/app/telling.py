"""Puts together who is told and how: routing, sinks, the Slack face. Everything here is off until it is configured."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

import httpx

from gatepass.app.alarms import alarm_ways
from gatepass.app.references import resolve
from gatepass.app.settings import Settings, SettingsError
from gatepass.app.slack_rows import SLACK, SlackRows
from gatepass.clock import Clock
from gatepass.desk import Book, Desk
from gatepass.desk.coding import About
from gatepass.engine.jobs.drift import CHANNEL as DRIFT
from gatepass.engine.ports import Notifier, TryLater, Undeliverable
from gatepass.errors import GatepassError, Unavailable
from gatepass.handlers import Ask, Unanswered
from gatepass.handlers.reading import Destination
from gatepass.notify import (
    CARD,
    AlarmTeller,
    Dispatcher,
    DriftNotifier,
    MailServer,
    MailSink,
    OutboxAnnouncer,
    Routing,
    Sink,
    WebhookSink,
)
from gatepass.notify.notice import TIMER
from gatepass.store import Message, Store, Tx, View

if TYPE_CHECKING:  # the extra `slack` is needed only where Slack is configured
    from gatepass.slack import SlackClient, SlackFace, SlackRoute, SlackSettings
    from gatepass.slack.socket import SlackSocket

log = logging.getLogger("gatepass.flows")
PAGE = "/requests/{id}"
SOON = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class CardsFirst:
    """Code that follows a step runs after the message about it was tried: it may reply in that message's thread."""

    store: Store
    code: Notifier

    def send(self, message: Message) -> str | None:
        """Run what follows; asked again in a moment while the step's own message has not been tried yet."""
        with self.store.read() as view:
            beside = [m for m in view.outbox.of_request(message.request) if m.made_at == message.made_at]
        if any(m.kind == CARD and m.sent_at is None and not m.tries and "step" in m.body for m in beside):
            raise TryLater("the message about this step goes first", SOON)
        return self.code.send(message)


@dataclass(frozen=True, slots=True)
class Telling:
    """What goes out, before there is a desk."""

    announcer: OutboxAnnouncer
    notifiers: Mapping[str, Notifier]
    """By the first word of a channel."""
    rows: SlackRows
    slack: SlackClient | None
    settings: SlackSettings | None
    web: httpx.Client = field(repr=False)
    alarms: AlarmTeller

    def functions(self, about: About) -> Mapping[str, Callable[[Ask], Any]]:
        """What a flow's code may ask of Slack (spec/sym.md 2.10); nothing where it is not configured."""
        if self.slack is None or self.settings is None:
            return {}
        from gatepass.slack.world import SlackWorld

        thread = self.rows.thread(about.request) if about.request is not None else None
        estate = about.version.estate
        return SlackWorld(self.slack, self.rows, self.settings.team, estate, thread).functions()

    def readers(self, about: About, places: tuple[Destination, ...]) -> frozenset[str]:
        """Fills the desk's `Readers`: who of the estate can read messages at these places now."""
        found: set[str] = set()
        for place in places:
            if place.kind == "person":
                people = (about.version.estate.person_by_email(name) for name in place.names)
                found |= {each.id for each in people if each is not None}
            elif self.slack is not None:
                found |= self.rows.linked(self._users(about, place))
        return frozenset(found)

    def _users(self, about: About, place: Destination) -> frozenset[str]:
        """The Slack users at one place. A place that is not there has no readers."""
        if place.kind == "slack_users":
            return frozenset(place.names)
        from gatepass.slack.world import SlackWorld

        assert self.slack is not None
        world = SlackWorld(self.slack, self.rows, self.rows.team, about.version.estate, None)
        try:
            return frozenset(user for name in place.names for user in world.members(name))
        except (Unanswered, Undeliverable) as nobody:
            log.warning("flow %s: nobody reads in %s: %s", about.flow.name, " ".join(place.names), nobody)
            return frozenset()
        except GatepassError as away:
            raise Unavailable(f"Slack does not say who reads in {' '.join(place.names)}: {away}") from away

    def face(self, desk: Desk, clock: Clock) -> Faces:
        """What comes in, once there is a desk."""
        if self.slack is None or self.settings is None:
            return Faces(None, None, None)
        from gatepass.slack import SlackFace, SlackRoute
        from gatepass.slack.socket import SlackSocket

        face = SlackFace(self.settings, desk, self.slack, self.rows, self.rows, clock)
        if self.settings.app_token:
            return Faces(face, None, SlackSocket(face, self.settings))
        store = self.rows.store
        route = SlackRoute(
            face.app, self.settings.signing_secret, clock, lambda key: store.first("slack delivery", key)
        )
        return Faces(face, route, None)


@dataclass(frozen=True, slots=True)
class Faces:
    """The Slack face with its way in: a route, or a socket; nothing where it is not configured."""

    slack: SlackFace | None
    route: SlackRoute | None
    socket: SlackSocket | None

    def close(self) -> None:
        for each in (self.socket, self.route, self.slack):
            if each is not None:
                each.close()


def telling(settings: Settings, store: Store, clock: Clock, book: Book) -> Telling:
    """The parts that tell, as the settings have them. Calls nobody. Raises `SettingsError`."""
    slack = slack_settings(settings)
    rows = SlackRows(store, book, slack.team if slack is not None else "")
    web = httpx.Client(follow_redirects=False)
    sinks: dict[str, Sink] = {"webhook": WebhookSink(_webhook_secret, web)}
    client, in_slack = None, None
    if slack is not None:
        from gatepass.slack import SlackClient, SlackSink

        client = SlackClient.of(slack.bot_token, clock, slack.base_url)
        sinks[SLACK] = sink = SlackSink(client, rows)
        in_slack = sink.say
    mail = _mail(settings)
    if mail is not None:
        sinks["mail"] = MailSink(mail)

    def routing(view: View | Tx) -> Routing:
        return Routing(frozenset(sinks), lambda person: rows.user_in(view, person), settings.slack_channel)

    page = settings.url + PAGE if settings.public_url else ""
    dispatcher = Dispatcher(store, clock, book, routing, sinks, page)
    alarms = AlarmTeller(alarm_ways(settings, client, mail, web, clock))
    drift = DriftNotifier(store, clock, book, alarms.say, in_slack, mail, web, _webhook_secret)
    notifiers: dict[str, Notifier] = {**dict.fromkeys((*sinks, TIMER), dispatcher), DRIFT: drift}
    announcer = OutboxAnnouncer(book, routing, settings.remind_after)
    return Telling(announcer, notifiers, rows, client, slack, web, alarms)


def slack_settings(settings: Settings) -> SlackSettings | None:
    """The Slack face's settings with its secrets looked up; None: it is off. Raises `SettingsError`, all at once."""
    if not settings.slack_bot_token:
        return None
    faults = []
    if not settings.slack_team:
        faults.append("GATEPASS_SLACK_TEAM: not set; allowed: the workspace's id, such as T012AB3CD")
    if not (settings.slack_signing_secret or settings.slack_app_token):
        faults.append(
            "one of GATEPASS_SLACK_SIGNING_SECRET (HTTP) and GATEPASS_SLACK_APP_TOKEN (Socket Mode) is needed"
        )
    if not settings.slack_command.startswith("/"):
        faults.append(f"GATEPASS_SLACK_COMMAND: found {settings.slack_command!r}; allowed: /name")
    if faults:
        raise SettingsError("Slack cannot be used: " + "; ".join(faults), advice="see docs/slack.md")

    def secret(reference: str, name: str) -> str:
        return resolve(reference, f"GATEPASS_{name}") if reference else ""

    if importlib.util.find_spec("slack_bolt") is None:
        raise SettingsError(
            "Slack is configured, and its packages are not installed", advice="pip install 'gatepass[slack]'"
        )
    from gatepass.slack.settings import SlackSettings

    return SlackSettings(
        bot_token=secret(settings.slack_bot_token, "SLACK_BOT_TOKEN"),
        team=settings.slack_team,
        signing_secret=secret(settings.slack_signing_secret, "SLACK_SIGNING_SECRET"),
        app_token=secret(settings.slack_app_token, "SLACK_APP_TOKEN"),
        enterprise=settings.slack_enterprise,
        command=settings.slack_command,
        base_url=settings.slack_url,
    )


def _webhook_secret(reference: str) -> str:
    return resolve(reference, "webhook secret")


def _mail(settings: Settings) -> MailServer | None:
    if not settings.smtp_host:
        return None
    if settings.smtp_tls not in ("starttls", "tls", "none"):
        raise SettingsError(f"GATEPASS_SMTP_TLS: found {settings.smtp_tls!r}; allowed: starttls, tls, none")
    if "@" not in settings.smtp_from:
        raise SettingsError("GATEPASS_SMTP_FROM: not set; allowed: the address mail comes from")
    password = resolve(settings.smtp_password, "GATEPASS_SMTP_PASSWORD") if settings.smtp_password else ""
    tls = cast(Literal["starttls", "tls", "none"], settings.smtp_tls)
    return MailServer(
        settings.smtp_host, settings.smtp_from, settings.smtp_port, tls, settings.smtp_user, password
    )

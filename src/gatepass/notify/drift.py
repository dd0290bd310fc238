"""Tells of drift: what the last look at all accounts found that nobody was told before (T-88).

A row of the outbox names the look and the destination; the words come from what the look found.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime

import httpx

from gatepass.clock import Clock, iso
from gatepass.desk import Book
from gatepass.engine.jobs.drift import CONCLUDE
from gatepass.engine.jobs.loop import CONCLUSION
from gatepass.engine.ports import Undeliverable
from gatepass.estate.model import Estate
from gatepass.estate.notify import Reach
from gatepass.notify.mail import MailServer, hand_over
from gatepass.notify.webhook import post
from gatepass.store import Message, Store
from gatepass.teams.drift.differences import Report, report_from, report_json
from gatepass.teams.drift.words import headline, news

log = logging.getLogger(__name__)
InSlack = Callable[[str, str], None]
"""Says words to a recipient as `routing` writes them, or raises."""


@dataclass(frozen=True, slots=True)
class DriftNotifier:
    """Fills the engine's `Notifier` for channels `drift:N/WAY` (a destination of the estate) and `drift:alarms`."""

    store: Store
    clock: Clock
    book: Book
    alarms: Callable[[str], None]
    """Says words to operators; hears too what could not reach whom it was for."""
    slack: InSlack | None
    mail: MailServer | None
    web: httpx.Client
    secret: Callable[[str], str]
    """A reference's key."""

    def send(self, message: Message) -> str | None:
        """Say it. A destination that is not there any more, or that never hears of it, leaves it to the alarms."""
        report, estate = self._found(message)
        words = "\n".join(news(report))
        number, _, way = message.channel.partition(":")[2].partition("/")
        if not way:
            log.warning("%s", words)
            self.alarms(words)
            return None
        told = estate.drift.notify if estate.drift is not None else ()
        try:
            if not number.isdigit() or int(number) >= len(told):
                raise Undeliverable(f"the estate has no destination {number}")
            self._say(message, told[int(number)], way, estate, report)
        except Undeliverable as nobody:
            self.alarms(f"{words}\n({nobody})")
            raise
        return None

    def _found(self, message: Message) -> tuple[Report, Estate]:
        with self.store.read() as view:
            job = view.jobs.job(message.request)
            items = {(item.phase, item.item): item for item in view.jobs.items(message.request)}
            found = items.get((CONCLUDE, CONCLUSION))
            if job is None or found is None or "report" not in found.result:
                raise Undeliverable(f"there is no look {message.request} any more")
            return report_from(found.result["report"]), self.book.at(view, int(job.input["estate"])).estate

    def _say(self, message: Message, reach: Reach, way: str, estate: Estate, report: Report) -> None:
        words = "\n".join(news(report))
        if way == "slack" and self.slack is not None:
            named = (f"@{name}" if name in estate.people else name for name in reach.slack)
            self.slack("+".join(named), words)
        elif way == "mail" and self.mail is not None:
            hand_over(self.mail, self._mail(message, self.mail.sender, reach, report, words))
        elif way == "webhook" and reach.webhook is not None:
            body = {"event": "drift", "at": iso(report.at), "text": words, "report": report_json(report)}
            text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
            delivery = f"{message.request}.{message.n}"
            post(
                self.web,
                reach.webhook.url,
                self.secret(reach.webhook.secret),
                delivery,
                self.clock.now(),
                text,
            )
        else:
            raise Undeliverable(f"{way} is not configured in this process")

    def _mail(self, message: Message, sender: str, reach: Reach, report: Report, words: str) -> EmailMessage:
        """One mail to all of a destination; the same `Message-ID` when it comes twice, one thread for all drift."""
        mail = EmailMessage()
        mail["From"], mail["To"] = sender, ", ".join(reach.mail)
        mail["Subject"] = f"[gatepass] {headline(report)}"
        mail["Date"] = format_datetime(self.clock.now())
        host = sender.rpartition("@")[2].strip(">") or "gatepass.invalid"
        mail["Message-ID"] = f"<{message.request}.{message.n}@{host}>"
        mail["References"] = f"<drift@{host}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(words)
        return mail

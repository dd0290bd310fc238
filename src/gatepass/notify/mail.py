"""The mail sink: plain text over SMTP. A link opens a page; nothing in a mail decides (security.md 18)."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

from gatepass.engine.ports import Undeliverable
from gatepass.errors import Unavailable
from gatepass.notify import words
from gatepass.notify.notice import Notice
from gatepass.notify.upto import events, ref, said_already

TIMEOUT = 10.0
"""Seconds for each step of the conversation."""
NEVER = range(500, 600)
"""Replies of a mail server that another try would get again (RFC 5321, 4.2.1)."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and in whose name."""

    host: str
    sender: str
    port: int = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class MailSink:
    """Sends notices as mail."""

    server: MailServer

    def send(self, notice: Notice) -> str | None:
        """Hand the mail over. May arrive twice, then with the same Message-ID."""
        if said_already(notice):
            return None
        mail = compose(notice, self.server.sender)
        hand_over(self.server, mail)
        return ref(notice, id=mail["Message-ID"])


def hand_over(server: MailServer, mail: EmailMessage) -> None:
    """Give a mail to the server. Raises `Undeliverable` (never again) or `Unavailable` (try again)."""
    try:
        with _connect(server) as connection:
            connection.send_message(mail)
    except smtplib.SMTPRecipientsRefused as refused:
        code, said = next(iter(refused.recipients.values()))
        _give_up_if(code, f"{mail['To']} is refused: {said!r}")
    except smtplib.SMTPResponseException as answered:
        _give_up_if(answered.smtp_code, f"the mail server said {answered.smtp_error!r}")
    except (smtplib.SMTPException, OSError) as problem:
        raise Unavailable(f"mail server {server.host}: {problem}") from problem


def _give_up_if(code: int, words: str) -> None:
    if code in NEVER and code != 530:  # 530: our own authentication, which an operator mends
        raise Undeliverable(words)
    raise Unavailable(words)


def _connect(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.tls == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=TIMEOUT, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
    if server.tls == "starttls":
        connection.starttls(context=context)
    if server.user:
        connection.login(server.user, server.password)
    return connection


def compose(notice: Notice, sender: str) -> EmailMessage:
    """The mail of a notice: the news in the subject, everything else below; one thread per request."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = notice.recipient
    mail["Subject"] = f"[gatepass] {' '.join(words.subject(notice).split())}"
    mail["Date"] = format_datetime(notice.now)
    host = sender.rpartition("@")[2].strip(">") or "gatepass.invalid"
    mail["Message-ID"] = f"<{notice.request.id}.{notice.message.n}@{host}>"
    mail["References"] = f"<{notice.request.id}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    happened = events(notice)
    before = [f"- {words.news(notice, each)}" for each in happened] if len(happened) > 1 else []
    mail.set_content(
        "\n".join([*(["Since the last message:", *before, ""] if before else []), words.text(notice)])
    )
    return mail

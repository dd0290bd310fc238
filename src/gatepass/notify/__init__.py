"""Tells people and programs what happens to requests: who, through which channel, in which words.

`OutboxAnnouncer` writes rows in the transaction of the change; `Dispatcher` sends them through sinks, at least once.
Below the faces, so that Slack says the same words as mail.
"""

from gatepass.notify.alarms import AlarmTeller, by_mail, by_webhook
from gatepass.notify.announcer import OutboxAnnouncer
from gatepass.notify.drift import DriftNotifier
from gatepass.notify.mail import MailServer, MailSink
from gatepass.notify.notice import CARD, EVENT, Notice, Sink, Sinks
from gatepass.notify.notifier import Dispatcher
from gatepass.notify.routing import Routing
from gatepass.notify.webhook import WebhookSink

__all__ = [
    "CARD",
    "EVENT",
    "AlarmTeller",
    "Dispatcher",
    "DriftNotifier",
    "MailServer",
    "MailSink",
    "Notice",
    "OutboxAnnouncer",
    "Routing",
    "Sink",
    "Sinks",
    "WebhookSink",
    "by_mail",
    "by_webhook",
]

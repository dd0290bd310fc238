"""How operators are told of alarms, as the settings have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx

from gatepass.app.references import resolve
from gatepass.app.settings import Settings, SettingsError
from gatepass.clock import Clock
from gatepass.notify import MailServer, by_mail, by_webhook

if TYPE_CHECKING:  # the extra `slack` is needed only where Slack is configured
    from gatepass.slack import SlackClient

Way = Callable[[str], None]


def alarm_ways(
    settings: Settings, slack: SlackClient | None, mail: MailServer | None, web: httpx.Client, clock: Clock
) -> dict[str, Way]:
    """How operators are told of alarms. Raises `SettingsError` for a way that cannot be gone, all at once."""
    faults = []
    ways: dict[str, Way] = {}
    if settings.alarm_slack and slack is None:
        faults.append("GATEPASS_ALARM_SLACK: Slack is not configured")
    elif settings.alarm_slack and slack is not None:
        ways["slack"] = _by_slack(slack, settings.alarm_slack)
    addresses = [each.strip() for each in settings.alarm_mail.split(",") if each.strip()]
    if addresses and mail is None:
        faults.append("GATEPASS_ALARM_MAIL: mail is not configured")
    elif mail is not None and addresses:
        ways["mail"] = by_mail(mail, addresses)
    if settings.alarm_webhook:
        secret = settings.alarm_webhook_secret
        if not settings.alarm_webhook.startswith("https://") or not secret:
            faults.append(
                "GATEPASS_ALARM_WEBHOOK: needs https and GATEPASS_ALARM_WEBHOOK_SECRET, a reference"
            )
        name = "GATEPASS_ALARM_WEBHOOK_SECRET"
        ways["webhook"] = by_webhook(settings.alarm_webhook, lambda: resolve(secret, name), web, clock)
    if faults:
        raise SettingsError(
            "nobody would hear of alarms: " + "; ".join(faults), advice="see docs/notifications.md"
        )
    return ways


def _by_slack(slack: SlackClient, channel: str) -> Way:
    from gatepass.slack.text import escape

    def say(words: str) -> None:
        slack.call("chat_postMessage", channel=channel, text=f":rotating_light: {escape(words)}")

    return say

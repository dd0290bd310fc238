"""Slack over Socket Mode: gatepass calls Slack, so nothing of it has to be reachable from outside."""

from __future__ import annotations

import logging

from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from gatepass.slack.face import SlackFace
from gatepass.slack.settings import SlackSettings

log = logging.getLogger(__name__)


class SlackSocket:
    """One connection, made anew when it breaks."""

    def __init__(self, face: SlackFace, settings: SlackSettings) -> None:
        self._handler = SocketModeHandler(face.app, settings.app_token)
        base = settings.base_url or WebClient.BASE_URL
        self._handler.client.web_client = WebClient(settings.app_token, base)

    def connect(self) -> None:
        """Connect and return; what comes is handled in threads of the SDK. A failure is in the log, not raised."""
        try:
            self._handler.connect()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        except (SlackClientError, OSError) as problem:
            log.warning("Socket Mode could not connect: %s; see: gatepass slack check", problem)

    def close(self) -> None:
        """Break the connection off."""
        self._handler.close()  # type: ignore[no-untyped-call]

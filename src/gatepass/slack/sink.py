"""The Slack sink: one message per request and destination, updated in place; replies in its thread; direct messages."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Protocol

from gatepass.engine.ports import Undeliverable
from gatepass.notify import words
from gatepass.notify.notice import CARD, Notice
from gatepass.notify.routing import DIRECT
from gatepass.notify.upto import events, read_ref, ref, said_already
from gatepass.slack import cards
from gatepass.slack.client import SlackClient, SlackFault
from gatepass.slack.text import MESSAGE_BLOCKS, Block, context, escape, fit

SILENT = frozenset({"pending", "changed"})
"""What the card itself says; everything else is a reply in its thread too."""
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class Links(Protocol):
    """Who is who: verified links between people of the estate and users of the workspace, never by e-mail."""

    def person(self, team: str, user: str) -> str | None:
        """The person's id; None: not linked, or linked to several."""
        ...

    def user(self, person: str) -> str | None:
        """The user's id in the workspace of this installation."""
        ...


@dataclass(frozen=True, slots=True)
class SlackSink:
    """Says notices in Slack."""

    slack: SlackClient
    links: Links

    def send(self, notice: Notice) -> str | None:
        """Say it and everything that waits behind it. May come twice: an update then changes nothing."""
        if said_already(notice):
            return None
        if notice.message.kind == CARD:
            return self._card(notice)
        channel = self._channel(notice.recipient)
        happened = events(notice)
        direct = notice.recipient.startswith(DIRECT)
        blocks = (cards.own_news if direct else cards.news)(notice, happened)
        posted = self._post(notice, channel, blocks)
        return ref(notice, channel=posted["channel"], ts=posted["ts"])

    def say(self, recipient: str, words: str) -> None:
        """Words that are about no request: in a channel, to a person (`@ana`) or several (`@ana+@ben`)."""
        text = fit(escape(words), 3000)
        self.slack.call("chat_postMessage", channel=self._channel(recipient), text=text, unfurl_links=False)

    def _card(self, notice: Notice) -> str:
        before = next((read_ref(m) for m in reversed(notice.history) if read_ref(m).get("ts")), None)
        if before is None and notice.request.final:
            posted = self._post(notice, self._channel(notice.recipient), cards.line(notice))
            return self._kept(notice, posted, "")
        blocks = cards.card(notice)
        digest = hashlib.sha256(json.dumps(blocks, sort_keys=True).encode()).hexdigest()
        if before is None:
            return self._kept(notice, self._post(notice, self._channel(notice.recipient), blocks), digest)
        posted = self._update(notice, before, blocks, digest)
        for event in events(notice):
            if event not in SILENT:
                self._reply(notice, posted, event)
        return self._kept(notice, posted, digest)

    def _kept(self, notice: Notice, posted: dict[str, Any], digest: str) -> str:
        """With the hash of the content that is shown now: what a click on this message answers to (I4)."""
        request = notice.request
        return ref(
            notice,
            channel=posted["channel"],
            ts=posted["ts"],
            version=request.version,
            hash=request.content_hash,
            digest=digest,
        )

    def _update(
        self, notice: Notice, before: dict[str, Any], blocks: list[Block], digest: str
    ) -> dict[str, Any]:
        if before.get("digest") == digest:
            return before
        try:
            self.slack.call(
                "chat_update",
                channel=before["channel"],
                ts=before["ts"],
                text=_fallback(notice),
                blocks=blocks[:MESSAGE_BLOCKS],
            )
        except SlackFault as fault:
            if fault.error not in GONE:
                raise
            return self._post(notice, before["channel"], blocks)
        return before

    def _reply(self, notice: Notice, posted: dict[str, Any], event: str) -> None:
        self.slack.call(
            "chat_postMessage",
            channel=posted["channel"],
            thread_ts=posted["ts"],
            text=fit(escape(words.news(notice, event)), 3000),
            blocks=[context(escape(words.news(notice, event)))],
            reply_broadcast=event == "reminder",
            unfurl_links=False,
        )

    def _post(self, notice: Notice, channel: str, blocks: list[Block]) -> dict[str, Any]:
        return self.slack.call(
            "chat_postMessage",
            channel=channel,
            text=_fallback(notice),
            blocks=blocks[:MESSAGE_BLOCKS],
            unfurl_links=False,
            unfurl_media=False,
        )

    def _channel(self, recipient: str) -> str:
        """Slack's name for a recipient; several people become a group message."""
        if recipient.startswith(DIRECT):
            return self._user(recipient.removeprefix(DIRECT))
        parts = recipient.split("+")
        if len(parts) == 1:
            return self._user(recipient[1:]) if recipient.startswith("@") else recipient
        found = [self.links.user(part[1:]) if part.startswith("@") else part for part in parts]
        users = [each for each in found if each is not None]
        if not users:
            raise Undeliverable(f"none of {recipient} is linked to a Slack user")
        opened = self.slack.call("conversations_open", users=",".join(users))
        return str(opened["channel"]["id"])

    def _user(self, person: str) -> str:
        user = self.links.user(person)
        if user is None:
            raise Undeliverable(
                f"{person} is not linked to a Slack user", advice="see docs/slack.md, identities"
            )
        return user


def _fallback(notice: Notice) -> str:
    """Every message has plain text: what a notification shows, and readers of screens."""
    return fit(escape(words.subject(notice)), 3000)

"""Modals beside the form: a message with an answer, more time, what came of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from gatepass.desk import Option
from gatepass.estate.fields import plain, shown
from gatepass.estate.model import Offer
from gatepass.notify import words as said
from gatepass.slack.elements import FIELD, field_input, message, modal, select
from gatepass.slack.forms import who_decides
from gatepass.slack.text import Block, context, escape, fit

ANSWER, MORE = "gatepass:answer", "gatepass:more"
"""What a modal is for, as it comes back with a submission."""
LENGTHS = tuple(timedelta(minutes=each) for each in (10, 15, 30, 60, 120, 240, 480))
"""What an approver may shorten to, and ask for beyond, as far as the request and its rule allow it."""


def answer_view(action: str, value: str, where: str) -> Block:
    """A message with a decision. Static: it opens while the trigger lives, whatever the database does."""
    verb = "Deny" if action == "deny" else "Approve"
    element = {
        "type": "plain_text_input",
        "action_id": FIELD + "message",
        "multiline": True,
        "max_length": 2000,
    }
    blocks = [field_input("message", "Message to the requester", element, optional=True)]
    if action == "approve_less":
        choices = [Option(str(plain(each)), shown(each)) for each in LENGTHS]
        blocks.insert(
            0, field_input("for", "For how long?", select("for", choices, many=False, action=FIELD))
        )
    metadata = json.dumps({"a": action, "v": value, "w": where})
    return modal(f"{verb} the request", blocks, verb, callback_id=ANSWER, private_metadata=metadata)


def more_view(value: str, lengths: Sequence[timedelta]) -> Block:
    """How much more time?"""
    if not lengths:
        return message("More time", "There is no more time to ask for.")
    choices = [Option(str(plain(each)), shown(each)) for each in lengths]
    blocks = [field_input("by", "How much longer?", select("by", choices, many=False, action=FIELD))]
    blocks.append(context("It is a new question to those who decide."))
    return modal("More time", blocks, "Ask", callback_id=MORE, private_metadata=json.dumps({"v": value}))


def sent_view(request_id: str, offer: Offer) -> Block:
    """It was sent."""
    text = (
        f":white_check_mark: Request `{request_id}` was sent.\nIt is decided by {escape(who_decides(offer))}."
    )
    return message("Sent", text)


def problem_view(problem: Exception) -> Block:
    """Something is wrong, in words for the person."""
    return message("gatepass", f":warning: {escape(fit(said.plain(str(problem), 2500), 2500))}")

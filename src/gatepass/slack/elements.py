"""Modals and their inputs within Slack's limits. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from gatepass.desk import Option
from gatepass.slack.text import (
    HINT,
    LABEL,
    OPTION_VALUE,
    OPTIONS,
    TITLE,
    VIEW_BLOCKS,
    Block,
    option,
    section,
    words,
)

FIELD, CHANGE = "field:", "change:"
"""Prefixes of action ids; fields of the second report each change."""


def modal(title: str, blocks: Sequence[Block], submit: str = "", **more: Any) -> Block:
    """A modal within Slack's limits."""
    view: Block = {
        "type": "modal",
        "title": words(title, TITLE),
        "close": words("Close", TITLE),
        "blocks": list(blocks)[:VIEW_BLOCKS],
        **more,
    }
    if submit:
        view["submit"] = words(submit, TITLE)
    return view


def message(title: str, text: str) -> Block:
    """A modal that only says something."""
    return modal(title, [section(text)])


def field_input(
    name: str, label: str, element: Block, *, optional: bool = False, reports: bool = False, hint: str = ""
) -> Block:
    """One input with its label; `reports`: Slack says each change of it."""
    block: Block = {
        "type": "input",
        "block_id": name,
        "label": words(label, LABEL),
        "element": element,
        "optional": optional,
    }
    if reports:
        block["dispatch_action"] = True
    if hint:
        block["hint"] = words(hint, HINT)
    return block


def select(
    name: str, choices: Sequence[Option], *, many: bool, action: str, chosen: Sequence[str] = ()
) -> Block:
    """A select; above a hundred options Slack asks here for those that fit what is typed."""
    prefix = "multi_" if many else ""
    element: Block = {"action_id": action + name}
    initial = [option(c.label, option_value(c.value)) for c in choices if c.value in chosen]
    if len(choices) > OPTIONS:
        element |= {"type": f"{prefix}external_select", "min_query_length": 0}
        element["placeholder"] = words("Type to find", 150)
    else:
        element |= {
            "type": f"{prefix}static_select",
            "options": [option(c.label, option_value(c.value)) for c in choices],
        }
    if initial and many:
        element["initial_options"] = initial
    elif initial:
        element["initial_option"] = initial[0]
    return element


def option_value(value: str) -> str:
    """What stands for a value in an option: itself, or its digest where it is longer than Slack allows."""
    if len(value) <= OPTION_VALUE and not value.startswith("#sha256:"):
        return value
    return "#sha256:" + hashlib.sha256(value.encode()).hexdigest()


def matching(choices: Sequence[Option], query: str) -> list[Block]:
    """The options that fit what was typed: all of its words in label or value; at most a hundred."""
    parts = query.casefold().split()
    fitting = (c for c in choices if all(part in f"{c.label} {c.value}".casefold() for part in parts))
    found: list[Block] = []
    for each in fitting:
        found.append(option(each.label, option_value(each.value)))
        if len(found) == OPTIONS:
            break
    return found


def with_initial(element: Block, **initial: object) -> Block:
    """The element with what stands in it at first, where that is anything."""
    return element | {name: value for name, value in initial.items() if value}

"""A flow's form as a modal: every type of field, options within Slack's limits, faults at the field. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gatepass.desk import Option
from gatepass.desk.asking import REASON
from gatepass.estate.fields import ELEMENT_TYPES, Field, plain, shown
from gatepass.estate.model import Offer
from gatepass.notify import words as said
from gatepass.slack.text import (
    HINT,
    LABEL,
    METADATA,
    OPTION_VALUE,
    OPTIONS,
    TITLE,
    VIEW_BLOCKS,
    Block,
    context,
    escape,
    fit,
    option,
    section,
    words,
)

TARGET = "target_id"
FORM, CHOOSER, ANSWER, MORE = "gatepass:form", "gatepass:chooser", "gatepass:answer", "gatepass:more"
"""What a modal is for, as it comes back with a submission."""
LENGTHS = tuple(timedelta(minutes=each) for each in (10, 15, 30, 60, 120, 240, 480))
"""What an approver may shorten to, and ask for beyond, as far as the request and its rule allow it."""
FIELD, CHANGE = "field:", "change:"
"""Prefixes of action ids; fields of the second report each change."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form in front of one person."""

    offers: tuple[Offer, ...]
    """Everything the person may ask for through this flow."""
    offer: Offer
    """What is chosen of it now."""
    fields: tuple[Field, ...]
    options: Mapping[str, tuple[Option, ...]] = field(default_factory=dict)
    """By field, where the choice does not stand in the field itself."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """By field: why there are no options."""
    values: Mapping[str, object] = field(default_factory=dict)
    """What stands in the form, plain."""
    header: str = ""
    revisions: Mapping[str, int] = field(default_factory=dict)
    """A field whose value was set from here gets a new block, or Slack would keep the old value."""
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str | None:
        return self.offer.target.name if self.offer.target is not None else None

    def choices(self, each: Field) -> tuple[Option, ...] | None:
        """What a field offers; None: anything of its type."""
        if each.name in self.options or each.prefetch:
            return self.options.get(each.name, ())
        if each.allowed_values:
            fitting = [v for v in each.allowed_values if not _too_long(each, v, self.offer.cap)]
            return tuple(Option(str(plain(v)), shown(v)) for v in fitting)
        return None


def _too_long(each: Field, value: object, cap: timedelta | None) -> bool:
    return each.name == "duration" and cap is not None and isinstance(value, timedelta) and value > cap


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


def chooser(offers: Sequence[Offer]) -> Block:
    """Which flow?"""
    flows = {offer.flow.name: offer.flow for offer in offers}
    if not flows:
        return message("Ask for access", "There is nothing that you may ask for here.")
    choices = [Option(name, flow.label) for name, flow in flows.items()]
    block = _input("flow", "What do you need?", _select("flow", choices, many=False, action=FIELD))
    return modal("Ask for access", [block], "Next", callback_id=CHOOSER)


def form_view(form: Form) -> Block:
    """The modal of a form. `private_metadata` says which it is; what comes back in it is checked like anything else."""
    flow = form.offer.flow
    blocks: list[Block] = [section(f"*{escape(flow.label)}*")]
    if form.header or flow.additional_header_text:
        blocks.append(section(form.header or flow.additional_header_text))
    if len(form.offers) > 1:
        blocks.append(_target(form))
    elif form.offer.target is not None:
        blocks.append(context(escape(offer_label(form.offer))))
    for each in form.fields:
        if each.visible:
            blocks += _field(form, each)
    if REASON not in {each.name for each in form.fields}:
        blocks += _field(form, Field(REASON, "string", "Reason", required=False))
    blocks.append(context(escape(f"Decided by: {who_decides(form.offer)}")))
    meta = {"f": flow.name, "t": form.target, "o": _organization(form.offer), "r": dict(form.revisions)}
    metadata = json.dumps(meta, separators=(",", ":"))
    if len(metadata) > METADATA:
        metadata = json.dumps({**meta, "r": {}}, separators=(",", ":"))
    return modal(flow.label, blocks, "Ask", callback_id=FORM, private_metadata=metadata)


def who_decides(offer: Offer) -> str:
    """Who will decide, for the person who asks."""
    rule = offer.rule
    if rule.automatic and rule.approve is None:
        return "the rule itself, at once"
    return f"{rule.needed} of {rule.approvers.words()}" if rule.needed > 1 else rule.approvers.words()


def offer_label(offer: Offer) -> str:
    """What is offered, with its organization."""
    if offer.target is None:
        return offer.flow.label
    where = f" · {offer.organization.label}" if offer.organization is not None else ""
    return f"{offer.target.label}{where}"


def _organization(offer: Offer) -> str | None:
    return offer.organization.name if offer.organization is not None else None


def _target(form: Form) -> Block:
    choices = target_options(form.offers)
    element = _select(TARGET, choices, many=False, action=CHANGE, chosen=[form.target or ""])
    return _input(TARGET, "What", element, reports=True)


def target_options(offers: Sequence[Offer]) -> tuple[Option, ...]:
    """The targets to choose from."""
    return tuple(Option(o.target.name, offer_label(o)) for o in offers if o.target is not None)


def _field(form: Form, each: Field) -> list[Block]:
    choices = form.choices(each)
    problem = form.problems.get(each.name, "")
    if choices == ():
        words = problem or "there is nothing to choose from"
        return [section(f"*{escape(each.label)}*\n:warning: {escape(words)}")]
    value = form.values.get(each.name, plain(each.default) if each.default is not None else None)
    action = CHANGE if each.on_change is not None else FIELD
    element = _element(each, choices, value, action)
    name = block_id(each.name, form.revisions)
    block = _input(
        name,
        each.label,
        element,
        optional=not each.required,
        reports=each.on_change is not None,
        hint=_hint(each),
    )
    fault = form.faults.get(each.name)
    return [block, context(f":warning: {escape(fault)}")] if fault else [block]


def block_id(name: str, revisions: Mapping[str, int]) -> str:
    """The block of a field; its name again is what stands before the slash."""
    revision = revisions.get(name, 0)
    return f"{name}/{revision}" if revision else name


def _hint(each: Field) -> str:
    if each.type == "duration" and not each.allowed_values:
        return "Such as 30m, 2h or 1d"
    if each.type in ELEMENT_TYPES and not each.allowed_values and each.type != "slack_user_list":
        return "Several with commas between them"
    return f"Of the form {each.pattern}" if each.pattern else ""


def _element(each: Field, choices: Sequence[Option] | None, value: object, action: str) -> Block:
    given = [] if value is None else [str(v) for v in value] if isinstance(value, list) else [_text(value)]
    many = each.type in ELEMENT_TYPES
    if choices is not None:
        return _select(each.name, choices, many=many, action=action, chosen=given)
    match each.type:
        case "bool":
            return _select(
                each.name,
                (Option("true", "Yes"), Option("false", "No")),
                many=False,
                action=action,
                chosen=given,
            )
        case "slack_user":
            return _with(
                {"type": "users_select", "action_id": action + each.name}, initial_user=given[:1] and given[0]
            )
        case "slack_user_list":
            return _with({"type": "multi_users_select", "action_id": action + each.name}, initial_users=given)
        case "int":
            element: Block = {
                "type": "number_input",
                "is_decimal_allowed": False,
                "action_id": action + each.name,
            }
            return _with(element, initial_value=given[:1] and given[0])
    element = {"type": "plain_text_input", "action_id": action + each.name}
    if each.type == "string":
        element |= {"max_length": min(each.max_length, 3000), "multiline": each.name == REASON}
    return _with(element, initial_value=", ".join(given))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with(element: Block, **initial: object) -> Block:
    return element | {name: value for name, value in initial.items() if value}


def _select(
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


def _input(
    name: str, label: str, element: Block, *, optional: bool = False, reports: bool = False, hint: str = ""
) -> Block:
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


def answer_view(action: str, value: str, where: str) -> Block:
    """A message with a decision. Static: it opens while the trigger lives, whatever the database does."""
    verb = "Deny" if action == "deny" else "Approve"
    element = {
        "type": "plain_text_input",
        "action_id": FIELD + "message",
        "multiline": True,
        "max_length": 2000,
    }
    blocks = [_input("message", "Message to the requester", element, optional=True)]
    if action == "approve_less":
        choices = [Option(str(plain(each)), shown(each)) for each in LENGTHS]
        blocks.insert(0, _input("for", "For how long?", _select("for", choices, many=False, action=FIELD)))
    metadata = json.dumps({"a": action, "v": value, "w": where})
    return modal(f"{verb} the request", blocks, verb, callback_id=ANSWER, private_metadata=metadata)


def more_view(value: str, lengths: Sequence[timedelta]) -> Block:
    """How much more time?"""
    if not lengths:
        return message("More time", "There is no more time to ask for.")
    choices = [Option(str(plain(each)), shown(each)) for each in lengths]
    blocks = [_input("by", "How much longer?", _select("by", choices, many=False, action=FIELD))]
    blocks.append(context("It is a new question to those who decide."))
    return modal("More time", blocks, "Ask", callback_id=MORE, private_metadata=json.dumps({"v": value}))


def read_state(view: Mapping[str, Any]) -> dict[str, object]:
    """What stands in a modal, by field, plain; what is empty is left out."""
    found: dict[str, object] = {}
    for name, actions in (view.get("state") or {}).get("values", {}).items():
        for held in actions.values():
            value = _held(held)
            if value not in (None, "", []):
                found[str(name).partition("/")[0]] = value
    return found


def _held(held: Mapping[str, Any]) -> object:
    if "selected_option" in held:
        chosen = held["selected_option"]
        return chosen["value"] if chosen else None
    if "selected_options" in held:
        return [each["value"] for each in held["selected_options"] or []]
    if "selected_user" in held:
        return held["selected_user"]
    return held["selected_users"] if "selected_users" in held else held.get("value")


def submitted(
    form_fields: Sequence[Field], state: Mapping[str, object], form: Form | None
) -> dict[str, object]:
    """The state of a modal as the desk takes it: lists from commas, long values from their digests."""
    fields = {each.name: each for each in form_fields}
    found: dict[str, object] = {}
    for name, value in state.items():
        each = fields.get(name)
        if each is not None and each.type in ELEMENT_TYPES and isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if each is not None and form is not None:
            value = _undigested(value, form.choices(each) or ())
        if each is not None and each.type == "duration" and isinstance(value, str) and value.isdigit():
            value = int(value)  # seconds, as options carry them
        found[name] = value
    return found


def _undigested(value: object, choices: Sequence[Option]) -> object:
    if isinstance(value, list):
        return [_undigested(each, choices) for each in value]
    if isinstance(value, str) and value.startswith("#sha256:"):
        return next((c.value for c in choices if option_value(c.value) == value), value)
    return value


def sent_view(request_id: str, offer: Offer) -> Block:
    """It was sent."""
    text = (
        f":white_check_mark: Request `{request_id}` was sent.\nIt is decided by {escape(who_decides(offer))}."
    )
    return message("Sent", text)


def problem_view(problem: Exception) -> Block:
    """Something is wrong, in words for the person."""
    return message("gatepass", f":warning: {escape(fit(said.plain(str(problem), 2500), 2500))}")

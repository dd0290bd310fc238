"""A flow's form as a modal: every type of field, options within Slack's limits, faults at the field. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from gatepass.desk import Option
from gatepass.desk.asking import REASON
from gatepass.estate.fields import ELEMENT_TYPES, Field, plain, shown
from gatepass.estate.model import Offer
from gatepass.slack.elements import CHANGE, FIELD, field_input, message, modal, select, with_initial
from gatepass.slack.text import METADATA, Block, context, escape, section

TARGET = "target_id"
FORM, CHOOSER = "gatepass:form", "gatepass:chooser"
"""What a modal is for, as it comes back with a submission."""


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


def chooser(offers: Sequence[Offer]) -> Block:
    """Which flow?"""
    flows = {offer.flow.name: offer.flow for offer in offers}
    if not flows:
        return message("Ask for access", "There is nothing that you may ask for here.")
    choices = [Option(name, flow.label) for name, flow in flows.items()]
    block = field_input("flow", "What do you need?", select("flow", choices, many=False, action=FIELD))
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
    element = select(TARGET, choices, many=False, action=CHANGE, chosen=[form.target or ""])
    return field_input(TARGET, "What", element, reports=True)


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
    block = field_input(
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
        return select(each.name, choices, many=many, action=action, chosen=given)
    match each.type:
        case "bool":
            return select(
                each.name,
                (Option("true", "Yes"), Option("false", "No")),
                many=False,
                action=action,
                chosen=given,
            )
        case "slack_user":
            return with_initial(
                {"type": "users_select", "action_id": action + each.name}, initial_user=given[:1] and given[0]
            )
        case "slack_user_list":
            return with_initial(
                {"type": "multi_users_select", "action_id": action + each.name}, initial_users=given
            )
        case "int":
            element: Block = {
                "type": "number_input",
                "is_decimal_allowed": False,
                "action_id": action + each.name,
            }
            return with_initial(element, initial_value=given[:1] and given[0])
    element = {"type": "plain_text_input", "action_id": action + each.name}
    if each.type == "string":
        element |= {"max_length": min(each.max_length, 3000), "multiline": each.name == REASON}
    return with_initial(element, initial_value=", ".join(given))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

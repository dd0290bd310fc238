"""The documented limits of Slack's messages and views, enforced as Slack does: what is over is refused, not cut."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
OPTIONS, GROUPS = 100, 100
MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
_ELEMENT_TEXTS = {"button": 75, "static_select": 150, "multi_static_select": 150}


class Refused(Exception):
    """What Slack answers instead: its word, and where."""

    def __init__(self, error: str, *places: str) -> None:
        super().__init__(f"{error}: {', '.join(places)}")
        self.error = error
        self.places = places


def check_view(view: Json) -> None:
    """Refuse a view that Slack would refuse."""
    faults: list[str] = []
    if view.get("type") not in ("modal", "home"):
        faults.append("type must be modal or home")
    for key in ("title", "submit", "close"):
        if key in view:
            _text(view[key], 24, key, faults)
    if "title" not in view:
        faults.append("title is missing")
    _most(view.get("private_metadata", ""), 3000, "private_metadata", faults)
    _most(view.get("callback_id", ""), 255, "callback_id", faults)
    _blocks(view.get("blocks", []), VIEW_BLOCKS, faults)
    inputs = [b for b in view.get("blocks", []) if b.get("type") == "input"]
    if inputs and "submit" not in view:
        faults.append("submit is needed where there are inputs")
    if faults:
        raise Refused("invalid_arguments", *faults)


def check_message(blocks: list[Json], text: str) -> None:
    """Refuse a message that Slack would refuse, or would show without text."""
    faults: list[str] = []
    if not text:
        faults.append("a message of ours always has plain text")
    _most(text, 40_000, "text", faults)
    _blocks(blocks, MESSAGE_BLOCKS, faults)
    if faults:
        raise Refused("invalid_blocks", *faults)


def check_options(options: list[Json], faults: list[str], place: str = "options") -> None:
    """The options of one select."""
    if not 1 <= len(options) <= OPTIONS:
        faults.append(f"{place}: {len(options)} options")
    values = [each.get("value") for each in options]
    if len(set(values)) != len(values):
        faults.append(f"{place}: a value comes twice")
    for each in options:
        _text(each.get("text"), 75, f"{place}.text", faults)
        _most(str(each.get("value", "")), 150, f"{place}.value", faults, least=1)


def _blocks(blocks: list[Json], most: int, faults: list[str]) -> None:
    if len(blocks) > most:
        faults.append(f"{len(blocks)} blocks")
    ids = [b["block_id"] for b in blocks if "block_id" in b]
    if len(set(ids)) != len(ids):
        faults.append("a block_id comes twice")
    for number, block in enumerate(blocks):
        _block(block, f"blocks[{number}]", faults)


def _block(block: Json, place: str, faults: list[str]) -> None:
    _most(block.get("block_id", "x"), 255, f"{place}.block_id", faults)
    match block.get("type"):
        case "section":
            if "text" in block:
                _text(block["text"], 3000, f"{place}.text", faults)
            elif "fields" not in block:
                faults.append(f"{place}: a section needs text or fields")
            fields = block.get("fields", [])
            if len(fields) > 10:
                faults.append(f"{place}: {len(fields)} fields")
            for field in fields:
                _text(field, 2000, f"{place}.fields", faults)
        case "header":
            _text(block.get("text"), 150, f"{place}.text", faults)
        case "context":
            if not 1 <= len(block.get("elements", [])) <= 10:
                faults.append(f"{place}: elements")
        case "actions":
            elements = block.get("elements", [])
            if not 1 <= len(elements) <= 25:
                faults.append(f"{place}: {len(elements)} elements")
            for element in elements:
                _element(element, place, faults)
        case "input":
            _text(block.get("label"), 2000, f"{place}.label", faults)
            if "hint" in block:
                _text(block["hint"], 2000, f"{place}.hint", faults)
            _element(block.get("element", {}), place, faults)
        case "divider":
            return
        case kind:
            faults.append(f"{place}: unknown block {kind}")


_ELEMENTS = {
    "button",
    "plain_text_input",
    "number_input",
    "static_select",
    "multi_static_select",
    "external_select",
    "multi_external_select",
    "users_select",
    "multi_users_select",
    "checkboxes",
    "radio_buttons",
}


def _element(element: Json, place: str, faults: list[str]) -> None:
    kind = element.get("type")
    if kind not in _ELEMENTS:
        faults.append(f"{place}: unknown element {kind}")
    _most(element.get("action_id", ""), 255, f"{place}.action_id", faults, least=1)
    if kind == "button":
        _text(element.get("text"), 75, f"{place}.text", faults)
        _most(element.get("value", "x"), 2000, f"{place}.value", faults)
    if "placeholder" in element:
        _text(element["placeholder"], 150, f"{place}.placeholder", faults)
    if kind in ("static_select", "multi_static_select"):
        check_options(element.get("options", []), faults, f"{place}.options")
    initial = element.get("initial_option")
    if initial is not None and kind == "static_select" and initial not in element.get("options", []):
        faults.append(f"{place}: the initial option is not among the options")
    if "confirm" in element:
        _text(element["confirm"].get("title"), 100, f"{place}.confirm.title", faults)
        _text(element["confirm"].get("text"), 300, f"{place}.confirm.text", faults)


def _text(text: Any, most: int, place: str, faults: list[str]) -> None:
    if not isinstance(text, dict) or text.get("type") not in ("plain_text", "mrkdwn"):
        faults.append(f"{place}: not a text")
        return
    _most(str(text.get("text", "")), most, place, faults, least=1)


def _most(text: str, most: int, place: str, faults: list[str], least: int = 0) -> None:
    if not least <= len(text) <= most:
        faults.append(f"{place}: {len(text)} characters, allowed {least} to {most}")

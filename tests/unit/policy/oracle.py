"""An independent, brute-force reading of raw policy JSON: slow, naive, and sharing no line with `gatepass.policy`.

It reads dictionaries directly, matches wildcards by trying every split, and knows only what the generated documents
hold. Where it and the evaluator differ, one of them is wrong.
"""

from __future__ import annotations

from functools import cache
from typing import Any

Keys = dict[str, list[str]]


@cache
def like(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(like(pattern[1:], text[cut:]) for cut in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and like(pattern[1:], text[1:])


def arn_like(pattern: str, text: str) -> bool:
    wanted, found = pattern.split(":"), text.split(":")
    wanted = [*wanted[:5], ":".join(wanted[5:])]
    found = [*found[:5], ":".join(found[5:])]
    return all(like(one, other) for one, other in zip(wanted, found, strict=True))


COMPARE = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringEqualsIgnoreCase": lambda wanted, found: wanted.lower() == found.lower(),
    "StringLike": like,
    "ArnLike": arn_like,
    "ArnEquals": arn_like,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
    "NumericLessThan": lambda wanted, found: float(found) < float(wanted),
}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def condition(name: str, key: str, values: Any, keys: Keys) -> bool:
    found = {known.lower(): texts for known, texts in keys.items()}.get(key.lower())
    if name == "Null":
        return any((found is None) == (value == "true") for value in listed(values))
    quantifier, _, rest = name.rpartition(":")
    optional = rest.endswith("IfExists")
    rest = rest.removesuffix("IfExists")
    negative = "Not" in rest
    compare = COMPARE[rest.replace("Not", "")]
    if not found:
        return optional or quantifier == "ForAllValues" or (negative and not quantifier)
    each = []
    for text in found:
        hit = False
        for value in listed(values):
            hit = hit or compare(value, text)
        each.append(hit != negative)
    if quantifier == "ForAllValues":
        return all(each)
    if quantifier == "ForAnyValue":
        return any(each)
    return all(each) if negative else any(each)


def principal(statement: dict[str, Any], names: list[str]) -> bool:
    """`names` are all the ways in which the caller can be written, the account's two first."""
    entries = statement["Principal"]
    if entries == "*":
        return True
    return any(entry == "*" or entry in names for entry in listed(entries["AWS"]))


def applies(statement: dict[str, Any], names: list[str], action: str, resource: str, keys: Keys) -> bool:
    if "Principal" in statement and not principal(statement, names):
        return False
    if "Action" in statement and not any(
        like(one.lower(), action.lower()) for one in listed(statement["Action"])
    ):
        return False
    if "NotAction" in statement and any(
        like(one.lower(), action.lower()) for one in listed(statement["NotAction"])
    ):
        return False
    if "Resource" in statement and not any(like(one, resource) for one in listed(statement["Resource"])):
        return False
    if "NotResource" in statement and any(like(one, resource) for one in listed(statement["NotResource"])):
        return False
    for name, block in statement.get("Condition", {}).items():
        for key, values in block.items():
            if not condition(name, key, values, keys):
                return False
    return True


def ruling(document: dict[str, Any], names: list[str], action: str, resource: str, keys: Keys) -> str:
    effects = {one["Effect"] for one in document["Statement"] if applies(one, names, action, resource, keys)}
    if "Deny" in effects:
        return "denied"
    return "allowed" if "Allow" in effects else "not_allowed"

"""Wildcards as IAM reads them: `*` any run of characters, `?` exactly one.

A character after `LITERAL` stands for itself: so the values of policy variables enter a pattern without becoming
wildcards or separators. NUL cannot occur in a policy document, so nobody else can write it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import Pattern

LITERAL = "\x00"
ANYTHING = "*"
_STAR_INSIDE = re.compile(r"\*[^:]")
_COLON = re.compile(r"(?<!\x00):")
_ARN_PARTS = 6


def literal(text: str) -> str:
    """A pattern that matches exactly `text`."""
    return "".join(LITERAL + char if char in "*?:" else char for char in text if char != LITERAL)


def matches(pattern: str, text: str) -> bool:
    """Whole-string and case-sensitive (`StringLike`); `*` spans everything, also separators."""
    if pattern == text:
        return True
    return _is_wild(pattern) and _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1 << 16)
def arn_matches(pattern: str, arn: str) -> bool:
    """The six colon-separated parts one by one (T-42); a wildcard stays inside its part, the last may hold colons.

    A pattern or a text that is no ARN matches nothing.
    """
    wanted, found = _arn_parts(pattern), arn.split(":", _ARN_PARTS - 1)
    if len(wanted) != _ARN_PARTS or len(found) != _ARN_PARTS or found[0] != "arn":
        return False
    return all(map(matches, wanted, found))


def resource_matches(pattern: str, arn: str) -> bool:
    """A `Resource` element against an ARN: wildcards stay inside their part, except that a `*` that ends a part may
    reach over colons (AWS, "IAM JSON policy elements: Resource")."""
    if pattern == ANYTHING:
        return True
    if not _is_wild(pattern):
        return pattern == arn
    head = pattern.rpartition(":")[0]
    if head.count(":") >= _ARN_PARTS - 2 and "?" not in head and not _STAR_INSIDE.search(head):
        return _compiled(pattern).fullmatch(arn) is not None
    return _walk(_bounded(pattern), arn)


@lru_cache(maxsize=1 << 14)
def action_matches(pattern: str, action: str) -> bool:
    """`service:Name` ignoring case; wildcards anywhere."""
    return matches(pattern.lower(), action.lower())


def _is_wild(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern or LITERAL in pattern


@lru_cache(maxsize=1 << 16)
def _arn_parts(pattern: str) -> tuple[str, ...]:
    return tuple(_COLON.split(pattern, _ARN_PARTS - 1))


@lru_cache(maxsize=1 << 16)
def _compiled(pattern: str) -> Pattern[str]:
    return _expression(_atoms(pattern))


@lru_cache(maxsize=1 << 14)
def _bounded(pattern: str) -> tuple[tuple[str, bool], ...]:
    """Each atom with whether it may match a colon."""
    atoms = _atoms(pattern)
    colons = 0
    bounded = []
    for index, atom in enumerate(atoms):
        colons += atom == ":"
        ends_part = index + 1 == len(atoms) or atoms[index + 1] == ":"
        bounded.append((atom, colons >= _ARN_PARTS - 1 or (atom == "*" and ends_part)))
    return tuple(bounded)


def _walk(atoms: tuple[tuple[str, bool], ...], text: str) -> bool:
    """All places of the pattern that may have been reached, character by character."""
    places = _closure({0}, atoms)
    for char in text:
        reached = set()
        for place in places:
            if place == len(atoms):
                continue
            atom, over_colons = atoms[place]
            if atom in ("*", "?"):
                if over_colons or char != ":":
                    reached.add(place + (atom == "?"))
            elif atom == re.escape(char):
                reached.add(place + 1)
        places = _closure(reached, atoms)
    return len(atoms) in places


def _closure(places: set[int], atoms: tuple[tuple[str, bool], ...]) -> set[int]:
    for place in sorted(places):
        while place < len(atoms) and atoms[place][0] == "*":
            place += 1
            places.add(place)
    return places


def _atoms(pattern: str) -> list[str]:
    """Escaped characters, with `*` and `?` left bare."""
    atoms: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if char == LITERAL:
            atoms.append(re.escape(next(chars, "")))
        elif char in "*?":
            atoms.append(char)
        else:
            atoms.append(re.escape(char))
    return atoms


def _expression(atoms: list[str]) -> Pattern[str]:
    """Each run between two stars is taken at its first place and never reconsidered (`(?>...)`): for a pattern of
    stars that is complete, and a hostile pattern costs linear, not exponential, time."""
    runs: list[str] = [""]
    for atom in atoms:
        if atom == "*":
            runs.append("")
        else:
            runs[-1] += "." if atom == "?" else atom
    if len(runs) == 1:
        return re.compile(runs[0], re.DOTALL)
    middle = "".join(f"(?>.*?{run})" for run in runs[1:-1] if run)
    return re.compile(f"{runs[0]}{middle}.*{runs[-1]}", re.DOTALL)

"""Surrogate pairs: JSON writes a character beyond U+FFFF as two escapes (`"\\ud83d\\ude00"`), YAML knows no such thing.

A file that is JSON is YAML too for whoever writes it, so both readers of ours take the pair for the one character.
Pure.
"""

from __future__ import annotations

import json
import re

ESCAPED = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
"""A pair as it is written."""
_HALF = re.compile("[\ud800-\udfff]")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)


def joined(text: str) -> str | None:
    """The text with every pair as the character that it stands for; None when a half stands alone."""
    if text.isascii() or not _HALF.search(text):
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return None


def widened(text: str) -> str | None:
    """JSON with its pairs as escapes that YAML knows (`\\U0001f600`), everything else at its line and column; None when
    the text is no JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _STRING.sub(_widened, text)


def _widened(string: re.Match[str]) -> str:
    """One string as long as it was: a pair's escape is shorter, so blanks follow the closing quote."""
    written = string.group()
    if not ESCAPED.search(written):
        return written
    parts, end = [], 0
    for escape in _ESCAPE.finditer(written):
        if escape.start() < end:
            continue
        parts.append(written[end : escape.start()])
        pair = ESCAPED.match(written, escape.start())
        parts.append(_as_one(pair.group()) if pair else escape.group())
        end = pair.end() if pair else escape.end()
    whole = "".join([*parts, written[end:]])
    return whole.ljust(len(written))


def _as_one(pair: str) -> str:
    character: str = json.loads(f'"{pair}"')
    return f"\\U{ord(character):08x}"

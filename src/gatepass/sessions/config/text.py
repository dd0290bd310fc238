"""Reading the shared config as lines of bytes: sections, their keys, the managed block. Never reserializes (S-1).

Bytes are taken as Latin-1 text, which maps every byte to one character and back: what is not ours survives as it is.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from gatepass.sessions.errors import Tampered

BEGIN = "# >>> gatepass managed (do not edit) >>>"
END = "# <<< gatepass managed <<<"
NO_NEWLINE = "# gatepass: the line before this block had no line end"
OURS = "# gatepass: this file was made by gatepass"
ADOPTED = "#gatepass-adopted# "
_CUT = re.compile("[=:]")


@dataclass(frozen=True)
class Section:
    """One section of a config file, with the lines it spans."""

    header: str
    """As written between the brackets."""
    start: int
    end: int
    keys: dict[str, str]

    @property
    def profile(self) -> str | None:
        """The profile it configures in the config file, or None for other kinds of section."""
        return profile_of(self.header)


@dataclass(frozen=True)
class Split:
    """A file cut at the managed block; the three parts joined are the file."""

    before: list[str]
    block: list[str]
    after: list[str]

    def outside(self) -> list[str]:
        """The lines that are not ours."""
        return self.before + self.after


def decode(raw: bytes) -> list[str]:
    """Lines with their ends, cut at line feeds only; joining and encoding them gives the bytes back."""
    lines = [line + "\n" for line in raw.decode("latin-1").split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def encode(lines: list[str]) -> bytes:
    """The inverse of `decode`."""
    return "".join(lines).encode("latin-1")


def newline_of(lines: list[str]) -> str:
    """The line end the file uses."""
    return "\r\n" if any(line.endswith("\r\n") for line in lines) else "\n"


def split(lines: list[str], path: object) -> Split:
    """Cut out the managed block. Raises `Tampered` when its marks do not pair up: guessing would lose lines."""
    begins = [i for i, line in enumerate(lines) if line.strip() == BEGIN]
    ends = [i for i, line in enumerate(lines) if line.strip() == END]
    if not begins and not ends:
        return Split(lines, [], [])
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise Tampered(
            f"{path} has {len(begins)} begin and {len(ends)} end marks of gatepass; one pair is expected",
            advice="remove the stray marks by hand, then run the command again",
        )
    return Split(lines[: begins[0]], lines[begins[0] : ends[0] + 1], lines[ends[0] + 1 :])


def sections(lines: list[str]) -> list[Section]:
    """All sections in order, duplicates included. Nested values (`s3 =` and indented lines) belong to their key."""
    found: list[Section] = []
    header, start, keys = "", -1, {}
    for number, line in enumerate(lines):
        name = _header(line)
        if name is None:
            if start >= 0 and (found_pair := pair(line)) is not None:
                keys[found_pair[0]] = found_pair[1]
            continue
        if start >= 0:
            found.append(Section(header, start, number, keys))
        header, start, keys = name, number, {}
    if start >= 0:
        found.append(Section(header, start, len(lines), keys))
    return found


def _header(line: str) -> str | None:
    text = line.strip()
    if not text.startswith("[") or "]" not in text:
        return None
    return text[1 : text.rindex("]")].strip()


def pair(line: str) -> tuple[str, str] | None:
    """Key and value of a line, cut at the first `=` or `:` as SDKs cut it; None for comments and what is indented."""
    if line[:1] in " \t#;\r\n" or not line.strip():
        return None
    cut = _CUT.search(line)
    return (line[: cut.start()].strip().lower(), line[cut.end() :].strip()) if cut else None


def profile_of(header: str) -> str | None:
    """`[default]` and `[profile NAME]`, quoted or not; None for sso-session, services and stray names."""
    if header == "default":
        return "default"
    try:
        words = shlex.split(header)
    except ValueError:
        words = header.split()
    if len(words) == 2 and words[0] == "profile":
        return words[1]
    return None

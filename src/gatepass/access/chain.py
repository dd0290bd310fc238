"""The audit chain, pure: how entries hang together, how an export reads, what a checkpoint says, how both are verified.

An export is JSON lines, one entry a line, chains one after another or mixed. `verify` needs an export, and for what
was cut off or replaced whole an old checkpoint and the key it was signed with; no database, no network.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatepass.access.events import KINDS, Event, Level
from gatepass.access.requests import canonical

VERSION = 1
INSTALLATION = ""
"""The name of the installation's own chain; no organization of an estate is called so."""
START = "0" * 64
"""What the first entry of a chain hangs on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of one chain, as it is stored and exported. `body` is canonical JSON, kept as written."""

    organization: str
    seq: int
    previous: str
    body: str
    hash: str
    version: int = VERSION

    @property
    def said(self) -> Mapping[str, object]:
        """The body read: `kind`, `at` and `fields`."""
        said = json.loads(self.body)
        assert isinstance(said, dict)
        return said

    def line(self) -> str:
        """The entry as one line of an export, without the line's end."""
        return canonical(
            {
                "version": self.version,
                "organization": self.organization,
                "seq": self.seq,
                "previous": self.previous,
                "body": self.body,
                "hash": self.hash,
            }
        ).decode()


def body_of(event: Event, at: str, key: bytes) -> str:
    """An event as canonical JSON, its sensitive fields as keyed hashes: comparable, not readable (security.md 15)."""
    levels = KINDS[event.kind]
    fields = {
        name: _hidden(name, value, key) if levels[name] is Level.SENSITIVE and value else value
        for name, value in event.fields.items()
    }
    return canonical({"kind": event.kind, "at": at, "fields": fields}).decode()


def _hidden(name: str, value: object, key: bytes) -> str:
    return "hmac-sha256:" + hmac.new(key, canonical([name, value]), hashlib.sha256).hexdigest()


def digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def link_hash(version: int, organization: str, seq: int, previous: str, body_digest: str) -> str:
    """`H(version, organization, seq, previous, H(body))`; a JSON list, so that no two tuples read alike."""
    return hashlib.sha256(canonical([version, organization, seq, previous, body_digest])).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The end of one chain: how many entries it has and the hash of the last."""

    organization: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an export, and where: chain, number of the entry, what was found."""

    organization: str
    seq: int | None
    found: str

    def __str__(self) -> str:
        chain = self.organization or "installation"
        return f"{chain}: {self.found}" if self.seq is None else f"{chain}: entry {self.seq}: {self.found}"


def read_export(lines: Iterable[str]) -> tuple[list[Entry], list[Fault]]:
    """The entries of an export in the order of its lines, and a fault for each line that is none."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        entry = _entry(line)
        if entry is None:
            faults.append(Fault(INSTALLATION, None, f"line {number} of the export is not an audit entry"))
        else:
            entries.append(entry)
    return entries, faults


def _entry(line: str) -> Entry | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    texts = ("organization", "previous", "body", "hash")
    numbers = ("version", "seq")
    if not isinstance(data, dict) or set(data) != {*texts, *numbers}:
        return None
    if not all(isinstance(data[name], str) for name in texts):
        return None
    if not all(type(data[name]) is int for name in numbers):
        return None
    return Entry(**data)


def verify_chains(entries: Iterable[Entry]) -> tuple[dict[str, list[Entry]], list[Fault]]:
    """Each chain in the order of the export, and every place where it is changed, cut, or out of order."""
    chains: dict[str, list[Entry]] = {}
    faults: list[Fault] = []
    for entry in entries:
        chain = chains.setdefault(entry.organization, [])
        faults.extend(_links(chain[-1] if chain else None, entry))
        chain.append(entry)
    return chains, faults


def _links(before: Entry | None, entry: Entry) -> Iterable[Fault]:
    """What is wrong between an entry and the one before it in its chain."""
    place, expected_seq = entry.organization, before.seq + 1 if before else 1
    if entry.seq != expected_seq:
        kind = "missing or out of order" if entry.seq > expected_seq else "repeated or out of order"
        yield Fault(place, entry.seq, f"entry {expected_seq} was expected here: {kind}")
    elif entry.previous != (before.hash if before else START):
        yield Fault(place, entry.seq, "it does not hang on the entry before it: one of the two was changed")
    hashed = link_hash(entry.version, entry.organization, entry.seq, entry.previous, digest(entry.body))
    if entry.hash != hashed:
        yield Fault(place, entry.seq, "its content is not what its hash was made of: it was changed")

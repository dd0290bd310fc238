"""Signed checkpoints of the audit chains, pure: how they are made, read, and held against an export.

A checkpoint says how long each chain was at a moment and what its last hash was. Kept outside the database it makes
visible what the chain alone cannot show: an end that was cut off, or a chain that was written anew whole.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gatepass.access.chain import Entry, Fault, Head, verify_chains
from gatepass.access.requests import canonical
from gatepass.clock import iso
from gatepass.errors import GatepassError

_VERSION = 1


class BadCheckpoint(GatepassError):
    """A checkpoint, or the key of checkpoints, cannot be used."""

    code = "bad_checkpoint"


class Signer:
    """Signs checkpoints with one Ed25519 key."""

    def __init__(self, private_pem: bytes) -> None:
        """Raises `BadCheckpoint` unless it is an Ed25519 private key in PEM, not encrypted."""
        try:
            key = load_pem_private_key(private_pem, password=None)
        except (ValueError, TypeError) as unreadable:
            raise BadCheckpoint(
                f"the key of checkpoints cannot be read: {unreadable}", advice="make one with `new_key`"
            ) from unreadable
        if not isinstance(key, Ed25519PrivateKey):
            raise BadCheckpoint("the key of checkpoints is not an Ed25519 key")
        self._key = key

    @staticmethod
    def new_key() -> bytes:
        """A new private key in PEM, to be kept where the database's operator cannot read it."""
        return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def fingerprint(self) -> str:
        return fingerprint(self._public)

    @property
    def _public(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, heads: Iterable[Head], at: datetime) -> str:
        """The text of a checkpoint, one line of JSON with its end."""
        statement = canonical(
            {
                "version": _VERSION,
                "at": iso(at),
                "heads": {head.organization: [head.seq, head.hash] for head in heads},
            }
        )
        said = {
            "statement": statement.decode(),
            "key": base64.b64encode(self._public).decode(),
            "signature": base64.b64encode(self._key.sign(statement)).decode(),
        }
        return canonical(said).decode() + "\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose signature is good: what the chains were at a moment, and the key it was signed with."""

    at: str
    heads: tuple[Head, ...]
    key: str
    """The fingerprint of the public key: the first 32 hexadecimal digits of its SHA-256."""


def fingerprint(public_key: bytes) -> str:
    return hashlib.sha256(public_key).hexdigest()[:32]


def read_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint and check its signature. Raises `BadCheckpoint`."""
    try:
        said = json.loads(text)
        public = base64.b64decode(said["key"], validate=True)
        signature = base64.b64decode(said["signature"], validate=True)
        statement = str(said["statement"]).encode()
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
        return _checkpoint(json.loads(statement), fingerprint(public))
    except InvalidSignature as forged:
        raise BadCheckpoint(
            "the checkpoint's signature is not good: it was changed after signing"
        ) from forged
    except (ValueError, TypeError, KeyError, binascii.Error, RecursionError) as unreadable:
        raise BadCheckpoint(
            "this is not a checkpoint of gatepass", advice="give the file as it was published"
        ) from unreadable


def _checkpoint(statement: Mapping[str, object], key: str) -> Checkpoint:
    heads = statement["heads"]
    if statement["version"] != _VERSION or not isinstance(heads, dict):
        raise ValueError("another version")
    found = tuple(Head(str(name), int(seq), str(hashed)) for name, (seq, hashed) in sorted(heads.items()))
    return Checkpoint(str(statement["at"]), found, key)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. It is good when there is no fault."""

    faults: tuple[Fault, ...]
    lengths: Mapping[str, int]
    """Entries of each chain."""
    vouched: Mapping[str, int]
    """Up to which entry of each chain a checkpoint vouches; what follows is held by the chain alone."""

    @property
    def good(self) -> bool:
        return not self.faults


def verify(
    entries: Iterable[Entry],
    checkpoints: Sequence[Checkpoint] = (),
    *,
    organizations: Collection[str] | None = None,
    key: str | None = None,
) -> Verdict:
    """Hold an export against itself and against old checkpoints; every fault names its entry.

    `organizations`: the chains the export was made of (`""` is the installation's), where it was not made of all;
    without it a chain of a checkpoint that the export lacks is a fault. `key`: the fingerprint that checkpoints must
    be signed with; without it they must all be signed with one.
    """
    chains, faults = verify_chains(entries)
    hashes = {(entry.organization, entry.seq): entry.hash for chain in chains.values() for entry in chain}
    vouched: dict[str, int] = {}
    wanted_key = key or (checkpoints[0].key if checkpoints else None)
    for checkpoint in checkpoints:
        if checkpoint.key != wanted_key:
            faults.append(
                Fault("", None, f"the checkpoint of {checkpoint.at} is signed with {checkpoint.key}")
            )
            continue
        for head in checkpoint.heads:
            if organizations is None or head.organization in organizations:
                faults.extend(_held_against(head, chains, hashes, checkpoint.at))
                vouched[head.organization] = max(vouched.get(head.organization, 0), head.seq)
    lengths = {name: len(chain) for name, chain in sorted(chains.items())}
    return Verdict(tuple(faults), lengths, vouched)


def _held_against(
    head: Head, chains: Mapping[str, Sequence[Entry]], hashes: Mapping[tuple[str, int], str], at: str
) -> Iterable[Fault]:
    """What is wrong with the entry that a checkpoint names as the last of its time."""
    found = hashes.get((head.organization, head.seq))
    if found is None:
        chain = chains.get(head.organization, ())
        last = chain[-1].seq if chain else 0
        cut = f"the checkpoint of {at} knows {head.seq} entries, the export ends at {last}: it was cut off"
        yield Fault(head.organization, last + 1, cut)
    elif found != head.hash:
        yield Fault(
            head.organization, head.seq, f"the checkpoint of {at} knows another entry here: it was replaced"
        )

"""The file format of `vault.bin`: which bytes, and how tampering shows. Knows nothing of where the key comes from.

A JSON document: `format`, `install`, `provider` (how to get the key; no secret), `records` (name -> base64 of nonce and
AES-256-GCM ciphertext, authenticated with name, format and install id) and `seal` (the same over a digest of
everything else, so that a removed, added or swapped record is found). An older whole file put back is not found.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, field

from gatepass.sessions.errors import BadInput, Tampered

FORMAT = 1
KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True)
class Sealed:
    """The vault as it lies on disk: names are readable, values are not."""

    install: str
    provider: dict[str, object]
    records: dict[str, bytes] = field(default_factory=dict)
    seal: bytes = b""


def parse(raw: bytes) -> Sealed:
    """The document in `raw`. Raises `Tampered` when it is cut short or not ours, `BadInput` for a newer format."""
    try:
        document = json.loads(raw)
        if document["format"] != FORMAT:
            raise BadInput(
                f"the vault has format {document['format']!r}; this gatepass reads {FORMAT}",
                advice="use the newer gatepass",
            )
        return Sealed(
            install=str(document["install"]),
            provider=dict(document["provider"]),
            records={str(k): base64.b64decode(v, validate=True) for k, v in document["records"].items()},
            seal=base64.b64decode(document["seal"], validate=True),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise Tampered(
            "the vault file is damaged: it is not a complete vault",
            advice="restore it from a backup, or: gatepass vault init --replace",
        ) from error


def render(sealed: Sealed) -> bytes:
    """The bytes to write."""
    document = {
        "format": FORMAT,
        "install": sealed.install,
        "provider": sealed.provider,
        "records": {k: base64.b64encode(v).decode() for k, v in sorted(sealed.records.items())},
        "seal": base64.b64encode(sealed.seal).decode(),
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def encrypt(key: bytes | bytearray, sealed: Sealed, name: str, value: bytes) -> bytes:
    """`value` under a fresh nonce, bound to this name in this vault."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(bytes(key)).encrypt(nonce, value, _bound_to(sealed, name))


def decrypt(key: bytes | bytearray, sealed: Sealed, name: str, record: bytes) -> bytes:
    """The value of a record. Raises `Tampered` for a changed record, another name's record, or another key."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(bytes(key)).decrypt(record[:NONCE_BYTES], record[NONCE_BYTES:], _bound_to(sealed, name))
    except (InvalidTag, ValueError) as error:
        raise Tampered(
            f"the vault record {name!r} was changed or belongs to another key",
            advice="restore vault.bin from a backup, or remove the record: gatepass vault rm NAME",
        ) from error


def sealed_again(key: bytes | bytearray, sealed: Sealed) -> Sealed:
    """The same vault with a seal that fits its records."""
    seal = encrypt(key, sealed, "", _digest(sealed))
    return Sealed(sealed.install, sealed.provider, sealed.records, seal)


def seal_fits(key: bytes | bytearray, sealed: Sealed) -> bool:
    """Whether `key` opens this vault and no record was added, removed or swapped."""
    try:
        return decrypt(key, sealed, "", sealed.seal) == _digest(sealed)
    except Tampered:
        return False


def key_fits(key: bytes | bytearray, sealed: Sealed) -> bool:
    """Whether `key` is this vault's key, whatever happened to the records."""
    try:
        decrypt(key, sealed, "", sealed.seal)
    except Tampered:
        return False
    return True


def _bound_to(sealed: Sealed, name: str) -> bytes:
    return f"gatepass vault {FORMAT}\0{sealed.install}\0{name}".encode()


def _digest(sealed: Sealed) -> bytes:
    import hashlib

    digest = hashlib.sha256(json.dumps(sealed.provider, sort_keys=True).encode())
    for name, record in sorted(sealed.records.items()):
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(record).digest())
    return digest.digest()

"""The installation's one secret, made at the first start, and the keys derived from it.

From 32 random bytes come the key that hides sensitive audit fields, the external id of every organization and the key
that signs checkpoints. Losing the file means new external ids in every connector's trust policy: back it up, apart
from the database.
"""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gatepass.errors import GatepassError

LENGTH = 32


class KeyFault(GatepassError):
    """The installation's key file cannot be used."""

    code = "settings"


class Keys:
    """Everything derived from the installation's secret. Equal secrets give equal keys, in every worker."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @staticmethod
    def open(path: Path) -> Keys:
        """Read the key file, or make it (mode 0600) when there is none. Refuses one that others can read."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            return Keys(_read(path))
        secret = os.urandom(LENGTH)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(secret) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return Keys(secret)

    @property
    def audit(self) -> bytes:
        """Hides sensitive fields of the audit log."""
        return self._derive("audit")

    @property
    def login(self) -> bytes:
        """Signs what a browser keeps between the two halves of a sign-in."""
        return self._derive("login")

    @property
    def checkpoint_pem(self) -> bytes:
        """The Ed25519 key that signs checkpoints, in PEM."""
        key = Ed25519PrivateKey.from_private_bytes(self._derive("checkpoint"))
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def external_id(self, instance_arn: str) -> str:
        """Sent on every assume-role into the organization of this instance; unique to it, never chosen by it.

        Depends on the instance, not on the estate's name of the organization, so renaming keeps it.
        """
        raw = self._derive(f"external-id:{instance_arn}")
        return "gatepass-" + base64.b32encode(raw[:20]).decode().lower()

    def _derive(self, purpose: str) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=b"gatepass", info=purpose.encode()).derive(
            self._secret
        )


def _read(path: Path) -> bytes:
    info = path.lstat()
    if not stat.S_ISREG(info.st_mode):
        raise KeyFault(f"the key file {path} is a link or no file", advice="put the file itself there")
    if info.st_mode & 0o077:
        raise KeyFault(f"the key file {path} can be read by others", advice=f"run: chmod 600 {path}")
    try:
        secret = base64.b64decode(path.read_bytes().strip(), validate=True)
    except OSError as fault:
        raise KeyFault(
            f"the key file {path} cannot be read: {fault.strerror}", advice="give it to the server's user"
        ) from None
    except ValueError:
        secret = b""
    if len(secret) != LENGTH:
        raise KeyFault(f"the key file {path} does not hold a key", advice="restore it from its backup")
    return secret

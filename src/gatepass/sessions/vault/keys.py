"""Where the vault's key comes from (S-27): recorded at `vault init`, never changed silently, never plaintext."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from gatepass.sessions.errors import BadInput, Locked
from gatepass.sessions.files import private_dir, read_private, replace
from gatepass.sessions.vault.sealed import KEY_BYTES

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**16, 8, 1  # stronger than the 2^15 that S-27 asks for; 64 MiB for 0.2 s
SCRYPT_COSTS = frozenset(2**bits for bits in range(15, 21))
"""What is taken from a file: not weaker than S-27, not more than a gibibyte."""
COMMAND_SECONDS = 10.0
_SERVICE = "gatepass"
# Backends that keep secrets with the operating system; the others write files or nothing (S-27).
_TRUSTED_BACKENDS = (
    "keyring.backends.macOS",
    "keyring.backends.Windows",
    "keyring.backends.SecretService",
    "keyring.backends.libsecret",
    "keyring.backends.kwallet",
)

Provider = dict[str, object]
Ask = Callable[[str], str]
"""Asks a person for a passphrase; raises `Locked` when nobody is there."""


class Keyring(Protocol):
    """What we use of a keyring backend."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


def new_key() -> bytearray:
    """32 random bytes."""
    return bytearray(os.urandom(KEY_BYTES))


def passphrase_key(passphrase: str, provider: Provider) -> bytearray:
    """The key that scrypt makes of the passphrase with the recorded salt and cost."""
    try:
        salt = base64.b64decode(str(provider["salt"]), validate=True)
        n, r, p = (int(str(provider[k])) for k in ("n", "r", "p"))
    except (KeyError, ValueError, binascii.Error) as error:
        raise BadInput(
            "the vault does not say how its passphrase is used", advice="restore vault.bin"
        ) from error
    if not (n in SCRYPT_COSTS and r == 8 and 1 <= p <= 8 and len(salt) >= 16):
        raise BadInput(f"the vault asks for scrypt n={n} r={r} p={p}, which gatepass refuses")
    import hashlib

    raw = hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=KEY_BYTES)
    return bytearray(raw)


def passphrase_provider() -> Provider:
    """A new salt with the cost of today."""
    salt = base64.b64encode(os.urandom(16)).decode()
    return {"kind": "passphrase", "salt": salt, "n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P}


def system_keyring() -> Keyring:
    """The operating system's keyring. Raises `Locked` when there is none or only an unsafe one."""
    import keyring
    from keyring.errors import KeyringError

    try:
        backend = keyring.get_keyring()
        candidates = list(getattr(backend, "backends", [backend]))
    except (KeyringError, ImportError, RuntimeError) as error:
        raise _no_keyring(str(error)) from error
    for candidate in candidates:
        if type(candidate).__module__.startswith(_TRUSTED_BACKENDS):
            found: Keyring = candidate
            return found
    names = ", ".join(type(c).__module__ for c in candidates) or "none"
    raise _no_keyring(f"found: {names}")


def _no_keyring(found: str) -> Locked:
    return Locked(
        f"no system keyring can be used ({found})",
        advice="unlock or install one (Secret Service, KWallet), or choose another provider: "
        "gatepass vault init --provider passphrase",
    )


def keyring_store(install: str, key: bytearray, backend: Keyring) -> Provider:
    """Put the key into the keyring and read it back; how to find it again. Raises `Locked`."""
    item = f"vault-key/{install}"
    text = base64.b64encode(key).decode()
    _keyring_call(lambda: backend.set_password(_SERVICE, item, text))
    if _keyring_call(lambda: backend.get_password(_SERVICE, item)) != text:
        raise _no_keyring("what was stored could not be read back")
    return {"kind": "keyring", "item": item}


def keyring_fetch(provider: Provider, backend: Keyring, *, person: bool = True) -> bytearray:
    """The key from the keyring. Raises `Locked` when it is locked or the item is gone.

    Without a `person` a locked keyring is not asked: it would put its own prompt on the desktop (S-49).
    """
    item = str(provider.get("item", ""))
    if not person and _would_prompt(backend):
        raise Locked("the system keyring is locked", advice="run: gatepass vault unlock")
    text = _keyring_call(lambda: backend.get_password(_SERVICE, item))
    if text is None:
        raise Locked(
            f"the system keyring has no item {_SERVICE}/{item}",
            advice="log in to the desktop session that made the vault, or: gatepass vault import BACKUP",
        )
    return decode_key(text, "the keyring item")


def _would_prompt(backend: Keyring) -> bool:
    """Whether reading makes the Secret Service ask for its password. Other keyrings do not say: False."""
    if not type(backend).__module__.startswith("keyring.backends.SecretService"):
        return False
    import secretstorage

    try:
        with contextlib.closing(secretstorage.dbus_init()) as bus:
            return bool(secretstorage.get_default_collection(bus).is_locked())
    except (secretstorage.SecretStorageException, OSError):
        return False


def _keyring_call(call: Callable[[], Any]) -> Any:
    from keyring.errors import KeyringError

    try:
        return call()
    except KeyringError as error:
        raise Locked(
            f"the system keyring is locked or does not answer ({type(error).__name__})",
            advice="unlock it, then run the command again",
        ) from error


def command_key(argv: Sequence[str]) -> bytearray:
    """The key that a program prints. Raises `Locked` when it fails or takes longer than 10 s."""
    import subprocess

    try:
        done = subprocess.run(
            list(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Locked(
            f"the vault's key command {argv[0]!r} could not be run ({type(error).__name__})",
            advice="run it by hand to see why",
        ) from error
    if done.returncode != 0:
        raise Locked(
            f"the vault's key command {argv[0]!r} ended with {done.returncode}",
            advice="run it by hand to see why",
        )
    return decode_key(done.stdout.decode("utf-8", "replace"), f"the output of {argv[0]!r}")


def keyfile_key(path: Path) -> bytearray:
    """The key in a private file. Raises `Locked` when it is missing, `Unsafe` when others can read it."""
    try:
        return decode_key(read_private(path).decode("ascii", "replace"), str(path))
    except FileNotFoundError as error:
        raise Locked(
            f"the vault's key file {path} is missing",
            advice="put it back, or start anew: gatepass vault init --replace",
        ) from error


def write_keyfile(path: Path, key: bytearray) -> Provider:
    """Write a new key file, 0600; refuses to replace one."""
    if path.exists() or path.is_symlink():
        raise BadInput(f"{path} exists already", advice="name another file")
    private_dir(path.parent)
    replace(path, base64.b64encode(key) + b"\n")
    return {"kind": "keyfile", "path": str(path.absolute())}


def decode_key(text: str, source: str) -> bytearray:
    """32 bytes from base64 or hexadecimal text. Raises `BadInput` without showing the text."""
    text = text.strip()
    for decode in (bytes.fromhex, lambda t: base64.b64decode(t, validate=True)):
        try:
            key = bytearray(decode(text))
        except (ValueError, binascii.Error):
            continue
        if len(key) == KEY_BYTES:
            return key
    raise BadInput(
        f"{source} is not a key: 32 bytes as base64 or hexadecimal",
        advice="put the right one back, or start anew: gatepass vault init --replace",
    )


def key_for(provider: Provider, ask: Ask, *, person: bool = True) -> bytearray:
    """The vault's key by its recorded provider; `ask` is used only for a passphrase."""
    match provider.get("kind"):
        case "keyring":
            return keyring_fetch(provider, system_keyring(), person=person)
        case "passphrase":
            return passphrase_key(ask("vault passphrase"), provider)
        case "command":
            argv = provider.get("argv")
            if not isinstance(argv, list) or not argv:
                raise _unsaid("command")
            return command_key([str(word) for word in argv])
        case "keyfile":
            if not provider.get("path"):
                raise _unsaid("path")
            return keyfile_key(Path(str(provider["path"])))
        case other:
            raise BadInput(f"the vault names the key provider {other!r}, which gatepass does not have")


def _unsaid(what: str) -> BadInput:
    return BadInput(f"the vault does not say the {what} its key comes from", advice="restore vault.bin")

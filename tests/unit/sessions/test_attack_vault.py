"""An adversary at the vault: a lock in the middle of a write, a header that was tampered with, keys left behind."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gatepass.sessions.agent.strongbox import Strongbox
from gatepass.sessions.errors import BadInput, Locked, SessionError, Tampered
from gatepass.sessions.files import replace
from gatepass.sessions.vault import keys, sealed
from gatepass.sessions.vault.store import Vault, read_sealed

SALT = base64.b64encode(b"0" * 16).decode()


def make(place: Path) -> Vault:
    def with_file(install: str) -> tuple[bytearray, keys.Provider]:
        key = keys.new_key()
        return key, keys.write_keyfile(place / "key", key)

    made = Vault.create(place / "vault.bin", with_file)
    made.put("iam-user/a", {"secret": "old"})
    return made


@pytest.mark.parametrize("at", [1, 2])
def test_s29_a_lock_in_the_middle_of_a_write_loses_nothing(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """`lock_on_sleep` while a refreshed token is put: the rest was once sealed under zeros, and the vault was gone."""
    vault = make(short_tmp / "v")
    real, calls = sealed.encrypt, 0

    def encrypt(key: bytes, document: sealed.Sealed, name: str, value: bytes) -> bytes:
        nonlocal calls
        calls += 1
        if calls == at:
            vault.wipe()  # another thread
        return real(key, document, name, value)

    monkeypatch.setattr(sealed, "encrypt", encrypt)
    vault.put("iam-user/b", {"secret": "new"})
    document = read_sealed(vault.path)
    zeros = bytearray(32)
    for name, record in document.records.items():
        with pytest.raises(SessionError):
            sealed.decrypt(zeros, document, name, record)
    assert not sealed.key_fits(zeros, document)
    again = Vault.open(vault.path, lambda prompt: "")
    assert (again.get("iam-user/a"), again.get("iam-user/b")) == ({"secret": "old"}, {"secret": "new"})
    with pytest.raises(Locked):
        vault.get("iam-user/a")


def test_s29_an_opening_under_way_does_not_undo_a_lock(short_tmp: Path) -> None:
    """A tool's process has found the vault closed, then it is locked by hand: the process must not open it."""
    box = Strongbox(make(short_tmp / "v").path)
    assert box.get("iam-user/a") == {"secret": "old"}
    box.lock()
    with pytest.raises(Locked):
        box._open(None, person=False)
    assert box.is_kept_shut
    box.unlock(None)
    assert box.is_open


@pytest.mark.parametrize(
    "provider",
    [
        {"kind": "passphrase", "salt": SALT, "n": 2**40, "r": 8, "p": 1},
        {"kind": "passphrase", "salt": SALT, "n": 2**15 + 1, "r": 8, "p": 1},
        {"kind": "passphrase", "salt": SALT, "n": 2**14, "r": 8, "p": 1},
        {"kind": "passphrase", "salt": SALT, "n": 2**15, "r": 2**30, "p": 1},
        {"kind": "passphrase", "salt": SALT, "n": 2**15, "r": 8, "p": 2**20},
        {"kind": "passphrase", "salt": SALT, "n": -1, "r": 8, "p": 1},
        {"kind": "passphrase", "salt": "", "n": 2**15, "r": 8, "p": 1},
        {"kind": "passphrase", "salt": SALT, "n": "9" * 4400, "r": 8, "p": 1},
        {"kind": "passphrase", "salt": SALT},
        {"kind": "command"},
        {"kind": "command", "argv": "sh -c evil"},
        {"kind": "command", "argv": []},
        {"kind": "keyfile"},
        {"kind": "plaintext"},
        {"kind": ["passphrase"]},
        {},
    ],
    ids=str,
)
def test_s27_a_tampered_header_is_one_line_not_a_crash_nor_a_gibibyte(
    short_tmp: Path, provider: dict[str, object]
) -> None:
    """What says how to get the key is read before anything is verified: it must not run wild."""
    vault = make(short_tmp / "v")
    document = json.loads(vault.path.read_bytes())
    replace(vault.path, json.dumps({**document, "provider": provider}).encode())
    with pytest.raises(BadInput):
        Vault.open(vault.path, lambda prompt: "passphrase")


def rewritten(vault: Vault, change: Callable[[dict[str, str]], object]) -> None:
    document = json.loads(vault.path.read_bytes())
    change(document["records"])
    replace(vault.path, json.dumps(document).encode())


def test_h3_one_record_cannot_be_put_back_alone(short_tmp: Path) -> None:
    """Rollback of a rotated key: the record is genuine, its seal is not. (The whole file: see the document.)"""
    vault = make(short_tmp / "v")
    old = json.loads(vault.path.read_bytes())["records"]["iam-user/a"]
    vault.put("iam-user/a", {"secret": "rotated"})
    rewritten(vault, lambda records: records.update({"iam-user/a": old}))
    with pytest.raises(SessionError):
        vault.get("iam-user/a")


def test_h3_a_record_of_another_vault_under_the_same_key_is_refused(short_tmp: Path) -> None:
    """The agentless cache is sealed under the vault's key: nothing of it passes for the vault's."""
    vault = make(short_tmp / "v")
    key = vault.copy_of_key()
    cache = Vault.create(
        short_tmp / "v" / "cache.bin", lambda install: (key, {"kind": "keyfile", "path": "/x"})
    )
    cache.put("iam-user/a", {"secret": "planted"})
    planted = read_sealed(cache.path).records["iam-user/a"]
    with pytest.raises(Tampered):
        sealed.decrypt(key, read_sealed(vault.path), "iam-user/a", planted)

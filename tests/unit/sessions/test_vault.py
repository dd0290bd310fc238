import base64
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepass.sessions.errors import BadInput, Locked, Tampered, Unsafe
from gatepass.sessions.files import replace
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault import keys, sealed
from gatepass.sessions.vault.store import Vault, export_vault, import_vault, read_sealed

CANARY = "AKIA-canary-Secret-0123456789"
CHEAP = {"kind": "passphrase", "salt": base64.b64encode(b"0" * 16).decode(), "n": 2**15, "r": 8, "p": 1}


def make_with(key: bytearray) -> Callable[[str], tuple[bytearray, keys.Provider]]:
    return lambda install: (key, {"kind": "keyfile", "path": "/nowhere"})


@pytest.fixture
def vault(short_tmp: Path) -> Vault:
    made = Vault.create(short_tmp / "v" / "vault.bin", make_with(keys.new_key()))
    made.put("iam-user/a", {"secret": CANARY})
    made.put("iam-user/b", {"secret": "other"})
    return made


def test_s25_values_are_not_in_the_file_and_come_back(vault: Vault) -> None:
    assert CANARY.encode() not in vault.path.read_bytes()
    assert vault.get("iam-user/a") == {"secret": CANARY}
    assert vault.get("nothing") is None


def test_s28_file_0600_directory_0700_and_checked_on_every_read(vault: Vault) -> None:
    assert stat.S_IMODE(os.stat(vault.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(vault.path.parent).st_mode) == 0o700
    os.chmod(vault.path, 0o644)
    with pytest.raises(Unsafe):
        vault.get("iam-user/a")


def test_s26_each_write_uses_a_new_nonce(vault: Vault) -> None:
    before = read_sealed(vault.path).records["iam-user/a"][:12]
    vault.put("iam-user/a", {"secret": CANARY})
    assert read_sealed(vault.path).records["iam-user/a"][:12] != before


def _edit(path: Path, change: Callable[[dict[str, dict[str, str]]], None]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    replace(path, json.dumps(document).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["records"].pop("iam-user/a"),
        lambda d: d["records"].update({"iam-user/c": d["records"]["iam-user/a"]}),
        lambda d: d["records"].update({"iam-user/a": d["records"]["iam-user/b"]}),
        lambda d: d.update(provider={"kind": "keyfile", "path": "/elsewhere"}),
    ],
    ids=["removed", "added", "swapped", "provider"],
)
def test_h3_tampering_with_the_vault_is_detected(
    vault: Vault, change: Callable[[dict[str, dict[str, str]]], None]
) -> None:
    """S-26: the seal covers all records, each record its name, so nothing moves unseen."""
    _edit(vault.path, change)
    with pytest.raises(Tampered):
        vault.get("iam-user/b")


@settings(max_examples=40)
@given(st.data())
def test_h3_any_flipped_or_missing_byte_is_never_a_value(data: st.DataObject) -> None:
    """Whatever happens to the bytes, a wrong value never comes out: the right one or an error."""
    key = bytearray(range(32))
    document = sealed.Sealed("i", {"kind": "keyfile"})
    document.records["n"] = sealed.encrypt(key, document, "n", b"value")
    raw = bytearray(sealed.render(sealed.sealed_again(key, document)))
    at = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw[at] ^= data.draw(st.integers(1, 255))
    else:
        del raw[at:]
    try:
        found = sealed.parse(bytes(raw))
        if not sealed.seal_fits(key, found):
            return
        assert sealed.decrypt(key, found, "n", found.records["n"]) == b"value"
    except (Tampered, BadInput, KeyError):
        return


def test_s27_a_wrong_key_is_locked_not_damaged(vault: Vault) -> None:
    with pytest.raises(Locked, match="does not open"):
        Vault.open_with(vault.path, keys.new_key())


def test_s27_passphrase_key_is_scrypt_and_weak_costs_are_refused() -> None:
    assert keys.passphrase_key("p", dict(CHEAP)) == keys.passphrase_key("p", dict(CHEAP))
    assert keys.passphrase_key("p", dict(CHEAP)) != keys.passphrase_key("q", dict(CHEAP))
    assert int(str(keys.passphrase_provider()["n"])) >= 2**15
    with pytest.raises(BadInput, match="refuses"):
        keys.passphrase_key("p", {**CHEAP, "n": 1024})


class FakeKeyring:
    def __init__(self) -> None:
        self.items: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.items[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.items[service, username]


def test_s26_the_keyring_item_is_named_after_the_install() -> None:
    ring, key = FakeKeyring(), keys.new_key()
    provider = keys.keyring_store("abc", key, ring)
    assert list(ring.items) == [("gatepass", "vault-key/abc")]
    assert keys.keyring_fetch(provider, ring) == key
    ring.items.clear()
    with pytest.raises(Locked, match="no item"):
        keys.keyring_fetch(provider, ring)


def test_s27_no_system_keyring_says_what_to_do_and_never_falls_back(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring
    from keyring.backends import fail, null

    for backend in (fail.Keyring(), null.Keyring()):
        monkeypatch.setattr(keyring, "get_keyring", lambda backend=backend: backend)
        with pytest.raises(Locked, match="--provider passphrase"):
            Vault.create(
                short_tmp / "vault.bin",
                lambda i: (keys.new_key(), keys.keyring_store(i, keys.new_key(), keys.system_keyring())),
            )
        assert not (short_tmp / "vault.bin").exists()


def test_s27_command_and_key_file_providers(short_tmp: Path) -> None:
    key = keys.new_key()
    assert keys.command_key(["echo", key.hex()]) == key
    with pytest.raises(Locked, match="ended with 1"):
        keys.command_key(["false"])
    with pytest.raises(BadInput, match="not a key"):
        keys.command_key(["echo", "short"])
    provider = keys.write_keyfile(short_tmp / "k", key)
    assert keys.key_for(provider, lambda p: "") == key
    with pytest.raises(BadInput, match="exists"):
        keys.write_keyfile(short_tmp / "k", key)
    os.chmod(short_tmp / "k", 0o644)
    with pytest.raises(Unsafe):
        keys.key_for(provider, lambda p: "")


def test_s28_rotate_export_import(vault: Vault, short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "SCRYPT_N", 2**15)
    new_key = keys.new_key()
    rotated = vault.rotate(make_with(new_key))
    assert rotated.get("iam-user/a") == {"secret": CANARY}
    with pytest.raises(Tampered):
        vault.get("iam-user/a")
    assert export_vault(rotated, short_tmp / "copy", "pass") == 2
    other = Vault.create(short_tmp / "w" / "vault.bin", make_with(keys.new_key()))
    with pytest.raises(Locked):
        import_vault(other, short_tmp / "copy", "wrong")
    assert import_vault(other, short_tmp / "copy", "pass") == ["iam-user/a", "iam-user/b"]
    assert other.get("iam-user/a") == {"secret": CANARY}


def test_s29_a_wiped_vault_is_locked(vault: Vault) -> None:
    vault.wipe()
    with pytest.raises(Locked):
        vault.get("iam-user/a")


def test_a_second_vault_is_refused_and_removing_may_be_repeated(vault: Vault, paths: Paths) -> None:
    with pytest.raises(BadInput, match="already"):
        Vault.create(vault.path, make_with(keys.new_key()))
    assert vault.remove(["iam-user/a", "nothing"]) == ["iam-user/a"]
    assert vault.remove(["iam-user/a"]) == []
    with pytest.raises(Locked, match="vault init"):
        read_sealed(paths.vault)

"""The shared AWS config: T-4, T-5, H2, S-1 to S-3, S-60 to S-63."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepass.sessions.config import text
from gatepass.sessions.config.shadow import find_shadows
from gatepass.sessions.config.writer import Conflict, apply, plan_install, plan_uninstall
from gatepass.sessions.errors import BadInput, Tampered
from gatepass.sessions.model import Process, Session, StaticEndpoint

LAUNCHER = ["/data/bin/gatepass-credential"]


def session(name: str, region: str | None = None) -> Session:
    return Session(name, Process(command=("x",)), name, region=region)


OURS = [session("gp-b", "eu-west-1"), session("gp-a")]
PIECES = [
    "[default]\nregion = us-east-1\n",
    "[profile work]\nrole_arn=arn:aws:iam::1:role/x\nsource_profile = default\n",
    "[profile work]\nregion=eu-west-1\n",
    "[profile nested]\ns3 =\n  max_concurrent_requests = 20\n  addressing_style = path\n",
    "[sso-session corp]\nsso_start_url = https://x/\n",
    "# a comment with [profile gp-a] in it\n",
    "; another\n\n\n",
    "[profile 'quoted name']\r\nregion = eu-west-1\r\n",
    "   indented rubbish\n",
    "[unclosed\n",
    "key without section = 1\n",
    "[profile caf\u00e9]\nregion=\u2026\n",
    "\ttab\n",
    "\x85\x0c weird\n",
]


def hostile(seed: int) -> bytes:
    """One of many generated config files (T-4)."""
    rng = random.Random(seed)
    body = "".join(rng.choice(PIECES) for _ in range(rng.randrange(0, 12)))
    raw = body.encode("utf-8") if rng.random() < 0.8 else body.encode("utf-8") + b"\xff\xfe\x00"
    if rng.random() < 0.4:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return raw.rstrip(b"\r\n") if rng.random() < 0.4 else raw


def test_t4_200_hostile_files_keep_every_byte_outside_the_block(short_tmp: Path) -> None:
    """S-1, S-2: nothing is reserialized, nothing that is not ours is removed."""
    path = short_tmp / "config"
    for seed in range(200):
        before = hostile(seed)
        path.write_bytes(before)
        for wanted in (OURS, [session("gp-c")]):
            plan = plan_install(path, wanted, LAUNCHER)
            assert plan.after is not None
            assert plan.after.startswith(before)
            path.write_bytes(plan.after)
        assert not plan_install(path, [session("gp-c")], LAUNCHER).changes
        assert plan_uninstall(path).after == before, seed


def test_t4_installed_and_uninstalled_on_disk(short_tmp: Path) -> None:
    path = short_tmp / "config"
    for seed in range(8):
        path.write_bytes(hostile(seed))
        assert apply(plan_install(path, OURS, LAUNCHER), short_tmp / "locks")
        assert not apply(plan_install(path, OURS, LAUNCHER), short_tmp / "locks")
        assert apply(plan_uninstall(path), short_tmp / "locks")
        assert path.read_bytes() == hostile(seed)


@settings(max_examples=150)
@given(st.binary(max_size=300), st.binary(max_size=60))
def test_s61_any_bytes_before_and_after_the_block_survive(head: bytes, tail: bytes) -> None:
    """Whatever is around the block, changing the block changes nothing else."""
    parts = text.split(text.decode(head), "x")
    assert text.encode(parts.before) == head
    block = f"{text.BEGIN}\n[profile a]\n{text.END}\n".encode()
    whole = head + (b"" if not head or head.endswith(b"\n") else b"\n") + block + tail
    parts = text.split(text.decode(whole), "x")
    assert text.encode(parts.before + parts.block + parts.after) == whole
    assert text.encode(parts.after) == tail


def test_s63_a_link_is_followed_and_modes_are_kept(short_tmp: Path) -> None:
    real, link = short_tmp / "real", short_tmp / "config"
    real.write_bytes(b"[default]\n")
    os.chmod(real, 0o640)
    link.symlink_to(real)
    apply(plan_install(link, OURS, LAUNCHER), short_tmp / "locks")
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert (short_tmp / "real.gatepass.bak").read_bytes() == b"[default]\n"


def test_s63_a_new_file_is_0600_and_gone_after_uninstall(short_tmp: Path) -> None:
    path = short_tmp / "aws" / "config"
    apply(plan_install(path, OURS, LAUNCHER), short_tmp / "locks")
    assert path.stat().st_mode & 0o777 == 0o600
    names = [s.profile for s in text.sections(text.decode(path.read_bytes()))]
    assert names == ["gp-a", "gp-b"]
    apply(plan_uninstall(path), short_tmp / "locks")
    assert not path.exists()


@pytest.mark.parametrize("step", ["open", "fchmod", "fsync", "replace"])
def test_h2_power_loss_leaves_the_old_config(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = short_tmp / "config"
    path.write_bytes(b"[default]\n")
    plan = plan_install(path, OURS, LAUNCHER)
    (short_tmp / "locks").mkdir(mode=0o700)
    genuine = getattr(os, step)

    def stop(*args: object, **kwargs: object) -> object:
        if step == "open" and ".lock" in str(args[0]):
            return genuine(*args, **kwargs)
        raise OSError("power")

    monkeypatch.setattr(os, step, stop)
    with pytest.raises(OSError, match="power"):
        apply(plan, short_tmp / "locks")
    monkeypatch.undo()
    assert path.read_bytes() == b"[default]\n"
    assert not [p for p in short_tmp.iterdir() if p.name.startswith(".")]


def test_s61_a_name_outside_the_block_is_a_conflict_and_adopt_is_undone(short_tmp: Path) -> None:
    path = short_tmp / "config"
    before = b"[profile gp-a]\nregion = x\n\n# keep\n[default]\noutput = json"
    path.write_bytes(before)
    with pytest.raises(Conflict, match="--adopt"):
        plan_install(path, OURS, LAUNCHER)
    assert path.read_bytes() == before
    apply(plan_install(path, OURS, LAUNCHER, adopt=True), short_tmp / "locks")
    sections = text.sections(text.decode(path.read_bytes()))
    assert [s.profile for s in sections] == ["default", "gp-a", "gp-b"]
    apply(plan_uninstall(path), short_tmp / "locks")
    assert path.read_bytes() == before


def test_s62_default_only_on_request_and_without_the_word_profile(short_tmp: Path) -> None:
    path = short_tmp / "config"
    assert plan_install(path, [session("default")], LAUNCHER).after is None
    written = plan_install(path, [session("default")], LAUNCHER, default=True).after
    assert written is not None
    assert b"\n[default]\n" in written
    assert b"[profile default]" not in written


@pytest.mark.parametrize("name", ["a b", "a;rm", "$(x)", "a'b", "x`y"])
def test_s39_names_a_shell_would_read_differently_are_refused(short_tmp: Path, name: str) -> None:
    with pytest.raises(BadInput, match="cannot be installed"):
        plan_install(short_tmp / "config", [session(name)], LAUNCHER)


def test_a_file_changed_meanwhile_is_not_overwritten(short_tmp: Path) -> None:
    path = short_tmp / "config"
    path.write_bytes(b"[default]\n")
    plan = plan_install(path, OURS, LAUNCHER)
    path.write_bytes(b"[default]\nregion = new\n")
    with pytest.raises(BadInput, match="changed by another"):
        apply(plan, short_tmp / "locks")


@pytest.mark.parametrize(
    "body", [f"{text.BEGIN}\n", f"{text.END}\n{text.BEGIN}\n", f"{text.BEGIN}\n{text.BEGIN}\n{text.END}\n"]
)
def test_h2_broken_marks_are_refused_not_guessed(short_tmp: Path, body: str) -> None:
    path = short_tmp / "config"
    path.write_text(body)
    with pytest.raises(Tampered, match="marks"):
        plan_install(path, OURS, LAUNCHER)


def test_h2_ten_thousand_profiles(short_tmp: Path) -> None:
    path = short_tmp / "config"
    before = "".join(f"[profile p{i}]\nregion = eu-west-1\n\n" for i in range(10_000)).encode()
    path.write_bytes(before)
    apply(plan_install(path, OURS, LAUNCHER), short_tmp / "locks")
    assert path.read_bytes().startswith(before)


def test_a_static_endpoint_writes_its_address(short_tmp: Path) -> None:
    local = Session("local", StaticEndpoint(endpoint_url="http://localhost:4566"), "local")
    written = plan_install(short_tmp / "config", [local], LAUNCHER).after
    assert written is not None
    assert b"endpoint_url = http://localhost:4566\n" in written


@pytest.mark.parametrize(
    ("config", "credentials", "variables", "by"),
    [
        ("", "[p]\naws_access_key_id = x\naws_secret_access_key = y\n", {}, "keys in"),
        ("[profile p]\nrole_arn = x\nsource_profile = y\n", "", {}, "role_arn keys"),
        ("[profile p]\nsso_session = x\n", "", {}, "sso keys"),
        ("[profile p]\nsso_start_url = x\n", "", {}, "sso keys"),
        ("[profile p]\nlogin_session = x\n", "", {}, "login_session"),
        ("[profile p]\naws_access_key_id = x\n", "", {}, "access keys in"),
        ("[profile p]\nregion = x\n", "", {}, "same name"),
        ("", "", {"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_PROFILE": "p"}, "AWS_ACCESS_KEY_ID"),
    ],
)
def test_t5_every_shadow_of_s60_is_detected(
    short_tmp: Path, config: str, credentials: str, variables: dict[str, str], by: str
) -> None:
    (short_tmp / "config").write_text(config)
    (short_tmp / "credentials").write_text(credentials)
    places = {
        "AWS_CONFIG_FILE": str(short_tmp / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(short_tmp / "credentials"),
    }
    found = find_shadows({"p"}, {**places, **variables})
    assert len(found) == 1
    assert by in found[0].by
    assert found[0].line().startswith("profile p: gatepass is shadowed by")
    assert find_shadows({"other"}, places) == []

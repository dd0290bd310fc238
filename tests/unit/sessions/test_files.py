import os
import subprocess
import sys
from pathlib import Path

import pytest

from gatepass.sessions import files
from gatepass.sessions.errors import Busy, Unsafe


def test_s28_a_replaced_file_is_private_and_whole(short_tmp: Path) -> None:
    files.replace(short_tmp / "x", b"one")
    files.replace(short_tmp / "x", b"two")
    assert (short_tmp / "x").read_bytes() == b"two"
    assert os.stat(short_tmp / "x").st_mode & 0o777 == 0o600
    assert [p.name for p in short_tmp.iterdir()] == ["x"]


@pytest.mark.parametrize("step", ["open", "chmod", "fsync", "replace"])
def test_s3_power_loss_at_any_step_leaves_old_or_new(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """H2: the machine stops at one step; the file is the old or the new one, nothing is left beside it."""
    target = short_tmp / "x"
    files.replace(target, b"old")

    def stop(*_: object, **__: object) -> int:
        raise OSError("power")

    monkeypatch.setattr(os, step, stop)
    with pytest.raises(OSError, match="power"):
        files.replace(target, b"new")
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert [p.name for p in short_tmp.iterdir()] == ["x"]


def test_s28_a_link_is_never_followed(short_tmp: Path) -> None:
    (short_tmp / "real").write_bytes(b"x")
    os.chmod(short_tmp / "real", 0o600)
    (short_tmp / "link").symlink_to(short_tmp / "real")
    with pytest.raises(Unsafe, match="link"):
        files.read_private(short_tmp / "link")
    files.replace(short_tmp / "link", b"new")
    assert (short_tmp / "real").read_bytes() == b"x"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_s28_a_file_others_can_reach_is_refused(short_tmp: Path, mode: int) -> None:
    (short_tmp / "x").write_bytes(b"x")
    os.chmod(short_tmp / "x", mode)
    with pytest.raises(Unsafe, match="chmod 600"):
        files.read_private(short_tmp / "x")


def test_t6_an_open_directory_is_refused(short_tmp: Path) -> None:
    os.mkdir(short_tmp / "d", 0o755)
    with pytest.raises(Unsafe, match="0755"):
        files.private_dir(short_tmp / "d")
    (short_tmp / "l").symlink_to(short_tmp)
    with pytest.raises(Unsafe, match="must be a directory"):
        files.private_dir(short_tmp / "l")


def test_s82_a_lock_names_its_owner_and_has_a_limit(short_tmp: Path) -> None:
    with (
        files.locked(short_tmp / "l"),
        pytest.raises(Busy, match=str(os.getpid())),
        files.locked(short_tmp / "l", wait_seconds=0.01),
    ):
        raise AssertionError("two hold it")


def test_s36_the_kernel_frees_the_lock_of_a_dead_process(short_tmp: Path) -> None:
    code = (
        "import os,sys,signal; from pathlib import Path; from gatepass.sessions.files import try_lock\n"
        "assert try_lock(Path(sys.argv[1])) is not None; os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(short_tmp / "l")], check=False)
    assert done.returncode == -9
    with files.locked(short_tmp / "l", wait_seconds=0.01):
        assert files.owner(short_tmp / "l") == str(os.getpid())

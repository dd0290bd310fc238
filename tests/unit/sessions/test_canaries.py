"""The search that ends every test run can find what it looks for, and fails the run when it does (H3, T-12)."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from tests import canaries

ROOT = Path(canaries.__file__).resolve().parents[1]
OTHER = secrets.token_hex(5)
"""A mark that is not this run's: planting one of ours would fail the run."""
SECRET = f"LongTermCanary{OTHER}-and-more"


@pytest.mark.parametrize("shift", range(6))
@pytest.mark.parametrize("coded", [False, True], ids=["as it is", "base64"])
def test_h3_a_secret_in_a_file_is_found(tmp_path: Path, shift: int, coded: bool) -> None:
    text = (":" * shift + SECRET).encode()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "agent.log").write_bytes(b"\x00" + (base64.b64encode(text) if coded else text))
    found = list(canaries.traces_in_files([tmp_path], canaries.needles(OTHER)))
    assert [line.rpartition("/")[2] for line in found] == ["agent.log: holds a canary"]


def test_h3_core_dumps_histories_and_homes_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "core.4711").write_bytes(b"ELF")
    for name in canaries.HISTORIES[:3]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"export AWS_SECRET_ACCESS_KEY={SECRET}\n")
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(SECRET)
    places = [path for path in canaries.outside(tmp_path) if path.exists() and tmp_path in path.parents]
    found = list(canaries.traces_in_files([*places, tmp_path / "core.4711"], canaries.needles(OTHER)))
    (tmp_path / "core.4711").unlink()  # the run's own search comes by here too
    assert len(found) == 5


@pytest.mark.parametrize("where", ["environ", "cmdline"])
def test_h3_a_secret_of_a_process_is_found(where: str) -> None:
    code = "import sys; print('ready', flush=True); sys.stdin.read()"
    more = [SECRET] if where == "cmdline" else []
    environment = {**os.environ, **({"X": SECRET} if where == "environ" else {})}
    child = subprocess.Popen(
        [sys.executable, "-c", code, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        found = list(canaries.traces_in_processes(canaries.needles(OTHER)))
        assert found == [f"process {child.pid}: a canary in its {where}"]
        child.communicate()


PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "tests.canaries", "-p", "no:cacheprovider"]
SUITE = """
from tests.canaries import canary, private_place

def test_clean():
    (private_place() / "x").write_text("nothing")

def test_leaves_something():
    (private_place() / "x.log").write_text("key " + canary("LongTerm"))
"""


def test_h3_what_is_on_purpose_is_no_trace(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "x.json").write_text(SECRET)
    canaries.on_purpose(tmp_path / "cache")
    assert list(canaries.traces_in_files([tmp_path], canaries.needles(OTHER))) == []


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "xdist"])
def test_h3_a_run_of_passing_tests_fails_when_a_secret_was_left(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {k: v for k, v in os.environ.items() if k != "GATEPASS_CANARY_RUN" and "PYTEST" not in k}
    done = subprocess.run(
        [*PYTEST, *workers, str(tmp_path)],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1
    assert "canary secrets were left behind" in done.stdout


def test_h3_the_fakes_secrets_carry_the_mark() -> None:
    """A secret without it would be looked for in vain."""
    from tests.unit.sessions.conftest import GATEWAY_SECRET
    from tests.unit.sessions.fake_aws import FakeAws

    fake = FakeAws()
    made = fake.make("role", "1" * 12, 900)[1]
    for secret in (GATEWAY_SECRET, made.secret, *fake.new_token().values()):
        assert not isinstance(secret, str) or secret == "Bearer" or f"Canary{canaries.RUN}" in secret

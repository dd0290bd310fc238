"""`gatepass audit verify`: an export and an old checkpoint are enough, and every tampering is named (I6)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gatepass.access.checkpoint import Signer
from gatepass.access.events import Event
from gatepass.cli.audit import audit
from gatepass.store import open_store
from gatepass.store.checkpoints import DirectorySink, SignedCheckpoints
from gatepass.testing.clock import VirtualClock


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export of two chains, and a checkpoint of their ends in `kept/`."""
    store = open_store(f"sqlite:///{tmp_path}/a.db", VirtualClock(), audit_key=b"key")
    for number in range(5):
        with store.write() as tx:
            tx.audit(Event("request.cancelled", "foo", {"request": f"r{number}"}))
            tx.audit(Event("login", None, {"person": "p1"}))
    with store.read() as view:
        (tmp_path / "export.jsonl").write_text("".join(view.entries.export()))
        sink = DirectorySink(tmp_path / "kept")
        SignedCheckpoints(Signer(Signer.new_key()), [sink]).publish(
            view.entries.heads(), VirtualClock().now()
        )
    store.close()
    return tmp_path / "export.jsonl"


def kept(export: Path) -> str:
    (checkpoint,) = (export.parent / "kept").iterdir()
    return str(checkpoint)


def verify(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(audit, ["verify", *arguments], input=stdin)


def test_a_whole_export_verifies(export: Path) -> None:
    result = verify(str(export), "--checkpoint", kept(export))
    assert result.exit_code == 0
    assert "foo: 5 entries, vouched for up to 5" in result.output
    assert result.output.endswith("whole\n")


def test_the_answer_can_be_read_by_programs(export: Path) -> None:
    said = json.loads(verify(str(export), "--output", "json").output)
    assert said == {
        "verified": True,
        "chains": {"installation": {"entries": 5, "vouched": 0}, "foo": {"entries": 5, "vouched": 0}},
        "faults": [],
    }


def test_a_row_edited_by_hand_is_named(export: Path) -> None:
    """Engine 6."""
    text = export.read_text().replace(r"\"r3\"", r"\"r9\"")
    result = verify("-", "--checkpoint", kept(export), stdin=text)
    assert result.exit_code == 1
    assert "FAULT foo: entry 4" in result.output


def test_a_cut_off_end_is_named_only_with_a_checkpoint(export: Path) -> None:
    text = "".join(export.read_text().splitlines(keepends=True)[:-1])
    assert verify("-", stdin=text).exit_code == 0
    result = verify("-", "--checkpoint", kept(export), "--output", "json", stdin=text)
    assert result.exit_code == 1
    (fault,) = json.loads(result.output)["faults"]
    assert (fault["chain"], fault["seq"]) == ("foo", 5)


def test_an_export_of_some_chains_is_held_against_those(export: Path) -> None:
    text = "".join(line for line in export.read_text().splitlines(keepends=True) if '"foo"' in line)
    assert verify("-", "--checkpoint", kept(export), stdin=text).exit_code == 1
    assert verify("-", "--checkpoint", kept(export), "--organization", "foo", stdin=text).exit_code == 0


def test_a_checkpoint_that_is_none_is_bad_input(export: Path) -> None:
    result = verify(str(export), "--checkpoint", str(export))
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_line_that_is_no_entry_is_a_fault(export: Path) -> None:
    result = verify("-", stdin=export.read_text() + "\x00 nothing\n")
    assert result.exit_code == 1
    assert "line 11" in result.output


def test_a_file_that_is_no_export_is_told_once(export: Path) -> None:
    result = verify("-", stdin="a\nb\nc\n")
    assert result.exit_code == 2
    assert result.output.count("no export of the audit log") == 1
    assert "line 2" not in result.output
    assert verify("-", stdin="").exit_code == 2
    assert verify("-", "--checkpoint", kept(export), stdin="").exit_code == 1  # all of it was cut off


def test_verifying_needs_no_database_software() -> None:
    """An auditor has the base install: no SQLAlchemy, no server."""
    code = "import sys, gatepass.cli.audit; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

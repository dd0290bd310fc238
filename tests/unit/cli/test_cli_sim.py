"""`gatepass sim` refuses what it cannot run with, before it listens: one line, what to do next, exit 2 (H5)."""

from __future__ import annotations

import socket

import pytest
from click.testing import CliRunner

from gatepass.cli.main import main


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--faults", "- {do: explode}", "is none of throttle"),
        ("--faults", "do: deny", "holds no list of rules"),
        ("--faults", "- {do: [", "cannot be read"),
        ("--world", "organizations: [{}]", "management"),
        ("--world", "[]", "mapping with organizations"),
    ],
)
def test_files_that_say_nothing_sensible(tmp_path, option, text, said):
    path = tmp_path / "input.yaml"
    path.write_text(text)
    ran = CliRunner().invoke(main, ["sim", option, str(path)])
    assert ran.exit_code == 2
    assert said in ran.output
    assert "Traceback" not in ran.output


@pytest.mark.parametrize(
    "words",
    [["--external-id", "tenant_foo"], ["--faults", "missing.yaml"], ["--port", "x"],
     ["--world", "pyproject.toml", "--estate", "examples/multi-organization"]],
)  # fmt: skip
def test_words_that_mean_nothing(words):
    assert CliRunner().invoke(main, ["sim", *words]).exit_code == 2


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = CliRunner().invoke(main, ["sim", "--only-ours", "--port", str(port)])
    assert ran.exit_code == 5
    assert f"127.0.0.1:{port}" in ran.output

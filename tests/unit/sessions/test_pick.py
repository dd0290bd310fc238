"""Naming a session: by completion, or by a few letters on the terminal (specification 4: fuzzy pick, completion)."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables

from gatepass.cli.pick import fits, pick, picked
from gatepass.sessions.errors import BadInput
from gatepass.sessions.paths import Paths

NAMES = ["bar-production/Admin", "bar-staging/ReadOnly", "gateway", "tenant_foo/main"]


def answering(*answers: str) -> Callable[[str], str]:
    left = list(answers)
    return lambda text: left.pop(0)


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (("2",), NAMES[1]),
        (("brst",), NAMES[1]),
        (("BAR", "bar adm"), NAMES[0]),
        (("nothing fits", "gate"), NAMES[2]),
        (("", "4"), NAMES[3]),
        (("bar", "2"), NAMES[1]),
    ],
)
def test_a_few_letters_pick_a_session(answers: tuple[str, ...], found: str) -> None:
    assert pick(NAMES, answering(*answers)) == found


def test_letters_fit_in_their_order() -> None:
    assert fits("brst", "bar-staging")
    assert not fits("stbr", "bar-staging")


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert picked("dev") == "dev"
    with pytest.raises(BadInput, match="name a session"):
        picked(None)


def test_the_shell_completes_sessions(paths: Paths, write: Callable[[Tables], None]) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})
    places = {"XDG_CONFIG_HOME": paths.config, "XDG_STATE_HOME": paths.state, "XDG_RUNTIME_DIR": paths.run}
    for place in places.values():
        place.mkdir(exist_ok=True, mode=0o700)
        (place / "gatepass").symlink_to(place)
    environment = {name: str(place) for name, place in places.items()}
    asked = {"_GATEPASS_COMPLETE": "bash_complete", "COMP_WORDS": "gatepass console d", "COMP_CWORD": "2"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("gatepass"))],
        env={**environment, **asked, "HOME": str(paths.config), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "plain,dev\n"

"""Specification 6.2, S-92: what is typed all day pays for no import that it does not need, and says the same."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from tests.debian import provided
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables

from gatepass.cli import entry, glance
from gatepass.cli.main import main as whole
from gatepass.cli.shells import prompt_function
from gatepass.sessions.agent import porch
from gatepass.sessions.agent.protocol import refusal
from gatepass.sessions.agent.strongbox import Strongbox
from gatepass.sessions.client import request
from gatepass.sessions.errors import Locked
from gatepass.sessions.files import private_dir
from gatepass.sessions.paths import Paths, paths_from
from gatepass.sessions.vault import keys
from gatepass.sessions.vault.store import Vault
from gatepass.sessions.workspace.roster import NAME, kept_rows

Write = Callable[[Tables], None]
FORMS = (
    ["status"],
    ["status", "dev"],
    ["status", "--output", "json"],
    ["session", "list"],
    ["session", "list", "--output", "json"],
    ["session", "list", "--output", "table"],
)


@pytest.fixture
def paths(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """The test's directories, found through the environment as the command line finds them."""
    monkeypatch.setenv("GATEPASS_HOME", str(short_tmp / "g"))
    found = paths_from(os.environ)
    private_dir(found.config)
    private_dir(found.state)
    return found


def by_click(words: list[str]) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        whole(words, prog_name="gatepass", standalone_mode=False)
    return out.getvalue()


def without_clock(text: str) -> str:
    """The seconds that are left differ between two looks."""
    return "".join(c for c in text if not c.isdigit())


@pytest.mark.parametrize("running", [False, True], ids=["no agent", "agent"])
@pytest.mark.usefixtures("agent_ends", "key_vault")
def test_6_2_the_quick_answers_are_clicks_answers(paths: Paths, write: Write, running: bool) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): {**DEV, "tags": {"team": "a"}}})
    if running:
        request(paths, "get dev")
    by_click(["session", "list"])  # keeps the rows
    quick = 0
    for words in FORMS:
        found = entry.quick(words)
        quick += found is not None
        assert found is None or without_clock(found) == without_clock(by_click(words))
    assert quick == len(FORMS) - (not running)  # one session of many, without an agent, takes a reading


def test_6_2_kept_rows_are_those_of_the_files_as_they_are(
    paths: Paths, write: Write, short_tmp: Path
) -> None:
    """Every way to change the workspace or a shared file makes the kept rows a miss; damage is one too."""

    def listed() -> str:
        assert entry.quick(["session", "list"]) is None
        by_click(["session", "list"])
        found = entry.quick(["session", "list"])
        assert found is not None
        return found

    write({("session", "gateway"): GATEWAY})
    assert "dev" not in listed()
    write({("session", "dev"): DEV})
    assert "dev" in listed()
    shared = paths.config / "team.toml"
    text = paths.workspace.read_text()
    paths.workspace.write_text(text.replace("[settings]\n", '[settings]\nregistry = ["team.toml"]\n'))
    shared.write_text(f'[session."far"]\nkind = "role"\nvia = "gateway"\nrole_arn = "{DEV["role_arn"]}"\n')
    assert "far" in listed()
    shared.write_text(shared.read_text().replace("far", "near"))
    assert "near" in listed()
    kept = paths.state / NAME
    for damage in (b"", b"[]", b'{"columns": 1}', kept.read_bytes()[:-9]):
        kept.write_bytes(damage)
        assert kept_rows(str(paths.state), str(paths.workspace)) is None
    assert kept.stat().st_mode & 0o077 == 0


def test_6_2_faults_are_told_by_the_whole_command_line(
    paths: Paths, write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write({("session", "gateway"): GATEWAY})
    monkeypatch.setattr(sys, "argv", ["gatepass", "status", "nosuch"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2
    assert "no session or profile 'nosuch'" in capsys.readouterr().err
    for words in (
        ["status", "-x"],
        ["status", "a b"],
        ["status", ""],
        ["session", "list", "--output", "xml"],
        [],
    ):
        assert entry.quick(words) is None


def test_6_2_a_read_only_state_directory_slows_and_breaks_nothing(
    paths: Paths, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    write({("session", "gateway"): GATEWAY})
    monkeypatch.setattr("gatepass.sessions.files.replace", full)
    assert "gateway" in by_click(["session", "list"])
    assert "gateway" in by_click(["status"])


def test_6_2_help_is_clicks_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make check` holds the page to click too; narrow terminals get their own lines."""
    monkeypatch.setenv("COLUMNS", "80")
    assert entry.quick(["--help"]) == entry.quick(["-h"]) == by_click(["--help"])
    assert entry.quick(["--version"]) == by_click(["--version"])
    monkeypatch.setenv("COLUMNS", "60")
    assert entry.quick(["--help"]) is None
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("_GATEPASS_COMPLETE", "bash_complete")
    assert entry.quick(["--help"]) is None


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["status"], ["session", "list"], ["prompt", "bash"], ["completion", "zsh"]],
    ids=" ".join,
)
def test_s92_what_is_typed_all_day_imports_no_click(paths: Paths, write: Write, words: list[str]) -> None:
    write({("session", "gateway"): GATEWAY})
    by_click(["session", "list"])
    code = "import sys; from gatepass.cli.entry import main; main()\n"
    code += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert done.stdout
    assert not loaded & {"click", "dataclasses", "pathlib", "socket", "boto3", "gatepass.sessions.model"}


def test_s92_the_agents_first_answer_imports_next_to_nothing() -> None:
    def loaded(code: str) -> set[str]:
        source = str(Path(porch.__file__).parents[3])
        command = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.append(sys.argv[1]); {code}",
            source,
        ]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())

    more = loaded("import gatepass.sessions.agent.start; print(*sys.modules)")
    more -= loaded("import os, stat, time; print(*sys.modules)")
    assert {name for name in more if not name.startswith("gatepass")} <= {"_socket", "fcntl"}


def test_6_2_the_quick_refusal_is_the_strongboxs(paths: Paths) -> None:
    """The porch's one fixed answer is what the whole agent says to the same."""
    provider = {**keys.passphrase_provider(), "n": 2**15}
    Vault.create(paths.vault, lambda _: (keys.new_key(), provider))
    with pytest.raises(Locked) as caught:
        Strongbox(paths.vault).get("iam-user/gateway")
    assert refusal(caught.value) == porch.LOCKED


@pytest.mark.parametrize("oddity", ["link", "mode", "other provider", "missing"])
def test_6_2_the_porch_judges_nothing_that_looks_odd(paths: Paths, write: Write, oddity: str) -> None:
    write({("session", "gateway"): GATEWAY})
    kind = "keyfile" if oddity == "other provider" else "passphrase"
    Vault.create(paths.vault, lambda _: (keys.new_key(), {**keys.passphrase_provider(), "kind": kind}))
    if oddity == "link":
        paths.vault.rename(paths.data / "real")
        paths.vault.symlink_to(paths.data / "real")
    elif oddity == "mode":
        os.chmod(paths.vault, 0o644)
    elif oddity == "missing":
        paths.vault.unlink()
    assert porch.quick_answer(paths.words(), b"get gateway\n") is None
    assert porch.quick_answer(paths.words(), b"hello 1\n") is not None
    for line in (b"get gateway", b"get a b\n", b"status\n", b"control 1\n", b""):
        assert porch.quick_answer(paths.words(), line) is None


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("place", ["/plain", "/with 'quote", '/$(touch nothing)/"x"'])
def test_security_32_the_prompt_function_takes_any_path(short_tmp: Path, shell: str, place: str) -> None:
    program = provided((shell,), (shell,), "its prompt")
    file = short_tmp / place.lstrip("/") / "prompt.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"dev": {"state": "active", "expires": null}}')
    text = f"{prompt_function(shell, str(file))}\ngatepass_prompt"
    environment = {**os.environ, "AWS_PROFILE": "dev"}
    done = subprocess.run(
        [program, "-c", text], capture_output=True, text=True, check=False, cwd=short_tmp, env=environment
    )
    assert done.stdout == "[dev] "
    assert not (short_tmp / "nothing").exists()


def test_glance_asks_nothing_of_names_that_cannot_be(paths: Paths) -> None:
    assert glance.quick(["status", "a\nb"], os.environ) is None

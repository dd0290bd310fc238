"""S-48: questions of a tool's process reach the person round the SDK: on its terminal, else on a page."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import GATEWAY, Tables
from tests.unit.sessions.fake_aws import FakeAws

from gatepass.sessions.agent.desktop import Desktop, asker_for
from gatepass.sessions.agent.peer import Peer, terminal_of
from gatepass.sessions.errors import NeedsHuman
from gatepass.sessions.launcher.install import install_launcher
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault.store import Vault

MFA = "arn:aws:iam::111111111111:mfa/dana"


def fetch(url: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
    body = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def ask(kind: str, answer: Callable[[str], object], seconds: float = 60) -> str:
    """Ask on a page whose browser is `answer`, in a thread of its own."""

    def opener(url: str) -> None:
        threading.Thread(target=answer, args=(url,), daemon=True).start()

    return asyncio.run(
        Desktop(opener, seconds).ask(kind, "session 'dev' <needs> a code", "gatepass session start dev")
    )


def test_s48_the_page_asks_and_brings_the_answer() -> None:
    seen: list[tuple[int, str, dict[str, str]]] = []

    def person(url: str) -> None:
        seen.append(fetch(url))
        seen.append(fetch(url, {"answer": " 123456 "}))

    assert ask("mfa", person) == "123456"
    status, text, headers = seen[0]
    assert status == 200
    assert "session &#x27;dev&#x27; &lt;needs&gt; a code" in text
    assert 'type="text"' in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_s48_secrets_are_not_shown_and_a_confirmation_is_two_buttons() -> None:
    seen: list[str] = []

    def person(url: str) -> None:
        seen.append(fetch(url)[1])
        fetch(url, {"answer": "yes"})

    assert ask("passphrase", person) == "yes"
    assert ask("confirm", person) == "yes"
    assert 'type="password"' in seen[0]
    assert "Allow for an hour" in seen[1]


def test_s48_only_the_page_itself_answers() -> None:
    refused: list[int] = []

    def person(url: str) -> None:
        place = urllib.parse.urlsplit(url)
        refused.append(fetch(f"{place.scheme}://{place.netloc}/")[0])
        refused.append(fetch(url, {"answer": "1"}, Host="evil.example")[0])
        refused.append(fetch(url, {"answer": "1"}, Origin="https://evil.example")[0])
        fetch(url, {"answer": "good"}, Origin=f"http://{place.netloc}")

    assert ask("mfa", person) == "good"
    assert refused == [404, 404, 403]


def test_s48_nobody_there_is_the_command_to_run() -> None:
    with pytest.raises(NeedsHuman, match="gatepass session start dev"):
        ask("mfa", lambda url: None, seconds=0.01)


@pytest.fixture
def ready(
    paths: Paths, fake: FakeAws, write: Callable[[Tables], None], key_vault: Vault, agent_ends: None
) -> Path:
    write({("session", "gateway"): {**GATEWAY, "mfa_serial": MFA}})
    text = paths.workspace.read_text()
    paths.workspace.write_text(text.replace("[settings]\n", "[settings]\nprompt = true\n"))
    return install_launcher(paths)


def test_s48_a_tool_on_a_terminal_is_asked_there(ready: Path, fake: FakeAws) -> None:
    """As botocore runs it: both outputs captured, the terminal is the only way to the person."""
    pid, fd = pty.fork()
    if pid == 0:
        tool = "import subprocess,sys; d=subprocess.run(sys.argv[1:],capture_output=True); sys.exit(d.returncode)"
        os.execv(sys.executable, [sys.executable, "-c", tool, str(ready), "gateway"])
    said = b""
    with contextlib.suppress(OSError):
        while b"MFA code" not in said:
            said += os.read(fd, 4096)
        os.write(fd, b"123456\n")
        while os.read(fd, 4096):
            continue
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(fd)
    assert b"gatepass: session 'gateway' needs an MFA code" in said
    assert fake.calls == {"GetSessionToken": 1}


def test_s48_without_terminal_and_desktop_nobody_is_asked(ready: Path) -> None:
    done = subprocess.run(
        [str(ready), "gateway"],
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("run: gatepass session start gateway\n")


def test_s48_the_desktop_is_asked_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", "true")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    with lonely() as pid:
        assert terminal_of(pid) is None
        assert isinstance(asker_for(Peer(os.geteuid(), pid)), Desktop)


@contextlib.contextmanager
def lonely() -> Iterator[int]:
    """A process without a terminal."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        yield child.pid
    finally:
        child.kill()
        child.wait()


def test_the_default_asks_nobody(paths: Paths, fake: FakeAws, write: Callable[[Tables], None]) -> None:
    """S-49: prompting is opted into."""
    from gatepass.sessions.workspace.reading import load_workspace

    write({("session", "gateway"): GATEWAY})
    assert load_workspace(paths.workspace).settings.prompt is False

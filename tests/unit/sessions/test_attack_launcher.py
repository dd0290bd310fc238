"""An adversary around the launcher and the agent's socket: directories of everybody's, links, strangers, silence."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.sessions.conftest import Tables
from tests.waiting import LONG

from gatepass.sessions.agent import server, start
from gatepass.sessions.client import request
from gatepass.sessions.errors import BadInput, Unsafe
from gatepass.sessions.files import private_dir, replace
from gatepass.sessions.launcher import thin
from gatepass.sessions.launcher.cold import make_private
from gatepass.sessions.launcher.install import install_launcher, installed_launcher, launch_for
from gatepass.sessions.paths import Paths
from gatepass.sessions.providers.transport import foreign_endpoints

Write = Callable[[Tables], None]


def odd(place: Path) -> Paths:
    return Paths(place / "c", place / "my data", place / "s", place / "r")


def test_s39_the_launcher_is_never_where_anybody_could_put_it(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/var/tmp is cleaned up; whoever then makes the directory anew is run by every tool with our profile."""
    monkeypatch.setenv("HOME", str(short_tmp))
    made = install_launcher(odd(short_tmp))
    assert made == short_tmp / ".gatepass" / "bin" / "gatepass-credential"
    assert installed_launcher(odd(short_tmp)) == made
    above = [p for p in (made, *made.parents) if p.is_relative_to(short_tmp)]
    assert not any(p.stat().st_mode & 0o022 for p in above)
    monkeypatch.setenv("HOME", str(short_tmp / "a b"))
    assert installed_launcher(odd(short_tmp)) is None
    with pytest.raises(BadInput, match="GATEPASS_HOME"):
        install_launcher(odd(short_tmp))


def test_t13_the_agent_imports_from_no_directory_that_others_can_write(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch, paths: Paths
) -> None:
    """`python -m` puts the directory of the moment into the path; from /tmp, anybody could have given it botocore."""
    open_to_all, here, fine = short_tmp / "all", short_tmp / "here", short_tmp / "fine"
    for each in (open_to_all, here, fine):
        each.mkdir()
    open_to_all.chmod(0o1777)
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [str(open_to_all), str(here), str(fine), *sys.path])
    argv = launch_for(paths).argv
    assert str(fine) in argv
    assert str(open_to_all) not in argv
    assert str(here) not in argv


def test_t13_the_agent_leaves_the_directory_it_was_started_in(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative command or token file must not mean another one because a tool was run somewhere else."""
    monkeypatch.chdir(short_tmp)
    monkeypatch.setenv("HOME", str(short_tmp / "gone"))
    start._leave_directory()
    assert Path.cwd() == Path("/")
    monkeypatch.setenv("HOME", str(short_tmp))
    start._leave_directory()
    assert Path.cwd() == short_tmp.resolve()


@pytest.mark.skipif(sys.platform != "linux", reason="SO_PEERCRED")
def test_t6_the_client_tells_nothing_to_a_strangers_socket(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile's name would do no harm, but what is answered would be used as credentials."""
    import posix

    place = str(short_tmp / "x.sock")
    with socket.socket(socket.AF_UNIX) as planted:
        planted.bind(place)
        planted.listen()
        monkeypatch.setattr(posix, "getuid", lambda: 4242)
        with pytest.raises(OSError, match="another user"):
            thin.connect(place)
        taken, _ = planted.accept()
        with taken:
            assert taken.recv(10) == b""


@pytest.mark.parametrize("kind", ["link", "open", "file"])
def test_t6_no_run_directory_of_somebody_elses_making(short_tmp: Path, kind: str) -> None:
    """In a shared directory the place may have been taken: by a link to ours, open, or a file."""
    place = short_tmp / "run"
    match kind:
        case "link":
            (short_tmp / "real").mkdir(mode=0o700)
            place.symlink_to(short_tmp / "real")
        case "open":
            place.mkdir()
            place.chmod(0o777)
        case _:
            place.touch()
    with pytest.raises(OSError, match=r"0700|exists"):
        make_private(str(place))
    with pytest.raises(Unsafe):
        private_dir(place)


def test_s3_a_planted_link_is_replaced_and_never_written_through(short_tmp: Path) -> None:
    """The launcher, the vault, a token file: whatever lay there, the target of a link keeps its bytes and mode."""
    precious = short_tmp / "precious"
    precious.write_text("mine")
    precious.chmod(0o644)
    place = short_tmp / "place"
    place.symlink_to(precious)
    replace(place, b"new", mode=0o700)
    assert not place.is_symlink()
    assert (precious.read_text(), precious.stat().st_mode & 0o777) == ("mine", 0o644)
    assert place.stat().st_mode & 0o777 == 0o700
    assert sorted(p.name for p in short_tmp.iterdir()) == ["place", "precious"]


HOSTILE = ("x\nquit", "x y", "", "a" * 5000, "\udcff", "--help", "../../etc/passwd", "x\x00y", "x\x1b[2J")


@pytest.mark.usefixtures("agent_ends", "key_vault", "write")
def test_s34_a_hostile_profile_name_is_a_name_or_nothing(
    paths: Paths, capfd: pytest.CaptureFixture[str]
) -> None:
    request(paths, "hello 1")
    for name in HOSTILE:
        assert thin.main(launch_for(paths), [name], lambda _: pytest.fail("started another")) == 1
        said = capfd.readouterr()
        assert said.out == ""
        assert len(said.err.splitlines()) == 1
        assert said.err.strip().isprintable()
    assert request(paths, "hello 1", start_it=False)


def test_s31_connections_that_say_nothing_are_let_go(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-open connections once stayed for ever: a thousand of them and the agent could open no file."""
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.01)
    serving = server.Server(None, lambda: None)  # type: ignore[arg-type]

    async def story() -> bytes:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(short_tmp / "x.sock"))
        listener.listen()
        await serving.listen(listener)
        reader, writer = await asyncio.open_unix_connection(str(short_tmp / "x.sock"))
        writer.write(b"hel")
        said = await asyncio.wait_for(reader.read(), LONG)
        await serving.close()
        return said

    assert asyncio.run(story()) == b""


def test_i17_the_command_lines_login_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection at a time is served: a silent one, opened ahead by a browser or on purpose, must end."""
    import urllib.request

    from gatepass.client import login

    monkeypatch.setattr(login._Handler, "timeout", 0.01)
    with login._Listener("right") as listener:
        silent = socket.create_connection(("127.0.0.1", listener.server_port))
        url = f"http://127.0.0.1:{listener.server_port}/callback?state=right&code=c"

        def browser() -> None:
            while not listener.found:  # however slow the machine is, one of its requests is whole in time
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(url, timeout=LONG).close()

        thread = threading.Thread(target=browser, daemon=True)
        thread.start()
        assert listener.code(LONG) == "c"
        silent.close()
    thread.join(LONG)


def test_s78_the_environment_of_a_tool_does_not_lead_the_agent_astray() -> None:
    """Whoever starts the agent decides nothing for those who come later: it would be days of tokens sent elsewhere."""
    given = {
        "AWS_ENDPOINT_URL": "https://evil.example",
        "AWS_ENDPOINT_URL_STS": "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com",
        "AWS_ENDPOINT_URL_SSO": "http://127.0.0.1:4566",
        "AWS_ENDPOINT_URL_SIGNIN": "https://amazonaws.com.evil.example",
        "AWS_ENDPOINT_URL_SSO_OIDC": "https://notamazonaws.com",
        "AWS_ENDPOINT_URL_IAM": "http://[",
        "AWS_REGION": "eu-west-1",
    }
    foreign = {
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_SIGNIN",
        "AWS_ENDPOINT_URL_SSO_OIDC",
        "AWS_ENDPOINT_URL_IAM",
    }
    assert set(foreign_endpoints(given)) == foreign


@pytest.mark.usefixtures("agent_ends", "key_vault", "write")
def test_s78_the_agent_says_what_it_does_not_follow(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SIGNIN", "https://evil.example")
    request(paths, "status")
    assert "AWS_ENDPOINT_URL_SIGNIN is not followed" in paths.log.read_text()

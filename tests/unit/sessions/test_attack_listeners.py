"""An adversary at the agent's listeners: another user of the machine, a page, a flood, odd bytes (S-67, S-71, S-72)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from http.client import HTTPConnection

import pytest
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables
from tests.unit.sessions.fake_aws import FakeAws
from tests.waiting import LONG

from gatepass.sessions.agent import http, peer
from gatepass.sessions.agent.desktop import Page
from gatepass.sessions.agent.endpoint import local_hosts
from gatepass.sessions.agent.http import Answer, Asked, listen
from gatepass.sessions.client import conversation, request
from gatepass.sessions.delivery.browser import open_secretly
from gatepass.sessions.errors import BadInput, Upstream
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault.store import Vault

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the table of connections is Linux's")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
_STEAL = """
import os, socket, sys
os.setuid(65534)
link = socket.socket()
link.bind((sys.argv[1], 0))
link.connect(("127.0.0.1", int(sys.argv[2])))
link.sendall(b"PUT /latest/api/token HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n")
link.sendall(b"X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\\r\\n\\r\\n")
if sys.argv[3] == "half":
    link.shutdown(socket.SHUT_WR)
print(link.recv(4096).split(b"\\r\\n")[0].decode())
"""


@pytest.fixture
def ready(
    paths: Paths, fake: FakeAws, write: Callable[[Tables], None], key_vault: Vault, agent_ends: None
) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): DEV})


@on_linux
@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
@pytest.mark.parametrize("half", [False, True])
def test_s72_a_connection_is_known_from_any_address_and_half_closed(source: str, half: bool) -> None:
    """An address of their own in 127/8, or a closed half, once made anybody a caller of whom nothing is known."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.bind((source, 0))
        client.connect(server.getsockname())
        if half:
            client.shutdown(socket.SHUT_WR)
        assert peer._uid_of(client.getsockname(), server.getsockname()) == os.geteuid()
        assert not peer.is_strangers(client.getsockname(), server.getsockname())


@on_linux
def test_s72_who_is_not_in_the_table_is_a_stranger() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert peer.is_strangers(("127.0.0.1", 1), server.getsockname())
    assert not peer.is_strangers(("172.17.0.9", 1), ("172.17.0.1", 80)), (
        "a bridge is reached by who reaches it"
    )


@on_linux
def test_s72_an_ipv6_socket_reaches_the_ipv4_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        seen = ("127.0.0.1", client.getsockname()[1])
        assert peer._uid_of(seen, server.getsockname()) == os.geteuid()


@on_linux
def test_i17_another_user_is_told_by_the_connection_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "_uid_of", lambda caller, listener: 4242)
    assert peer.is_strangers(("127.0.0.1", 1), ("127.0.0.1", 2))
    monkeypatch.setattr(peer, "_uid_of", lambda caller, listener: 0)
    assert not peer.is_strangers(("127.0.0.1", 1), ("127.0.0.1", 2)), "root needs no door"


@on_linux
@as_root
def test_s72_another_user_of_the_machine_gets_no_token(paths: Paths, ready: None) -> None:
    """The real thing: processes of another user against the metadata service of a running agent."""
    with conversation(paths) as talk:
        opened = talk.call("endpoint", names=["dev"], imds=True)
        for source, half in itertools.product(("127.0.0.1", "127.0.0.2"), ("half", "whole")):
            words = [sys.executable, "-c", _STEAL, source, str(opened["port"]), half]
            stolen = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LONG)
            assert stolen.stdout.strip() == "HTTP/1.1 403 Forbidden", stolen.stderr


def test_s48_another_user_who_read_the_address_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question's address stands in the arguments of the browser, which `ps` shows to everybody."""

    async def story() -> None:
        page = Page("confirm", "a program wants prod")
        page.address = "127.0.0.1:1"
        headers = {"host": page.address, "content-length": "10"}
        asked = Asked("POST", f"/{page.secret}", headers, b"answer=yes", ("127.0.0.1", 9), ("127.0.0.1", 1))
        monkeypatch.setattr(peer, "_uid_of", lambda caller, listener: 4242)
        assert (await page.answer(asked)).status == "404 Not Found"
        assert not page.given.done()
        monkeypatch.setattr(peer, "_uid_of", lambda caller, listener: os.geteuid())
        assert (await page.answer(asked)).status == "200 OK"
        assert page.given.result() == "yes"

    asyncio.run(story())


def test_s71_a_flood_is_turned_away_and_the_next_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody on the machine can connect; who says nothing may hold so many connections and no more."""
    monkeypatch.setattr(http, "HEAD_SECONDS", LONG)

    async def served(host: str, port: int) -> bool:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return (await reader.read()).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            return False
        finally:
            writer.close()

    async def answer(asked: Asked) -> Answer:
        return Answer("200 OK", b"{}")

    async def story() -> None:
        server = await listen(answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        held = [await asyncio.open_connection(host, port) for _ in range(http.AT_ONCE)]
        assert not await served(host, port)
        for _, writer in held:
            writer.close()
        while not await asyncio.wait_for(served(host, port), LONG):
            continue
        server.close()

    asyncio.run(story())


ODD = (
    b"GET /v1/dev HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + b"9" * 6000 + b"\r\n\r\n",
    b"GET /v1/dev HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: \xe9\xff\r\n\r\n",
    (
        b"GET /v1/dev HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /v1/dev HTTP/1.1\r\n\r\n"
    ),
    b"\x00\x01\x02\r\n\r\n",
    b"GET  HTTP/1.1\r\n\r\n",
    b"GET /v1/dev HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil\r\nAuthorization: x\r\n\r\n",
)


@pytest.mark.parametrize("imds", [False, True])
def test_s71_odd_bytes_get_no_credentials_and_no_traceback(paths: Paths, ready: None, imds: bool) -> None:
    with conversation(paths) as talk:
        opened = talk.call("endpoint", names=["dev"], imds=imds)
        for head in ODD:
            sent = head.replace(b"Authorization:", b"X-Aws-Ec2-Metadata-Token:") if imds else head
            with socket.create_connection(("127.0.0.1", opened["port"]), timeout=LONG) as link:
                link.sendall(sent)
                link.shutdown(socket.SHUT_WR)
                said = b"".join(iter(lambda: link.recv(65536), b""))
            assert said.count(b"HTTP/1.1") <= 1, "one request a connection: nothing to smuggle"
            assert b" 200 " not in said
            assert b"AccessKeyId" not in said
    assert request(paths, "hello 1")
    assert "Traceback" not in paths.log.read_text()


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "8.8.8.8", "::ffff:8.8.8.8", "::ffff:0.0.0.0", "evil.example", ""]
)
def test_s43_no_address_of_the_world_is_bound(host: str) -> None:
    with pytest.raises(BadInput):
        local_hosts(host)


def test_s72_tokens_do_not_fill_the_memory() -> None:
    """On a bridge every container may ask for tokens, as often as it likes."""
    from datetime import UTC, datetime

    from gatepass.sessions.agent import imds
    from gatepass.sessions.agent.peer import Peer

    metadata = imds.Metadata(
        None,
        "dev",
        "",
        Peer(os.geteuid()),
        {"172.17.0.1"},
        lambda: datetime(2026, 1, 1, tzinfo=UTC),  # type: ignore[arg-type]
    )
    for _ in range(imds.TOKENS + 50):
        last = metadata._token("60").body.decode()
    assert len(metadata._tokens) == imds.TOKENS
    assert metadata._knows(last)
    assert metadata._token("9" * 5000).status.startswith("400")


SIGN_IN = "https://signin.aws.amazon.com/federation?SigninToken=canary"


def led_to(address: str) -> str | None:
    """Where an address leads a browser, which is not followed."""
    host, _, path = address.removeprefix("http://").partition("/")
    connection = HTTPConnection(host, timeout=LONG)
    with contextlib.closing(connection):
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("Location")


def test_i17_the_sign_in_address_is_in_nobody_s_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a browser is started with is in `ps`; for 15 minutes the address signs in whoever has it."""
    seen: list[str | None] = []

    def browser(address: str) -> bool:
        host = address.rpartition("/")[0]
        seen.extend([address, led_to(f"{host}/guess"), led_to(address), led_to(address)])
        return True

    monkeypatch.setattr("webbrowser.open", browser)
    open_secretly(SIGN_IN)
    assert "canary" not in str(seen[0])
    assert seen[1:] == [None, SIGN_IN, None], "only by its secret, and once"


def test_i17_another_user_is_not_led_to_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.sessions.delivery.browser.is_strangers", lambda caller, listener: True)
    monkeypatch.setattr("gatepass.sessions.delivery.browser.COMES_SECONDS", 0.01)
    taken: list[str | None] = []
    monkeypatch.setattr("webbrowser.open", lambda address: taken.append(led_to(address)) is None)
    with pytest.raises(Upstream, match="did not come"):
        open_secretly(SIGN_IN)
    assert taken == [None]

"""The front: what counts as an answer, what an implementation can ask, what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from tests.waiting import LONG, until

from gatepass.handlers import (
    Answer,
    Answers,
    Ask,
    Fault,
    Implementation,
    Kind,
    Limits,
    Runner,
    Unanswered,
    Usage,
)
from gatepass.handlers.faults import Fault as FaultType
from gatepass.handlers.isolation import Level

Make = Callable[..., Implementation]
ASK = """
from sym.sdk.integrations import aws_sso
from sym.sdk.exceptions import AWSSSOError, SymException

@reducer
def get_permissions(event):
    try:
        return ",".join(account["Id"] for account in aws_sso.list_accounts("ou-abcd-11111111"))
    except SymException as refused:
        return f"{type(refused).__name__} {refused.error_code} {refused.hint}"
"""


def text_of(outcome: Answer | Fault) -> str:
    assert isinstance(outcome, Answer), outcome
    return str(outcome.value["value"])


def test_questions_are_answered_by_the_world(runner: Runner, implementation: Make) -> None:
    asked: list[Ask] = []

    def accounts(ask: Ask) -> list[dict[str, str]]:
        asked.append(ask)
        return [{"Id": "111111111111"}, {"Id": "222222222222"}]

    world = Answers({"aws_sso.list_accounts": accounts})
    outcome = runner.call(implementation(ASK), "get_permissions", None, world)
    assert text_of(outcome) == "111111111111,222222222222"
    assert asked[0].arguments == {"organizational_unit_id": "ou-abcd-11111111"}
    assert timedelta(0) < asked[0].within <= runner.deadlines.handler
    assert isinstance(outcome, Answer)
    assert outcome.usage.asks == 1


def test_a_service_without_integration_raises_its_named_error(runner: Runner, implementation: Make) -> None:
    assert text_of(runner.call(implementation(ASK), "get_permissions", None)).startswith(
        "AWSSSOError AWSSSO:NOT_CONFIGURED Declare a aws_sso integration"
    )


def test_errors_of_the_world_cross_and_bugs_of_ours_do_not_show(runner: Runner, implementation: Make) -> None:
    def refuses(ask: Ask) -> object:
        raise Unanswered("AWSSSO", "GROUP_NOT_FOUND", "no such unit", "look again")

    def breaks(ask: Ask) -> object:
        raise ZeroDivisionError("a secret of the server")

    def unsayable(ask: Ask) -> object:
        return [{1, 2}]

    for function, expected in (
        (refuses, "AWSSSOError AWSSSO:GROUP_NOT_FOUND look again"),
        (breaks, "AWSSSOError AWSSSO:FATAL_FUNCTION_ERROR None"),
        (unsayable, "SDKError SymSDK:ERROR_RESPONSE None"),
    ):
        world = Answers({"aws_sso.list_accounts": function})
        assert text_of(runner.call(implementation(ASK), "get_permissions", None, world)) == expected


def test_a_world_knows_only_what_can_be_asked() -> None:
    with pytest.raises(ValueError, match="no handler can ask"):
        Answers({"aws_sso.delete_everything": lambda ask: None})


def test_an_exception_is_told_with_its_line_and_code(runner: Runner, implementation: Make) -> None:
    body = """
from sym.sdk.exceptions import SlackError

def deeper():
    raise SlackError("NOT_IN_CHANNEL", "the bot is not in #ops")

@hook
def on_request(event):
    deeper()
"""
    fault = runner.call(implementation(body), "on_request", None)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.line) == (Kind.RAISED, 6)
    assert fault.for_operator().startswith(
        "impl.py:6 flow=access handler=on_request: it raised SlackError [Slack:NOT_"
    )
    assert "#ops" not in fault.for_requester()


@pytest.mark.parametrize(
    ("body", "kind", "line"),
    [
        ("def (", Kind.BROKEN, 2),
        ("import nothing_of_the_kind", Kind.BROKEN, 2),
        ("1 / 0", Kind.BROKEN, 2),
        ("def on_request(event): pass", Kind.MISSING, 0),
    ],
)
def test_a_file_that_cannot_be_used(
    runner: Runner, implementation: Make, body: str, kind: Kind, line: int
) -> None:
    fault = runner.call(implementation(body), "on_request", None)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.line) == (kind, line)


def test_output_is_kept_for_the_operator(runner: Runner, implementation: Make) -> None:
    outcome = runner.call(
        implementation("@hook\ndef on_request(event):\n    print('seen')\n"), "on_request", None
    )
    assert isinstance(outcome, Answer)
    assert outcome.usage.printed == "seen\n"


def test_a_source_beyond_the_limit_is_not_run() -> None:
    with Runner(Limits(source=10)) as small:
        if small.refused is None:
            fault = small.call(Implementation("f", "impl.py", "x" * 11), "on_request", None)
            assert isinstance(fault, Fault)
            assert fault.kind is Kind.BROKEN


def test_without_the_floor_nothing_runs_unless_the_operator_says_so() -> None:
    """Rule 26."""
    with Runner(without=("landlock",)) as runner:
        fault = runner.call(Implementation("f", "impl.py", ""), "on_request", None)
    assert isinstance(fault, FaultType)
    assert fault.kind is Kind.REFUSED
    assert "no landlock" in fault.for_operator()
    with Runner(unisolated=True, without=("landlock",)) as allowed:
        assert allowed.refused is None
        body = "from sym.sdk import hook\n@hook\ndef on_request(event): pass\n"
        assert isinstance(allowed.call(Implementation("f", "impl.py", body), "on_request", None), Answer)


def test_the_level_says_what_is_missing() -> None:
    level = Level(seccomp=True, landlock=3, missing=("no namespaces: Operation not permitted",))
    assert str(level) == "floor: seccomp, Landlock 3; no namespaces: Operation not permitted"
    assert Level.of_json(level.as_json()) == level
    assert str(Level()) == "unisolated: resource limits only"
    assert not Level(seccomp=True).floor


def test_hosts_are_reached_only_when_declared(runner: Runner, implementation: Make) -> None:
    body = """
import http.client
import requests

@reducer
def get_permissions(event):
    host, port = event.payload.fields["host"], event.payload.fields["port"]
    if event.payload.fields["way"] == "requests":
        return requests.get(f"http://{host}:{port}/x", timeout=60).text
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("GET", "/x")
    return connection.getresponse().read().decode()
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        served = threading.Thread(target=_serve, args=(server, 2), daemon=True)
        served.start()
        for way in ("http.client", "requests"):
            event = _event({"host": "127.0.0.1", "port": port, "way": way})
            open_ = Implementation(
                "f", "impl.py", implementation(body).source, frozenset({f"127.0.0.1:{port}"})
            )
            assert text_of(runner.call(open_, "get_permissions", event)) == "hello"
            for hosts in (frozenset[str](), frozenset({"127.0.0.1"}), frozenset({f"localhost:{port}"})):
                closed = Implementation("f", "impl.py", open_.source, hosts)
                fault = runner.call(closed, "get_permissions", event)
                assert isinstance(fault, Fault)
                assert "not among the hosts" in fault.detail


def _serve(server: socket.socket, times: int) -> None:
    for _ in range(times):
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")


def test_a_name_that_leads_to_this_machine_is_not_followed() -> None:
    from gatepass.handlers.connections import connect

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PermissionError, match="may not reach by name"):
            connect("localhost", port, {f"localhost:{port}"}, 1)
        with pytest.raises(PermissionError, match="not among"):
            connect("127.0.0.1", 443, {f"127.0.0.1:{port}"}, 1)
        connect("127.0.0.1", port, {f"127.0.0.1:{port}"}, 1).close()


def _event(fields: dict[str, object]) -> dict[str, object]:
    channel = {"type": "sym", "identifier": None}
    return {
        "step": "request",
        "at": "2026-01-01T00:00:00.000+00:00",
        "srn": "sym:event-spec:approval:1.0.0:request",
        "user": "u",
        "people": {"u": {"id": "00000000-0000-0000-0000-000000000001", "username": "ana@host.example"}},
        "channel": channel,
        "flow": {"srn": "o:flow:f:1.0.0", "environment": {"srn": "o:environment:e:latest"}},
        "run": {"srn": "o:run:f:1.0.0:r", "source_channel": channel},
        "fields": fields,
    }


def test_eight_threads_call_at_once_and_leave_nothing(runner: Runner, implementation: Make) -> None:
    nothing = implementation("@hook\ndef on_request(event): pass\n")
    runner.call(nothing, "on_request", None)
    before = len(os.listdir("/proc/self/fd"))
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(
            pool.map(lambda _: runner.call(nothing, "on_request", None, deadline=_LONG), range(64))
        )
    assert all(isinstance(outcome, Answer) for outcome in outcomes)
    until(lambda: len(os.listdir("/proc/self/fd")) <= before)


_LONG = timedelta(seconds=LONG)


def test_a_runner_started_by_a_thread_that_ends_goes_on(implementation: Make) -> None:
    """The kernel's signal at the parent's end follows the thread: the zygote must belong to one that stays."""
    runner = Runner()
    starter = threading.Thread(target=runner.start)
    starter.start()
    starter.join()
    nothing = implementation("@hook\ndef on_request(event): pass\n")
    try:
        if runner.refused is None:
            assert isinstance(runner.call(nothing, "on_request", None, deadline=_LONG), Answer)
    finally:
        runner.close()
    fault = runner.call(nothing, "on_request", None, deadline=timedelta(seconds=0.1))
    assert isinstance(fault, Fault)
    assert fault.may_pass


def test_a_zygote_that_was_killed_is_started_again(implementation: Make) -> None:
    nothing = implementation("@hook\ndef on_request(event): pass\n")
    with Runner() as runner:
        if runner.refused is not None:
            pytest.skip(runner.refused)
        assert isinstance(runner.call(nothing, "on_request", None, deadline=_LONG), Answer)
        until(_killed)
        until(lambda: isinstance(runner.call(nothing, "on_request", None, deadline=_LONG), Answer))


def _killed() -> bool:
    """Whether the newest process of a runner of ours was there to be killed; the last call's may just be going."""
    mark = f"\0{os.getpid()}\0".encode()
    newest = max(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and mark in _command(entry) and b"handlers.zygote" in _command(entry)
    )
    try:
        os.kill(newest, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _command(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def test_faults_speak_to_each_person() -> None:
    for kind in Kind:
        fault = Fault(kind, "access", "on_request", "impl.py", "detail", 3, Usage())
        assert fault.for_operator().startswith("impl.py:3 flow=access handler=on_request: ")
        assert fault.for_operator().count(";") >= 2
        assert "detail" not in fault.for_requester()
        assert fault.for_audit()["fault"] == kind.value


@pytest.mark.long
def test_ten_thousand_calls_do_not_grow(runner: Runner, implementation: Make) -> None:
    """H5."""
    nothing = implementation("@hook\ndef on_request(event): pass\n")

    def size() -> tuple[int, int]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages, len(os.listdir("/proc/self/fd"))

    for _ in range(500):
        runner.call(nothing, "on_request", None, deadline=_LONG)
    before = size()
    for _ in range(10_000):
        assert isinstance(runner.call(nothing, "on_request", None, deadline=_LONG), Answer)
    pages, descriptors = size()
    assert descriptors == before[1]
    assert pages < before[0] * 1.05

"""What holds where the machine offers less: without namespaces, and without the floor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.waiting import LONG, until

from gatepass.handlers import Answer, Fault, Implementation, Kind, Runner

HOSTILE = Path(__file__).parents[2] / "assets" / "hostile"
SOON, AMPLE = timedelta(seconds=0.5), timedelta(seconds=LONG)


def hostile(name: str) -> Implementation:
    return Implementation("flow", f"{name}.py", (HOSTILE / f"{name}.py").read_text())


def forked_for(server: int) -> int:
    """Living processes forked from a zygote of this server, zygotes included: they keep its command line."""
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found += b"gatepass.handlers.zygote" in line and str(server).encode() in line
    return found


@pytest.mark.parametrize("without", [("namespaces",), ("namespaces", "user")], ids="-".join)
def test_without_namespaces_landlock_and_seccomp_hold(without: tuple[str, ...]) -> None:
    with Runner(without=without) as runner:
        if not runner.level.floor:
            pytest.skip(str(runner.level))
        assert runner.level.name == "floor"
        for name in (
            "read_environment",
            "read_files",
            "write_files",
            "change_files",
            "metadata_address",
            "parent_memory",
        ):
            outcome = runner.call(hostile(name), "get_permissions", None, deadline=AMPLE)
            assert isinstance(outcome, Answer), (name, outcome)
            assert outcome.value["value"] == "nothing", name
        for name, kind in (
            ("fork_bomb", Kind.RAISED),
            ("setsid_daemon", Kind.RAISED),
            ("endless_loop", Kind.HUNG),
        ):
            deadline = SOON if kind is Kind.HUNG else AMPLE
            outcome = runner.call(hostile(name), "get_permissions", None, deadline=deadline)
            assert isinstance(outcome, Fault)
            assert outcome.kind is kind


def test_without_the_floor_processes_are_still_killed() -> None:
    """`handlers: unisolated`: what forks, hides in a session of its own or hangs, ends with the call."""
    with Runner(unisolated=True, without=("namespaces", "landlock", "seccomp", "user")) as runner:
        assert runner.level.name == "unisolated"
        body = (
            "import os, sys, time\n"
            "from sym.sdk import hook\n"
            "@hook\n"
            "def on_request(event):\n"
            "    if os.fork() == 0:\n"
            "        os.setsid()\n"
            "        if os.fork() == 0:\n"
            "            open('/dev/null')\n"
            "            time.sleep(600)\n"
            "        time.sleep(600)\n"
            "    print(os.getpid(), flush=True)\n"
        )
        before = forked_for(os.getpid())
        outcome = runner.call(Implementation("f", "impl.py", body), "on_request", None, deadline=AMPLE)
        assert isinstance(outcome, Answer), outcome
        until(lambda: forked_for(os.getpid()) <= before)
        hung = runner.call(hostile("loop_swallowing_everything"), "get_permissions", None, deadline=SOON)
        assert isinstance(hung, Fault)
        assert hung.kind is Kind.HUNG


def test_nothing_runs_below_the_floor_by_itself() -> None:
    with Runner(without=("landlock",)) as runner:
        fault = runner.call(Implementation("f", "impl.py", ""), "on_request", None)
        assert isinstance(fault, Fault)
        assert fault.kind is Kind.REFUSED
        assert "no landlock" in fault.for_operator()
        assert runner.load_check(Implementation("f", "impl.py", ""))[0].handler == "(runner)"


def test_killing_the_server_leaves_no_process(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text(
        "from datetime import timedelta\n"
        "from gatepass.handlers import Implementation, Runner\n"
        "runner = Runner().start()\n"
        "print(runner.refused or 'calling', flush=True)\n"
        "loop = 'from sym.sdk import hook\\n@hook\\ndef on_request(e):\\n    while True: pass\\n'\n"
        "runner.call(Implementation('f', 'impl.py', loop), 'on_request', None, deadline=timedelta(seconds=600))\n"
    )
    server = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    if server.stdout.readline() != "calling\n":
        server.wait()
        pytest.skip("this machine refuses the floor of isolation")
    until(lambda: forked_for(server.pid) == 3)  # zygote, supervisor, worker
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server.stdout.close()
    until(lambda: not forked_for(server.pid))

"""A process that is killed while it writes leaves whole transactions and whole chains, and no lock behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from gatepass.access.chain import read_export, verify_chains
from gatepass.store import open_store
from gatepass.testing.clock import VirtualClock

WRITER = """
import os, sys, threading
from gatepass.access.events import Event
from gatepass.clock import SystemClock
from gatepass.store import open_store

store = open_store(sys.argv[1], SystemClock(), audit_key=b"key")

def write(name):
    for number in range(10**6):
        with store.write() as tx:
            tx.people.disable(f"{name}-{number}", by="test", why="test")
            tx.audit(Event("request.cancelled", name, {"request": f"{name}-{number}"}))
        os.write(1, f"{name} {number}\\n".encode())

for name in ("foo", "bar"):
    threading.Thread(target=write, args=(name,)).start()
"""


def test_what_was_answered_is_there_and_nothing_is_half_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    answered = [writer.stdout.readline().split() for _ in range(60)]
    writer.send_signal(signal.SIGKILL)
    answered += [line.split() for line in writer.stdout.read().splitlines()]
    writer.wait()
    store = open_store(url, VirtualClock(), audit_key=b"key")
    with store.read() as view:
        entries, unread = read_export(view.entries.export())
        left = {leaver.person for leaver in view.people.leavers()}
    store.close()
    chains, faults = verify_chains(entries)
    assert not unread
    assert not faults
    assert {f"{name}-{number}" for name, number in answered} <= left
    said = {str(entry.said["fields"]["person"]) for entry in chains[""]}  # type: ignore[index]
    assert said == left
    assert len(chains["foo"]) + len(chains["bar"]) == len(left)

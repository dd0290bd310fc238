"""H2, H5: what a handler call costs beside a bare fork with a JSON echo, and how soon hostile code is stopped."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from bench.figure import Figure, milliseconds, p50, p95
from gatepass.handlers import Answer, Fault, Implementation, Runner
from gatepass.testing.flows import PEOPLE, made_up_event
from gatepass.testing.world import FakeWorld

_CODE = """
from sym.sdk import RequestPermission, reducer
from sym.sdk.integrations import aws_sso

@reducer
def get_permissions(event):
    {asks}
    return RequestPermission(webapp_view="admin", approve_deny="member")
"""
_QUIET = Implementation("bench", "impl.py", _CODE.format(asks="pass"))
_ASKING = Implementation(
    "bench", "impl.py", _CODE.format(asks="aws_sso.list_groups(); aws_sso.list_accounts()")
)
_LOOP = Implementation("bench", "impl.py", _CODE.format(asks="\n    while True: pass"))
Run = Callable[[], object]
_AMPLE = timedelta(seconds=30)
CALLS = int(os.environ.get("GATEPASS_BENCH_CALLS", "500"))
"""Over which growth is looked for; docs/performance.md records 10,000."""


def figures() -> Iterator[Figure]:
    """About fifteen seconds on a quiet machine with two cores."""
    event, world = made_up_event("request"), FakeWorld(PEOPLE)
    text = json.dumps(event).encode()
    with Runner() as runner:
        if runner.refused is not None:
            raise SystemExit(runner.refused)

        def call(code: Implementation = _QUIET) -> None:
            outcome = runner.call(code, "get_permissions", event, world, _AMPLE)
            assert isinstance(outcome, Answer), outcome

        call()
        fork, quiet = _side_by_side(lambda: _bare_fork(text), call)
        yield Figure("call, p50", p50(quiet), "ms", p50(fork), "bare fork with a JSON echo")
        yield Figure("call, p95", p95(quiet), "ms", p95(fork), "bare fork with a JSON echo")
        fork, asking = _side_by_side(lambda: _bare_fork(text), lambda: call(_ASKING))
        yield Figure(
            "call with two questions, p50", p50(asking), "ms", p50(fork), "bare fork with a JSON echo"
        )
        yield _throughput(call)
        yield _overrun(runner)
        yield _beside_hostile(runner, call)
        yield from _growth(call)


def _side_by_side(reference: Run, ours: Run, times: int = 100) -> tuple[list[float], list[float]]:
    """Alternating, so that both see the same machine."""
    both: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for run, lasted in zip((reference, ours), both, strict=True):
            lasted += milliseconds(run, 1)
    return sorted(both[0]), sorted(both[1])


def _bare_fork(text: bytes) -> None:
    """The least a process per call can cost: fork this process, read JSON, write it back, wait."""
    to_child, from_parent = os.pipe()
    from_child, to_parent = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(to_parent, json.dumps(json.loads(os.read(to_child, 1 << 16))).encode())
        os._exit(0)
    os.write(from_parent, text)
    json.loads(os.read(from_child, 1 << 16))
    os.waitpid(child, 0)
    for descriptor in (to_child, from_parent, from_child, to_parent):
        os.close(descriptor)


def _throughput(call: Run, calls: int = 200) -> Figure:
    began = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda _: call(), range(calls)):
            pass
    return Figure("calls in a second, 8 threads", calls / (time.perf_counter() - began), "/s")


def _overrun(runner: Runner, times: int = 20) -> Figure:
    """How long after its deadline a call with an endless loop is over."""
    late = []
    for _ in range(times):
        outcome = runner.call(_LOOP, "get_permissions", None, deadline=timedelta(seconds=0.2))
        assert isinstance(outcome, Fault)
        late.append(outcome.usage.lasted * 1000 - 200)
    return Figure("endless loop: over after the deadline, worst", max(late), "ms")


def _beside_hostile(runner: Runner, call: Run, times: int = 60) -> Figure:
    """Another flow's calls while one loops without end, beside its calls alone; in turns, so that both see the same
    machine."""
    alone: list[float] = []
    beside: list[float] = []
    for _ in range(3):
        alone += milliseconds(call, times // 3)
        stop = threading.Event()

        def keep_looping(over: threading.Event = stop) -> None:
            while not over.is_set():
                runner.call(_LOOP, "get_permissions", None, deadline=timedelta(seconds=0.5))

        hostile = threading.Thread(target=keep_looping)
        hostile.start()
        beside += milliseconds(call, times // 3)
        stop.set()
        hostile.join()
    return Figure("another flow's call beside a loop, p50", p50(beside), "ms", p50(alone), "alone")


def _growth(call: Run, calls: int = CALLS) -> Iterator[Figure]:
    """What this process gained over so many calls."""
    for _ in range(100):
        call()
    before = _size()
    for _ in range(calls):
        call()
    after = _size()
    yield Figure(
        f"memory gained over {calls} calls", (after[0] - before[0]) * os.sysconf("SC_PAGE_SIZE") / 1024, "KiB"
    )
    yield Figure(f"descriptors gained over {calls} calls", after[1] - before[1], "")
    yield Figure(f"threads gained over {calls} calls", after[2] - before[2], "")


def _size() -> tuple[int, int, int]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages, len(os.listdir("/proc/self/fd")), threading.active_count()

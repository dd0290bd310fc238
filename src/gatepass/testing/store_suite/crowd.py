"""Many threads at once: nothing is lost, nobody is turned away, whoever waits is woken."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from gatepass.errors import Bug, Conflict
from gatepass.testing.store_suite.lab import StoreLab, ask, refused, together

THREADS, TURNS = 8, 10


class CrowdCases:
    """Cases of concurrency."""

    def test_eight_threads_that_read_and_write_lose_nothing(self, lab: StoreLab) -> None:
        """And never hear that the database is locked (engine.md, Numbers)."""
        ask(lab, reason="0")

        def count() -> None:
            for _ in range(TURNS):
                with lab.store.write() as tx:
                    request = tx.requests.lock("r1")
                    assert request is not None
                    tx.requests.save(replace(request, reason=str(int(request.reason) + 1)))

        together(*[count] * THREADS)
        with lab.store.read() as view:
            request = view.requests.get("r1")
        assert request is not None
        assert (request.reason, request.version) == (str(THREADS * TURNS), THREADS * TURNS)

    def test_without_a_lock_the_version_keeps_them_apart(self, lab: StoreLab) -> None:
        ask(lab, reason="0")

        def count() -> None:
            left = TURNS
            while left:
                try:
                    with lab.store.write() as tx:
                        request = tx.requests.get("r1")
                        assert request is not None
                        tx.requests.save(replace(request, reason=str(int(request.reason) + 1)))
                    left -= 1
                except Conflict:
                    continue

        together(*[count] * 4)
        with lab.store.read() as view:
            assert view.requests.get("r1").reason == str(4 * TURNS)  # type: ignore[union-attr]

    def test_reading_does_not_wait_for_a_writer(self, lab: StoreLab) -> None:
        ask(lab, reason="before")
        with lab.store.write() as tx:
            request = tx.requests.lock("r1")
            assert request is not None
            tx.requests.save(replace(request, reason="after"))
            seen: list[str] = []

            def look() -> None:
                with lab.store.read() as view:
                    seen.append(view.requests.get("r1").reason)  # type: ignore[union-attr]

            together(look)
            assert seen == ["before"]

    def test_a_transaction_within_a_transaction_is_refused_at_once(self, lab: StoreLab) -> None:
        """It would wait for itself for ever."""
        with lab.store.write():
            with refused(Bug), lab.store.write():
                pass
            with refused(Bug):
                lab.store.take_slot("i1", lab.clock.now())
        with lab.store.write():
            pass

    def test_a_view_cannot_write(self, lab: StoreLab) -> None:
        ask(lab)
        with lab.store.read() as view:
            assert not hasattr(view.requests, "save")
            assert not hasattr(view, "audit")

    def test_whoever_waits_is_woken(self, lab: StoreLab) -> None:
        """Within milliseconds, not at the next poll (handlers-and-sim.md D)."""
        lab.store.wait(0.5)  # a listener that has just begun wakes once, for what was missed
        waited: list[float] = []

        def wait() -> None:
            start = time.monotonic()
            assert lab.store.wait(10)
            waited.append(time.monotonic() - start)

        waiting = threading.Thread(target=wait)
        waiting.start()
        lab.store.wake()
        waiting.join()
        assert waited[0] < 5

"""How this process is: alarms, readiness, and figures for Prometheus."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from gatepass.app.drift import figures
from gatepass.clock import Clock
from gatepass.engine.loop import Engine
from gatepass.errors import GatepassError
from gatepass.store import Store

log = logging.getLogger("gatepass.alarm")


class LoggedAlarms:
    """Fills the engine's `Alarms`: every alarm is one log line when raised, one when cleared, and a metric between."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._raised: dict[str, str] = {}
        self.tell: Callable[[str], None] = lambda words: None
        """Hears of every alarm once when it is raised and once when it is over. Must not wait."""

    def raised(self, what: str, words: str) -> None:
        with self._lock:
            known = self._raised.get(what)
            self._raised[what] = words
        if known != words:
            log.error("alarm %s: %s", what, words)
        if known is None:
            self.tell(f"{what}: {words}")

    def cleared(self, what: str) -> None:
        with self._lock:
            gone = self._raised.pop(what, None)
        if gone is not None:
            log.warning("alarm %s is over", what)
            self.tell(f"{what}: over")

    @property
    def now(self) -> dict[str, str]:
        with self._lock:
            return dict(self._raised)


class ProcessHealth:
    """Answers /readyz and /metrics from what is known now."""

    def __init__(self, store: Store, clock: Clock, engine: Engine, alarms: LoggedAlarms) -> None:
        self._store = store
        self._clock = clock
        self._engine = engine
        self._alarms = alarms

    def problems(self) -> list[str]:
        """Why the process is not ready; an alarm alone does not make it so, for taking back goes on."""
        try:
            with self._store.read() as view:
                if view.estates.current_number() == 0:
                    return ["no estate has been applied"]
        except GatepassError as gone:
            return [str(gone)]
        return [f"granting is stopped: {words}" for words in self._engine.health().brakes.values()]

    def wrong(self) -> list[str]:
        """Everything that an operator should look at now, in words."""
        return [*self.problems(), *(f"{what}: {words}" for what, words in sorted(self._alarms.now.items()))]

    def metrics(self) -> str:
        """In the text format of Prometheus."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        health = self._engine.health()
        yield "# TYPE gatepass_steps_total counter"
        yield f"gatepass_steps_total {health.settled}"
        yield "# TYPE gatepass_threads_busy gauge"
        yield f"gatepass_threads_busy {health.busy}"
        yield "# TYPE gatepass_granting_stopped gauge"
        yield f"gatepass_granting_stopped {int(bool(health.brakes))}"
        yield "# TYPE gatepass_clock_skew_seconds gauge"
        for source, seconds in sorted(health.skews.items()):
            yield f'gatepass_clock_skew_seconds{{source="{_label(source)}"}} {seconds}'
        yield "# TYPE gatepass_alarm gauge"
        for what in sorted(self._alarms.now):
            yield f'gatepass_alarm{{what="{_label(what)}"}} 1'
        try:
            with self._store.read() as view:
                now = self._clock.now()
                backlog, workers = view.fleet.backlog(now), view.fleet.workers()
                drift = list(figures(view))
        except GatepassError:
            return
        yield "# TYPE gatepass_due gauge"
        for each in backlog:
            for kind, count in (("take_back", each.take_backs), ("poll", each.polls), ("grant", each.grants)):
                yield f'gatepass_due{{scope="{_label(each.scope)}",kind="{kind}"}} {count}'
        yield "# TYPE gatepass_in_flight gauge"
        for each in backlog:
            yield f'gatepass_in_flight{{scope="{_label(each.scope)}"}} {each.inflight}'
        yield "# TYPE gatepass_oldest_due_seconds gauge"
        for each in backlog:
            if each.oldest_due_at is not None:
                late = max(0.0, (now - each.oldest_due_at).total_seconds())
                yield f'gatepass_oldest_due_seconds{{scope="{_label(each.scope)}"}} {late}'
        yield "# TYPE gatepass_workers gauge"
        yield f"gatepass_workers {len(workers)}"
        yield from drift


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")

"""The screen of `gatepass ui`: a table with expiry counters, a filter, keys. Knows the agent only by `Backend`."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Header, Input, Label

from gatepass.cli.backend import Ask, Backend, Row
from gatepass.cli.rows import left
from gatepass.sessions.errors import NeedsHuman, SessionError

COLUMNS = ("name", "kind", "account", "state", "left", "why")
REFRESH_SECONDS = 5.0
COLOURS = {
    "active": "green",
    "stale": "yellow",
    "pending": "yellow",
    "expired": "red",
    "denied": "red",
    "revoked": "red",
    "needs-login": "yellow",
    "needs-mfa": "yellow",
    "needs-approval": "yellow",
}
NOTHING = "no sessions yet: run gatepass session add, or gatepass sync"


def matches(row: Row, text: str) -> bool:
    """Whether every word of the filter is in the row's name, kind, account, state or profile."""
    shown = " ".join(
        str(row.get(key) or "") for key in ("name", "kind", "account_id", "state", "profile")
    ).lower()
    return all(word in shown for word in text.lower().split())


class Question(ModalScreen[str]):
    """One question of the agent; escape answers nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]
    CSS = "Question { align: center middle; } Vertical { width: 80%; height: auto; border: round $accent; padding: 1; }"

    def __init__(self, kind: str, text: str) -> None:
        super().__init__()
        self._kind, self._text = kind, text

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._text, markup=False)
            yield Input(password=self._kind not in ("mfa", "confirm"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The answer."""
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """No answer."""
        self.dismiss("")


class SessionsApp(App[None]):
    """The whole screen."""

    TITLE = "gatepass sessions"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "Start"),
        Binding("x", "stop", "Stop"),
        Binding("c", "console", "Console"),
        Binding("r", "reload", "Reload"),
        Binding("slash", "filter", "Filter"),
        Binding("escape", "table", "Table", show=False),
        Binding("q", "quit", "Quit"),
    ]
    CSS = (
        "DataTable { height: 1fr; overflow-x: hidden; } #detail, #message { width: 100%; height: auto; padding: 0 1; } "
        "#detail { color: $text-muted; } #message { color: $warning; }"
    )

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._backend = backend
        self._rows: list[Row] = []
        self._read_at = time.monotonic()

    def compose(self) -> ComposeResult:
        yield Header(icon=" ")
        yield Input(placeholder="filter by name, kind, account, state", id="filter")
        table: DataTable[str | Text] = DataTable(cursor_type="row", zebra_stripes=True)
        yield table
        yield Label("", id="detail", markup=False)
        yield Label("", id="message", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table and keep it current."""
        self._table().add_columns(*COLUMNS)
        self._table().focus()
        self.action_reload()
        self.set_interval(REFRESH_SECONDS, self.action_reload)
        self.set_interval(1.0, self._draw)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        if event.input.id == "filter":
            self._draw()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Say the whole of what the row says in part."""
        self._draw_detail()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the table."""
        self.action_table()

    def action_filter(self) -> None:
        """To the filter."""
        self.query_one("#filter", Input).focus()

    def action_table(self) -> None:
        """To the table."""
        self._table().focus()

    def action_reload(self) -> None:
        """Read the states anew."""
        self._in_background(lambda: None, "")

    def action_start(self) -> None:
        """Start the session under the cursor."""
        if (name := self._chosen()) is not None:
            self._in_background(lambda: self._backend.start(name, self._ask()), f"{name} is active")

    def action_stop(self) -> None:
        """Stop the session under the cursor."""
        if (name := self._chosen()) is not None:
            self._in_background(lambda: self._backend.stop(name), f"{name} is stopped")

    def action_console(self) -> None:
        """Open the console of the session under the cursor."""
        if (name := self._chosen()) is not None:
            self._in_background(
                lambda: self._backend.console(name, self._ask()), f"opened the console as {name}"
            )

    def _chosen(self) -> str | None:
        table = self._table()
        if not table.row_count:
            return None
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value

    def _in_background(self, work: Callable[[], None], done: str) -> None:
        """Do `work` and read the states, off the screen's thread; an error becomes the line below the table."""

        def run() -> None:
            try:
                work()
                said: str | None = done or None
            except SessionError as error:
                said = error.line()
            try:
                rows: list[Row] | None = self._backend.rows()
            except SessionError as error:
                rows, said = None, error.line()
            self.call_from_thread(self._show, rows, said)

        self.run_worker(run, thread=True, exit_on_error=False)

    def _show(self, rows: list[Row] | None, said: str | None) -> None:
        if rows is not None:
            self._rows, self._read_at = sorted(rows, key=lambda r: str(r["name"])), time.monotonic()
        if said is not None:
            self.query_one("#message", Label).update(said)
        self._draw()

    def _draw(self) -> None:
        table, wanted = self._table(), self.query_one("#filter", Input).value
        chosen = self._chosen()
        passed = time.monotonic() - self._read_at
        table.clear()
        for row in self._rows:
            if not matches(row, wanted):
                continue
            seconds = row.get("remaining_seconds")
            name = str(row["name"])
            table.add_row(
                name,
                str(row["kind"]),
                str(row.get("account_id") or ""),
                Text(str(row["state"]), COLOURS.get(str(row["state"]), "")),
                left(None if seconds is None else float(seconds) - passed),
                _why(row)[:60],
                key=name,
            )
        if chosen is not None and chosen in table.rows:
            table.move_cursor(row=table.get_row_index(chosen))
        active = sum(row["state"] == "active" for row in self._rows)
        self.sub_title = f"{active} of {len(self._rows)} active"
        self._draw_detail()

    def _draw_detail(self) -> None:
        """The session under the cursor, whole."""
        chosen = self._chosen()
        row = next((r for r in self._rows if r["name"] == chosen), None)
        self.query_one("#detail", Label).update(
            _detail(row) if row is not None else "" if self._rows else NOTHING
        )

    def _ask(self) -> Ask:
        """Questions of the agent, answered in a window over the table."""

        def ask(kind: str, text: str) -> str:
            answered, given = Event(), [""]

            def take(value: str | None) -> None:
                given[0] = value or ""
                answered.set()

            self.call_from_thread(self.push_screen, Question(kind, text), take)
            answered.wait(120)
            if not given[0]:
                raise NeedsHuman(text, advice="answer it, or start the session again")
            return given[0]

        return ask

    def _table(self) -> DataTable[str | Text]:
        return self.query_one(DataTable)


def _why(row: Row) -> str:
    """The cause without the name that the row begins with."""
    return str(row.get("cause") or "").removeprefix(f"session {row['name']!r}: ")


def _detail(row: Row) -> str:
    """One line of facts, and the cause in full."""
    facts = [f"profile {row.get('profile')}"]
    if row.get("prod"):
        facts.append("prod")
    if row.get("expires_at"):
        facts.append(f"until {row['expires_at']}")
    if row.get("lives_until"):
        facts.append(f"credentials may live until {row['lives_until']}")
    return ", ".join(facts) + (f"\n{why}" if (why := _why(row)) else "")

"""Asking the person from a tool's process, where the workspace wants that (S-48): on its terminal, else on the desktop.

SDKs swallow what a credential_process writes, so the question goes round them: to the terminal that controls the
process, or to a page of the agent's own in the browser, which is the only thing that page can do.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import os
import secrets
import select
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Callable

from gatepass.sessions.agent.asker import NOBODY, Asker
from gatepass.sessions.agent.headless import is_headless
from gatepass.sessions.agent.http import Answer, Asked, listen
from gatepass.sessions.agent.peer import Peer, terminal_of
from gatepass.sessions.errors import plain
from gatepass.sessions.shown import Shown

ANSWER_SECONDS = 120.0
HIDDEN = ("passphrase", "assertion")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1rem}"
    "input{font:inherit;padding:.4rem;width:100%;box-sizing:border-box;margin:.5rem 0}"
    "button{font:inherit;padding:.5rem 1.2rem;margin-right:.5rem}p.small{opacity:.7;font-size:.85rem}"
)


def asker_for(peer: Peer) -> Asker:
    """Who can be asked on behalf of this process: its terminal, the desktop, or nobody."""
    terminal = terminal_of(peer.pid)
    if terminal is not None and os.access(terminal, os.R_OK | os.W_OK):
        return FarTerminal(terminal)
    return NOBODY if is_headless() else Desktop()


class FarTerminal:
    """The terminal of another process of this user."""

    present = True
    headless = True
    only_questions = True

    def __init__(self, path: str) -> None:
        self._path = path

    async def ask(self, kind: str, text: str, command: str) -> str:
        """What was typed; nothing within two minutes is nobody there."""
        typed = await asyncio.to_thread(self._typed, text, kind in HIDDEN)
        return typed if typed else await NOBODY.ask(kind, text, command)

    async def show(self, shown: Shown) -> None:
        await NOBODY.show(shown)

    def _typed(self, text: str, hidden: bool) -> str:
        fd = os.open(self._path, os.O_RDWR | getattr(os, "O_NOCTTY", 0))
        restore = _without_echo(fd) if hidden else None
        try:
            os.write(fd, f"\r\ngatepass: {plain(text)}: ".encode())
            ready, _, _ = select.select([fd], [], [], ANSWER_SECONDS)
            return os.read(fd, 65536).decode("utf-8", "replace").strip() if ready else ""
        except OSError:
            return ""
        finally:
            if restore is not None:
                restore()
            os.close(fd)


def _without_echo(fd: int) -> Callable[[], None]:
    """What is typed is not shown until the result is called. Windows names no terminal of another process."""
    if sys.platform == "win32":
        raise OSError("there is no terminal of another process here")
    else:
        import termios

        before = termios.tcgetattr(fd)
        quiet = [*before]
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(fd, termios.TCSADRAIN, quiet)
        return lambda: termios.tcsetattr(fd, termios.TCSADRAIN, before)


class Desktop:
    """A page in the browser, on 127.0.0.1 under a secret address, for one question; a notification points to it."""

    present = True
    headless = False
    only_questions = True

    def __init__(
        self, opener: Callable[[str], object] | None = None, seconds: float = ANSWER_SECONDS
    ) -> None:
        """`opener` opens an address; default: the desktop's browser."""
        self._opener = opener or _open
        self._seconds = seconds

    async def ask(self, kind: str, text: str, command: str) -> str:
        """The answer of the page; nothing within two minutes is nobody there."""
        page = Page(kind, text)
        server = await listen(page.answer, "127.0.0.1", 0)
        try:
            port = server.sockets[0].getsockname()[1]
            page.address = f"127.0.0.1:{port}"
            await asyncio.to_thread(self._opener, f"http://{page.address}/{page.secret}")
            given = await asyncio.wait_for(page.given, self._seconds)
        except TimeoutError:
            given = ""
        finally:
            server.close()
        return given if given else await NOBODY.ask(kind, text, command)

    async def show(self, shown: Shown) -> None:
        await asyncio.to_thread(self._opener, shown.url)


class Page:
    """One question and its answer. Only whoever has the address sees it, only this page's own form answers it.

    The address stands in the browser's arguments, where other users can read it: so the kernel is asked who comes.
    """

    def __init__(self, kind: str, text: str) -> None:
        self._kind, self._text = kind, text
        self.secret = secrets.token_urlsafe(24)
        self.address = ""
        self.given: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(self, asked: Asked) -> Answer:
        """What to say."""
        known = hmac.compare_digest(asked.path.encode("latin-1"), f"/{self.secret}".encode())
        if not known or asked.by_a_stranger or asked.headers.get("host") != self.address:
            return _html("404 Not Found", "Not here.")
        if asked.method == "GET":
            return _html("200 OK", self._form())
        if (
            asked.method != "POST"
            or asked.headers.get("origin", f"http://{self.address}") != f"http://{self.address}"
        ):
            return _html("403 Forbidden", "This answer did not come from this page.")
        form = dict(urllib.parse.parse_qsl(asked.body.decode("utf-8", "replace")))
        if not self.given.done():
            self.given.set_result(form.get("answer", "").strip())
        return _html("200 OK", "<h1>Done</h1><p>You can close this window.</p>")

    def _form(self) -> str:
        text = f"<h1>gatepass asks</h1><p>{html.escape(self._text)}</p>"
        small = (
            '<p class="small">A program of yours waits. Nobody asked? Then refuse, or close the window.</p>'
        )
        if self._kind == "confirm":
            fields = (
                '<button name="answer" value="yes">Allow for an hour</button>'
                '<button name="answer" value="no">Refuse</button>'
            )
        else:
            hidden = "password" if self._kind in HIDDEN else "text"
            fields = f'<input name="answer" type="{hidden}" autocomplete="off" autofocus required><button>Send</button>'
        return f'{text}<form method="post">{fields}</form>{small}'


def _html(status: str, body: str) -> Answer:
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>gatepass</title><style>{_STYLE}</style>{body}</html>"
    )
    headers = {
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }
    return Answer(status, page.encode(), "text/html; charset=utf-8", headers)


def _open(url: str) -> None:
    import webbrowser

    notify = shutil.which("notify-send")
    if notify is not None:
        subprocess.run(
            [
                notify,
                "--app-name=gatepass",
                "gatepass asks",
                "A program of yours waits for an answer in the browser.",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=5,
            check=False,
        )
    webbrowser.open(url)

"""Opening an address in the person's browser, in a container or profile of its own if wanted (S-77).

An address that signs in must not stand in the browser's arguments, which every user of the machine can read for as
long as the browser runs (I17). There stands one of this machine, good once and for this user; it leads on.
"""

from __future__ import annotations

import hmac
import secrets
import shutil
import subprocess
import threading
import urllib.parse
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gatepass.sessions.agent.peer import is_strangers
from gatepass.sessions.errors import BadInput, Upstream

REQUEST_SECONDS = 30.0
COMES_SECONDS = 60.0
"""A browser that has to start first may take a while."""
_CHROMIUM = (
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "brave-browser",
    "microsoft-edge",
)


def open_browser(url: str, *, container: str | None = None, profile: str | None = None) -> None:
    """Open `url`, never through a shell. Raises `BadInput` when the browser wanted is not there."""
    if container is not None and profile is not None:
        raise BadInput("choose a container or a browser profile, not both")
    if container is not None:
        _spawn(["firefox", "--new-tab", container_address(url, container)], "Firefox")
    elif profile is not None:
        found = next((path for name in _CHROMIUM if (path := shutil.which(name))), None)
        if found is None:
            raise BadInput("no Chromium browser was found", advice="leave out --browser-profile")
        _spawn([found, f"--profile-directory={profile}", url], "the browser")
    elif not webbrowser.open(url):
        raise Upstream("no browser could be opened", advice="run it with --print")


def open_secretly(url: str, *, container: str | None = None, profile: str | None = None) -> None:
    """The same for an address that nobody else may see; returns once the browser has it. Raises `Upstream` when none
    comes for it within a minute, or somebody else took it."""
    with _handed_over(url) as (address, taken):
        open_browser(address, container=container, profile=profile)
        if not taken.wait(COMES_SECONDS):
            raise Upstream("the browser did not come for the address", advice="run it with --print")


@contextmanager
def _handed_over(url: str) -> Iterator[tuple[str, threading.Event]]:
    """An address on loopback that leads this user's browser to `url`, once; and whether it came."""
    secret, taken = f"/{secrets.token_urlsafe(24)}", threading.Event()

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
            known = hmac.compare_digest(self.path.encode("latin-1", "replace"), secret.encode())
            stranger = is_strangers(self.client_address, self.connection.getsockname())
            if not known or stranger or taken.is_set():
                self.send_error(404)
                return
            self.send_response(303)
            for name, value in (
                ("Location", url),
                ("Referrer-Policy", "no-referrer"),
                ("Cache-Control", "no-store"),
            ):
                self.send_header(name, value)
            self.end_headers()
            taken.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            """Nothing: the address is a secret."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=lambda: server.serve_forever(0.05), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{secret}", taken
    finally:
        server.shutdown()
        server.server_close()


def container_address(url: str, container: str) -> str:
    """The address by which the container extensions of Firefox open `url` in the named container."""
    query = urllib.parse.urlencode({"name": container, "url": url}, quote_via=urllib.parse.quote)
    return f"ext+container:{query}"


def _spawn(command: list[str], what: str) -> None:
    try:
        subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise BadInput(
            f"{what} cannot be started ({error.strerror})", advice="leave out the option"
        ) from error

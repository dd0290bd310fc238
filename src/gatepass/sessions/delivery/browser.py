"""Opening an address in the person's browser, in a container or profile of its own if wanted (S-77)."""

from __future__ import annotations

import shutil
import subprocess
import urllib.parse
import webbrowser

from gatepass.sessions.errors import BadInput, Upstream

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

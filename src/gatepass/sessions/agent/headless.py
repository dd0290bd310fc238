"""Whether a browser can be opened here (S-50)."""

from __future__ import annotations

import os
import sys

_OPENERS = (
    *("xdg-open", "gio", "x-www-browser", "firefox", "iceweasel", "seamonkey", "konqueror", "epiphany"),
    *("google-chrome", "chrome", "chromium", "chromium-browser", "opera"),
)
"""What `webbrowser` opens a window with on Linux. Browsers of the terminal would take it from our command."""


def is_headless() -> bool:
    """Nobody here would see a browser's window: a login by SSH, no display, or nothing that opens one.

    `BROWSER` says what opens pages, on a display or by way of another machine (WSL, remote editors).
    """
    if os.environ.get("SSH_CONNECTION"):
        return True
    if _has_own_desktop():
        return False
    import shutil  # costs the agent's start otherwise

    if _names_a_program(os.environ.get("BROWSER", "")):
        return False
    has_display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return not has_display or not any(shutil.which(name) for name in _OPENERS)


def _has_own_desktop() -> bool:
    return sys.platform in ("darwin", "win32")


def _names_a_program(browser: str) -> bool:
    """Whether one of the commands of `BROWSER`, parted as PATH is, can be started."""
    import shlex
    import shutil

    for command in browser.split(os.pathsep):
        try:
            words = shlex.split(command)
        except ValueError:
            continue
        if words and shutil.which(words[0]):
            return True
    return False

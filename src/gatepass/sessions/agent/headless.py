"""Whether a browser can be opened here (S-50)."""

from __future__ import annotations

import os
import sys


def is_headless() -> bool:
    """No desktop to open a browser on."""
    if os.environ.get("SSH_CONNECTION"):
        return True
    if os.environ.get("BROWSER"):
        return False
    return sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

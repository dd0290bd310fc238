"""Where the laptop side keeps its files, as text. Imports nothing that an interpreter has not got when it starts."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

Directories = tuple[str, str, str, str]


def directories(environment: Mapping[str, str], platform: str = sys.platform) -> Directories:
    """Config, data, state and run: below `GATEPASS_HOME` when it is set, otherwise where the platform has them."""
    home = environment.get("GATEPASS_HOME")
    if home:
        root = os.path.join(os.getcwd(), home)
        return root, root, os.path.join(root, "state"), os.path.join(root, "run")
    if platform == "win32":
        return _of_windows(environment)
    user = environment.get("HOME") or os.path.expanduser("~")

    def base(name: str, default: str) -> str:
        value = environment.get(name, "")
        return os.path.join(value if value.startswith("/") else f"{user}/{default}", "gatepass")

    state = base("XDG_STATE_HOME", ".local/state")
    run = f"{state}/run"
    if platform == "darwin" and environment.get("TMPDIR"):
        run = os.path.join(environment["TMPDIR"], "gatepass")
    elif environment.get("XDG_RUNTIME_DIR", "").startswith("/"):
        run = os.path.join(environment["XDG_RUNTIME_DIR"], "gatepass")
    return base("XDG_CONFIG_HOME", ".config"), base("XDG_DATA_HOME", ".local/share"), state, run


def _of_windows(environment: Mapping[str, str]) -> Directories:
    """Below the profile, which the system lets nobody else enter; only what holds no secret roams."""
    user = environment.get("USERPROFILE") or os.path.expanduser("~")
    roaming = environment.get("APPDATA") or os.path.join(user, "AppData", "Roaming")
    local = environment.get("LOCALAPPDATA") or os.path.join(user, "AppData", "Local")
    config, here = os.path.join(roaming, "gatepass"), os.path.join(local, "gatepass")
    return config, os.path.join(here, "data"), os.path.join(here, "state"), os.path.join(here, "run")

"""One front for the two ways to the agent (S-31, S-34): a unix socket, or loopback TCP behind a port file.

Which it is, the name of the place says; what is spoken is the same. Imports only the way that is taken.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from gatepass.sessions.launcher.thin import Launch

SOCKET, PORT_FILE = "agent.sock", "agent.port"


def is_port_file(place: str) -> bool:
    """Whether the agent of this place listens on loopback TCP."""
    return place.endswith(PORT_FILE)


def agent_place(run: str, *, loopback: bool = sys.platform == "win32") -> str:
    """Where the agent is found in the directory of what runs."""
    return os.path.join(run, PORT_FILE if loopback else SOCKET)


def connect(place: str) -> _socket.socket:
    """A connection to this user's agent. Raises OSError when none listens, or somebody else does."""
    if sys.platform == "win32" or is_port_file(place):
        from gatepass.sessions.launcher.loopback import connect as by_port

        return by_port(place)
    else:
        from gatepass.sessions.launcher.thin import connect as by_socket

        return by_socket(place)


def start(launch: Launch) -> _socket.socket:
    """A connection to the agent, which is started if nobody else does (S-33). Raises OSError."""
    if sys.platform == "win32" or is_port_file(launch.socket):
        from gatepass.sessions.launcher.loopback_cold import start as by_port

        return by_port(launch)
    else:
        from gatepass.sessions.launcher.cold import start as by_socket

        return by_socket(launch)

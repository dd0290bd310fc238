"""Units by which the system starts the agent (S-33): systemd by its socket, launchd at login. Pure texts."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

from gatepass.sessions.thin import Launch


def systemd_socket(launch: Launch) -> str:
    """`gatepass-agent.socket`: systemd listens and starts the agent when somebody asks."""
    return (
        "[Unit]\nDescription=gatepass agent's socket\n\n[Socket]\n"
        f"ListenStream={launch.socket}\nSocketMode=0600\nDirectoryMode=0700\n\n"
        "[Install]\nWantedBy=sockets.target\n"
    )


def systemd_service(launch: Launch) -> str:
    """`gatepass-agent.service`: the agent on the listener that systemd hands over."""
    command = " ".join(_quoted(word) for word in launch.argv)
    return (
        "[Unit]\nDescription=gatepass agent\nRequires=gatepass-agent.socket\n\n[Service]\n"
        f"ExecStart={command}\nUMask=0077\nLimitCORE=0\nStandardOutput=append:{launch.log}\nStandardError=inherit\n"
    )


def _quoted(word: str) -> str:
    """A word as ExecStart takes it: no variables, no specifiers."""
    body = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{body}"'


def launchd(launch: Launch) -> str:
    """A property list for `~/Library/LaunchAgents`: the agent starts at login and listens for itself."""
    words = "".join(f"<string>{escape(word)}</string>" for word in launch.argv)
    log = f"<string>{escape(launch.log)}</string>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict>\n'
        "<key>Label</key><string>gatepass.agent</string>\n"
        f"<key>ProgramArguments</key><array>{words}</array>\n"
        "<key>RunAtLoad</key><true/>\n<key>Umask</key><integer>63</integer>\n"
        f"<key>StandardOutPath</key>{log}<key>StandardErrorPath</key>{log}\n</dict></plist>\n"
    )


UNITS: dict[str, Callable[[Launch], str]] = {
    "systemd-socket": systemd_socket,
    "systemd-service": systemd_service,
    "launchd": launchd,
}

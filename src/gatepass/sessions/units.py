"""Units by which the system starts the agent (S-33): systemd by its socket, launchd, Windows at login. Pure texts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from xml.sax.saxutils import escape

from gatepass.sessions.launcher.thin import Launch


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


def windows_task(launch: Launch) -> str:
    """A task for `schtasks /Create /TN gatepass /XML FILE`: the agent starts at login, as who registers it, unseen.

    Python's program without a console stands beside the one with. No limit of time, no other instance: the agent
    itself refuses to be two and leaves when nothing needs it. Schema: Task Scheduler 1.2.
    """
    program, *words = launch.argv
    folder, _, name = program.rpartition("\\")
    unseen = f"{folder}\\{name.replace('python', 'pythonw', 1)}" if folder else program
    arguments = subprocess.list2cmdline(words)
    return (
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\n'
        "<RegistrationInfo><Description>gatepass agent</Description></RegistrationInfo>\n"
        "<Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>\n"
        '<Principals><Principal id="me"><LogonType>InteractiveToken</LogonType>'
        "<RunLevel>LeastPrivilege</RunLevel></Principal></Principals>\n"
        "<Settings><MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>"
        "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>"
        "<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>"
        "<ExecutionTimeLimit>PT0S</ExecutionTimeLimit><Hidden>true</Hidden></Settings>\n"
        f'<Actions Context="me"><Exec><Command>{escape(unseen)}</Command>'
        f"<Arguments>{escape(arguments)}</Arguments></Exec></Actions>\n</Task>\n"
    )


UNITS: dict[str, Callable[[Launch], str]] = {
    "systemd-socket": systemd_socket,
    "systemd-service": systemd_service,
    "launchd": launchd,
    "windows-task": windows_task,
}

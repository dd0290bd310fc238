"""S-33: what systemd and launchd are told starts the agent with its own words."""

from __future__ import annotations

import plistlib
import re
import shlex
import subprocess
import xml.etree.ElementTree as Xml

from gatepass.sessions.launcher.install import launch_for
from gatepass.sessions.launcher.thin import Launch
from gatepass.sessions.paths import Paths
from gatepass.sessions.units import launchd, systemd_service, systemd_socket, windows_task


def test_s33_systemd_starts_the_agent_by_its_socket(paths: Paths) -> None:
    launch = launch_for(paths)
    assert f"\nListenStream={paths.socket}\nSocketMode=0600\nDirectoryMode=0700\n" in systemd_socket(launch)
    line = re.search(r"^ExecStart=(.*)$", systemd_service(launch), re.MULTILINE)
    assert line is not None
    assert shlex.split(line.group(1)) == launch.argv


def test_s33_systemd_sees_neither_variables_nor_specifiers() -> None:
    text = systemd_service(Launch("s", "l", "log", ["/usr/bin/python3", 'a "b" $HOME %h \\']))
    assert '"a \\"b\\" $$HOME %%h \\\\"' in text


def test_s33_launchd_starts_the_agent_at_login(paths: Paths) -> None:
    launch = launch_for(paths)
    found = plistlib.loads(launchd(launch).encode())
    assert found["ProgramArguments"] == launch.argv
    assert found["RunAtLoad"] is True
    assert found["Umask"] == 0o077


def test_s33_windows_starts_the_agent_at_login_unseen(paths: Paths) -> None:
    words = [
        r"C:\Python\python.exe",
        "-I",
        "-S",
        "-c",
        "import sys; print('<&>')",
        r"C:\Users\Dana Scully\lib",
    ]
    found = Xml.fromstring(windows_task(Launch("s", "l", "log", words)))
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert found.findtext(".//t:Command", namespaces=space) == r"C:\Python\pythonw.exe"
    assert found.findtext(".//t:Arguments", namespaces=space) == subprocess.list2cmdline(words[1:])
    assert found.findtext(".//t:RunLevel", namespaces=space) == "LeastPrivilege"
    assert found.find(".//t:LogonTrigger", space) is not None
    assert found.findtext(".//t:ExecutionTimeLimit", namespaces=space) == "PT0S"

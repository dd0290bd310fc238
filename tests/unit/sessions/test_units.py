"""S-33: what systemd and launchd are told starts the agent with its own words."""

from __future__ import annotations

import plistlib
import re
import shlex

from gatepass.sessions.launcher import launch_for
from gatepass.sessions.paths import Paths
from gatepass.sessions.thin import Launch
from gatepass.sessions.units import launchd, systemd_service, systemd_socket


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

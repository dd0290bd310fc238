"""What `gatepass doctor` finds on a laptop: one line per fault, each with what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gatepass.cli.laptop import places
from gatepass.sessions.config import text
from gatepass.sessions.config.shadow import config_path, find_shadows
from gatepass.sessions.errors import SessionError
from gatepass.sessions.files import private_dir
from gatepass.sessions.launcher.install import launcher_faults
from gatepass.sessions.providers.transport import foreign_endpoints
from gatepass.sessions.vault.store import read_sealed
from gatepass.sessions.workspace.reading import load_workspace


def laptop_faults() -> Iterator[str]:
    """Every fault of this laptop's set-up; nothing when it is sound."""
    paths = places()
    for directory in (paths.config, paths.data, paths.state, paths.run):
        try:
            if directory.exists():
                private_dir(directory)
        except SessionError as error:
            yield error.line()
    try:
        workspace = load_workspace(paths.workspace)
    except SessionError as error:
        yield error.line()
        return
    yield from launcher_faults(paths)
    for name in foreign_endpoints(os.environ):
        yield f"{name} leads neither to AWS nor to this machine: the agent does not follow it; set [settings.endpoints]"
    if any(s.kind in ("iam-user", "sso-role") for s in workspace.sessions.values()):
        try:
            read_sealed(paths.vault)
        except SessionError as error:
            yield error.line()
    installed = _installed_profiles()
    for shadow in find_shadows(installed, os.environ):
        yield shadow.line()
    for profile in sorted(installed - {s.profile for s in workspace.sessions.values()}):
        yield f"profile {profile} is installed and no session has it; run: gatepass profiles install"


def _installed_profiles() -> set[str]:
    try:
        lines = text.decode(config_path(os.environ).read_bytes())
    except FileNotFoundError:
        return set()
    block = text.split(lines, config_path(os.environ)).block
    return {s.profile for s in text.sections(block) if s.profile}

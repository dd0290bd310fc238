"""Where the laptop side keeps its files: one value, computed once from the environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gatepass.sessions.errors import BadInput
from gatepass.sessions.link import agent_place
from gatepass.sessions.where import directories

# Words of a command that every shell and SDK reads alike (S-39); on Windows cmd.exe takes a slash for a switch.
SAFE_WORD = re.compile(r"[A-Za-z0-9\\:~._-]+" if sys.platform == "win32" else r"[A-Za-z0-9/._-]+")
SOCKET_PATH_LIMIT = 100  # bytes; sun_path holds 108 on Linux, 104 on macOS (S-31)


@dataclass(frozen=True)
class Paths:
    """Four directories; everything else has its fixed place in one of them."""

    config: Path
    """What people edit: `workspace.toml`."""
    data: Path
    """What must be kept: `vault.bin`, the launcher."""
    state: Path
    """What may be lost: audit log, agent log, locks."""
    run: Path
    """What lives as long as the login: the agent's socket."""
    loopback: bool = sys.platform == "win32"
    """Whether the agent listens on loopback TCP, where there are no unix sockets (S-31)."""

    @property
    def workspace(self) -> Path:
        return self.config / "workspace.toml"

    @property
    def vault(self) -> Path:
        return self.data / "vault.bin"

    @property
    def launcher(self) -> Path:
        return self.data / "bin" / "gatepass-credential"

    @property
    def socket(self) -> Path:
        """Where the agent is found: its socket, or the file with its port and key."""
        return Path(agent_place(str(self.run), loopback=self.loopback))

    @property
    def agent_lock(self) -> Path:
        return self.run / "agent.lock"

    @property
    def locks(self) -> Path:
        return self.state / "locks"

    @property
    def audit(self) -> Path:
        return self.state / "audit.jsonl"

    @property
    def log(self) -> Path:
        return self.state / "agent.log"

    @property
    def learned(self) -> Path:
        return self.state / "learned.json"

    @property
    def stopped(self) -> Path:
        return self.state / "stopped.json"

    @property
    def login(self) -> Path:
        return self.state / "login.json"

    @property
    def handouts(self) -> Path:
        return self.state / "files.json"

    @property
    def prompt(self) -> Path:
        return self.state / "prompt.json"

    def words(self) -> tuple[str, ...]:
        """The directories as arguments, for a process that must not depend on its environment (T-13)."""
        return tuple(str(p) for p in (self.config, self.data, self.state, self.run))

    @classmethod
    def from_words(cls, words: list[str], *, loopback: bool = sys.platform == "win32") -> Paths:
        """The inverse of `words`."""
        config, data, state, run = (Path(w) for w in words)
        return cls(config, data, state, run, loopback)


def paths_from(environment: Mapping[str, str], *, platform: str = sys.platform) -> Paths:
    """The places for this environment: `GATEPASS_HOME` for everything, otherwise the platform's own."""
    return _checked(Paths.from_words(list(directories(environment, platform)), loopback=platform == "win32"))


def kernel_name(paths: Paths, profile: str) -> str:
    """The name of a profile's key in the kernel's keyring: one person may have several workspaces."""
    import hashlib

    return f"gatepass:{hashlib.sha256(str(paths.workspace).encode()).hexdigest()[:16]}:{profile}"


def _checked(paths: Paths) -> Paths:
    if not paths.loopback and len(os.fsencode(paths.socket)) >= SOCKET_PATH_LIMIT:
        raise BadInput(
            f"the agent's socket {paths.socket} has a path of {len(os.fsencode(paths.socket))} bytes; "
            f"fewer than {SOCKET_PATH_LIMIT} are possible",
            advice="set XDG_RUNTIME_DIR or GATEPASS_HOME to a shorter directory",
        )
    return paths

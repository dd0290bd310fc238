"""What the far end of `gatepass ssh-forward` gets: a script, a config, a shell; gone at the end (S-47)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from gatepass.sessions.launcher import thin
from gatepass.sessions.model import Session, StaticEndpoint

_PLACE = re.compile(r"/[A-Za-z0-9._/+@-]*gatepass\.[A-Za-z0-9]+")
SETUP = ("sh", "-s")
"""Run there, with `setup_script` as its input; prints the directory it made."""
_ASK = """

def far(socket, words):
    if len(words) != 1 or " " in words[0] or "\\n" in words[0]:
        return refuse("usage: gatepass-credential PROFILE")
    try:
        answer = ask(connect(socket), b"get " + words[0].encode() + b"\\n")
    except TimeoutError:
        return refuse("still waiting for a person at your laptop; run the command again")
    except OSError:
        return refuse("the forward from your laptop has ended; run there: gatepass ssh-forward")
    if answer[:2] == b"0 ":
        sys.stdout.buffer.write(answer[2:])
        sys.stdout.buffer.flush()
        return 0
    return refuse("on your laptop: " + (answer[2:].decode("utf-8", "replace").strip() or "no answer"))


import os.path
sys.exit(far(os.path.join(os.path.dirname(os.path.abspath(__file__)), "agent.sock"), sys.argv[1:]))
"""


def setup_script(sessions: Sequence[Session]) -> str:
    """Makes a private directory with the script and the config, and prints where it is."""
    script = Path(thin.__file__).read_text(encoding="utf-8") + _ASK
    lines = ["set -e", "umask 077", 'd=$(mktemp -d "${XDG_RUNTIME_DIR:-/tmp}/gatepass.XXXXXX")']
    lines += ["cat > $d/gatepass-credential <<'GATEPASS_SCRIPT'", script, "GATEPASS_SCRIPT"]
    lines += ["cat > $d/config <<GATEPASS_CONFIG"]
    for session in sessions:
        name = session.profile
        lines += ["[default]" if name == "default" else f"[profile {name}]"]
        lines += [f"credential_process = python3 -IS $d/gatepass-credential {name}"]
        if session.region is not None:
            lines += [f"region = {session.region}"]
        if isinstance(session.recipe, StaticEndpoint):
            lines += [f"endpoint_url = {_here(session.recipe.endpoint_url)}"]
    lines += ["GATEPASS_CONFIG", "echo $d"]
    return "\n".join(lines) + "\n"


def _here(text: str) -> str:
    """Text for a here-document whose variables the far shell expands: it stays text."""
    return re.sub(r"([\\$`])", r"\\\1", text)


def place_of(said: str) -> str | None:
    """The directory that the far machine says it made, or None: what it says goes into ssh's own arguments, where a
    colon would make it forward something else."""
    words = said.split()
    return words[-1] if words and _PLACE.fullmatch(words[-1]) else None


def far_command(place: str, first: Session, command: Sequence[str]) -> str:
    """What the far shell runs: the command or a login shell with the config in force; removes the directory."""
    where = shlex.quote(place)
    run = shlex.join(command) if command else "${SHELL:-sh} -l"
    script = (
        f"trap 'rm -rf {where}' EXIT HUP TERM; export AWS_CONFIG_FILE={where}/config "
        f"AWS_SHARED_CREDENTIALS_FILE={where}/none AWS_PROFILE={shlex.quote(first.profile)} "
        f"GATEPASS_SESSION={shlex.quote(first.name)}; {run}"
    )
    return f"sh -c {shlex.quote(script)}"


def ssh_command(
    host: str, options: Sequence[str], local: Path, place: str, far: str, *, terminal: bool
) -> list[str]:
    """The ssh that carries the socket there and runs the far command."""
    words = ["ssh", *(["-t"] if terminal else []), *(w for o in options for w in ("-o", o))]
    words += ["-o", "ExitOnForwardFailure=yes", "-R", f"{place}/agent.sock:{local}", "--", host, far]
    return words

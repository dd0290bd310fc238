"""The `gatepass` program: answers what needs neither AWS nor click at once, and leaves the rest to `cli.main`.

click alone costs four times the start of an interpreter (specification 6.2), and these are typed all day.
"""

from __future__ import annotations

import os
import sys

from gatepass import __version__


def main() -> None:
    """Run the command line; ends the process."""
    try:
        text = quick(sys.argv[1:])
        if text is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
            return
    except BrokenPipeError:  # the reader had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return
    except (OSError, ValueError):
        pass  # whatever is wrong, the whole command line says it in words
    from gatepass.cli.main import main as whole

    whole()


def quick(words: list[str]) -> str | None:
    """The output of a command in its plain form, or None when it takes the whole command line."""
    if "_GATEPASS_COMPLETE" in os.environ:
        return None
    if words in (["--help"], ["-h"]) and _columns() >= 80:
        from gatepass.cli.frontpage import TEXT

        return TEXT
    if words == ["--version"]:
        return f"gatepass, version {__version__}\n"
    if words[:1] == ["status"] or words[:2] == ["session", "list"]:
        from gatepass.cli.glance import quick as glance

        return glance(words, os.environ)
    if words[:1] in (["prompt"], ["completion"]) and len(words) == 2:
        return _for_shell(*words)
    return None


def _for_shell(what: str, shell: str) -> str | None:
    from gatepass.cli.shells import COMPLETIONS, PROMPTS, prompt_function
    from gatepass.sessions.where import directories

    if shell not in PROMPTS:
        return None
    if what == "completion":
        return COMPLETIONS[shell]
    return prompt_function(shell, os.path.join(directories(os.environ)[2], "prompt.json"))


def _columns() -> int:
    """How wide the terminal is, as click finds it."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(1).columns
    except (ValueError, OSError):
        return 80

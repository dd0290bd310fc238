"""Writes the launcher: one executable file that needs nothing of gatepass but the agent (S-38 to S-40)."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from pathlib import Path

from gatepass.sessions.errors import BadInput, SessionError
from gatepass.sessions.files import private_dir, replace
from gatepass.sessions.launcher.thin import Launch
from gatepass.sessions.paths import SAFE_WORD, Paths, kernel_name
from gatepass.sessions.workspace.reading import load_workspace

SHEBANG_LIMIT = 127
_OWN_IMPORT = re.compile(r"^from gatepass\.sessions\.launcher\.(thin|loopback) import .*\n", re.MULTILINE)
_KEYS_IMPORT = "from gatepass.sessions.launcher.kernelkeys import KernelKeys\n"
_BOOT = (
    "import gc, sys; gc.disable(); n = int(sys.argv[1]); sys.path[:] = sys.path + sys.argv[2:2 + n]; "
    "from gatepass.sessions.{} import main; main(sys.argv[2 + n:])"
)


def interpreter() -> str:
    """The base interpreter, absolute: never a virtual environment's or a version manager's front (S-38)."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def launch_for(paths: Paths, program: str = "agent.start") -> Launch:
    """How the agent of these places is reached and started; `direct` is the program without one."""
    library = [p for p in sys.path if p and not _is_standard(p) and _is_lasting(p)]
    source = str(Path(__file__).resolve().parents[3])
    library = [source, *(p for p in library if p != source)]
    argv = [
        interpreter(),
        "-I",
        "-S",
        "-c",
        _BOOT.format(program),
        str(len(library)),
        *library,
        *paths.words(),
    ]
    if paths.loopback and program == "agent.start":
        argv += ["--transport", "loopback"]
    return Launch(str(paths.socket), str(paths.agent_lock), str(paths.log), argv)


def _is_standard(path: str) -> bool:
    standard = os.path.dirname(os.path.realpath(os.__file__))
    real = os.path.realpath(path)
    return real == standard or real == os.path.join(standard, "lib-dynload") or real.endswith(".zip")


def _is_lasting(path: str) -> bool:
    """Whether an agent that starts some day, anywhere, may import from this directory.

    Not from where this command happens to be run (`python -m`, `PYTHONPATH`), and from nowhere that everybody can
    write to: what they put there later would run with the vault open.
    """
    here = os.path.realpath(path) == os.path.realpath(os.getcwd())
    if here and os.path.basename(path) not in ("site-packages", "dist-packages"):
        return False
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (sys.platform == "win32" or not found.st_mode & stat.S_IWOTH)


def launcher_text(paths: Paths) -> str:
    """The whole file, for the workspace's way of working: with an agent, or without (S-36)."""
    return _asking_the_agent(paths) if load_workspace(paths.workspace).settings.agent else _direct(paths)


def _direct(paths: Paths) -> str:
    """Without an agent: what the kernel's keyring holds at once, the rest by the whole program (part 7)."""
    argv = launch_for(paths, "agentless.direct").argv
    here = Path(__file__)
    keys = here.with_name("kernelkeys.py").read_text(encoding="utf-8")
    kept = here.with_name("kept.py").read_text(encoding="utf-8").replace(_KEYS_IMPORT, "")
    fixed = ", ".join(repr(str(v)) for v in (kernel_name(paths, ""), paths.workspace, paths.audit))
    return (
        f"#!{interpreter()} -IS\nimport os\nimport sys\n\nARGV = {argv!r}\nKEYS = {keys!r}\nKEPT = {kept!r}\n"
        "if len(sys.argv) != 2:\n    sys.exit('usage: gatepass-credential PROFILE')\n"
        "if sys.platform == 'linux':\n    exec(KEYS)\n    exec(KEPT)\n"
        f"    name, workspace, audit = {fixed}\n"
        "    if serve_kept(name + sys.argv[1], workspace, audit, sys.argv[1]):\n        os._exit(0)\n"
        "if sys.platform == 'win32':\n"  # execv would end this process, whose output is read, at once
        "    import subprocess\n    sys.exit(subprocess.call(ARGV + sys.argv[1:]))\n"
        "os.execv(ARGV[0], ARGV + sys.argv[1:])\n"
    )


def _asking_the_agent(paths: Paths) -> str:
    """The whole file. The places are written into it, so it does not depend on the environment (T-13).

    The cold half is text inside it: compiling it on every run would cost as much as asking the agent.
    """
    launch = launch_for(paths)
    warm, cold = _source("thin"), _source("cold")
    if paths.loopback:
        warm, cold = warm + _source("loopback"), _source("loopback_cold")
    fixed = ", ".join(repr(v) for v in (launch.socket, launch.lock, launch.log, launch.argv))
    return (
        f"#!{interpreter()} -IS\n{warm}\n\nCOLD = {cold!r}\n\n\ndef cold_start(launch):\n"
        f"    exec(COLD, globals())\n    return start(launch)\n\n\n"
        f"leave(main(Launch({fixed}), sys.argv[1:], cold_start))\n"
    )


def _source(name: str) -> str:
    """A module of ours as a part of the launcher, which has the other parts' names already."""
    text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return _OWN_IMPORT.sub("", text)


def command(launcher: Path) -> list[str]:
    """What a tool runs: the launcher itself, or, where scripts cannot be run (Windows), its interpreter (S-38, S-39).

    One process either way. A `.cmd` beside it would cost a cmd.exe on every call, a name with a space quotes that
    cmd.exe, Go's SDK and botocore read differently: so a short name stands for it, where the disk has those.
    """
    if sys.platform == "win32":
        return [_without_spaces(interpreter()), "-IS", _without_spaces(str(launcher))]
    else:
        return [str(launcher)]


def _without_spaces(path: str) -> str:
    """The path, or the short name that Windows may keep for it. Raises `BadInput` when neither can be used."""
    if SAFE_WORD.fullmatch(path):
        return path
    from gatepass.sessions.windows import short_name

    short = short_name(path)
    if not SAFE_WORD.fullmatch(short):
        raise BadInput(
            f"tools cannot be told to run {path}: its name has a space or sign that shells read differently, "
            "and the disk keeps no short name for it",
            advice="have short names kept (fsutil 8dot3name), or use a profile and a Python without spaces",
        )
    return short


def install_launcher(paths: Paths) -> Path:
    """Write the launcher where a path of safe characters allows it; where it is. May be repeated (S-39)."""
    shebang = f"#!{interpreter()} -IS"
    if sys.platform != "win32" and (len(os.fsencode(shebang)) > SHEBANG_LIMIT or " " in interpreter()):
        raise BadInput(
            f"the interpreter {interpreter()} cannot start a script: its path is too long or has a space",
            advice="install gatepass with another Python",
        )
    target = _safe_place(paths)
    if target is None:
        raise BadInput(
            f"the launcher's path {paths.launcher} has characters that shells read differently",
            advice="set GATEPASS_HOME to a directory of yours whose path has letters, digits and /._- only",
        )
    private_dir(target.parent)
    private_dir(paths.state)
    replace(target, launcher_text(paths).encode(), mode=0o700)
    return target


def _safe_place(paths: Paths) -> Path | None:
    """Where the launcher goes: a path that every shell reads alike, in a directory that only we can put a file into.

    Never below a directory that is everybody's, like /var/tmp: the system cleans up there, and then anybody may make
    what every tool of ours would run.
    """
    if sys.platform == "win32":
        return paths.launcher
    else:
        places = (paths.launcher, Path.home() / ".gatepass" / "bin" / paths.launcher.name)
        return next((place for place in places if SAFE_WORD.fullmatch(str(place))), None)


def installed_launcher(paths: Paths) -> Path | None:
    """Where the launcher is, if it is."""
    place = _safe_place(paths)
    return place if place is not None and place.is_file() else None


def launcher_faults(paths: Paths) -> list[str]:
    """What is wrong with the installed launcher (S-40); empty when it is sound or not installed."""
    place = installed_launcher(paths)
    if place is None:
        return []
    first, _, _ = place.read_text(encoding="utf-8", errors="replace").partition("\n")
    named = first.removeprefix("#!").removesuffix(" -IS")
    if shutil.which(named) is None:
        return [f"the launcher's interpreter {named} is gone; run: gatepass profiles repair"]
    if place.read_text(encoding="utf-8", errors="replace") != launcher_text(paths):
        return ["the launcher is of another gatepass or another Python; run: gatepass profiles repair"]
    return []


def repair_if_gone(paths: Paths) -> bool:
    """Write the launcher anew when its interpreter was removed, for example by an update; whether it was (S-40)."""
    place = installed_launcher(paths)
    if place is None:
        return False
    with place.open(encoding="utf-8", errors="replace") as file:
        named = file.readline().strip().removeprefix("#!").removesuffix(" -IS")
    if os.access(named, os.X_OK):
        return False
    install_launcher(paths)
    return True


def repair_launcher(paths: Paths) -> bool:
    """Write the launcher anew when it is installed and not sound; whether it was."""
    try:
        faulty = bool(launcher_faults(paths))
    except (OSError, SessionError):
        faulty = True
    if faulty:
        install_launcher(paths)
    return faulty

"""H5: what a tool waits for credentials, beside an interpreter that does nothing (specification 6.2).

B0 is `python3 -I -S -c pass`, B1 `python3 -c pass` in an empty virtual environment, both measured between the others.
awsume and aws-sso-util are installed into a scratch environment of their own and run on their cached paths; without a
package index those two rows are left out.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.figure import Figure, milliseconds, p50, p99
from gatepass.clock import SystemClock
from gatepass.sessions.client import conversation, request
from gatepass.sessions.files import private_dir
from gatepass.sessions.launcher.install import install_launcher, interpreter
from gatepass.sessions.launcher.thin import ask, connect
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault import keys
from gatepass.sessions.vault.store import Vault
from gatepass.sessions.workspace.edit import edit_workspace
from gatepass.sim import Settings, build
from gatepass.sim.server import SimServer

RUNS = 25
CROWDS = 11
"""Runs of a hundred processes: one crowd takes half a second, and its ratio to one quiet interpreter varies."""
MINT_SECONDS = 0.25
KEY_ID, SECRET = "AKIABENCHGATEWAY0001", "bench-secret-of-the-gateway-user-0000001"
_ROLE = "arn:aws:iam::222222222222:role/developer"


def figures() -> Iterator[Figure]:
    """About half a minute on a quiet machine with two cores, a minute with the neighbours' installation."""
    with ExitStack() as stack:
        place = Path(tempfile.mkdtemp(prefix="gp-", dir="/tmp"))  # a socket needs a short path
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        server = stack.enter_context(SimServer(build(world(), SystemClock(), Settings(latency=MINT_SECONDS))))
        laptop = Laptop(place, server.url)
        stack.callback(laptop.end)
        base0 = [interpreter(), "-I", "-S", "-c", "pass"]
        base1 = [_empty_environment(place), "-c", "pass"]
        yield from _cold_start(laptop, base0)
        yield from _crowd(laptop, server, base0)
        yield from _warm(laptop, base0, base1)
        yield from _round_trip(laptop)
        yield from _commands(laptop, base1)
        yield from _near_expiry(laptop, base0)
        private_dir(place / "tcp")
        by_port = Laptop(place / "tcp", server.url, loopback=True)
        stack.callback(by_port.end)
        yield from _loopback(by_port, base0)
        yield from _neighbours(place, base0)


class Laptop:
    """A laptop with a gateway user and roles, in a directory of its own."""

    def __init__(self, place: Path, url: str, *, loopback: bool = False) -> None:
        """`loopback`: the agent listens as it does on Windows."""
        self.place = place
        self.paths = Paths(place / "c", place / "d", place / "s", place / "r", loopback)
        Vault.create(self.paths.vault, self._key_file)
        Vault.open(self.paths.vault, lambda prompt: "").put(
            "iam-user/gateway", {"access_key_id": KEY_ID, "secret_access_key": SECRET}
        )
        private_dir(self.paths.config)
        head = 'version = 1\n[settings]\nregion = "eu-west-1"\nidentity = "bench"\n[settings.endpoints]\n'
        head += f'sts = "{url}"\n'
        fd = os.open(self.paths.workspace, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(fd, head.encode())
        os.close(fd)
        role = {"kind": "role", "role_arn": _ROLE, "via": "gateway"}
        tables = {("session", name): role for name in ("dev", "crowd")}
        tables["session", "short"] = {**role, "duration": 900}
        edit_workspace(self.paths.workspace, {("session", "gateway"): {"kind": "iam-user"}, **tables})
        self.launcher = str(install_launcher(self.paths))

    def _key_file(self, install: str) -> tuple[bytearray, keys.Provider]:
        key = keys.new_key()
        return key, keys.write_keyfile(self.paths.data / "vault.key", key)

    def pid(self) -> int:
        """The agent's process."""
        return int(request(self.paths, "hello 1").split()[1])

    def end(self) -> None:
        """End the agent and wait until it has gone."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}/fd").exists() and os.path.exists(f"/proc/{pid}/exe"):
            time.sleep(0.01)

    def take(self, name: str) -> None:
        """Credentials through the launcher."""
        run_process([self.launcher, name])


def run_process(command: list[str]) -> None:
    """The whole life of a process, exec to exit, in an empty environment."""
    quiet = into(Path(os.devnull))
    os.waitpid(os.posix_spawn(command[0], command, {"PATH": "/usr/bin:/bin"}, file_actions=quiet), 0)


def into(file: Path) -> list[tuple[int, int, str, int, int]]:
    """What a spawned process says goes into `file`, what it complains of nowhere."""
    return [
        (os.POSIX_SPAWN_OPEN, 1, str(file), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]


def beside(
    reference: Callable[[], object], measured: Callable[[], object], runs: int = RUNS
) -> tuple[float, float]:
    """The medians of two things run in turns, two runs of each discarded (S-90)."""
    pairs = [(milliseconds(reference, 1)[0], milliseconds(measured, 1)[0]) for _ in range(runs + 2)][2:]
    return p50([a for a, _ in pairs]), p50([b for _, b in pairs])


def _cold_start(laptop: Laptop, base0: list[str]) -> Iterator[Figure]:
    """No agent: the first answer, its start included. The session's vault is locked: that answer counts."""
    by_port = laptop.paths.loopback
    locked = Paths.from_words([f"{p}.locked" for p in laptop.paths.words()], loopback=by_port)
    Vault.create(locked.vault, lambda _: (keys.new_key(), keys.passphrase_provider()))
    edit_workspace(locked.workspace, {("session", "dev"): {"kind": "iam-user"}})
    launcher = str(install_launcher(locked))
    reference, lasted = [], []
    for _ in range(9):
        reference.append(milliseconds(lambda: run_process(base0), 1)[0])
        lasted.append(milliseconds(lambda: run_process([launcher, "dev"]), 1)[0])
        pid = int(request(locked, "hello 1", start_it=False).split()[1])
        size = resident(pid)
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    yield Figure(
        "agent not running -> first answer (<= 8 B0)", p50(lasted[1:]), "ms", p50(reference[1:]), "B0"
    )
    yield Figure("agent resident, no SDK imported (<= 40 MiB)", size, "MiB")


def resident(pid: int) -> float:
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("VmRSS")) / 1024


def _crowd(laptop: Laptop, server: SimServer, base0: list[str]) -> Iterator[Figure]:
    """A hundred processes at once: warm, then for credentials nobody has, with a mint of 250 ms."""
    laptop.take("dev")

    def hundred(name: str) -> int:
        return at_once([laptop.launcher, name])

    def at_once(command: list[str]) -> int:
        """How many different answers a hundred get; each writes into a file of its own."""
        files = [laptop.place / f"answer-{number}" for number in range(100)]
        clients = [os.posix_spawn(command[0], command, {}, file_actions=into(file)) for file in files]
        for client in clients:
            os.waitpid(client, 0)
        return len({file.read_bytes() for file in files})

    reference, warm = beside(lambda: run_process(base0), lambda: hundred("dev"), runs=CROWDS)
    yield Figure("100 processes, warm (<= 80 B0)", warm, "ms", reference, "B0")
    empty, warm_again = beside(lambda: at_once(base0), lambda: hundred("dev"), runs=CROWDS)
    yield Figure("  beside 100 interpreters that do nothing", warm_again, "ms", empty, "those")
    before = sum(record.operation == "AssumeRole" for record in server.sim.calls)
    began = time.perf_counter()
    answers = hundred("crowd")
    lasted = (time.perf_counter() - began) * 1000
    mints = sum(record.operation == "AssumeRole" for record in server.sim.calls) - before
    yield Figure(
        "100 processes, cold (<= warm + 2 mints)", lasted, "ms", warm + 2000 * MINT_SECONDS, "allowed"
    )
    yield Figure("  mints for them (exactly 1)", float(mints), "")
    yield Figure("  different answers (exactly 1)", float(answers), "")


def _warm(laptop: Laptop, base0: list[str], base1: list[str]) -> Iterator[Figure]:
    reference, warm = beside(lambda: run_process(base0), lambda: laptop.take("dev"))
    yield Figure("warm launcher (<= 1.35 B0)", warm, "ms", reference, "B0")
    reference, warm = beside(lambda: run_process(base1), lambda: laptop.take("dev"))
    yield Figure("warm launcher (<= 1.15 B1)", warm, "ms", reference, "B1")


def _loopback(laptop: Laptop, base0: list[str]) -> Iterator[Figure]:
    """Windows' transport, run on this system: how much the proof of the key and its imports add."""
    cold, *_ = _cold_start(laptop, base0)
    yield replace(cold, name="loopback TCP: agent not running -> first answer")
    laptop.take("dev")
    reference, warm = beside(lambda: run_process(base0), lambda: laptop.take("dev"))
    yield Figure("loopback TCP: warm launcher (<= 1.35 B0)", warm, "ms", reference, "B0")


def _round_trip(laptop: Laptop) -> Iterator[Figure]:
    laptop.take("dev")
    lasted = milliseconds(lambda: ask(connect(str(laptop.paths.socket)), b"get dev\n"), 1000)
    yield Figure("one get from a running Python (p50 <= 1)", p50(lasted), "ms")
    yield Figure("  the same (p99 <= 5)", p99(lasted), "ms")


def _commands(laptop: Laptop, base1: list[str]) -> Iterator[Figure]:
    """The command line itself, installed as a wheel would be: this checkout's hooks for coverage are not run."""
    home = laptop.place / "home"
    private_dir(home / "g")
    shutil.copy(laptop.paths.workspace, home / "g" / "workspace.toml")
    program = _installed_here(base1[0])
    environment = {"HOME": str(home), "GATEPASS_HOME": str(home / "g"), "PATH": "/usr/bin:/bin"}
    for words in (["--help"], ["--version"], ["session", "list"], ["status"], ["completion", "bash"]):

        def run(words: list[str] = words) -> None:
            done = subprocess.run([program, *words], env=environment, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr

        run()
        reference, lasted = beside(lambda: run_process(base1), run, runs=9)
        yield Figure(f"gatepass {' '.join(words)} (<= 5 B1)", lasted, "ms", reference, "B1")


def _installed_here(python: str) -> str:
    """The `gatepass` program in the empty environment of `python`, with this checkout's packages."""
    import click

    import gatepass

    library = Path(sysconfig.get_path("purelib", vars={"base": str(Path(python).parents[1])}))
    places = [Path(found.__file__).parents[1] for found in (gatepass, click)]
    (library / "gatepass.pth").write_text("".join(f"{place}\n" for place in places))
    program = Path(python).with_name("gatepass")
    program.write_text(f"#!{python}\nimport sys\nfrom gatepass.cli.entry import main\nsys.exit(main())\n")
    program.chmod(0o755)
    return str(program)


def _near_expiry(laptop: Laptop, base0: list[str]) -> Iterator[Figure]:
    """What botocore pays when less than 15 minutes are left: it asks again for every request it signs (3.3)."""
    config = laptop.place / "aws-config"
    config.write_text(f"[profile short]\ncredential_process = {laptop.launcher} short\n")
    laptop.take("short")
    held = _botocore({"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "short"})
    reference, lasted = beside(lambda: run_process(base0), held.get_frozen_credentials)
    yield Figure("per signed request near expiry, process (<= 1.35)", lasted, "ms", reference, "B0")
    with conversation(laptop.paths) as talk:
        opened = talk.call("endpoint", names=["short"])
        variables = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{opened['port']}/v1/short",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": opened["token"],
        }
        held = _botocore(variables)
        reference, lasted = beside(lambda: run_process(base0), held.get_frozen_credentials)
        yield Figure("  the same, container endpoint (<= 0.5)", lasted, "ms", reference, "B0")


def _botocore(variables: dict[str, str]) -> Any:
    """botocore's refreshable credentials as it finds them with these variables and no others of AWS."""
    import botocore.session

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(variables, AWS_EC2_METADATA_DISABLED="true")
    return botocore.session.Session().get_credentials()


def _empty_environment(place: Path) -> str:
    subprocess.run([interpreter(), "-m", "venv", "--without-pip", str(place / "empty")], check=True)
    return str(place / "empty" / "bin" / "python3")


def _neighbours(place: Path, base0: list[str]) -> Iterator[Figure]:
    """awsume and aws-sso-util with credentials in their caches: what the same question costs there."""
    scratch = place / "neighbours"
    if not _installed(scratch):
        return
    home = place / "neighbour-home"
    (home / ".aws" / "cli" / "cache").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text(
        "[dev]\naws_access_key_id = AKIAX\naws_secret_access_key = y\n"
    )
    _cached_sso(home)
    path = f"{scratch / 'bin'}:/usr/bin:/bin"
    environment = {"HOME": str(home), "PATH": path, "AWS_DEFAULT_REGION": "eu-west-1"}
    for name, words in (
        ("awsumepy dev -s, keys in its files", ["awsumepy", "dev", "-s"]),
        (
            "aws-sso-util credential-process, cached",
            ["aws-sso-util", "credential-process", "--profile", "sso"],
        ),
    ):
        command = [str(scratch / "bin" / words[0]), *words[1:]]

        def run(command: list[str] = command) -> int:
            done = subprocess.run(
                command, env=environment, capture_output=True, stdin=subprocess.DEVNULL, check=False
            )
            return done.returncode

        reference, lasted = beside(lambda: run_process(base0), run, runs=5)
        worked = "" if run() == 0 else " (it failed)"
        yield Figure(name + worked, lasted, "ms", reference, "B0")


def _installed(scratch: Path) -> bool:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        return False
    subprocess.run([interpreter(), "-m", "venv", "--without-pip", str(scratch)], check=True)
    command = [str(uv), "pip", "install", "--quiet", "--python", str(scratch / "bin" / "python")]
    done = subprocess.run(
        [*command, "awsume", "aws-sso-util", "setuptools<81"], capture_output=True, check=False
    )
    return done.returncode == 0


def _cached_sso(home: Path) -> None:
    """A profile whose token and role credentials are in the files that aws-sso-util reads."""
    import hashlib

    url, ends = "https://d-9367000009.awsapps.com/start", "2099-01-01T00:00:00Z"
    (home / ".aws" / "config").write_text(
        f"[profile sso]\nsso_start_url = {url}\nsso_region = eu-west-1\nsso_account_id = 222222222222\n"
        "sso_role_name = Admin\nregion = eu-west-1\n"
    )
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {"startUrl": url, "region": "eu-west-1", "accessToken": "x", "expiresAt": ends}
    name = hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    (cache / f"{name}.json").write_text(json.dumps(token))
    asked = {"accountId": "222222222222", "roleName": "Admin", "startUrl": url}
    key = hashlib.sha1(
        json.dumps(asked, sort_keys=True, separators=(",", ":")).encode(), usedforsecurity=False
    ).hexdigest()
    held = {"AccessKeyId": "ASIAX", "SecretAccessKey": "y", "SessionToken": "z", "Expiration": ends}
    body = {"ProviderType": "sso", "Credentials": held}
    (home / ".aws" / "cli" / "cache" / f"{key}.json").write_text(json.dumps(body))


def world() -> dict[str, object]:
    return {
        "organizations": [
            {"management": {"id": "111111111111", "name": "gateway"}},
            {"management": {"id": "222222222222", "name": "truster"}},
        ],
        "users": [
            {
                "account": "111111111111",
                "name": "john",
                "access_key": KEY_ID,
                "secret": SECRET,
                "allow": ["sts:AssumeRole"],
            }
        ],
        "roles": [
            {
                "account": "222222222222",
                "name": "developer",
                "trusted_by": "arn:aws:iam::111111111111:root",
                "allow": ["s3:*"],
            }
        ],
    }

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
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.figure import Figure, milliseconds, p50, p95
from gatepass.clock import SystemClock
from gatepass.sessions.client import conversation, request
from gatepass.sessions.edit import edit_workspace
from gatepass.sessions.files import private_dir
from gatepass.sessions.launcher import install_launcher, interpreter
from gatepass.sessions.paths import Paths
from gatepass.sessions.thin import ask, connect
from gatepass.sessions.vault import keys
from gatepass.sessions.vault.store import Vault
from gatepass.sim import Settings, build
from gatepass.sim.server import SimServer

RUNS = 25
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
        yield from _endpoint(laptop, base0)
        yield from _neighbours(place, base0)


class Laptop:
    """A laptop with a gateway user and roles, in a directory of its own."""

    def __init__(self, place: Path, url: str) -> None:
        self.paths = Paths(place / "c", place / "d", place / "s", place / "r")
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
    quiet = [
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    os.waitpid(os.posix_spawn(command[0], command, {"PATH": "/usr/bin:/bin"}, file_actions=quiet), 0)


def beside(
    reference: Callable[[], object], measured: Callable[[], object], runs: int = RUNS
) -> tuple[float, float]:
    """The medians of two things run in turns, two runs of each discarded (S-90)."""
    pairs = [(milliseconds(reference, 1)[0], milliseconds(measured, 1)[0]) for _ in range(runs + 2)][2:]
    return p50([a for a, _ in pairs]), p50([b for _, b in pairs])


def _cold_start(laptop: Laptop, base0: list[str]) -> Iterator[Figure]:
    """No agent: the first answer, its start included. The session's vault is locked: that answer counts."""
    locked = Paths(*(Path(f"{p}.locked") for p in laptop.paths.words()))
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
        clients = [
            subprocess.Popen([laptop.launcher, name], stdout=subprocess.PIPE, env={}) for _ in range(100)
        ]
        return len({client.communicate()[0] for client in clients})

    reference, warm = beside(lambda: run_process(base0), lambda: hundred("dev"), runs=3)
    yield Figure("100 processes, warm (<= 80 B0)", warm, "ms", reference, "B0")
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


def _round_trip(laptop: Laptop) -> Iterator[Figure]:
    lasted = milliseconds(lambda: ask(connect(str(laptop.paths.socket)), b"get dev\n"), 300)
    yield Figure("one get from a running Python (median <= 1)", p50(lasted), "ms")
    yield Figure("  the same, 19 of 20", p95(lasted), "ms")


def _commands(laptop: Laptop, base1: list[str]) -> Iterator[Figure]:
    """The command line itself, in this checkout's environment, without the package's entry-point scan."""
    home = str(laptop.paths.config.parent)
    environment = {"HOME": home, "GATEPASS_HOME": f"{home}/g", "PATH": "/usr/bin:/bin"}
    for words in (["--help"], ["session", "list"], ["status"]):
        command = [str(Path(sys.executable).with_name("gatepass")), *words]

        def run(command: list[str] = command) -> None:
            subprocess.run(command, env=environment, capture_output=True, check=False)

        reference, lasted = beside(lambda: run_process(base1), run, runs=7)
        yield Figure(f"gatepass {' '.join(words)} (<= 5 B1)", lasted, "ms", reference, "B1")


def _endpoint(laptop: Laptop, base0: list[str]) -> Iterator[Figure]:
    """What botocore pays per signed request when less than 15 minutes are left: one fetch."""
    from http.client import HTTPConnection

    with conversation(laptop.paths) as talk:
        opened = talk.call("endpoint", names=["dev"])

        def fetch() -> None:
            link = HTTPConnection("127.0.0.1", opened["port"], timeout=5)
            link.request("GET", "/v1/dev", headers={"Authorization": opened["token"]})
            answer = link.getresponse()
            assert answer.status == 200
            json.loads(answer.read())
            link.close()

        reference, lasted = beside(lambda: run_process(base0), fetch)
    yield Figure("per request near expiry, endpoint (<= 0.5 B0)", lasted, "ms", reference, "B0")


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

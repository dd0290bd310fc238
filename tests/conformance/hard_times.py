"""H7: a laptop on which something is wrong, by the real program, agent and simulator. Its arrangements."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.canaries import canary, private_place
from tests.waiting import LONG

from gatepass.clock import SystemClock
from gatepass.sessions.paths import Paths, paths_from
from gatepass.sessions.vault import keys
from gatepass.sessions.vault.store import Vault
from gatepass.sim import Settings, build
from gatepass.sim.server import SimServer

BIN = Path(sys.executable).parent
KEY_ID, SECRET = "AKIAHARDTIMESUSER001", canary("hard-LongTerm") + "0123456789AB"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
GATEWAY, TRUSTER = "111111111111", "222222222222"
SERIAL = f"arn:aws:iam::{GATEWAY}:mfa/dana"
WORLD: dict[str, object] = {
    "organizations": [
        {"management": {"id": GATEWAY, "name": "gateway"}},
        {"management": {"id": TRUSTER, "name": "truster"}},
    ],
    "users": [
        {
            "account": GATEWAY,
            "name": "dana",
            "access_key": KEY_ID,
            "secret": SECRET,
            "allow": ["sts:*", "s3:*"],
            "mfa": {"serial": SERIAL, "seed": SEED},
        }
    ],
    "roles": [
        {
            "account": TRUSTER,
            "name": "developer",
            "trusted_by": f"arn:aws:iam::{GATEWAY}:root",
            "allow": ["s3:*"],
        }
    ],
}
WORKSPACE = f"""\
version = 1

[settings]
region = "eu-west-1"
identity = "dana@example.com"

[session."gateway"]
kind = "iam-user"

[session."dev"]
kind = "role"
role_arn = "arn:aws:iam::{TRUSTER}:role/developer"
via = "gateway"

[session."strong"]
kind = "iam-user"
mfa_serial = "{SERIAL}"

[session."local"]
kind = "static-endpoint"
endpoint_url = "http://127.0.0.1:4566"

[session."portal"]
kind = "sso-role"
integration = "corp"
account_id = "{TRUSTER}"
role_name = "Admin"

[session."granted"]
kind = "grant"
flow = "aws"
target = "staging"
integration = "corp"
account_id = "{TRUSTER}"
role_name = "Admin"

[integration."corp"]
kind = "identity-center"
start_url = "https://corp.awsapps.com/start"
region = "eu-west-1"
"""


@dataclass(frozen=True)
class Said:
    """What a command did."""

    code: int
    out: str
    err: str
    lasted: float


@dataclass
class Laptop:
    """One laptop in a directory of its own."""

    place: Path
    aws: SimServer
    url: str
    code: str = ""
    """An MFA code, of an arrangement that is about one."""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> Paths:
        return paths_from({"GATEPASS_HOME": str(self.place / "g")})

    @property
    def environment(self) -> dict[str, str]:
        home = {"HOME": str(self.place / "home"), "GATEPASS_HOME": str(self.place / "g")}
        aws = {"AWS_ENDPOINT_URL": self.url, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
        return {"PATH": f"{BIN}:{os.environ['PATH']}", **home, **aws, **self.more}

    def run(self, words: list[str], secrets: str = "", seconds: float = LONG) -> Said:
        """Run a program without a terminal, with `secrets` on its stdin."""
        began = time.monotonic()
        done = subprocess.run(
            words,
            input=secrets,
            env=self.environment,
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            start_new_session=True,
        )
        return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def gatepass(self, *words: str, secrets: str = "") -> Said:
        return self.run([str(BIN / "gatepass"), *words], secrets)

    def settings(self, text: str) -> None:
        """Lines into `[settings]`."""
        path = self.paths.workspace
        path.write_text(path.read_text().replace("[settings]\n", f"[settings]\n{text}\n", 1))

    def end(self) -> None:
        """See the agent gone, if there is one."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.place).encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
        while (
            subprocess.run(
                ["umount", "-l", str(self.place / "g")], capture_output=True, check=False
            ).returncode
            == 0
        ):
            continue


@contextmanager
def laptop(aws: SimServer) -> Iterator[Laptop]:
    """A laptop with an open vault, six sessions and one login."""
    found = Laptop(private_place(), aws, aws.url)
    for each in (found.place / "home", found.place / "g"):
        each.mkdir(mode=0o700)
    paths = found.paths

    def make(install: str) -> tuple[bytearray, keys.Provider]:
        key = keys.new_key()
        return key, keys.write_keyfile(found.place / "g" / "vault.key", key)

    vault = Vault.create(paths.vault, make)
    for name in ("gateway", "strong"):
        vault.put(f"iam-user/{name}", {"access_key_id": KEY_ID, "secret_access_key": SECRET})
    paths.workspace.write_text(WORKSPACE)
    paths.workspace.chmod(0o600)
    try:
        yield found
    finally:
        found.end()


@contextmanager
def simulated() -> Iterator[SimServer]:
    """The simulator on loopback."""
    with SimServer(build(WORLD, SystemClock(), Settings()), everything=False) as server:
        yield server


# --- servers that are not AWS ----------------------------------------------------------------------------------------


class _Liar(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lie = ""
    gone = threading.Event()

    def log_message(self, *_: object) -> None:
        return

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with contextlib.suppress(OSError):
            LIES[self.lie](self)
        self.close_connection = True

    do_GET = do_POST  # noqa: N815

    def answer(self, status: int, body: bytes, kind: str = "text/xml", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def _xml(expires: datetime, account: str = TRUSTER, key: str = "ASIAHARDTIMES0000001") -> bytes:
    made = (
        f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        f"<SessionToken>t</SessionToken><Expiration>{expires:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
        f"<AssumedRoleUser><AssumedRoleId>A:x</AssumedRoleId><Arn>arn:aws:sts::{account}:assumed-role/developer/x</Arn>"
        "</AssumedRoleUser>"
    )
    results = "".join(f"<{op}Result>{made}</{op}Result>" for op in ("GetSessionToken", "AssumeRole"))
    return f'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{results}</AssumeRoleResponse>'.encode()


def _soon(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def _drip(handler: _Liar) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.gone.wait(0.5):
        handler.wfile.write(b"<")
        handler.wfile.flush()


def _huge(handler: _Liar) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/xml")
    handler.send_header("Content-Length", str(1 << 33))
    handler.end_headers()
    block = b"<" * (1 << 16)
    while not handler.gone.is_set():
        handler.wfile.write(block)


LIES: dict[str, Callable[[_Liar], None]] = {
    "html": lambda h: h.answer(200, b"<html><body>Please log in to the proxy</body></html>", "text/html"),
    "html-407": lambda h: h.answer(407, b"<html>Proxy Authentication Required</html>", "text/html"),
    "html-502": lambda h: h.answer(502, b"<html>Bad gateway</html>", "text/html"),
    "empty": lambda h: h.answer(200, b""),
    "500": lambda h: h.answer(500, b""),
    "json": lambda h: h.answer(200, b'{"hello": 1}', "application/json"),
    "truncated": lambda h: h.answer(200, _xml(_soon(1))[:150]),
    "past": lambda h: h.answer(200, _xml(_soon(-1))),
    "other-account": lambda h: h.answer(200, _xml(_soon(1), "999999999999")),
    "redirect": lambda h: h.answer(302, b"", Location="http://127.0.0.1:9/"),
    "drip": _drip,
    "huge": _huge,
    "silent": lambda h: h.gone.wait(LONG) and None,
}


@contextmanager
def lying(lie: str) -> Iterator[str]:
    """The address of a server that answers everything with this lie."""
    gone = threading.Event()
    handler = type("Bound", (_Liar,), {"lie": lie, "gone": gone})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        gone.set()
        server.shutdown()
        server.server_close()


@contextmanager
def deaf() -> Iterator[str]:
    """The address of a socket that takes connections and never answers."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(128)
        yield f"http://127.0.0.1:{made.getsockname()[1]}"


def refused() -> str:
    """An address at which nobody listens."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = made.getsockname()[1]
    return f"http://127.0.0.1:{port}"


# --- arrangements ----------------------------------------------------------------------------------------------------


def _append(text: str) -> Callable[[Laptop], None]:
    def arrange(found: Laptop) -> None:
        with found.paths.workspace.open("a") as file:
            file.write(text)

    return arrange


def _write(where: Callable[[Paths], Path], data: bytes) -> Callable[[Laptop], None]:
    def arrange(found: Laptop) -> None:
        path = where(found.paths)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)

    return arrange


def _half(where: Callable[[Paths], Path]) -> Callable[[Laptop], None]:
    def arrange(found: Laptop) -> None:
        path = where(found.paths)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return arrange


def _run(*words: str) -> Callable[[Laptop], None]:
    def arrange(found: Laptop) -> None:
        found.gatepass(*words)

    return arrange


def _role(name: str, arn: str, via: str) -> str:
    return f'\n[session."{name}"]\nkind = "role"\nrole_arn = "{arn}"\nvia = "{via}"\n'


def _vault(found: Laptop) -> Vault:
    return Vault.open(found.paths.vault, lambda _: "")


def _keys(found: Laptop, key_id: str) -> None:
    _vault(found).put("iam-user/gateway", {"access_key_id": key_id, "secret_access_key": "x" * 40})


def _damaged(found: Laptop) -> None:
    names = ("learned.json", "stopped.json", "prompt.json", "handouts.json", "sessions.json", "login.json")
    for name in names:
        _write(lambda p, name=name: p.state / name, b"{garb")(found)  # type: ignore[misc]


def _locked(found: Laptop) -> None:
    """By hand, while the agent runs."""
    found.gatepass("agent", "start")
    found.gatepass("vault", "lock")


def _without_python(found: Laptop) -> None:
    found.gatepass("profiles", "install")
    found.paths.launcher.write_text("#!/nowhere/python3 -IS\n")


def _mounted(found: Laptop, *, full: bool) -> None:
    """The laptop's directory, in use for a while, on a disk that is full or read-only. Needs root: else a skip."""
    found.gatepass("session", "start", "dev")
    found.gatepass("agent", "stop")
    here, kept = found.place / "g", found.place / "kept"
    shutil.copytree(here, kept, ignore=lambda *_: {"agent.sock"})
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(here)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing may be mounted here: full and read-only disks were NOT tried")
    shutil.copytree(kept, here, dirs_exist_ok=True)
    if not full:
        subprocess.run(["mount", "-o", "remount,ro", str(here)], check=True)
        return
    with contextlib.suppress(OSError), (here / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)


def _token(found: Laptop, *, ends: timedelta, refresh: bool) -> None:
    from gatepass.clock import to_ms

    vault, now = _vault(found), datetime.now(UTC)
    registration = {"client_id": "c", "client_secret": "s", "expires_at": to_ms(now + timedelta(days=9))}
    vault.put(
        "integration/corp/token",
        {
            "access_token": canary("hard-Token"),
            "expires_at": to_ms(now + ends),
            "refresh_token": canary("hard-Refresh") if refresh else None,
            "registration": registration,
        },
    )


def _used(found: Laptop) -> None:
    """The code of the device was good a moment ago."""
    from gatepass.sim.sign_in import mfa

    device = found.aws.sim.world.iam_of(GATEWAY).devices[SERIAL]
    found.code = mfa.code_at(device, datetime.now(UTC))
    assert found.gatepass("session", "start", "strong", secrets=f"{found.code}\n").code == 0
    found.gatepass("agent", "stop")


def _passphrase(found: Laptop) -> None:
    text = canary("hard-Passphrase")
    found.paths.vault.unlink()
    found.gatepass("vault", "init", "--provider", "passphrase", secrets=f"{text}\n")


def _bad_config(found: Laptop) -> None:
    (found.place / "home" / ".aws").mkdir(mode=0o700)
    (found.place / "home" / ".aws" / "config").write_text(
        "# >>> gatepass managed (do not edit) >>>\n[profile x]\n"
    )


def _stale_port(found: Laptop) -> None:
    """A socket file that nobody listens on, left by a machine that lost its power."""
    path = found.paths.socket
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


DEV = f"arn:aws:iam::{TRUSTER}:role/r"
ARRANGE: dict[str, Callable[[Laptop], object]] = {
    "a cycle": _append(_role("a", DEV, "b") + _role("b", DEV, "a")),
    "a missing parent": _append(_role("x", DEV, "gone")),
    "a bad ARN": _append(_role("x", "arn:aws:iam::22222:role/r", "gateway")),
    "an unknown key": _append(_role("x", DEV, "gateway") + 'rolearn = "y"\n'),
    "a role that is not there": _append(_role("x", DEV.replace("role/r", "role/nosuch"), "gateway")),
    "a typing error in TOML": _append('\n[session."x"\nkind = "role"\n'),
    "half a workspace": _half(lambda p: p.workspace),
    "an empty workspace": _write(lambda p: p.workspace, b""),
    "a workspace that is not text": _write(lambda p: p.workspace, b"\xff\xfe\x00garbage"),
    "no workspace": lambda found: found.paths.workspace.unlink(),
    "half a vault": _half(lambda p: p.vault),
    "an empty vault": _write(lambda p: p.vault, b""),
    "no vault": lambda found: found.paths.vault.unlink(),
    "a vault others can read": lambda found: found.paths.vault.chmod(0o644),
    "a vault of somebody else": lambda found: os.chown(found.paths.vault, 12345, 12345),
    "a workspace of somebody else": lambda found: os.chown(found.paths.workspace, 12345, 12345),
    "a directory of somebody else": lambda found: os.chown(found.place / "g", 12345, 12345),
    "no key file": lambda found: (found.place / "g" / "vault.key").unlink(),
    "half a key file": _half(lambda p: p.data / "vault.key"),
    "no access key": lambda found: _vault(found).remove(["iam-user/gateway"]),
    "a deleted access key": lambda found: _keys(found, "AKIAGONE000000000000"),
    "a wrong secret key": lambda found: _keys(found, KEY_ID),
    "damaged state files": _damaged,
    "a dead agent's socket": _stale_port,
    "a file where the socket should be": _write(lambda p: p.socket, b"x"),
    "a vault with a passphrase": _passphrase,
    "a code that was used": _used,
    "a stopped session": _run("session", "stop", "dev"),
    "an expired token": lambda found: _token(found, ends=timedelta(hours=-1), refresh=False),
    "a token that AWS takes no more": lambda found: _token(found, ends=timedelta(hours=1), refresh=False),
    "a refresh token that AWS takes no more": lambda found: _token(found, ends=timedelta(hours=-1), refresh=True),
    "a config with an unpaired mark": _bad_config,
    "a config that cannot be read": lambda found: (found.place / "home" / ".aws" / "config").mkdir(parents=True),
    "no agent": lambda found: found.settings("agent = false"),
    "no agent, a cache in a file": lambda found: found.settings('agent = false\ncache = "file"'),
    "half a cache": _write(lambda p: p.state / "cache.bin", b'{"version": 1, "rec'),
    "launcher": _run("profiles", "install"),
    "a launcher whose Python has gone": _without_python,
    "a bad registry": lambda found: found.settings('registry = ["gone.toml"]'),
    "a gatepass server that is not there": lambda found: found.settings(f'server = "{refused()}"'),
    "a name that does not resolve": lambda found: found.settings('endpoints = { sts = "https://sts.nosuch.invalid" }'),
    "a dead proxy": lambda found: found.more.update(
        AWS_ENDPOINT_URL="", HTTPS_PROXY=refused(), HTTP_PROXY=refused(), NO_PROXY=""),
    "nobody at AWS's address": lambda found: found.more.update(AWS_ENDPOINT_URL=refused()),
    "no home": lambda found: shutil.rmtree(found.place / "home"),
    "a lock of the vault": _locked,
    "a full disk": lambda found: _mounted(found, full=True),
    "a read-only directory": lambda found: _mounted(found, full=False),
}  # fmt: skip
__all__ = ["ARRANGE", "LIES", "Laptop", "Said", "deaf", "laptop", "lying", "simulated"]

"""Real `gatepass serve` processes on one PostgreSQL before a simulated AWS in a process of its own, for benches."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.store import _postgresql
from gatepass.app.keys import Keys
from gatepass.estate.reading.sources import load_directory
from gatepass.sim.worlds.of_seeds import ACCESS_KEY, SECRET

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "multi-organization"
_GATEPASS = Path(sys.executable).with_name("gatepass")


@dataclass(frozen=True)
class Servers:
    """What runs: addresses of the servers, the database's, and a token of an admin."""

    urls: tuple[str, ...]
    database: str
    admin: str

    def token(self, person: str) -> str:
        """A fresh token of this person, got as an admin gets it."""
        answer = httpx.post(
            f"{self.urls[0]}/v1/tokens",
            json={"person": person, "lasts": "1d"},
            headers={"Authorization": f"Bearer {self.admin}"},
            timeout=60,
        )
        answer.raise_for_status()
        return str(answer.json()["token"])


@contextmanager
def serving(
    people: int, count: int, database: str = "", settings: Mapping[str, str] | None = None
) -> Iterator[Servers]:
    """`count` servers of the example estate with so many engineers more, `p0`, `p1` and so on; all ended afterwards.

    `database` leads them to one that is there; empty: one of their own, with its usual durability.
    """
    with ExitStack() as held:
        place = Path(held.enter_context(tempfile.TemporaryDirectory()))
        url = database or held.enter_context(_postgresql())
        estate = _estate(place, people)
        key = place / "installation.key"
        aws = held.enter_context(_aws(estate, key))
        environment = {**os.environ, **aws, **(settings or {})}
        environment |= {"GATEPASS_DATABASE_URL": url, "GATEPASS_KEY_FILE": str(key)}
        urls = tuple(
            held.enter_context(_server(estate, place / f"server-{number}", environment))
            for number in range(count)
        )
        yield Servers(urls, url, (place / "server-0" / "first-token").read_text().strip())


def _estate(place: Path, people: int) -> Path:
    copy = place / "estate"
    shutil.copytree(EXAMPLE, copy)
    more = "".join(f"  p{n}: {{email: p{n}@host.example, groups: [engineers]}}\n" for n in range(people))
    text = (EXAMPLE / "estate.yaml").read_text()
    (copy / "estate.yaml").write_text(re.sub(r"(?m)^(people:.*\n)", lambda found: found[1] + more, text))
    return copy


@contextmanager
def _aws(estate: Path, key: Path) -> Iterator[dict[str, str]]:
    """A simulated AWS in which the estate works; the variables that lead to it."""
    keys = Keys.open(key)
    organizations = load_directory(estate).organizations
    external = [f"{n}={keys.external_id(o.connector.instance_arn)}" for n, o in organizations.items()]
    arguments = [argument for pair in external for argument in ("--external-id", pair)]
    command = ["sim", "--estate", str(estate), "--only-ours", "--output", "json", *arguments]
    with _running(command, dict(os.environ), subprocess.PIPE, None) as process:
        assert process.stdout is not None
        text = ""
        while "}" not in text:
            text += process.stdout.readline()
        given = json.loads(text)
        yield {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            **given,
        }


@contextmanager
def _server(estate: Path, data: Path, environment: Mapping[str, str]) -> Iterator[str]:
    log = data.with_suffix(".log")
    with (
        log.open("w") as said,
        _running(
            ["serve", str(estate), "--port", "0", "--data-dir", str(data)], environment, None, said
        ) as process,
    ):
        while process.poll() is None:
            found = re.search(r"serving on (http://\S+)", log.read_text())
            if found is not None:
                break
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        else:
            raise SystemExit(f"a server ended at its start:\n{log.read_text()[-2000:]}")
        yield found[1]
        if os.environ.get("GATEPASS_BENCH_LOGS"):
            sys.stderr.write(log.read_text())


@contextmanager
def _running(
    arguments: list[str], environment: Mapping[str, str], stdout: int | None, stderr: object
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [_GATEPASS, *arguments],
        env=dict(environment),
        stdout=stdout,
        stderr=stderr,  # type: ignore[arg-type]
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

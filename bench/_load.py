"""An open-loop load generator in a process of its own: JSON posts at an even rate, answered or not.

`python -m bench._load` reads a plan as JSON from stdin and writes what came of it as JSON to stdout. Each latency is
counted from when the post was due, so a server that stalls is not spared the posts it held up.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Outcome:
    """Milliseconds of every answered post, sorted, and how many answers were not the wanted one."""

    lasted: list[float]
    wrong: dict[str, int]
    seconds: float
    cpu: float
    """Seconds of CPU that the generator took: it shares the machine with what it measures."""


def generate(
    urls: list[str], rate: float, seconds: float, posts: list[dict[str, Any]], wanted: int
) -> Outcome:
    """Send `posts` round and round, each to the next of `urls`, `rate` of them a second."""
    plan = {"urls": urls, "rate": rate, "seconds": seconds, "posts": posts, "wanted": wanted}
    done = subprocess.run(
        [sys.executable, "-m", "bench._load"],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=True,
    )
    return Outcome(**json.loads(done.stdout))


class _Lines:
    """Connections to one server that are kept open."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        assert where.hostname
        assert where.port
        self.host, self.port = where.hostname, where.port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, post: dict[str, Any], number: int) -> tuple[int, str]:
        line = self._free.pop() if self._free else await asyncio.open_connection(self.host, self.port)
        reader, writer = line
        body = post["body"].replace("{n}", str(number)).encode()
        headers = {"Host": f"{self.host}:{self.port}", "Content-Length": str(len(body)), **post["headers"]}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = head.replace("{n}", str(number))
        writer.write(f"POST {post['path']} HTTP/1.1\r\n{head}\r\n".encode() + body)
        top = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(each.split(b":")[1])
            for each in top.lower().split(b"\r\n")
            if each.startswith(b"content-length")
        )
        answer = await reader.readexactly(length)
        self._free.append(line)
        return int(top.split(b" ", 2)[1]), answer.decode()


async def _run(
    urls: list[str], rate: float, seconds: float, posts: list[dict[str, Any]], wanted: int
) -> Outcome:
    servers = [_Lines(url) for url in urls]
    lasted: list[float] = []
    wrong: Counter[str] = Counter()

    async def one(number: int, due: float) -> None:
        try:
            status, answer = await servers[number % len(servers)].post(posts[number % len(posts)], number)
        except (OSError, EOFError) as broken:
            wrong[type(broken).__name__] += 1
            return
        lasted.append((time.perf_counter() - due) * 1000)
        if status != wanted:
            wrong[f"{status}: {answer[:200]}"] += 1

    begun = time.perf_counter()
    tasks = []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*tasks)
    return Outcome(sorted(lasted), dict(wrong), time.perf_counter() - begun, time.process_time())


if __name__ == "__main__":
    json.dump(asyncio.run(_run(**json.load(sys.stdin))).__dict__, sys.stdout)

"""The wire (S-34): one request line, then an answer that ends with the connection. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from gatepass.errors import GatepassError
from gatepass.sessions.errors import BadInput, SessionError, scrub

OK, USAGE, HUMAN, DENIED, UPSTREAM, LOCKED, VERSION = 0, 2, 3, 4, 5, 6, 9
REQUEST_LIMIT = 4096
PROTOCOL = "1"
VERBS = {
    "hello": 1,
    "get": 1,
    "env": 1,
    "status": (0, 1),
    "start": 1,
    "stop": 1,
    "sync": 1,
    "watch": 0,
    "lock": 0,
    "unlock": 0,
    "quit": 0,
    "control": 1,
}


@dataclass(frozen=True)
class Request:
    """A verb and its arguments."""

    verb: str
    words: tuple[str, ...]


def parse_request(line: bytes) -> Request:
    """The request of one line, newline included. Raises `BadInput`."""
    if len(line) > REQUEST_LIMIT or not line.endswith(b"\n"):
        raise BadInput(f"a request is one line of at most {REQUEST_LIMIT} bytes")
    try:
        verb, *words = line[:-1].decode("utf-8").split(" ")
    except UnicodeDecodeError as error:
        raise BadInput("a request is UTF-8 text") from error
    wanted = VERBS.get(verb)
    if wanted is None:
        raise BadInput(f"unknown verb {verb[:20]!r}", advice=f"known: {', '.join(VERBS)}")
    counts = wanted if isinstance(wanted, tuple) else (wanted,)
    if len(words) not in counts or not all(words):
        raise BadInput(f"{verb} takes {' or '.join(map(str, counts))} arguments, found {len(words)}")
    return Request(verb, tuple(words))


def answer(status: int, payload: bytes = b"") -> bytes:
    """Status digit, space, payload."""
    return b"%d " % status + payload


def refusal(error: GatepassError) -> bytes:
    """The answer for an error: its status and one scrubbed line."""
    status = error.status if isinstance(error, SessionError) else UPSTREAM
    return answer(status, scrub(str(error)).encode() + b"\n")

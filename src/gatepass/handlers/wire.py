"""JSON between the server and implementer code: frames of limited length, read by a reader that trusts nothing."""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, NoReturn

MAX_FRAME = 1 << 20
"""Bytes of one frame; a longer one is refused before it is read."""
MAX_DEPTH = 32
"""Levels of nesting in one value (security.md rule 20)."""
_HEADER = struct.Struct("!I")
_LARGEST = 1 << 63
_LONGEST_NUMBER = 20


class WireError(Exception):
    """The other side sent something that is not an acceptable frame."""


class WireClosed(WireError):
    """The other side is gone."""


def read_json(text: bytes | str) -> Any:
    """The value in `text`; `WireError` on anything that could surprise a reader.

    Refused: text that is not UTF-8 or not JSON, duplicate keys, NaN and infinities, numbers beyond 64 bits, more
    than 32 levels, lone surrogates.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_no_constant,
            parse_int=_whole,
            parse_float=_finite,
        )
    except (ValueError, RecursionError, MemoryError) as fault:
        raise WireError(f"not acceptable JSON: {type(fault).__name__}: {str(fault)[:200]}") from None
    _check_depth(value)
    if (
        isinstance(text, str) or b"\\u" in text
    ):  # UTF-8 holds no surrogates: one can only be written as an escape
        _check_text(value)
    return value


def write_json(value: object) -> bytes:
    """`value` as UTF-8 JSON; `WireError` when JSON cannot say it."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as fault:
        raise WireError(f"cannot be written as JSON: {fault}") from None


def send(sock: socket.socket, value: object, fds: list[int] | None = None) -> None:
    """One frame, with file descriptors beside it when given. `WireClosed` when nobody reads."""
    body = write_json(value)
    if len(body) > MAX_FRAME:
        raise WireError(f"{len(body)} bytes are more than the {MAX_FRAME} of a frame")
    frame = _HEADER.pack(len(body)) + body
    try:
        if fds:
            sent = socket.send_fds(sock, [frame], fds)
            frame = frame[sent:]
        sock.sendall(frame)
    except TimeoutError:
        raise
    except OSError as gone:
        raise WireClosed(str(gone)) from None


def receive(sock: socket.socket, until: float | None = None, with_fds: bool = False) -> tuple[Any, list[int]]:
    """The next frame and its descriptors. `until` (`time.monotonic`) bounds the whole frame with TimeoutError."""
    fds: list[int] = []

    def take(room: int) -> bytes:
        if until is not None:
            sock.settimeout(max(0.001, until - time.monotonic()))
        if not with_fds:
            return sock.recv(room)
        data, passed, _, _ = socket.recv_fds(sock, room, 1)
        fds.extend(passed)
        return data

    header = _exactly(take, _HEADER.size)
    (length,) = _HEADER.unpack(header)
    if length > MAX_FRAME:
        raise WireError(f"a frame of {length} bytes was announced, at most {MAX_FRAME} are taken")
    return read_json(_exactly(take, length)), fds


def _exactly(take: Callable[[int], bytes], length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        try:
            part = take(min(length - len(parts), 1 << 16))
        except ConnectionError as gone:
            raise WireClosed(str(gone)) from None
        if not part:
            raise WireClosed("closed" if not parts else "closed in the middle of a frame")
        parts += part
    return bytes(parts)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key appears twice")
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number JSON knows")


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER or not -_LARGEST <= (number := int(text)) < _LARGEST:
        raise ValueError("a number beyond 64 bits")
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("an infinite number")
    return number


def _check_depth(value: Any) -> None:
    """Walks without recursion: nesting is what a hostile value is made of."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            each
            for container in level
            for each in (container.values() if isinstance(container, dict) else container)
            if isinstance(each, dict | list)
        ]
    if level:
        raise WireError(f"nested deeper than {MAX_DEPTH} levels")


def _check_text(value: Any) -> None:
    """No text in it holds half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise WireError("text with a lone surrogate") from None

"""Rule 27: JSON from implementer code is read by a reader that trusts nothing."""

from __future__ import annotations

import contextlib
import socket
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.handlers.wire import MAX_FRAME, WireClosed, WireError, read_json, receive, send, write_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    assert read_json(write_json(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a": 1, "a": 2}',
        b"NaN",
        b"[Infinity]",
        b"1e999",
        b"-1e999",
        str(2**63).encode(),
        b"9" * 5000,
        b'"\\ud800"',
        b'{"\\udc00": 1}',
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[" * 500_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_surprising_json_is_refused(text: bytes) -> None:
    with pytest.raises(WireError):
        read_json(text)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with contextlib.suppress(WireError):
        read_json(text)


def test_frames_of_limited_length_cross_with_descriptors() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(ours, {"a": [1, "ü"]}, [0])
        value, descriptors = receive(theirs, with_fds=True)
        assert value == {"a": [1, "ü"]}
        assert len(descriptors) == 1
        socket.close(descriptors[0])
        with pytest.raises(WireError):
            send(ours, "x" * MAX_FRAME)
        ours.sendall(struct.pack("!I", MAX_FRAME + 1))
        with pytest.raises(WireError, match="announced"):
            receive(theirs)


def test_a_frame_cut_short_and_a_slow_one() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(struct.pack("!I", 10) + b"[1")
        with pytest.raises(TimeoutError):
            receive(theirs, until=time.monotonic() + 0.01)
        ours.close()
        with pytest.raises(WireClosed):
            receive(theirs, until=time.monotonic() + 60)

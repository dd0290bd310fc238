"""Checkpoints leave the database: signed, to every sink, readable back."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatepass.access.chain import Head
from gatepass.access.checkpoint import Signer, read_checkpoint
from gatepass.errors import Unavailable
from gatepass.store.checkpoints import DirectorySink, SignedCheckpoints

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADS = [Head("", 1, "a" * 64), Head("foo", 7, "b" * 64)]


def test_a_checkpoint_is_kept_by_every_sink(tmp_path: Path) -> None:
    signer = Signer(Signer.new_key())
    places = [tmp_path / "one", tmp_path / "two"]
    SignedCheckpoints(signer, [DirectorySink(place) for place in places]).publish(HEADS, NOW)
    for place in places:
        (file,) = place.iterdir()
        kept = read_checkpoint(file.read_text())
        assert (kept.heads, kept.key) == (tuple(HEADS), signer.fingerprint)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_sink_that_fails_is_named_and_the_others_are_served(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sinks = [DirectorySink(tmp_path / "file"), DirectorySink(tmp_path / "good")]
    with pytest.raises(Unavailable, match="file"):
        SignedCheckpoints(Signer(Signer.new_key()), sinks).publish(HEADS, NOW)
    assert list((tmp_path / "good").iterdir())


def test_publishing_again_is_the_same_file(tmp_path: Path) -> None:
    published = SignedCheckpoints(Signer(Signer.new_key()), [DirectorySink(tmp_path)])
    published.publish(HEADS, NOW)
    published.publish(HEADS, NOW)
    assert len(list(tmp_path.iterdir())) == 1

"""Signed checkpoints go to every place the operator names, and a place that fails is told by name (security.md 14)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import boto3
import botocore.session
import httpx
import pytest
from moto import mock_aws

from gatepass.access.chain import Head
from gatepass.access.checkpoint import Signer, read_checkpoint
from gatepass.app.checkpoints import BucketSink, PostSink, sinks
from gatepass.app.settings import Settings, SettingsError
from gatepass.errors import Unavailable
from gatepass.store.checkpoints import SignedCheckpoints

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADS = [Head("", 1, "a" * 64)]
NAME = "checkpoint-1767225600000.json"


def test_directories_and_buckets_get_every_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        buckets = boto3.client("s3")
        buckets.create_bucket(Bucket="proof")
        places = f"{tmp_path / 'second'}  s3://proof/gatepass"
        signer = Signer(Signer.new_key())
        settings = Settings(data_dir=tmp_path, checkpoints_to=places)
        SignedCheckpoints(signer, sinks(settings, botocore.session.Session())).publish(HEADS, NOW)
        kept = buckets.get_object(Bucket="proof", Key=f"gatepass/{NAME}")["Body"].read().decode()
    assert read_checkpoint(kept).heads == tuple(HEADS)
    assert (tmp_path / "second" / NAME).read_text() == kept
    assert (tmp_path / "checkpoints" / NAME).read_text() == kept


def test_an_address_gets_it_as_it_is_signed() -> None:
    got: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return httpx.Response(200 if len(got) == 1 else 500)

    sink = PostSink(httpx.Client(transport=httpx.MockTransport(answer)), "https://auditor.example/in")
    published = SignedCheckpoints(Signer(Signer.new_key()), [sink])
    published.publish(HEADS, NOW)
    assert got[0].headers["gatepass-checkpoint"] == NAME
    assert read_checkpoint(got[0].content.decode()).heads == tuple(HEADS)
    with pytest.raises(Unavailable, match=r"auditor\.example/in answered 500"):
        published.publish(HEADS, NOW)


def test_a_bucket_that_refuses_is_named(tmp_path: Path) -> None:
    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        with pytest.raises(Unavailable, match="s3://nowhere/checkpoint"):
            SignedCheckpoints(Signer(Signer.new_key()), [BucketSink(client, "nowhere", "")]).publish(
                HEADS, NOW
            )


@pytest.mark.parametrize("place", ["http://plain.example", "relative/path", "s3://", "ftp://x/y"])
def test_what_is_no_place_is_refused_before_anything_starts(tmp_path: Path, place: str) -> None:
    with pytest.raises(SettingsError, match="GATEPASS_CHECKPOINTS_TO"):
        sinks(Settings(data_dir=tmp_path, checkpoints_to=place))

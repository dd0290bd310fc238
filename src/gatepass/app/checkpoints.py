"""Where signed checkpoints of the audit log go: the data directory, and wherever else the operator says, best to a
place that whoever holds the database cannot write (security.md 14)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from gatepass.app.settings import Settings, SettingsError
from gatepass.store.checkpoints import DirectorySink, Sink

SECONDS = 10.0
"""How long one place may take."""


@dataclass(frozen=True, slots=True)
class BucketSink:
    """Objects in S3, written with gatepass's own credentials; best in another account, under object lock."""

    client: Any
    bucket: str
    prefix: str

    def keep(self, name: str, checkpoint: str) -> None:
        try:
            self.client.put_object(
                Bucket=self.bucket,
                Key=self.prefix + name,
                Body=checkpoint.encode(),
                ContentType="application/json",
            )
        except (BotoCoreError, ClientError) as refused:
            raise OSError(f"s3://{self.bucket}/{self.prefix}{name}: {refused}") from refused


@dataclass(frozen=True, slots=True)
class PostSink:
    """Posts each checkpoint, as it is signed, to an address; any 2xx says that it is kept."""

    client: httpx.Client
    url: str

    def keep(self, name: str, checkpoint: str) -> None:
        headers = {"content-type": "application/json", "gatepass-checkpoint": name}
        try:
            answer = self.client.post(self.url, content=checkpoint, headers=headers, timeout=SECONDS)
        except httpx.HTTPError as problem:
            raise OSError(f"{self.url}: {problem}") from problem
        if not answer.is_success:
            raise OSError(f"{self.url} answered {answer.status_code}")


def sinks(settings: Settings, source: botocore.session.Session | None = None) -> list[Sink]:
    """Every place that the settings name. Raises `SettingsError` for one that is none."""
    found: list[Sink] = [DirectorySink(settings.data_dir / "checkpoints")]
    for place in settings.checkpoints_to.split():
        kind, colon, rest = place.partition("://")
        if kind == "s3" and rest:
            bucket, _, prefix = rest.partition("/")
            client = (source or botocore.session.Session()).create_client("s3")
            found.append(BucketSink(client, bucket, prefix + "/" if prefix and prefix[-1] != "/" else prefix))
        elif kind == "https" and rest:
            found.append(PostSink(httpx.Client(), place))
        elif not colon and place.startswith("/"):
            found.append(DirectorySink(Path(place)))
        else:
            raise SettingsError(
                f"GATEPASS_CHECKPOINTS_TO: found {place!r}",
                advice="write a directory (/...), s3://BUCKET/PREFIX or https://ADDRESS, separated by blanks",
            )
    return found

"""Terraform with the aws provider, where both are on this machine, led to a simulated AWS."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gatepass.testing.terraform import missing, settings

LIMIT = 900
"""Seconds one command may take: starting the provider alone takes many on a busy machine."""
SIMULATED = {
    "provider": {
        "aws": {
            "skip_metadata_api_check": "true",
            "skip_credentials_validation": True,
            "skip_region_validation": True,
        }
    }
}
"""To be written to `override.tf.json` beside a configuration that names the provider."""


def require() -> None:
    """Skips the test, aloud, without Terraform or its provider."""
    if missing():
        pytest.skip(missing())


class Workspace:
    """One working directory of Terraform."""

    def __init__(self, folder: Path, endpoint: str, access_key: str, secret: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        self.environment = {
            **kept,
            **settings(folder),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret,
        }

    def run(self, *words: str, good: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """One command; fails the test with what Terraform said when it ends otherwise."""
        ran = subprocess.run(
            ["terraform", *words, "-no-color"], cwd=self.folder, env=self.environment, capture_output=True,
            text=True, timeout=LIMIT,
        )  # fmt: skip
        assert ran.returncode in good, f"terraform {' '.join(words)}\n{ran.stdout}{ran.stderr}"
        return ran

    def is_in_step(self) -> bool:
        """Whether a plan finds nothing to do."""
        return self.run("plan", "-detailed-exitcode", good=(0, 2)).returncode == 0

"""Terraform with the aws provider, where both are on this machine, led to a simulated AWS."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

PROVIDERS = "*/*/hashicorp/aws/*/*_*/terraform-provider-aws*"
"""Where an unpacked filesystem mirror below /opt keeps the provider."""
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


@cache
def _mirror() -> Path | None:
    found = sorted(Path("/opt").glob(PROVIDERS))
    return found[-1].parents[5] if found else None


def require() -> Path:
    """The provider's mirror; skips the test, aloud, without it or without Terraform."""
    mirror = _mirror()
    if shutil.which("terraform") is None:
        pytest.skip("no terraform on this machine")
    if mirror is None:
        pytest.skip("terraform's aws provider is not on this machine")
    return mirror


class Workspace:
    """One working directory of Terraform."""

    def __init__(self, folder: Path, endpoint: str, access_key: str, secret: str, token: str = "") -> None:
        self.folder = folder
        settings = folder / "terraform.rc"
        settings.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{require()}"\n  }}\n}}\n'
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        self.environment = {
            **kept,
            "TF_CLI_CONFIG_FILE": str(settings),
            "CHECKPOINT_DISABLE": "1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret,
            **({"AWS_SESSION_TOKEN": token} if token else {}),
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

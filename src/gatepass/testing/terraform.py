"""Terraform's aws provider from an unpacked filesystem mirror, where this machine has one."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

PROVIDERS = "*/*/hashicorp/aws/*/*_*/terraform-provider-aws*"
"""Where a mirror below /opt keeps the provider."""


@cache
def mirror() -> Path | None:
    """The mirror's folder; None without the provider."""
    found = sorted(Path("/opt").glob(PROVIDERS))
    return found[-1].parents[5] if found else None


def missing() -> str:
    """Why Terraform cannot be run with the aws provider here; empty when it can."""
    if shutil.which("terraform") is None:
        return "no terraform on this machine"
    return "" if mirror() is not None else "terraform's aws provider is not on this machine"


def settings(folder: Path) -> dict[str, str]:
    """Writes Terraform's own settings into the folder; the environment that leads there."""
    path = folder / "terraform.rc"
    path.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n  }}\n}}\n')
    return {"TF_CLI_CONFIG_FILE": str(path), "CHECKPOINT_DISABLE": "1"}

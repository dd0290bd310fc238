"""Literals that look like secrets: found, refused and never shown (security.md rule 35, I17)."""

from __future__ import annotations

import re

REFERENCE = re.compile(r"(?:env|file|keyring|secretsmanager):\S+")
"""How a secret is named instead: an environment variable, a file, the keyring, AWS Secrets Manager."""
REFERENCES = "a reference: env:NAME, file:/path, keyring:NAME or secretsmanager:NAME"

_LOOKS = {
    "an AWS access key id": re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    "a Slack token": re.compile(r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"),
    "a GitHub token": re.compile(r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a signed token": re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}"),
    "an AWS secret key": re.compile(
        r"(?<![A-Za-z0-9/+])(?=[0-9A-Z/+]*[a-z])(?=[0-9a-z/+]*[A-Z])(?=[A-Za-z/+]*[0-9])"
        r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
    ),
}
_SECRET_KEY = re.compile(r"(?:^|_)(?:secret|token|password|passwd|api_key|private_key)$")


def looks_like(text: str) -> str:
    """What kind of secret `text` seems to hold, in words; empty when none."""
    return next((kind for kind, pattern in _LOOKS.items() if pattern.search(text)), "")


def must_be_reference(key: str) -> bool:
    """Whether the value under a key of this name is a secret by its name."""
    return bool(_SECRET_KEY.search(key.lower()))


def redact(text: str) -> str:
    """`text` without whatever looks like a secret."""
    for pattern in _LOOKS.values():
        text = pattern.sub("...", text)
    return text

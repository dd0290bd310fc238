"""Amazon resource names, read by their colons and never by character positions (S-6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ACCOUNT = re.compile(r"[0-9]{12}")


@dataclass(frozen=True)
class Arn:
    """The six parts of `arn:partition:service:region:account:resource`; the first is always `arn`."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def name(self) -> str:
        """What comes after the last slash: a role's name without its path."""
        return self.resource.rsplit("/", 1)[-1]


def parse_arn(text: str) -> Arn:
    """The parts of `text`. Raises `ValueError` saying what is wrong with it."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not all((parts[1], parts[2], parts[5])):
        raise ValueError(f"{text!r} is not an ARN (arn:partition:service:region:account:resource)")
    if not parts[1].startswith("aws"):
        raise ValueError(f"{text!r} names the partition {parts[1]!r}; partitions start with aws")
    return Arn(*parts[1:])


def parse_role_arn(text: str) -> Arn:
    """The ARN of an IAM role, path kept. Raises `ValueError`."""
    arn = parse_arn(text)
    if arn.service != "iam" or not arn.resource.startswith("role/") or not arn.name:
        raise ValueError(f"{text!r} is not a role ARN (arn:aws:iam::123456789012:role/NAME)")
    if not _ACCOUNT.fullmatch(arn.account):
        raise ValueError(f"{text!r}: the account {arn.account!r} is not 12 digits")
    return arn


def parse_account_id(text: str) -> str:
    """Twelve digits as a string. Raises `ValueError`."""
    if not _ACCOUNT.fullmatch(text):
        raise ValueError(f"{text!r} is not an account id (12 digits, quoted)")
    return text

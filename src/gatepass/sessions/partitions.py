"""The partitions of AWS and what differs between them (3.8). Source: botocore's partition data."""

from __future__ import annotations

from dataclasses import dataclass

from gatepass.sessions.errors import BadInput


@dataclass(frozen=True)
class Partition:
    """Hosts and defaults of one partition."""

    name: str
    prefixes: tuple[str, ...]
    """Region names that start so belong to it."""
    signin: str
    console: str
    default_region: str
    dns_suffix: str


AWS = Partition("aws", ("",), "signin.aws.amazon.com", "console.aws.amazon.com", "us-east-1", "amazonaws.com")
PARTITIONS = (
    Partition(
        "aws-us-gov",
        ("us-gov-",),
        "signin.amazonaws-us-gov.com",
        "console.amazonaws-us-gov.com",
        "us-gov-west-1",
        "amazonaws.com",
    ),
    Partition(
        "aws-cn", ("cn-",), "signin.amazonaws.cn", "console.amazonaws.cn", "cn-north-1", "amazonaws.com.cn"
    ),
    Partition(
        "aws-eusc",
        ("eusc-",),
        "signin.amazonaws-eusc.eu",
        "console.amazonaws-eusc.eu",
        "eusc-de-east-1",
        "amazonaws.eu",
    ),
    AWS,
)
NOT_PUBLIC = ("us-iso-", "us-isob-", "eu-isoe-", "us-isof-")


def partition_of_region(region: str) -> Partition:
    """The partition a region belongs to. Raises `BadInput` for the partitions that are not public."""
    if region.startswith(NOT_PUBLIC):
        raise BadInput(f"region {region} is in a partition that is not public; gatepass does not support it")
    return next(p for p in PARTITIONS if region.startswith(p.prefixes))


def partition_named(name: str) -> Partition:
    """The partition of an ARN's second part. Raises `BadInput`."""
    found = next((p for p in PARTITIONS if p.name == name), None)
    if found is None:
        known = ", ".join(p.name for p in PARTITIONS)
        raise BadInput(f"partition {name!r} is not supported", advice=f"known are {known}")
    return found

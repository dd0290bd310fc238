"""The condition operators: how one value in the request compares with one value in the policy.

Every positive operator is a function of (value of the policy, value of the request); the negated ones are the same
functions read backwards. An operand that cannot be read as the operator's type never compares true.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from gatepass.policy.wildcards import LITERAL, arn_matches, matches

T = TypeVar("T")
Comparison = Callable[[str, str], bool]


def plain(pattern: str) -> str:
    """The text of a value for operators that know no wildcards."""
    return pattern.replace(LITERAL, "")


def number(text: str) -> Decimal:
    """Raises ValueError for what is no finite number."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not found.is_finite():
        raise ValueError(text)
    return found


def moment(text: str) -> datetime:
    """ISO 8601 date or date and time (UTC when it names no zone), or seconds since the epoch. Raises ValueError."""
    if text.strip().lstrip("-").replace(".", "", 1).isdigit():
        try:
            return datetime.fromtimestamp(float(text), UTC)
        except (OverflowError, OSError) as error:
            raise ValueError(text) from error
    found = datetime.fromisoformat(text.strip())
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def truth(text: str) -> bool:
    """`true` or `false`, ignoring case (T-42). Raises ValueError."""
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        raise ValueError(text)
    return lowered == "true"


def binary(text: str) -> bytes:
    """Base64. Raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error


def _in_network(wanted: str, found: str) -> bool:
    network = ipaddress.ip_network(wanted, strict=False)
    address = ipaddress.ip_address(found)
    return address in network


def _typed(read: Callable[[str], T], compare: Callable[[T, T], bool]) -> Comparison:
    def comparison(wanted: str, found: str) -> bool:
        try:
            return compare(read(found), read(plain(wanted)))
        except ValueError:
            return False

    return comparison


def _equal(wanted: str, found: str) -> bool:
    return plain(wanted) == found


def _equal_ignoring_case(wanted: str, found: str) -> bool:
    return plain(wanted).casefold() == found.casefold()


def _address(wanted: str, found: str) -> bool:
    try:
        return _in_network(plain(wanted), found)
    except ValueError:
        return False


POSITIVE: dict[str, Comparison] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_ignoring_case,
    "StringLike": matches,
    "NumericEquals": _typed(number, operator.eq),
    "NumericLessThan": _typed(number, operator.lt),
    "NumericLessThanEquals": _typed(number, operator.le),
    "NumericGreaterThan": _typed(number, operator.gt),
    "NumericGreaterThanEquals": _typed(number, operator.ge),
    "DateEquals": _typed(moment, operator.eq),
    "DateLessThan": _typed(moment, operator.lt),
    "DateLessThanEquals": _typed(moment, operator.le),
    "DateGreaterThan": _typed(moment, operator.gt),
    "DateGreaterThanEquals": _typed(moment, operator.ge),
    "Bool": _typed(truth, operator.eq),
    "BinaryEquals": _typed(binary, operator.eq),
    "IpAddress": _address,
    "ArnEquals": arn_matches,
    "ArnLike": arn_matches,
}

NEGATED: dict[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}

NULL = "Null"
NAMES: dict[str, str] = {name.lower(): name for name in (*POSITIVE, *NEGATED, NULL)}
"""Canonical spelling of each operator by its lower-case name (operators compare ignoring case)."""

VARIABLES = ("String", "Arn")
"""Operators beginning so have policy variables replaced in their values (AWS, "IAM policy elements: Variables")."""


def readable(base: str, value: str) -> bool:
    """Whether `value` can be an operand of the operator at all; what is not is a fault of the document."""
    name = NEGATED.get(base, base)
    try:
        if name.startswith("Numeric"):
            number(value)
        elif name.startswith("Date"):
            moment(value)
        elif name in ("Bool", NULL):
            truth(value)
        elif name == "BinaryEquals":
            binary(value)
        elif name == "IpAddress":
            ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True

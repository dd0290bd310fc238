"""What a policy document says, as values: the parsed form every question is asked of.

`gatepass.policy.parsing` makes these from text; nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Effect = Literal["Allow", "Deny"]
PrincipalType = Literal["AWS", "Federated", "Service", "CanonicalUser", "*"]


class Kind(StrEnum):
    """Where a document is attached; decides which elements it must and may not have."""

    IDENTITY = "identity"
    TRUST = "trust"
    RESOURCE = "resource"
    BOUNDARY = "boundary"
    SESSION = "session"
    CONTROL = "control"
    """A service or resource control policy of the organization; read as a filter."""


@dataclass(frozen=True, slots=True)
class Names:
    """`Action`/`NotAction` or `Resource`/`NotResource`; `negated` for the Not form."""

    patterns: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Principals:
    """`Principal`/`NotPrincipal` as (type, value) pairs; `("*", "*")` is the bare star."""

    entries: tuple[tuple[PrincipalType, str], ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key. The values are ORed; the conditions of a statement are ANDed (T-26)."""

    operator: str
    """As written, for people: `ForAnyValue:StringLikeIfExists`."""
    base: str
    """The bare operator in canonical spelling: `StringLike`."""
    key: str
    """As written; keys compare ignoring case."""
    values: tuple[str, ...]
    each: Literal["", "any", "all"] = ""
    """`ForAnyValue:` or `ForAllValues:`."""
    if_exists: bool = False
    has_variables: bool = False
    """Whether a value holds `${...}` that the operator has filled in."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `index` counts from 0 in its document."""

    index: int
    sid: str
    effect: Effect
    actions: Names
    principals: Principals | None = None
    resources: Names | None = None
    conditions: tuple[Condition, ...] = ()

    @property
    def label(self) -> str:
        """The Sid, or the place when there is none."""
        return self.sid or f"statement {self.index + 1}"


@dataclass(frozen=True, slots=True)
class Policy:
    """A valid document. `name` is what people call it in explanations."""

    name: str
    kind: Kind
    version: str
    statements: tuple[Statement, ...]

    @property
    def has_variables(self) -> bool:
        """Whether `${...}` is replaced: only in documents of version 2012-10-17."""
        return self.version == "2012-10-17"

"""Sym resource names: `<org>:<model>[:<type>]:<slug>:<version>[:<identifier>]`, lower-cased, and what carries one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from gatepass.sdk.errors import SymSDKError

_SLUG = re.compile(r"[a-zA-Z0-9_-]+")
_VERSION = re.compile(r"latest|\d{1,3}\.\d{1,3}\.\d{1,3}")
_TYPED = frozenset(
    {"access_strategy", "access_target", "user", "secret", "secrets", "integration", "log_destination"}
)


class InvalidSRNError(SymSDKError):
    """The text has more or other parts than a name can have."""


class InvalidSlugError(SymSDKError):
    """A part holds something else than letters, digits, dashes and underscores."""


class InvalidVersionError(SymSDKError):
    """The version is neither `latest` nor three numbers."""


class MissingComponentError(SymSDKError):
    """A part is missing."""


class TrailingSeparatorError(SymSDKError):
    """The text ends with a colon."""


class MultipleErrors(SymSDKError):
    """Several faults at once."""

    def __init__(self, errors: Sequence[SymSDKError]) -> None:
        super().__init__("; ".join(error.message for error in errors), "Correct every part named above.")
        self.errors = list(errors)

    def format_slack(self) -> str:
        return "\n".join(error.format_slack() for error in self.errors)


class SRN:
    """One resource name, frozen. Equal to another, or to text, when they differ in case only."""

    __slots__ = ("identifier", "model", "organization", "slug", "type", "version")

    organization: str
    model: str
    type: str | None
    slug: str
    version: str
    identifier: str | None

    def __init__(
        self,
        organization: str,
        model: str,
        slug: str,
        version: str = "latest",
        type: str | None = None,
        identifier: str | None = None,
    ) -> None:
        parts = {
            "organization": organization,
            "model": model,
            "type": type,
            "slug": slug,
            "version": version,
            "identifier": identifier,
        }
        for name, part in parts.items():
            object.__setattr__(self, name, None if part is None else str(part).lower())
        self._check()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an SRN is frozen; use copy({name}=...)")

    @staticmethod
    def requires_type(model: str) -> bool:
        """Whether names of this model must carry a type; names of any other must not."""
        return model.lower() in _TYPED

    @classmethod
    def parse(cls, raw: str) -> SRN:
        """The name in `raw`. Raises the error of the first kind of fault found, or `MultipleErrors`."""
        text = str(raw)
        if text.endswith(":"):
            raise TrailingSeparatorError(f"'{text}' ends with a colon.", "Remove it.")
        parts = text.split(":")
        typed = len(parts) > 1 and cls.requires_type(parts[1])
        least = 5 if typed else 4
        if len(parts) < least:
            raise MissingComponentError(
                f"'{text}' has {len(parts)} of at least {least} parts.",
                "Write organization:model" + (":type" if typed else "") + ":slug:version[:identifier].",
            )
        if len(parts) > least + 1:
            raise InvalidSRNError(f"'{text}' has {len(parts)} parts, at most {least + 1} are known.")
        kind = parts.pop(2) if typed else None
        return cls(parts[0], parts[1], parts[2], parts[3], kind, parts[4] if len(parts) > 4 else None)

    def copy(self, **changes: str | None) -> SRN:
        """The same name with some parts replaced."""
        known = {name: getattr(self, name) for name in self.__slots__}
        unknown = changes.keys() - known.keys()
        if unknown:
            raise TypeError(f"an SRN has no {', '.join(sorted(unknown))}")
        return SRN(**known | {name: value for name, value in changes.items() if value is not None})

    def _check(self) -> None:
        faults: list[SymSDKError] = []
        for name in ("organization", "model", "type", "slug", "identifier"):
            part = getattr(self, name)
            if part is not None and not _SLUG.fullmatch(part):
                faults.append(
                    InvalidSlugError(
                        f"'{part}' cannot be the {name} of '{self}'.", "Use letters, digits, - and _."
                    )
                )
        if not _VERSION.fullmatch(self.version):
            faults.append(
                InvalidVersionError(
                    f"'{self.version}' is no version.", "Use latest, or three numbers: 1.0.0."
                )
            )
        if self.requires_type(self.model) and self.type is None:
            faults.append(MissingComponentError(f"'{self}': a {self.model} must carry a type."))
        if not self.requires_type(self.model) and self.type is not None:
            faults.append(InvalidSRNError(f"'{self}': a {self.model} carries no type."))
        if len(faults) > 1:
            raise MultipleErrors(faults)
        if faults:
            raise faults[0]

    def __str__(self) -> str:
        parts = (self.organization, self.model, self.type, self.slug, self.version, self.identifier)
        return ":".join(part for part in parts if part is not None)

    def __repr__(self) -> str:
        return f"SRN({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other).lower() if isinstance(other, SRN | str) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, SRN) else cls._of_text(value),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    @classmethod
    def _of_text(cls, value: object) -> SRN:
        try:
            return cls.parse(str(value))
        except SymSDKError as fault:
            raise ValueError(fault.message) from fault


class SymBaseResource:
    """Something with a name; two with the same name are equal."""

    def __init__(self, srn: SRN | str) -> None:
        self.srn = srn if isinstance(srn, SRN) else SRN.parse(srn)

    def __str__(self) -> str:
        return str(self.srn)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.srn)!r})"

    def __eq__(self, other: object) -> bool:
        return self.srn == other.srn if isinstance(other, SymBaseResource) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.srn)


class SymResource(SymBaseResource):
    """A resource that also answers to the parts of its name: `flow.organization`, `flow.version`."""

    @property
    def name(self) -> str:
        """The slug."""
        return self.srn.slug

    def __getattr__(self, attribute: str) -> Any:
        if attribute in SRN.__slots__:
            return getattr(self.srn, attribute)
        raise AttributeError(f"{type(self).__name__} has no {attribute}")

"""Reading a policy document: every fault at once, each with its place, and then the parsed form.

Strict as IAM is when a document is saved, so that what parses here can be saved there. Facts: AWS "Grammar of the IAM
JSON policy language"; what roles' trust documents must not have is refused by IAM with MalformedPolicyDocument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gatepass.errors import GatepassError
from gatepass.policy import operators
from gatepass.policy.document import (
    Condition,
    Effect,
    Kind,
    Names,
    Policy,
    Principals,
    PrincipalType,
    Statement,
)
from gatepass.policy.json_text import NotJson, Path, Place, Reading, read

VERSIONS = ("2012-10-17", "2008-10-17")
_STATEMENT_KEYS = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
_PRINCIPAL_TYPES = ("AWS", "Federated", "Service", "CanonicalUser")
_WITH_PRINCIPAL = (Kind.TRUST, Kind.RESOURCE)
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_SID = re.compile(r"[A-Za-z0-9]*")
_ALIEN = re.compile("[^\t\n\r\u0020-\u00ff]")
_ACCOUNT = re.compile(r"\d{12}")
_UNIQUE_ID = re.compile(r"A[A-Z0-9]{3}[A-Z0-9]{12,124}")
_AWS_PRINCIPAL = re.compile(
    r"arn:aws[a-z-]*:(?:iam::\d{12}:(?:root|user/\S+|role/\S+)|sts::\d{12}:(?:assumed-role|federated-user)/\S+)"
)
_FEDERATED = re.compile(
    r"arn:aws[a-z-]*:iam::\d{12}:(?:saml-provider|oidc-provider)/\S+|[a-z0-9.-]+\.[a-z]{2,}(?:/\S+)?"
)
_SERVICE = re.compile(r"[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|amazon\.com|aws\.internal)")
_OPERATOR = re.compile(r"(?:(forany|forall)values?:)?([a-z]+?)(ifexists)?", re.IGNORECASE)
_MANY = {"forany": "any", "forall": "all"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: where (path in the document, and line and column when it came as text), what was found there,
    what is allowed instead."""

    path: Path
    found: str
    allowed: str
    place: Place | None = None

    @property
    def where(self) -> str:
        """`Statement[1].Effect`, or `document` for the whole."""
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return steps.removeprefix(".") or "document"

    def __str__(self) -> str:
        at = f"{self.place.line}:{self.place.column} " if self.place else ""
        return f"{at}{self.where}: {self.found}; {self.allowed}"


class PolicyError(GatepassError):
    """A document that IAM would not save. `faults` has all of them, in the order of the document."""

    code = "policy_invalid"

    def __init__(self, name: str, faults: tuple[Fault, ...]) -> None:
        lines = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(
            f"{name or 'policy'} is no valid policy document:\n{lines}", advice="correct each place named"
        )
        self.faults = faults


def parse(document: str | Mapping[str, Any], kind: Kind, *, name: str = "") -> Policy:
    """The parsed document. Raises `PolicyError` with every fault. Text gives faults line and column."""
    policy, faults = examine(document, kind, name=name)
    if faults or policy is None:
        raise PolicyError(name, faults)
    return policy


def examine(
    document: str | Mapping[str, Any], kind: Kind, *, name: str = ""
) -> tuple[Policy | None, tuple[Fault, ...]]:
    """What could be read, and all faults. The policy is None only when there is no statement list to read at all."""
    reading: Reading | None = None
    value: Any = document
    if isinstance(document, str):
        try:
            reading = read(document)
        except NotJson as error:
            return None, (Fault((), f"no JSON: {error.reason}", "must be one JSON object", error.place),)
        value = reading.value
    reader = _Reader(kind, reading)
    return reader.document(value, name), tuple(reader.faults)


class _Reader:
    """Collects faults while it turns one document into values."""

    def __init__(self, kind: Kind, reading: Reading | None) -> None:
        self.kind = kind
        self.reading = reading
        self.faults: list[Fault] = []
        for path in reading.repeated if reading else ():
            self.fault(
                path, f"key {path[-1]!r} stands twice", "write each key once; IAM reads only one of them"
            )
        if reading and (alien := _ALIEN.search(reading.text)):
            place = reading.at(alien.start())
            self.faults.append(
                Fault((), f"character {alien.group()!r}", "only U+0020 to U+00FF and line ends", place)
            )

    def fault(self, path: Path, found: str, allowed: str) -> None:
        self.faults.append(Fault(path, found, allowed, self.reading.place(path) if self.reading else None))

    def document(self, value: Any, name: str) -> Policy | None:
        if not isinstance(value, Mapping):
            self.fault((), f"found {_shown(value)}", "must be one JSON object")
            return None
        for key in value:
            if key not in ("Version", "Id", "Statement"):
                self.fault((key,), f"unknown key {key!r}", "allowed: Version, Id, Statement")
        version = value.get("Version", VERSIONS[1])
        if version not in VERSIONS:
            self.fault(("Version",), f"found {_shown(version)}", f"allowed: {', '.join(VERSIONS)}")
        statements = value.get("Statement")
        if not isinstance(statements, (list, tuple, Mapping)) or not statements:
            self.fault(("Statement",), f"found {_shown(statements)}", "must be at least one statement")
            return None
        return Policy(name, self.kind, str(version), self.statements(statements))

    def statements(self, value: Any) -> tuple[Statement, ...]:
        single = isinstance(value, Mapping)
        found: list[Statement] = []
        seen: set[str] = set()
        for index, item in enumerate([value] if single else value):
            path: Path = ("Statement",) if single else ("Statement", index)
            statement = self.statement(item, index, path)
            if statement and statement.sid and statement.sid in seen:
                self.fault(
                    (*path, "Sid"), f"Sid {statement.sid!r} stands twice", "Sids are unique in a document"
                )
            if statement:
                seen.add(statement.sid)
                found.append(statement)
        return tuple(found)

    def statement(self, value: Any, index: int, path: Path) -> Statement | None:
        if not isinstance(value, Mapping):
            self.fault(path, f"found {_shown(value)}", "a statement is a JSON object")
            return None
        for key in value:
            if key not in _STATEMENT_KEYS:
                self.fault((*path, key), f"unknown key {key!r}", f"allowed: {', '.join(_STATEMENT_KEYS)}")
        sid = self.sid(value, path)
        actions = self.names(value, "Action", path, self.action_fault) or Names(())
        effect = self.effect(value, path)
        principals = self.principals(value, path, effect)
        resources = self.resources(value, path)
        return Statement(
            index,
            sid,
            effect,
            actions,
            principals,
            resources,
            self.conditions(value, path),
        )

    def effect(self, value: Mapping[str, Any], path: Path) -> Effect:
        match value.get("Effect"):
            case "Allow":
                return "Allow"
            case "Deny":
                return "Deny"
            case found:
                self.fault((*path, "Effect"), f"found {_shown(found)}", "allowed: Allow, Deny")
                return "Deny"

    def sid(self, value: Mapping[str, Any], path: Path) -> str:
        sid = value.get("Sid", "")
        if isinstance(sid, str) and (_SID.fullmatch(sid) or self.kind in (Kind.RESOURCE, Kind.CONTROL)):
            return sid
        self.fault((*path, "Sid"), f"found {_shown(sid)}", "letters and digits only")
        return ""

    def names(
        self, value: Mapping[str, Any], element: str, path: Path, fault_of: Callable[[str], str | None]
    ) -> Names | None:
        negated = f"Not{element}"
        present = [key for key in (element, negated) if key in value]
        if len(present) != 1:
            found = "both are there" if present else "neither is there"
            self.fault(
                path, f"{element} and {negated}: {found}", f"write exactly one of {element}, {negated}"
            )
            return None
        patterns = self.strings(value[present[0]], (*path, present[0]))
        for place, pattern in patterns:
            if allowed := fault_of(pattern):
                self.fault(place, f"found {pattern!r}", allowed)
        return Names(tuple(pattern for _, pattern in patterns), negated=present[0] == negated)

    def action_fault(self, action: str) -> str | None:
        if not _ACTION.fullmatch(action):
            return "an action is service:Name, wildcards allowed in Name, or *"
        if self.kind is Kind.TRUST and not action.lower().startswith("sts:"):
            return "a trust policy may only name sts: actions"
        return None

    def resources(self, value: Mapping[str, Any], path: Path) -> Names | None:
        if self.kind is not Kind.TRUST:
            return self.names(value, "Resource", path, _resource_fault)
        for key in ("Resource", "NotResource"):
            if key in value:
                self.fault(
                    (*path, key), f"{key} in a trust policy", "leave it out: the resource is the role itself"
                )
        return None

    def principals(self, value: Mapping[str, Any], path: Path, effect: Effect) -> Principals | None:
        present = [key for key in ("Principal", "NotPrincipal") if key in value]
        if self.kind not in _WITH_PRINCIPAL:
            for key in present:
                self.fault(
                    (*path, key),
                    f"{key} in a policy of kind {self.kind}",
                    "leave it out: it is attached to one",
                )
            return None
        if len(present) != 1:
            found = "both are there" if present else "neither is there"
            self.fault(path, f"Principal and NotPrincipal: {found}", "write exactly one of them")
            return None
        negated = present[0] == "NotPrincipal"
        if negated and effect == "Allow":
            self.fault((*path, "NotPrincipal"), "NotPrincipal with Allow", "AWS supports it with Deny only")
        return Principals(self.principal_entries(value[present[0]], (*path, present[0])), negated)

    def principal_entries(self, value: Any, path: Path) -> tuple[tuple[PrincipalType, str], ...]:
        if value == "*":
            return (("*", "*"),)
        if not isinstance(value, Mapping) or not value:
            self.fault(path, f"found {_shown(value)}", f'"*" or an object of {", ".join(_PRINCIPAL_TYPES)}')
            return ()
        entries: list[tuple[PrincipalType, str]] = []
        for key, listed in value.items():
            if key not in _PRINCIPAL_TYPES:
                self.fault(
                    (*path, key), f"unknown principal type {key!r}", f"allowed: {', '.join(_PRINCIPAL_TYPES)}"
                )
                continue
            for place, entry in self.strings(listed, (*path, key)):
                if allowed := _principal_fault(key, entry):
                    self.fault(place, f"found {entry!r}", allowed)
                entries.append((key, entry))
        return tuple(entries)

    def conditions(self, value: Mapping[str, Any], path: Path) -> tuple[Condition, ...]:
        block = value.get("Condition", {})
        path = (*path, "Condition")
        if not isinstance(block, Mapping):
            self.fault(path, f"found {_shown(block)}", "an object of operators")
            return ()
        found: list[Condition] = []
        for name, keys in block.items():
            parsed = _operator(name)
            if parsed is None:
                self.fault(
                    (*path, name),
                    f"unknown operator {name!r}",
                    "see AWS, IAM JSON policy condition operators",
                )
            elif not isinstance(keys, Mapping) or not keys:
                self.fault((*path, name), f"found {_shown(keys)}", "an object of condition keys")
            else:
                each, base, if_exists = parsed
                for key, values in keys.items():
                    texts = self.operands(values, base, (*path, name, key))
                    filled = base.startswith(operators.VARIABLES) and any("${" in text for text in texts)
                    found.append(Condition(name, base, key, texts, each, if_exists, filled))
        return tuple(found)

    def operands(self, values: Any, base: str, path: Path) -> tuple[str, ...]:
        texts = self.strings(values, path, scalars=True)
        for place, text in texts:
            if not operators.readable(base, text):
                self.fault(place, f"found {text!r}", f"{base} cannot compare that")
        return tuple(text for _, text in texts)

    def strings(self, value: Any, path: Path, *, scalars: bool = False) -> list[tuple[Path, str]]:
        """A string or a non-empty list of them, each with its path; with `scalars`, numbers and booleans as JSON
        writes them too."""
        many = isinstance(value, (list, tuple))
        if many and not value:
            self.fault(path, "found an empty list", "at least one value")
        found: list[tuple[Path, str]] = []
        for index, item in enumerate(value if many else [value]):
            place = (*path, index) if many else path
            if isinstance(item, str):
                found.append((place, item))
            elif scalars and isinstance(item, (bool, int, float)):
                found.append((place, str(item).lower() if isinstance(item, bool) else str(item)))
            else:
                self.fault(place, f"found {_shown(item)}", "a string")
        return found


def _operator(name: str) -> tuple[Any, str, bool] | None:
    match = _OPERATOR.fullmatch(name)
    base = operators.NAMES.get(match[2].lower()) if match else None
    if match is None or base is None:
        return None
    if base == operators.NULL and (match[1] or match[3]):
        return None
    return _MANY.get((match[1] or "").lower(), ""), base, bool(match[3])


def _resource_fault(resource: str) -> str | None:
    if resource == "*" or resource.startswith(("arn:", "*:", "arn*", "${")):
        return None
    return "an ARN (wildcards allowed) or *"


def _principal_fault(kind: str, entry: str) -> str | None:
    match kind:
        case "AWS":
            if entry == "*" or _ACCOUNT.fullmatch(entry) or _UNIQUE_ID.fullmatch(entry):
                return None
            if "*" in entry or "?" in entry:
                return "IAM refuses wildcards in a principal; name the account and test aws:PrincipalArn in a condition"
            return (
                None
                if _AWS_PRINCIPAL.fullmatch(entry)
                else "an account, a user, a role or one session, as ARN"
            )
        case "Federated":
            return (
                None
                if _FEDERATED.fullmatch(entry)
                else "the ARN of a SAML or OIDC provider, or a provider's domain"
            )
        case "Service":
            return None if _SERVICE.fullmatch(entry) else "a service such as ec2.amazonaws.com"
    return None if entry else "must not be empty"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""What AWS itself says of the compiled documents (`lint --aws`): IAM Access Analyzer as a second opinion.

The documents are sent as texts, in the caller's own account; nothing needs to exist and nothing is changed. AWS,
"Access Analyzer policy validation" (free) and "custom policy checks" (charged by the check).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from gatepass.aws.errors import AwsError, Denied
from gatepass.errors import GatepassError
from gatepass.teams.applying.calls import Calls, text, tokens
from gatepass.teams.model import Compiled, Document, Finding, Group, Level, Place, Resources, Role, User

TRUST = "AWS::IAM::AssumeRolePolicyDocument"
_LEVELS = {
    "ERROR": Level.ERROR,
    "SECURITY_WARNING": Level.WARNING,
    "WARNING": Level.WARNING,
    "SUGGESTION": Level.INFO,
}
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Sent:
    """One document as AWS is asked about it, and everything that holds it."""

    document: str
    is_trust: bool
    holders: list[tuple[str, Place | None]] = field(default_factory=list)


class NoSecondOpinion(GatepassError):
    """IAM Access Analyzer does not answer, or not whoever asks. Everything else was looked at."""

    code = "aws_analyzer"


def cross_checked(calls: Calls, compiled: Compiled) -> tuple[Finding, ...]:
    """What AWS finds in every trust policy, policy and inline policy, each different document asked about once.
    Raises `AwsError` or `NoSecondOpinion`. May be repeated: nothing is kept by AWS."""
    account_id = calls.identity().split(":")[4]
    sent = documents(compiled.resources)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda one: tuple(_asked(calls, account_id, one)), sent))
    except Denied as denied:
        raise NoSecondOpinion(
            f"IAM Access Analyzer may not be asked: {_line(denied)}",
            advice="allow access-analyzer:ValidatePolicy and :CheckNoPublicAccess, or lint without --aws",
        ) from denied
    except AwsError as silent:
        raise NoSecondOpinion(
            f"IAM Access Analyzer does not answer: {_line(silent)}",
            advice="try again later, or lint without --aws",
        ) from silent
    return tuple(finding for findings in found for finding in findings)


def _line(error: AwsError) -> str:
    """What was said, without the page that some proxies and servers answer with."""
    said = re.sub(r"<[^>]*>", " ", error.found)
    said = " ".join(said.split())
    return f"{error.place.service}:{error.place.operation}: {said[:200]}"


def documents(resources: Resources) -> list[Sent]:
    """Every different document, in the order of the resources."""
    found: dict[tuple[str, bool], Sent] = {}
    for document, is_trust, name, place in _held(resources):
        key = (text(document), is_trust)
        found.setdefault(key, Sent(*key)).holders.append((name, place))
    return list(found.values())


def _held(resources: Resources) -> Iterator[tuple[Document, bool, str, Place | None]]:
    for role in resources.roles:
        yield role.trust, True, f"trust policy of {role.name}@{role.account.name}", role.place
    for policy in resources.policies:
        yield policy.document, False, f"policy {policy.name}@{policy.account.name}", policy.place
    holders: tuple[Role | User | Group, ...] = (*resources.roles, *resources.users, *resources.groups)
    for holder in holders:
        for name, document in holder.inline.items():
            yield (
                document,
                False,
                f"inline policy {name} of {holder.name}@{holder.account.name}",
                holder.place,
            )
    for item in resources.permission_sets:
        if item.inline is not None:
            yield item.inline, False, f"inline policy of permission set {item.name}", item.place


def _asked(calls: Calls, account_id: str, sent: Sent) -> Iterator[Finding]:
    service, params = "accessanalyzer", {"policyDocument": sent.document}
    kind: dict[str, Any] = {"policyType": "IDENTITY_POLICY"}
    if sent.is_trust:
        kind = {"policyType": "RESOURCE_POLICY", "validatePolicyResourceType": TRUST}
    answers = tokens(
        calls, account_id, service, "ValidatePolicy", "findings", word="nextToken", **params, **kind
    )
    for answer in _each(answers):
        code = str(answer.get("issueCode", ""))
        message = f"{code}: {answer.get('findingDetails', '')}"
        level = _LEVELS.get(str(answer.get("findingType")), Level.WARNING)
        yield _told(sent, level, message, code, str(answer.get("learnMoreLink", "")))
    if sent.is_trust:
        verdict = calls.call(account_id, service, "CheckNoPublicAccess", **params, resourceType=TRUST)
        if verdict.get("result") == "FAIL":
            reasons = "; ".join(str(reason.get("description", "")) for reason in verdict.get("reasons", ()))
            message = f"public access: {reasons or verdict.get('message', '')}"
            yield _told(sent, Level.ERROR, message, "PUBLIC_ACCESS", "name who may come in")


def _each(answers: Iterable[Any]) -> Iterator[Any]:
    """Every different finding once: AWS repeats one for every place in the document."""
    seen = set()
    for answer in answers:
        key = json.dumps([answer.get(name) for name in ("issueCode", "findingDetails", "findingType")])
        if key not in seen:
            seen.add(key)
            yield answer


def _told(sent: Sent, level: Level, message: str, value: str, advice: str) -> Finding:
    name, place = sent.holders[0]
    rest = len(sent.holders) - 1
    more = f" and {rest} more like it" if rest else ""
    return Finding("access-analyzer", level, f"{name}{more}: {message}", place, value=value, advice=advice)

"""accessanalyzer: what is wrong with a policy document, and whether a trust policy is public.

The checks are our own reader's and evaluator's, under the names AWS gives them (IAM User Guide, "IAM policy validation
check reference"); AWS knows many more. A document is examined as it is sent: nothing needs to exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gatepass.policy import Fault, Kind, Policy, PolicyError, Statement, examine, parse
from gatepass.policy.json_text import NotJson, Path, Reading, read
from gatepass.sim.call import Answer, Call, Params, operation, page

SERVICE = "accessanalyzer"
TRUST = "AWS::IAM::AssumeRolePolicyDocument"
_REFERENCE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html"
_KINDS = {"IDENTITY_POLICY": Kind.IDENTITY, "RESOURCE_POLICY": Kind.RESOURCE}
_BY_ELEMENT = {
    "Version": "INVALID_VERSION",
    "Statement": "MISSING_STATEMENT",
    "Effect": "INVALID_EFFECT",
    "Action": "INVALID_ACTION",
    "NotAction": "INVALID_ACTION",
    "Principal": "INVALID_PRINCIPAL_FORMAT",
    "NotPrincipal": "UNSUPPORTED_ELEMENT_COMBINATION",
    "Resource": "INVALID_ARN_RESOURCE",
    "NotResource": "INVALID_ARN_RESOURCE",
    "Condition": "DATA_TYPE_MISMATCH",
    "Sid": "UNSUPPORTED_SID",
}
"""The element that a fault lies in -> what AWS calls it, where its words do not say it better."""
_BY_WORDS = (
    ("no JSON", "JSON_SYNTAX_ERROR"),
    ("write each key once", "JSON_SYNTAX_ERROR"),
    ("stands twice", "UNIQUE_SIDS_REQUIRED"),
    ("unknown principal type", "INVALID_PRINCIPAL_KEY"),
    ("unknown operator", "INVALID_CONDITION_OPERATOR"),
    ("unknown key", "INVALID_POLICY_ELEMENT"),
    ("in a trust policy", "INVALID_POLICY_ELEMENT"),
    ("in a policy of kind", "UNSUPPORTED_PRINCIPAL"),
    ("Action and NotAction: neither", "MISSING_ACTION"),
    ("Principal and NotPrincipal: neither", "MISSING_PRINCIPAL"),
    ("Resource and NotResource: neither", "MISSING_RESOURCE"),
    ("both are there", "UNSUPPORTED_ELEMENT_COMBINATION"),
    ("wildcards in a principal", "UNSUPPORTED_WILDCARD_IN_PRINCIPAL"),
    ("trust policy may only name sts", "INVALID_ACTION"),
    ("cannot compare that", "INVALID_CONDITION_DATA_TYPE"),
)


@operation(SERVICE, "ValidatePolicy")
def validate_policy(call: Call, params: Params) -> Answer:
    kind = _kind(call, params)
    found = list(_findings(params["policyDocument"], kind))
    numbered = [(f"{number:06}", each) for number, each in enumerate(found)]
    shown, following = page(call, params, numbered, most=100, default=100, names="lower")
    return {"findings": shown, **({"nextToken": following} if following else {})}


def _kind(call: Call, params: Params) -> Kind:
    kind = _KINDS.get(params["policyType"])
    if kind is None:
        raise call.refuse("invalid", f"gatepass sim does not validate {params['policyType']}")
    resource = params.get("validatePolicyResourceType")
    if resource is None:
        return kind
    if kind is not Kind.RESOURCE:
        raise call.refuse("invalid", "validatePolicyResourceType is for policies of type RESOURCE_POLICY")
    if resource != TRUST:
        raise call.refuse("invalid", f"gatepass sim does not validate policies of {resource}")
    return Kind.TRUST


def _findings(document: str, kind: Kind) -> Iterator[Answer]:
    policy, faults = examine(document, kind)
    try:
        reading = read(document)
    except NotJson:
        reading = None
    for fault in faults:
        yield _finding("ERROR", _code(fault), f"{fault.found}; {fault.allowed}", reading, fault.path)
    if policy is None or reading is None:
        return
    if isinstance(reading.value, dict) and "Version" not in reading.value:
        words = 'Without a Version the document is read as of 2008-10-17. Add "Version": "2012-10-17".'
        yield _finding("WARNING", "MISSING_VERSION", words, reading, ())
    if not faults:
        yield from _advice(policy, reading)


def _advice(policy: Policy, reading: Reading) -> Iterator[Answer]:
    """What is valid, and more than is meant or said twice."""
    single = isinstance(reading.value, dict) and isinstance(reading.value.get("Statement"), dict)
    for statement in policy.statements:
        path: Path = ("Statement",) if single else ("Statement", statement.index)
        code = _passes_any_role(statement)
        if code:
            words = "iam:PassRole with a wildcard lets any role be given away. Name the roles."
            yield _finding("SECURITY_WARNING", code, words, reading, (*path, "Resource"))
        for pattern in _covered(statement.actions.patterns):
            words = f"The action {pattern} is covered by another action of the statement. Remove it."
            yield _finding("SUGGESTION", "REDUNDANT_ACTION", words, reading, (*path, "Action"))


def _passes_any_role(statement: Statement) -> str:
    if statement.effect != "Allow" or statement.resources is None or statement.actions.negated:
        return ""
    if statement.resources.negated or "*" not in statement.resources.patterns:
        return ""
    actions = {pattern.lower() for pattern in statement.actions.patterns}
    if actions & {"*", "iam:*", "iam:pass*"}:
        return "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE"
    return "PASS_ROLE_WITH_STAR_IN_RESOURCE" if "iam:passrole" in actions else ""


def _covered(patterns: tuple[str, ...]) -> list[str]:
    """The patterns that a shorter one ending in a star stands for already."""
    stars = [pattern.lower()[:-1] for pattern in patterns if pattern.endswith("*")]
    return [
        pattern
        for pattern in patterns
        if any(pattern.lower().startswith(star) and pattern.lower() != f"{star}*" for star in stars)
    ]


def _code(fault: Fault) -> str:
    said = f"{fault.found} {fault.allowed}"
    if fault.found == "found nothing" and fault.path[-1:] == ("Effect",):
        return "MISSING_EFFECT"
    for words, code in _BY_WORDS:
        if words in said:
            return code
    elements = [step for step in fault.path if step in _BY_ELEMENT]
    return _BY_ELEMENT[str(elements[-1])] if elements else "INVALID_POLICY_ELEMENT"


def _finding(kind: str, code: str, details: str, reading: Reading | None, path: Path) -> Answer:
    anchor = f"access-analyzer-reference-policy-checks-{kind}-{code}".lower().replace("_", "-")
    return {
        "findingType": kind,
        "issueCode": code,
        "findingDetails": details,
        "learnMoreLink": f"{_REFERENCE}#{anchor}",
        "locations": [_location(reading, path)],
    }


def _location(reading: Reading | None, path: Path) -> dict[str, Any]:
    offset = 0
    for length in range(len(path), -1, -1):
        if reading is not None and path[:length] in reading.offsets:
            offset = reading.offsets[path[:length]]
            break
    place = reading.at(offset) if reading is not None else None
    position = {
        "line": place.line if place else 1,
        "column": place.column - 1 if place else 0,
        "offset": offset,
    }
    steps = [{"index": step} if isinstance(step, int) else {"value": step} for step in path]
    return {"path": steps, "span": {"start": position, "end": position}}


@operation(SERVICE, "CheckNoPublicAccess")
def check_no_public_access(call: Call, params: Params) -> Answer:
    if params["resourceType"] != TRUST:
        raise call.refuse("invalid", f"gatepass sim does not check {params['resourceType']}")
    try:
        policy = parse(params["policyDocument"], Kind.TRUST)
    except PolicyError as wrong:
        raise call.refuse("invalid", f"The policy document is not valid: {wrong.faults[0]}") from None
    public = [statement for statement in policy.statements if _is_public(statement)]
    if not public:
        return {"result": "PASS", "message": "The resource policy does not grant public access."}
    reasons = [
        {
            "description": f"{statement.label} lets in everybody.",
            "statementIndex": statement.index,
            **({"statementId": statement.sid} if statement.sid else {}),
        }
        for statement in public
    ]
    message = "The resource policy grants public access for the given resource type."
    return {"result": "FAIL", "message": message, "reasons": reasons}


_NARROWING = frozenset({
    "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn",
    "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:userid", "sts:externalid",
})  # fmt: skip
"""Keys that tie everybody down to somebody, when their values do."""


def _is_public(statement: Statement) -> bool:
    """Whether an Allow is for everybody, and no condition says whom it is for."""
    if statement.effect != "Allow" or statement.principals is None:
        return False
    everybody = any(name == "*" and kind in ("*", "AWS") for kind, name in statement.principals.entries)
    tied = any(
        condition.key.lower() in _NARROWING
        and not condition.if_exists
        and condition.base.startswith(("StringEquals", "StringLike", "ArnEquals", "ArnLike"))
        and not any(value.startswith("*") or ":*:" in value for value in condition.values)
        for condition in statement.conditions
    )
    return (everybody or statement.principals.negated) and not tied

"""Pure: the one evaluator of IAM policies. `explain`, plans, lints and the simulator's STS all ask here.

Read a document:          parse(document, Kind.TRUST, name="trust of dev")   -> Policy, or PolicyError with every fault
One document alone:       evaluate(policy, request)                          -> Evaluation: ruling, deciding, findings
All that bears on a call: decide(request, permissions, resource=policy)      -> Decision: ruling, layers, lines
Assuming a role:          can_assume(caller, target, permissions, ask)       -> Assumption: ruling, session, lines
Who calls:                user(arn), role_session(arn, name), provider(arn), service(name), root(account)
Size, sameness:           size(document), normal(document), same(a, b), dangling(document)

    trust = parse(document, Kind.TRUST, name="trust of dev")
    dev = Target("arn:aws:iam::333333333333:role/dev", trust, max_session=timedelta(hours=4))
    john = user("arn:aws:iam::111111111111:user/john")
    answer = can_assume(john, dev, Permissions(identity=(policy,)), Ask(session_name="john", external_id="x-1"))
    answer.ruling     # Ruling.ALLOWED, DENIED (a Deny applies) or NOT_ALLOWED (nothing allows it, or `answer.problems`)
    answer.session    # the Caller that results: ask again with it to follow a chain
    answer.lines      # why, for people

Nothing here reads a clock, a file or a network. Not modelled: VPC endpoint policies, KMS grants, S3 access lists.
"""

from __future__ import annotations

from gatepass.policy.assume import Ask, Assumption, Form, Target, can_assume, longest
from gatepass.policy.document import Condition, Effect, Kind, Names, Policy, Principals, Statement
from gatepass.policy.evaluate import (
    Decision,
    Evaluation,
    Finding,
    Layer,
    Permissions,
    Ruling,
    decide,
    evaluate,
)
from gatepass.policy.matching import Check, Naming
from gatepass.policy.normal import dangling, minified, normal, same, size
from gatepass.policy.parsing import Fault, PolicyError, examine, parse
from gatepass.policy.request import (
    Caller,
    CallerKind,
    Request,
    Value,
    provider,
    role_session,
    root,
    service,
    session_arn,
    user,
)
from gatepass.policy.wildcards import arn_matches

__all__ = [
    "Ask",
    "Assumption",
    "Caller",
    "CallerKind",
    "Check",
    "Condition",
    "Decision",
    "Effect",
    "Evaluation",
    "Fault",
    "Finding",
    "Form",
    "Kind",
    "Layer",
    "Names",
    "Naming",
    "Permissions",
    "Policy",
    "PolicyError",
    "Principals",
    "Request",
    "Ruling",
    "Statement",
    "Target",
    "Value",
    "arn_matches",
    "can_assume",
    "dangling",
    "decide",
    "evaluate",
    "examine",
    "longest",
    "minified",
    "normal",
    "parse",
    "provider",
    "role_session",
    "root",
    "same",
    "service",
    "session_arn",
    "size",
    "user",
]

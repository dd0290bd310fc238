"""Documents, callers and requests for the properties, drawn from a universe small enough for things to meet."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gatepass.policy import Caller, Request, role_session, user

ACCOUNTS = ("111111111111", "222222222222")
ROLES = tuple(
    f"arn:aws:iam::{account}:role/{name}" for account in ACCOUNTS for name in ("admin", "ops/admin", "viewer")
)
USERS = tuple(f"arn:aws:iam::{account}:user/{name}" for account in ACCOUNTS for name in ("john", "jane"))
SESSIONS = ("first", "other")
ACTIONS = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
TARGETS = tuple(f"arn:aws:iam::{account}:role/target" for account in ACCOUNTS)

callers: st.SearchStrategy[Caller] = st.one_of(
    st.builds(
        role_session,
        st.sampled_from(ROLES),
        st.sampled_from(SESSIONS),
        source_identity=st.sampled_from(("", "john")),
        tags=st.sampled_from(({}, {"team": "red"}, {"team": "blue"})),
    ),
    st.builds(user, st.sampled_from(USERS), mfa=st.sampled_from((None, True, False))),
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "sts:ExternalId": st.sampled_from(("x-1", "x-2")),
        "aws:TagKeys": st.lists(st.sampled_from(("team", "cost", "Team")), max_size=3, unique=True),
        "aws:MultiFactorAuthAge": st.sampled_from((10, 4000)),
    },
)
requests = st.builds(Request, callers, st.sampled_from(ACTIONS), st.sampled_from(TARGETS), contexts)

_arns = st.sampled_from(
    (
        *ROLES,
        *USERS,
        "arn:aws:iam::*:user/*",
        "arn:aws:iam::111111111111:role/*",
        "arn:*:iam::?????????111:*/admin",
    )
)
_values = {
    "aws:PrincipalArn": ("Arn", _arns),
    "AWS:principaltype": ("String", st.sampled_from(("User", "AssumedRole", "*Role", "assumedrole"))),
    "sts:ExternalId": ("String", st.sampled_from(("x-1", "x-?", "X-1"))),
    "aws:TagKeys": ("String", st.sampled_from(("team", "cost", "te*"))),
    "aws:PrincipalTag/team": ("String", st.sampled_from(("red", "*", "blue"))),
    "aws:MultiFactorAuthPresent": ("Bool", st.sampled_from(("true", "false"))),
    "aws:MultiFactorAuthAge": ("Numeric", st.sampled_from(("100", "5000"))),
}
_operators = {
    "Arn": ("ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"),
    "String": ("StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase"),
    "Bool": ("Bool",),
    "Numeric": ("NumericLessThan",),
}


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for key in draw(st.lists(st.sampled_from(sorted(_values)), max_size=2, unique=True)):
        family, values = _values[key]
        if draw(st.integers(0, 9)) == 0:
            found.setdefault("Null", {})[key] = [draw(st.sampled_from(("true", "false")))]
            continue
        name = draw(st.sampled_from(_operators[family])) + draw(st.sampled_from(("", "", "IfExists")))
        name = draw(st.sampled_from(("", "", "ForAnyValue:", "ForAllValues:"))) + name
        found.setdefault(name, {})[key] = draw(st.lists(values, min_size=1, max_size=3))
    return found


_actions = st.lists(
    st.sampled_from((*ACTIONS, "sts:*", "STS:assume*", "sts:??gSession")), min_size=1, max_size=3
)
_principals = st.one_of(
    st.just("*"),
    st.lists(
        st.sampled_from(
            (*ACCOUNTS, *ROLES, *USERS, *(f"arn:aws:iam::{account}:root" for account in ACCOUNTS))
        ),
        min_size=1,
        max_size=3,
    ).map(lambda entries: {"AWS": entries}),
)


@st.composite
def statements(draw: st.DrawFn, *, trust: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": draw(st.sampled_from(("Allow", "Allow", "Deny")))}
    found[draw(st.sampled_from(("Action", "Action", "NotAction")))] = draw(_actions)
    if trust:
        found["Principal"] = draw(_principals)
    else:
        resources = st.sampled_from(
            (*TARGETS, "*", "arn:aws:iam::*:role/*", "arn:aws:iam::111111111111:role/t?rget")
        )
        element = draw(st.sampled_from(("Resource", "Resource", "NotResource")))
        found[element] = draw(st.lists(resources, min_size=1, max_size=2))
    if condition := draw(conditions()):
        found["Condition"] = condition
    return found


def documents(*, trust: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(statements(trust=trust), min_size=1, max_size=4).map(
        lambda found: {"Version": "2012-10-17", "Statement": found}
    )


def names_of(caller: Caller) -> list[str]:
    """Every way of writing the caller in a principal element."""
    found = [caller.account, f"arn:aws:iam::{caller.account}:root", caller.arn]
    return [*found, caller.session_arn] if caller.session_arn else found


def keys_of(request: Request) -> dict[str, list[str]]:
    """The context as the specification's table 7.1 says it, written down anew."""
    caller = request.caller
    is_role = ":role/" in caller.arn
    keys = {
        "aws:PrincipalArn": [caller.arn],
        "aws:PrincipalType": ["AssumedRole" if is_role else "User"],
        "aws:PrincipalAccount": [caller.account],
    }
    if caller.mfa is not None:
        keys["aws:MultiFactorAuthPresent"] = ["true" if caller.mfa else "false"]
    for key, value in caller.tags:
        keys[f"aws:PrincipalTag/{key}"] = [value]
    for key, given in request.context.items():
        keys[key] = [str(item) for item in given] if isinstance(given, list) else [str(given)]
    return keys

"""The evaluator against the brute-force oracle, and the properties of issue 5 W1 and spec/teams.md 7.4 on documents."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy import oracle
from tests.unit.policy.generated import callers, documents, keys_of, names_of, requests, statements

from gatepass.policy import (
    Kind,
    Permissions,
    Request,
    Ruling,
    Target,
    can_assume,
    evaluate,
    examine,
    normal,
    parse,
    same,
    size,
)
from gatepass.policy.wildcards import matches, resource_matches

PROFILE = settings(max_examples=70)


def ruling(document: dict[str, Any], request: Request, kind: Kind = Kind.TRUST) -> Ruling:
    return evaluate(parse(document, kind), request).ruling


def judged(document: dict[str, Any], request: Request) -> str:
    return oracle.ruling(
        document, names_of(request.caller), request.action, request.resource, keys_of(request)
    )


@settings(max_examples=200)
@given(documents(), requests)
def test_trust_policies_read_as_the_oracle_reads_them(document: dict[str, Any], request: Request) -> None:
    """W1, T-41 to T-44."""
    assert ruling(document, request) == judged(document, request)


@settings(max_examples=120)
@given(documents(trust=False), requests)
def test_identity_policies_read_as_the_oracle_reads_them(document: dict[str, Any], request: Request) -> None:
    assert ruling(document, request, Kind.IDENTITY) == judged(document, request)


@PROFILE
@given(documents(), documents(trust=False), callers, st.sampled_from(("111111111111", "222222222222")))
def test_assuming_is_trust_and_identity_together(
    trust: dict[str, Any], identity: dict[str, Any], caller: Any, number: str
) -> None:
    """T-45: the oracle joins the two sides itself."""
    arn = f"arn:aws:iam::{number}:role/target"
    answer = can_assume(
        caller, Target(arn, parse(trust, Kind.TRUST)), Permissions((parse(identity, Kind.IDENTITY),))
    )
    actions = ["sts:AssumeRole"] + (["sts:SetSourceIdentity"] if caller.source_identity else [])
    rulings = []
    for action in actions:
        context = {"sts:RoleSessionName": "session"}
        if caller.source_identity:
            context["sts:SourceIdentity"] = caller.source_identity
        request = Request(caller, action, arn, context)
        sides = (judged(trust, request), judged(identity, request))
        keys, names = keys_of(request), names_of(caller)
        allows = [
            one
            for one in trust["Statement"]
            if one["Effect"] == "Allow" and oracle.applies(one, names, action, arn, keys)
        ]
        by_name = any(oracle.principal(one, [caller.arn, caller.session_arn]) for one in allows)
        if "denied" in sides:
            rulings.append("denied")
        elif sides[0] == "allowed" and (sides[1] == "allowed" or (number == caller.account and by_name)):
            rulings.append("allowed")
        else:
            rulings.append("not_allowed")
    expected = next((one for one in ("denied", "not_allowed") if one in rulings), "allowed")
    assert answer.ruling == expected


@PROFILE
@given(documents(), statements(), requests)
def test_deny_wins_and_an_added_deny_never_lets_anyone_in(
    document: dict[str, Any], extra: dict[str, Any], request: Request
) -> None:
    """W1, T-41, 7.4 (6)."""
    denied = {**document, "Statement": [*document["Statement"], {**extra, "Effect": "Deny"}]}
    after = ruling(denied, request)
    assert after is not Ruling.ALLOWED or ruling(document, request) is Ruling.ALLOWED
    if ruling({**document, "Statement": [{**extra, "Effect": "Deny"}]}, request) is Ruling.DENIED:
        assert after is Ruling.DENIED


@PROFILE
@given(documents(), statements(), requests)
def test_an_added_allow_never_shuts_anyone_out(
    document: dict[str, Any], extra: dict[str, Any], request: Request
) -> None:
    """7.4 (6)."""
    wider = {**document, "Statement": [*document["Statement"], {**extra, "Effect": "Allow"}]}
    before = ruling(document, request)
    assert before is not Ruling.ALLOWED or ruling(wider, request) is Ruling.ALLOWED
    assert (before is Ruling.DENIED) == (ruling(wider, request) is Ruling.DENIED)


@PROFILE
@given(statements(), st.data(), requests)
def test_a_narrower_statement_never_applies_more_widely(
    statement: dict[str, Any], data: st.DataObject, request: Request
) -> None:
    """W1: dropping an action or a principal, or adding a condition, never widens an Allow."""
    allow = {**statement, "Effect": "Allow"}
    narrower = dict(allow)
    if "Action" in narrower and len(narrower["Action"]) > 1:
        narrower["Action"] = narrower["Action"][1:]
    if isinstance(narrower["Principal"], dict) and len(narrower["Principal"]["AWS"]) > 1:
        narrower["Principal"] = {"AWS": narrower["Principal"]["AWS"][1:]}
    more = data.draw(statements()).get("Condition", {})
    old = narrower.get("Condition", {})
    narrower["Condition"] = {**old, **{name: keys for name, keys in more.items() if name not in old}}
    document = {"Version": "2012-10-17", "Statement": [allow]}
    if ruling({**document, "Statement": [narrower]}, request) is Ruling.ALLOWED:
        assert ruling(document, request) is Ruling.ALLOWED


def shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(value[key], rng) for key in keys}
    if isinstance(value, list):
        items = [shuffled(item, rng) for item in value]
        rng.shuffle(items)
        return items[0] if len(items) == 1 and isinstance(items[0], str) else items
    return value


@PROFILE
@given(documents(), requests, st.randoms(use_true_random=False))
def test_order_and_the_spelling_of_lists_never_matter(
    document: dict[str, Any], request: Request, rng: random.Random
) -> None:
    """W1, T 11.3: neither for the ruling nor for sameness."""
    other = shuffled(document, rng)
    assert ruling(other, request) is ruling(document, request)
    assert same(document, json.dumps(other, indent=2))


@PROFILE
@given(documents(), documents(), requests)
def test_documents_of_one_normal_form_rule_alike(
    one: dict[str, Any], other: dict[str, Any], request: Request
) -> None:
    """T 11.3: sameness is sound. Normal forms are told apart by content, so most pairs differ."""
    if normal(one) == normal(other):
        assert ruling(one, request) is ruling(other, request)


@PROFILE
@given(documents())
def test_size_does_not_depend_on_white_space(document: dict[str, Any]) -> None:
    """T-54."""
    assert (
        size(document)
        == size(json.dumps(document, indent=3))
        == len(json.dumps(document, separators=(",", ":")))
    )


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ("Version", "Statement", "Effect", "Action", "Principal", "Condition", "AWS", "Sid", "x")
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@PROFILE
@given(json_values, st.sampled_from(list(Kind)))
def test_whatever_is_given_a_document_is_read_or_refused_in_our_words(value: Any, kind: Kind) -> None:
    for form in (value, json.dumps(value)):
        policy, faults = examine(form, kind)
        assert policy is not None or faults


@PROFILE
@given(st.text(max_size=30), st.sampled_from(list(Kind)))
def test_whatever_text_is_given_it_is_refused_in_our_words(text: str, kind: Kind) -> None:
    policy, faults = examine(text, kind)
    assert policy is not None or faults


@settings(max_examples=200)
@given(st.text("ab:*?", max_size=9), st.text("ab:", max_size=9))
def test_wildcards_match_as_trying_every_split_does(pattern: str, text: str) -> None:
    """T-42."""
    assert matches(pattern, text) == oracle.like(pattern, text)


def bounded(pattern: str, text: str, colons: int = 0) -> bool:
    """`Resource` by trying every split: a wildcard before the fifth colon keeps to its part unless it is a star that
    ends it."""
    if not pattern:
        return not text
    free = colons >= 5
    if pattern[0] == "*":
        over = free or pattern[1:2] in ("", ":")
        stops = len(text) if over or ":" not in text else text.index(":")
        return any(bounded(pattern[1:], text[cut:], colons) for cut in range(stops + 1))
    if not text or (pattern[0] == "?" and not free and text[0] == ":"):
        return False
    if pattern[0] not in ("?", text[0]):
        return False
    return bounded(pattern[1:], text[1:], colons + (pattern[0] == ":"))


@settings(max_examples=200)
@given(st.text("a:*?", max_size=12), st.text("a:", max_size=12))
def test_resources_keep_wildcards_inside_their_part(pattern: str, text: str) -> None:
    assert resource_matches(pattern, text) == bounded(pattern, text)

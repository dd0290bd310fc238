"""Who somebody is in AWS: found once by address, kept, and never looked for again when it fails (architecture.md 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.installation import Whole

from gatepass.access.requests import Request
from gatepass.desk import Ask, Caller
from gatepass.errors import GatepassError

ANA, CLEO = Caller("ana", "test"), Caller("cleo", "test")
INSTANCE = "arn:aws:sso:::instance/ssoins-7223000000000000"


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    whole = Whole(tmp_path)
    yield whole
    whole.close()


def ask(whole: Whole) -> Request:
    fields = {"reason": "x", "duration": "30m"}
    made = whole.parts.desk.ask(ANA, Ask("aws-access", target="tenant_foo-main", fields=fields))
    whole.settle()
    return whole.parts.desk.show(CLEO, made.id).request


def test_an_identity_is_found_once_and_kept(whole: Whole) -> None:
    assert ask(whole).state == "pending"
    with whole.parts.store.read() as view:
        kept = view.people.identity("ana", "aws_sso", INSTANCE)
    assert kept is not None
    assert (kept.by, kept.failed_at) == ("discovered", None)


def test_a_kept_identity_that_fails_is_never_found_again_by_address(whole: Whole) -> None:
    """Addresses are reused: whoever has ana's address now is not ana."""
    first = ask(whole)
    store = whole.sim.world.stores["d-9067000000"]
    old = next(each for each in store.users.values() if each.user_name.startswith("ana@"))
    del store.users[old.id]
    other = old.id[:-4] + "0000"
    store.users[other] = replace(old, id=other)
    second = ask(whole)
    assert (first.state, second.state) == ("pending", "failed")
    assert "is not in" in second.why
    with whole.parts.store.read() as view:
        kept = view.people.identity("ana", "aws_sso", INSTANCE)
    assert kept is not None
    assert kept.failed_at is not None
    whole.parts.office.store_identity(CLEO, "ana", "aws_sso", INSTANCE, other)
    assert ask(whole).state == "pending"


def test_an_unknown_service_is_refused_with_those_there_are(whole: Whole) -> None:
    with pytest.raises(GatepassError, match=r"found 'aws_sos'; allowed: .*aws_sso.*oidc.*slack"):
        whole.parts.office.store_identity(CLEO, "ana", "aws_sos", INSTANCE, "some-id")

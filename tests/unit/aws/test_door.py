"""The one door: whose credentials, how often, how long, and what an error means (issue 2, P5; I12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from tests.conformance.strategy_labs import (
    BAR_INSTANCE,
    FOO_INSTANCE,
    FOO_STORE,
    REACHES,
    Reaches,
    door_to,
    world,
)

from gatepass.aws import errors, lease, organizations, permission_sets
from gatepass.aws.directory import Directory
from gatepass.aws.door import Door, Patience
from gatepass.aws.errors import Place
from gatepass.aws.translate import answered, unanswered
from gatepass.sim import Simulator
from gatepass.sim.hand import Hand
from gatepass.testing.clock import VirtualClock

FOO, BAR = "tenant_foo", "tenant_bar"
PLACE = Place(FOO, "sso-admin", "CreateAccountAssignment", "arn:aws:iam::1:role/x", "1")


class Bench:
    """A door before a simulator."""

    def __init__(self, **parts: Any) -> None:
        self.clock = VirtualClock()
        self.sim: Simulator = world(self.clock, **parts.pop("sim", {}))
        self.reaches = Reaches()
        self.door: Door = door_to(self.sim, self.clock, reaches=self.reaches, **parts)

    def instances(self, organization: str = FOO) -> list[str]:
        rows = self.door.pages(organization, "sso-admin", "ListInstances", "Instances")
        return [row["InstanceArn"] for row in rows]

    def of(self, operation: str) -> list[Any]:
        return [record for record in self.sim.calls if record.operation == operation]


def test_each_organization_is_reached_through_its_own_role_only_I12() -> None:
    bench = Bench()
    assert (bench.instances(FOO), bench.instances(BAR)) == ([FOO_INSTANCE], [BAR_INSTANCE])
    callers = [record.caller for record in bench.of("ListInstances")]
    assert [caller.split(":")[4] for caller in callers] == ["123456789012", "555555555555"]
    with pytest.raises(errors.Missing):
        bench.door.call(FOO, "organizations", "DescribeAccount", AccountId="777777777777")


def test_the_session_says_whose_it_is_and_sends_the_external_id() -> None:
    bench = Bench()
    bench.instances()
    sent = bench.of("AssumeRole")[0].params
    assert sent["ExternalId"] == "gp-foo-external"
    assert sent["SourceIdentity"] == "gatepass"
    assert sent["RoleSessionName"] == "gatepass-tenant_foo"
    assert sent["DurationSeconds"] == 3600


def test_credentials_are_kept_and_renewed_before_they_run_out() -> None:
    bench = Bench()
    for minutes in (0, 30, 24, 2):
        bench.clock.advance(timedelta(minutes=minutes))
        bench.instances()
    assert len(bench.of("AssumeRole")) == 2


def test_credentials_that_ran_out_at_aws_are_replaced_once() -> None:
    bench = Bench()
    bench.instances()
    for credential in list(bench.sim.world.credentials.values()):
        if credential.expires is not None:
            key = credential.access_key
            bench.sim.world.credentials[key] = replace(credential, expires=bench.clock.now())
    assert bench.instances() == [FOO_INSTANCE]
    assert len(bench.of("AssumeRole")) == 2


def test_a_changed_connector_is_reached_anew() -> None:
    bench = Bench()
    bench.instances()
    bench.reaches.all[FOO] = replace(bench.reaches.all[FOO], external_id="another")
    with pytest.raises(errors.Denied) as refused:
        bench.instances()
    assert refused.value.place.operation == "AssumeRole"


def test_an_organization_nobody_knows_is_said_so() -> None:
    with pytest.raises(errors.Unreached):
        Bench().instances("tenant_gone")


def test_nothing_is_tried_again_by_the_sdk() -> None:
    bench = Bench()
    bench.instances()
    bench.sim.set_faults([{"operation": "ListInstances", "do": "throttle"}])
    with pytest.raises(errors.Throttled):
        bench.instances()
    assert len(bench.of("ListInstances")) == 2


def test_a_list_that_breaks_off_is_an_error_and_not_a_part() -> None:
    bench = Bench(sim={"page_size": 1})
    call = (FOO, "sso-admin", "ListPermissionSets", "PermissionSets")
    assert len(bench.door.pages(*call, InstanceArn=FOO_INSTANCE)) == 2
    bench.sim.set_faults([{"operation": "ListPermissionSets", "do": "throttle", "calls": [2]}])
    with pytest.raises(errors.Throttled):
        bench.door.pages(*call, InstanceArn=FOO_INSTANCE)


class Limiter:
    """Counts; refuses while told to."""

    def __init__(self) -> None:
        self.waited: list[str] = []
        self.slowed: list[str] = []
        self.until: datetime | None = None

    def wait(self, scope: str) -> datetime | None:
        self.waited.append(scope)
        return self.until

    def throttled(self, scope: str) -> None:
        self.slowed.append(scope)


def test_every_call_of_an_instance_or_store_waits_for_its_slot() -> None:
    pacer = Limiter()
    bench = Bench(pacer=pacer)
    bench.door.call(FOO, "sso-admin", "DescribeInstance", InstanceArn=FOO_INSTANCE)
    bench.door.pages(FOO, "identitystore", "ListUsers", "Users", IdentityStoreId=FOO_STORE)
    bench.door.pages(FOO, "organizations", "ListRoots", "Roots")
    assert pacer.waited == [FOO_INSTANCE, FOO_STORE]
    bench.sim.set_faults([{"operation": "DescribeInstance", "do": "throttle"}])
    with pytest.raises(errors.Throttled):
        bench.door.call(FOO, "sso-admin", "DescribeInstance", InstanceArn=FOO_INSTANCE)
    assert pacer.slowed == [FOO_INSTANCE]


def test_a_spent_rate_sends_nothing_and_says_from_when() -> None:
    pacer = Limiter()
    bench = Bench(pacer=pacer)
    pacer.until = bench.clock.now() + timedelta(seconds=5)
    with pytest.raises(errors.Later) as later:
        bench.door.call(FOO, "sso-admin", "DescribeInstance", InstanceArn=FOO_INSTANCE)
    assert later.value.at_the_earliest == pacer.until
    assert not bench.of("DescribeInstance")


def test_nothing_is_sent_with_too_little_of_the_lease_left() -> None:
    bench = Bench(patience=Patience(connect=timedelta(seconds=3), read=timedelta(seconds=8)))
    now = bench.clock.now()
    with lease.hold(now + timedelta(seconds=11)):
        bench.instances()
    with lease.hold(now + timedelta(seconds=10)), pytest.raises(errors.LeaseShort):
        bench.instances()
    renewed = lambda: now + timedelta(seconds=15)  # noqa: E731
    with lease.hold(now + timedelta(seconds=10), renewed):
        bench.instances()
    with lease.hold(now + timedelta(seconds=10), lambda: None), pytest.raises(errors.LeaseShort):
        bench.instances()
    assert len(bench.of("ListInstances")) == 2


class Watch:
    def __init__(self) -> None:
        self.heard: list[tuple[datetime, datetime, datetime]] = []

    def aws_says(self, date: datetime, sent: datetime, received: datetime) -> None:
        self.heard.append((date, sent, received))


def test_the_date_of_every_answer_is_heard() -> None:
    watch = Watch()
    bench = Bench(watch=watch)
    bench.instances()
    assert len(watch.heard) == 2
    assert all(date == sent.replace(microsecond=0) for date, sent, _ in watch.heard)


@pytest.mark.parametrize(
    ("code", "status", "kind", "applied"),
    [
        ("AccessDeniedException", 400, errors.Denied, False),
        ("ResourceNotFoundException", 400, errors.Missing, False),
        ("ThrottlingException", 400, errors.Throttled, False),
        ("WhateverItIsCalled", 429, errors.Throttled, False),
        ("ConflictException", 400, errors.Busy, False),
        ("ServiceQuotaExceededException", 400, errors.Busy, False),
        ("ValidationException", 400, errors.Invalid, False),
        ("InternalServerException", 500, errors.Lost, True),
        ("ServiceUnavailable", 503, errors.Lost, True),
    ],
)
def test_what_aws_answers_in_our_words(
    code: str, status: int, kind: type[errors.AwsError], applied: bool
) -> None:
    meta = {"HTTPStatusCode": status, "RequestId": "req-1"}
    raw: Any = {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": meta}
    error = answered(ClientError(raw, "CreateAccountAssignment"), PLACE)
    assert type(error) is kind
    assert error.possibly_applied is applied
    for part in ("tenant_foo", "CreateAccountAssignment", "req-1", "why"):
        assert part in str(error)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ReadTimeoutError(endpoint_url="x"), errors.Lost),
        (ConnectTimeoutError(endpoint_url="x"), errors.Unreachable),
        (EndpointConnectionError(endpoint_url="x"), errors.Unreachable),
    ],
)
def test_what_the_wire_does_in_our_words(raised: Any, kind: type[errors.AwsError]) -> None:
    assert type(unanswered(raised, PLACE)) is kind


# -- what others read through it


def test_accounts_five_units_deep_with_tags_and_the_suspended_one_H4() -> None:
    bench = Bench()
    found = {each.id: each for each in organizations.accounts(bench.door, BAR, tags=True)}
    deepest = found["999999999999"]
    assert len(deepest.units) == 5
    assert deepest.tags == {"stage": "production"}
    assert [each.id for each in found.values() if each.suspended] == ["666666666666"]
    assert found["555555555555"].units == ("r-abcd",)


def test_a_permission_set_is_found_by_name_with_its_session_length() -> None:
    found = permission_sets.find(Bench().door, FOO, "ReadOnly")
    assert found.session == timedelta(hours=4)
    with pytest.raises(errors.Missing):
        permission_sets.find(Bench().door, FOO, "NoSuchSet")


@pytest.mark.parametrize(
    ("text", "hours"), [("PT1H", 1), ("PT12H", 12), ("PT1H30M", 1.5), (None, 1), ("3600", 1), ("P1D", 24)]
)
def test_session_lengths(text: str | None, hours: float) -> None:
    assert permission_sets.session_length(text) == timedelta(hours=hours)


def test_a_person_is_found_by_any_address_in_any_case_and_two_matches_are_refused_H4() -> None:
    bench = Bench()
    directory = Directory(bench.door)
    found = directory.find_user(FOO, ["ANA@Host.Example"])
    assert found is not None
    assert directory.user(FOO, found)
    assert directory.find_user(FOO, ["nobody@host.example"]) is None
    assert not directory.user(FOO, "9067000000-00000000-0000-4000-8000-000000000000")
    Hand(bench.sim).add_user(FOO_STORE, "ana.other", "ana2@host.example")
    with pytest.raises(errors.Ambiguous) as several:
        directory.find_user(FOO, ["ana@host.example", "ana2@host.example"])
    assert found in str(several.value)


def test_a_store_that_is_not_there_is_no_answer_about_anybody() -> None:
    bench = Bench()
    bench.reaches.all[FOO] = replace(REACHES[FOO], identity_store_id="d-0000000000")
    with pytest.raises(errors.AwsError):
        Directory(bench.door).find_user(FOO, ["ana@host.example"])

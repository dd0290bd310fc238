"""I10: only what was offered is accepted, and every fault is told at once."""

from datetime import timedelta

import pytest

from gatepass.estate import Field, FieldValue, check_fields, plain

FORM = (
    Field("reason", "string", "Why?", max_length=20),
    Field("ticket", "string", "Ticket", required=False, pattern="[A-Z]+-[0-9]+"),
    Field(
        "duration", "duration", "For how long?", allowed_values=(timedelta(minutes=30), timedelta(hours=1))
    ),
    Field("account_id", "string", "Account", prefetch=True),
)
GOOD = {"reason": "fix", "duration": "30m", "account_id": "111111111111"}
OFFERED = {"account_id": ["111111111111", "222222222222"]}


def test_a_good_submission_gives_typed_values() -> None:
    checked = check_fields(FORM, GOOD, OFFERED)
    assert checked.ok
    assert checked.values == {**GOOD, "duration": timedelta(minutes=30)}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"status": "approved"}, "status", "no such field"),
        ({"reason": ""}, "reason", "nothing was given"),
        ({"reason": None}, "reason", "nothing was given"),
        ({"reason": "x" * 21}, "reason", "21 characters are too many"),
        ({"reason": 5}, "reason", "is not text"),
        ({"ticket": "ops-1"}, "ticket", "right form"),
        ({"ticket": "OPS-1\n"}, "ticket", "right form"),
        ({"duration": "2h"}, "duration", "not one of the values"),
        ({"duration": "PT0S"}, "duration", "is not a length"),
        ({"duration": True}, "duration", "is not a length"),
        ({"account_id": "333333333333"}, "account_id", "not among the options offered"),
        ({"account_id": ["111111111111"]}, "account_id", "is not text"),
    ],
)
def test_i10_what_was_not_offered_is_refused(change: dict[str, object], field: str, words: str) -> None:
    checked = check_fields(FORM, {**GOOD, **change}, OFFERED)
    assert not checked.ok
    assert checked.values == {}
    assert [(fault.field, words in fault.found) for fault in checked.faults] == [(field, True)]
    assert all(fault.allowed for fault in checked.faults)


def test_all_faults_come_at_once() -> None:
    checked = check_fields(FORM, {"status": "x", "ticket": "?"}, OFFERED)
    assert {fault.field for fault in checked.faults} == {
        "status",
        "ticket",
        "reason",
        "duration",
        "account_id",
    }


def test_i10_a_prefetch_field_without_options_is_refused() -> None:
    checked = check_fields(FORM, GOOD, {})
    assert [fault.field for fault in checked.faults] == ["account_id"]
    assert "could not be loaded" in checked.faults[0].found


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        (Field("n", "int", "N"), "42", 42),
        (Field("n", "int", "N"), -7, -7),
        (Field("n", "bool", "N"), False, False),
        (Field("n", "bool", "N"), "TRUE", True),
        (Field("n", "duration", "N"), 90, timedelta(seconds=90)),
        (Field("n", "slack_user", "N"), "U012AB3CD", "U012AB3CD"),
        (Field("n", "slack_user_list", "N"), ["U012AB3CD"], ("U012AB3CD",)),
        (Field("n", "str_list", "N"), "one", ("one",)),
        (Field("n", "int_list", "N"), ["1", 2], (1, 2)),
        (Field("n", "string", "N", required=False, default="d"), "", "d"),
    ],
)
def test_every_type_is_read_from_json_and_from_text(field: Field, raw: object, value: FieldValue) -> None:
    checked = check_fields([field], {"n": raw}, {})
    assert checked.values == {"n": value}
    again = check_fields([field], {"n": plain(checked.values["n"])}, {})
    assert again.values == checked.values, "the plain form is read back"


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("int", True),
        ("int", "1.0"),
        ("int", 2**60),
        ("bool", 1),
        ("slack_user", "C012AB3CD"),
        ("str_list", ["a", "a"]),
        ("int_list", [1, "x"]),
        ("str_list", [str(n) for n in range(101)]),
    ],
)
def test_what_is_not_of_the_type_is_refused(kind: str, raw: object) -> None:
    assert not check_fields([Field("n", kind, "N")], {"n": raw}, {}).ok  # type: ignore[arg-type]


def test_a_hidden_field_is_not_required() -> None:
    assert check_fields([Field("n", "string", "N", visible=False)], {}, {}).ok

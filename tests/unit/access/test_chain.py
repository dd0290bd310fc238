"""The audit chain and its checkpoints: every sort of tampering is found and named (I6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepass.access.chain import (
    START,
    Entry,
    Head,
    body_of,
    digest,
    link_hash,
    read_export,
    verify_chains,
)
from gatepass.access.checkpoint import BadCheckpoint, Checkpoint, Signer, read_checkpoint, verify
from gatepass.access.events import KINDS, Event, Level

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIGNER = Signer(Signer.new_key())


def chain(length: int, organization: str = "foo") -> list[Entry]:
    entries: list[Entry] = []
    previous = START
    for seq in range(1, length + 1):
        event = Event("request.cancelled", organization, {"request": f"r{seq}"})
        entries.append(
            linked(organization, seq, previous, body_of(event, "2026-01-01T00:00:00.000Z", b"key"))
        )
        previous = entries[-1].hash
    return entries


def linked(organization: str, seq: int, previous: str, body: str) -> Entry:
    return Entry(organization, seq, previous, body, link_hash(1, organization, seq, previous, digest(body)))


def relinked(entries: list[Entry]) -> list[Entry]:
    """The chain written anew after a change, as whoever can write the database could."""
    made: list[Entry] = []
    for seq, entry in enumerate(entries, start=1):
        made.append(linked(entry.organization, seq, made[-1].hash if made else START, entry.body))
    return made


def checkpoint_of(*chains: list[Entry]) -> Checkpoint:
    heads = [Head(c[-1].organization, c[-1].seq, c[-1].hash) for c in chains]
    return read_checkpoint(SIGNER.sign(heads, NOW))


def edited(entries: list[Entry], at: int, **changes: object) -> list[Entry]:
    return [replace(e, **changes) if n == at else e for n, e in enumerate(entries)]  # type: ignore[arg-type]


TAMPERINGS: dict[str, tuple[Callable[[list[Entry]], list[Entry]], set[int]]] = {
    "body changed": (lambda c: edited(c, 4, body='{"kind":"forged"}'), {5}),
    "hash changed": (lambda c: edited(c, 4, hash="f" * 64), {5, 6}),
    "previous changed": (lambda c: edited(c, 4, previous="f" * 64), {5}),
    "number changed": (lambda c: edited(c, 4, seq=7), {7, 6}),
    "organization changed": (lambda c: edited(c, 4, organization="bar"), {5, 6}),
    "one removed": (lambda c: c[:4] + c[5:], {6}),
    "first removed": (lambda c: c[1:], {2}),
    "two swapped": (lambda c: [*c[:4], c[5], c[4], *c[6:]], {6, 5, 7}),
    "one repeated": (lambda c: [*c[:5], c[4], *c[5:]], {5}),
    "body changed and its hash made anew": (
        lambda c: [*c[:4], linked("foo", 5, c[3].hash, '{"kind":"forged"}'), *c[5:]],
        {6},
    ),
}


class TestChain:
    def test_a_whole_chain_has_no_fault(self) -> None:
        entries = chain(9) + chain(3, "")
        chains, faults = verify_chains(entries)
        assert not faults
        assert {name: len(c) for name, c in chains.items()} == {"foo": 9, "": 3}

    @pytest.mark.parametrize("name", TAMPERINGS)
    def test_tampering_is_named_where_it_is(self, name: str) -> None:
        tamper, places = TAMPERINGS[name]
        _, faults = verify_chains(tamper(chain(9)))
        assert {fault.seq for fault in faults} == places

    @given(st.integers(1, 12), st.data())
    def test_no_single_change_goes_unseen(self, length: int, data: st.DataObject) -> None:
        """With the checkpoint of the end, even a chain that is written anew whole."""
        entries = chain(length)
        at = data.draw(st.integers(0, length - 1))
        tampered = data.draw(
            st.sampled_from(
                [
                    edited(entries, at, body=entries[at].body + " "),
                    relinked(edited(entries, at, body=entries[at].body + " ")),
                    entries[:at] + entries[at + 1 :],
                    relinked(entries[:at] + entries[at + 1 :]),
                    entries[:at],
                ]
            )
        )
        assert verify(entries, [checkpoint_of(entries)]).good
        assert not verify(tampered, [checkpoint_of(entries)]).good

    def test_chains_mixed_in_one_export_are_told_apart(self) -> None:
        pairs = zip(chain(5), chain(5, "bar"), strict=True)
        assert not verify_chains([entry for pair in pairs for entry in pair])[1]

    def test_an_export_comes_back_as_it_was_written(self) -> None:
        entries = chain(3)
        assert read_export([entry.line() + "\n" for entry in entries]) == (entries, [])

    @pytest.mark.parametrize(
        "line",
        ["{", "[]", "null", '"x"', "{}", "[" * 2000, '{"seq":1}', chain(1)[0].line().replace(":1,", ':"1",')],
    )
    def test_a_line_that_is_no_entry_is_named(self, line: str) -> None:
        entries, faults = read_export([chain(1)[0].line(), line])
        assert len(entries) == 1
        assert "line 2" in str(faults[0])

    @settings(max_examples=30)
    @given(st.text())
    def test_no_text_breaks_the_reader(self, text: str) -> None:
        read_export(text.splitlines())

    def test_sensitive_fields_are_keyed_hashes(self) -> None:
        """security.md 15: comparable with the key, not readable, and different under another key."""
        event = Event("request.asked", "foo", {"request": "r1", "reason": "the customer's name"})
        bodies = [body_of(event, "t", key) for key in (b"a", b"a", b"b")]
        assert bodies[0] == bodies[1] != bodies[2]
        assert "customer" not in bodies[0]

    @pytest.mark.parametrize(
        "kind", [kind for kind, fields in KINDS.items() if Level.SENSITIVE in fields.values()]
    )
    def test_no_sensitive_field_of_any_kind_is_readable(self, kind: str) -> None:
        event = Event(kind, "foo", dict.fromkeys(KINDS[kind], "MARK"))
        fields = json.loads(body_of(event, "t", b"key"))["fields"]
        assert {name for name, value in fields.items() if value != "MARK"} == {
            name for name, level in KINDS[kind].items() if level is Level.SENSITIVE
        }


class TestCheckpoint:
    def test_a_cut_end_shows_against_a_checkpoint(self) -> None:
        entries = chain(9)
        kept = checkpoint_of(entries)
        assert verify(entries[:7]).good
        (fault,) = verify(entries[:7], [kept]).faults
        assert (fault.organization, fault.seq) == ("foo", 8)

    def test_a_chain_written_anew_shows_against_a_checkpoint(self) -> None:
        entries = chain(9)
        forged = relinked(edited(entries, 2, body="{}"))
        assert verify(forged).good
        (fault,) = verify(forged, [checkpoint_of(entries)]).faults
        assert fault.seq == 9

    def test_a_chain_that_is_missing_whole_is_a_fault_unless_it_was_not_exported(self) -> None:
        foo, bar = chain(3), chain(2, "bar")
        kept = checkpoint_of(foo, bar)
        assert [f.organization for f in verify(foo, [kept]).faults] == ["bar"]
        assert verify(foo, [kept], organizations={"foo"}).good

    def test_an_old_checkpoint_vouches_for_its_part(self) -> None:
        entries = chain(9)
        verdict = verify(entries, [checkpoint_of(entries[:2]), checkpoint_of(entries[:6])])
        assert verdict.good
        assert (verdict.lengths, verdict.vouched) == ({"foo": 9}, {"foo": 6})

    def test_checkpoints_of_another_key_are_refused(self) -> None:
        entries = chain(3)
        head = Head("foo", 3, entries[-1].hash)
        stranger = Signer(Signer.new_key())
        theirs = read_checkpoint(stranger.sign([head], NOW))
        assert not verify(entries, [checkpoint_of(entries), theirs]).good
        assert not verify(entries, [theirs], key=SIGNER.fingerprint).good
        assert verify(entries, [theirs], key=stranger.fingerprint).good

    def test_a_checkpoint_that_was_changed_is_refused(self) -> None:
        text = SIGNER.sign([Head("foo", 3, "a" * 64)], NOW)
        assert read_checkpoint(text).heads == (Head("foo", 3, "a" * 64),)
        for changed in (
            text.replace("foo", "fop"),
            text.replace("[3,", "[4,"),
            text[:-9],
            "{}",
            "",
            "[1]",
            "9",
        ):
            with pytest.raises(BadCheckpoint):
                read_checkpoint(changed)

    @given(st.text())
    def test_no_text_breaks_the_reader(self, text: str) -> None:
        with pytest.raises(BadCheckpoint):
            read_checkpoint(text)

    def test_a_key_that_is_none_is_refused(self) -> None:
        for pem in (b"", b"not a key", Signer.new_key()[:60]):
            with pytest.raises(BadCheckpoint):
                Signer(pem)

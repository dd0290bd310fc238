"""Drift in words: what differs, where, who is affected, what to run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gatepass.clock import iso
from gatepass.estate.outline import counted
from gatepass.teams.drift.differences import Difference, Report, Sort

MOST = 20
"""Of one kind of news, in one message."""


def difference_line(each: Difference) -> str:
    """One difference on one line."""
    return f"{each.sort:20} {each.id}{': ' + each.detail if each.detail else ''}"


def headline(report: Report) -> str:
    """The news in one line, for the subject of a mail."""
    repaired = len(report.repaired)
    counts = (
        (len(report.new) - repaired, "new"),
        (repaired, "repaired"),
        (len(report.gone), "gone"),
        (len(report.unread_now), "unreadable"),
        (len(report.read_again), "readable again"),
    )
    return "drift: " + (", ".join(f"{count} {word}" for count, word in counts if count) or "nothing new")


def news(report: Report) -> list[str]:
    """What nobody was told yet, with what to run."""
    lines = [headline(report)]
    lines += _listed(report.new, _told)
    lines += _listed(report.gone, lambda each: [f"gone: {_what(each)}"])
    lines += _few(_unread({place: report.unread[place] for place in report.unread_now}))
    lines += _few([[f"can be read again: {place}"] for place in report.read_again])
    lines.append(f"{_standing(report)}; all of it: gatepass teams drift --last")
    return lines


def whole(report: Report) -> list[str]:
    """Everything that stands, for a terminal."""
    lines = [f"looked at {iso(report.at)}, {counted(report.looked, 'places')}: {_standing(report)}"]
    for key, each in report.standing.items():
        lines += [*_told(each), f"    since {iso(report.since[key])}"]
    for each in report.repaired:
        lines += _told(each)
    lines += [line for block in _unread(report.unread) for line in block]
    return lines


def _standing(report: Report) -> str:
    if not report.standing and report.unread:
        return "no drift where it could be read" if report.is_success else "nothing could be read"
    return counted(len(report.standing), "differences") if report.standing else "no drift"


def _unread(unread: Mapping[str, str]) -> list[list[str]]:
    """What was not read, accounts with one reason together."""
    places: dict[str, list[str]] = {}
    for place, why in unread.items():
        places.setdefault(why, []).append(place)
    return [[f"cannot be read: {', '.join(them)}: {why}"] for why, them in places.items()]


def _listed(found: Sequence[Difference], told: Callable[[Difference], Iterable[str]]) -> Iterator[str]:
    yield from _few([told(each) for each in found])


def _few(blocks: Sequence[Iterable[str]]) -> Iterator[str]:
    for block in blocks[:MOST]:
        yield from block
    if len(blocks) > MOST:
        yield f"and {len(blocks) - MOST} more"


def _what(each: Difference) -> str:
    return f"{each.sort}: {each.id}{f' in {each.account}' if each.account else ''}"


def _told(each: Difference) -> list[str]:
    lines = [
        f"{'repaired: ' if each.repaired else ''}{_what(each)}{f' ({each.detail})' if each.detail else ''}"
    ]
    lines += [f"    may come in, and nobody declares it: {who}" for who in each.gained]
    lines += [f"    is declared, and may not come in: {who}" for who in each.lost]
    if each.enforce and not each.repaired:
        lines.append(f"    not repaired although enforced: {each.why or 'see the log'}")
    if not each.repaired:
        lines.append(f"    next: {command(each)}")
    return lines


def command(each: Difference) -> str:
    """What to run about it."""
    if each.sort is Sort.FOREIGN:
        name = each.id.rpartition("/")[2]
        return f"gatepass teams who-can {name}@{each.place} --state live; declare it, or take our team out of its trust"
    plan = f"gatepass teams plan --account {each.place} --out plan.json"
    return (
        f"{plan}{' --allow-delete' if each.sort is Sort.UNDECLARED else ''} && gatepass teams apply plan.json"
    )

"""One request as lines for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gatepass.cli.moments import when

Json = dict[str, Any]


def lines(shown: Json) -> Iterable[str]:
    """What `gatepass show` prints: what is asked, who decides and decided, what AWS holds and until when."""
    yield f"{shown['id']}  {shown['state'].upper()}" + (f"  ({shown['why']})" if shown["why"] else "")
    what = " ".join(str(part) for part in (shown["target"] or shown["flow"], shown["account_id"]) if part)
    yield f"  what      {what}" + (f" in {shown['organization']}" if shown["organization"] else "")
    if shown["duration"]:
        yield f"  for       {shown['duration']}" + (
            f", asks {shown['extension']} more" if shown["extension"] else ""
        )
    yield f"  who       {shown['requester']}" + (
        f", asked by {shown['asked_by']}" if shown["asked_by"] else ""
    )
    if shown["reason"]:
        yield f"  why       {_one_line(shown['reason'])}"
    for name, value in shown["fields"].items():
        yield f"  {name:<9} {_one_line(str(value))}"
    yield f"  decides   {deciders(shown)} ({shown['rule']})"
    for decision in shown.get("decisions", ()):
        said = f": {_one_line(decision['message'])}" if decision["message"] else ""
        yield f"  answer    {decision['answer']} by {decision['by']} at {when(decision['at'])}{said}"
    for grant in shown.get("grants", ()):
        yield f"  grant     {grant['state']}" + (f" ({grant['why']})" if grant["why"] else "")
        if grant["no_new_sessions_after"]:
            yield f"            no new sessions after {when(grant['no_new_sessions_after'])}"
            yield f"            last session ends by  {when(grant['last_session_ends_by'])}"
    for fact in shown.get("fact_states", ()):
        if fact["last_error"]:
            yield f"  error     {_one_line(fact['last_error'])}; try {fact['tries']}{_next(fact)}"
    if shown.get("forecast_lateness_s", 0) >= 1:
        yield f"  late      taken back about {shown['forecast_lateness_s']:.0f} s after its end, by the backlog now"
    if shown.get("session") and "end" in shown.get("may", ()):
        yield f"  use       gatepass exec {shown['session']} -- aws s3 ls   (`gatepass sync` makes the session)"
    if shown.get("may"):
        yield f"  you may   {', '.join(shown['may'])}"


def deciders(rule: Json) -> str:
    """Who decides, and how many of them where one is not enough."""
    if not rule["needed"]:
        return "the rule itself"
    return str(rule["approvers"]) if rule["needed"] == 1 else f"{rule['needed']} of {rule['approvers']}"


def _one_line(text: str) -> str:
    """Text of a person as one printable line: control characters never reach the terminal (security.md 16, 32)."""
    return "".join(character if character.isprintable() else " " for character in text)[:200]


def _next(fact: Json) -> str:
    return f", next {when(fact['next_try_at'])}" if fact["next_try_at"] else ""

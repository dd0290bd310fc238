"""How things are said on the pages: moments, lengths, states; and the one place where templates are filled in.

Everything is escaped by the templates' engine; a name that is not given is an error, never an empty string.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from gatepass.clock import iso, relative, span
from gatepass.estate.durations import format_duration
from gatepass.estate.fields import shown

HERE = Path(__file__).parent
STATIC = HERE / "static"

SHAPES: Mapping[str, tuple[str, str]] = {
    # requests
    "asked": ("◌", "going"),
    "pending": ("○", "open"),
    "approved": ("◉", "good"),
    "denied": ("✕", "bad"),
    "cancelled": ("–", "over"),
    "expired": ("–", "over"),
    "failed": ("▲", "bad"),
    "ended": ("■", "over"),
    # grants
    "waiting": ("○", "open"),
    "granting": ("◐", "going"),
    "active": ("●", "good"),
    "ending": ("◑", "going"),
    "covered": ("◆", "good"),
    # facts and calls
    "absent": ("■", "over"),
    "creating": ("◐", "going"),
    "present": ("●", "good"),
    "deleting": ("◑", "going"),
    "unknown": ("?", "bad"),
    "done": ("●", "good"),
    "not_done": ("✕", "bad"),
    "sent": ("◐", "going"),
}
"""State -> shape and tone: a state is told by its word, by a shape and by a colour, never by colour alone."""

_MOMENT = Markup(
    '<time datetime="{}" title="{}" data-when><span class=rel>{}</span> <span class=abs>{}</span></time>'
)
_STATE = Markup('<span class="state {}"><span class=shape aria-hidden=true>{}</span>{}</span>')

EVENTS: Mapping[str, str] = {
    "request.asked": "asked",
    "request.pending": "waiting for a decision",
    "request.decision": "answered",
    "request.approved": "approved",
    "request.denied": "denied",
    "request.cancelled": "withdrawn",
    "request.expired": "expired unanswered",
    "request.failed": "failed",
    "request.ended": "over",
    "request.extension_asked": "more time asked for",
    "request.refused": "an answer was refused",
    "grant.made": "access is on its way",
    "grant.granting": "the end is committed; AWS is told",
    "grant.active": "AWS was read to hold the access",
    "grant.covered": "held before, outside gatepass: nothing changed",
    "grant.ending": "being taken back",
    "grant.ended": "gone from AWS",
    "grant.failed": "could not be given",
    "grant.extended": "the end was moved",
}


def absolute(at: datetime) -> str:
    """`20 Nov 2026 14:05:09 UTC`."""
    return at.astimezone(UTC).strftime("%-d %b %Y %H:%M:%S UTC")


@pass_context
def when(context: Context, at: datetime | None) -> Markup:
    """A moment, relative and absolute; the script keeps the relative part true."""
    if at is None:
        return Markup("<span class=dim>–</span>")
    rel, exact = relative(at, context["now"]), absolute(at)
    return _MOMENT.format(iso(at), exact, rel, _short(at, context["now"]))


def _short(at: datetime, now: datetime) -> str:
    utc = at.astimezone(UTC)
    return utc.strftime("%H:%M UTC" if utc.date() == now.astimezone(UTC).date() else "%-d %b %Y %H:%M UTC")


def state(word: object) -> Markup:
    """A state by shape, word and colour."""
    name = str(word)
    shape, tone = SHAPES.get(name, ("·", "over"))
    return _STATE.format(tone, shape, name.replace("_", " "))


def lasts(length: timedelta | None) -> str:
    return "–" if length is None else format_duration(length)


def value(each: object) -> str:
    """A field's value in words, as the request keeps it."""
    if isinstance(each, list):
        return ", ".join(str(item) for item in each)
    return shown(each) if isinstance(each, bool | str | int) else str(each)


def happened(kind: str) -> str:
    return EVENTS.get(kind, kind)


def pretty(fields: Mapping[str, object]) -> str:
    """The fields of an audit entry on a line or two, long values cut in the middle; the export has them whole."""
    said = {name: each for name, each in fields.items() if each not in (None, "") and name != "request"}
    return "  ".join(f"{name}={_cut(str(each))}" for name, each in said.items())


def _cut(text: str) -> str:
    if "|" in text:
        return "|".join(_cut(part.rpartition("/")[2]) for part in text.split("|"))
    return text if len(text) <= 36 else f"{text[:16]}…{text[-6:]}"


@cache
def _asset(name: str) -> str:
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{digest}/{name}"


@cache
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        when=when,
        state=state,
        lasts=lasts,
        value=value,
        happened=happened,
        pretty=pretty,
        span=span,
        shown=shown,
    )
    env.filters["list_pair"] = lambda each: (each, each)
    env.globals["asset"] = _asset
    return env


def text(template: str, **shown_: object) -> str:
    """A filled-in template."""
    return environment().get_template(template).render(**shown_)


def draw(template: str, status: int = 200, **shown_: object) -> Response:
    """A filled-in template as an answer."""
    return HTMLResponse(text(template, **shown_), status)

"""How the standing trust is watched: the declaration itself, how often AWS is compared with it, who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gatepass.estate.notify import Reach

FOLDER = "teams/"
"""Where the declaration lies within the estate."""
LEAST = timedelta(minutes=5)
"""Between two looks: each reads everything of IAM in every account."""


@dataclass(frozen=True)
class Declared:
    """One file of the declaration, with the SHA-256 of its text in hex."""

    text: str = field(repr=False)
    sha256: str


@dataclass(frozen=True)
class Drift:
    """What is compared with AWS, and how often."""

    every: timedelta
    files: Mapping[str, Declared]
    """By path within the estate, all below `FOLDER`."""
    notify: tuple[Reach, ...] = ()
    """Who is told of news; empty: whoever is told of alarms."""
    enter_by: str = ""
    """The role by which accounts are entered, where it is not the declaration's `apply_role`."""
    managed_by: str = ""
    """What the tag `gatepass:managed` says, where it is not the organizations' names."""
    acknowledge: tuple[str, ...] = ()
    """Lints of level error that are meant."""
    context: str = ""
    """Path within the estate of what is known from outside of the declaration; empty: nothing."""

"""What the builders of an estate share while it is being read: sources, faults, and what has been built so far."""

from __future__ import annotations

import ast
import hashlib
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from gatepass.estate.fields import Code
from gatepass.estate.format.shape import Item
from gatepass.estate.model import (
    NOBODY,
    Environment,
    Flow,
    Integration,
    Organization,
    Person,
    Strategy,
    Target,
    Who,
)
from gatepass.estate.reading.yaml import Fault, Place


def default_label(name: str) -> str:
    """`tenant_foo` as people see it when nothing else is said: `Tenant Foo`."""
    return " ".join(word[:1].upper() + word[1:] for word in name.replace("-", " ").replace("_", " ").split())


def label_of(item: Item, name: str) -> str:
    """The label that was written, or the one that follows from the name."""
    return str(item.get("label") or default_label(name))


@dataclass
class Draft:
    """An estate in the making. `sources` holds every file's text by its path within the estate."""

    root: Item
    sources: Mapping[str, str]
    faults: list[Fault]
    people: dict[str, Person] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    integrations: dict[str, Integration] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)
    strategies: dict[str, Strategy] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    places: dict[str, Item] = field(default_factory=dict)
    """Where organizations (`name`) and targets (`target name`) were written."""
    implied: dict[str, list[str]] = field(default_factory=dict)
    """Organization -> names of the targets of its implied strategy, in order."""
    brought: dict[str, list[str]] = field(default_factory=dict)
    """Flow -> names of the targets it brings along, in order: no other flow gets them without naming them."""

    def fault(self, item: Item, code: str, found: str, allowed: str = "", advice: str = "") -> None:
        """Record a fault of meaning at `item`."""
        self.faults.append(item.fault(code, found, allowed, advice))

    def declared(self, section: str) -> set[str]:
        """Names written in a section, even where the entry is wrong: a reference to it is no second fault."""
        entry = self.root.node.entries().get(section)
        return set(entry.entries()) if entry else set()

    def sound(self, *sections: str) -> bool:
        """Whether nothing was wrong in these sections: else what seems to be missing may only have been misread."""
        return not any(fault.path.split(".")[0] in sections for fault in self.faults)

    def known(self, item: Item, section: str, built: Iterable[str] = (), what: str = "") -> bool:
        """Whether the name in `item` exists in a section (or among `built`); a fault with the nearest name if not."""
        names = self.declared(section) | set(built)
        if item.value in names:
            return True
        near = get_close_matches(str(item.value), sorted(names), 1)
        some = ", ".join(sorted(names)[:20]) or "none is declared"
        advice = f"did you mean {near[0]}?" if near else ""
        self.fault(item, "unknown_name", f"there is no {what or section} {str(item.value)!r}", some, advice)
        return False

    def who(self, item: Item | None) -> Who:
        """The set of people written at `item`."""
        if item is None:
            return NOBODY
        people = [each.value for each in item.elements("people") if self.known(each, "people", what="person")]
        who = Who(frozenset(item.values("groups")), frozenset(people), frozenset(item.values("roles")))
        if not any(item.has(key) and item.node.entries()[key].value for key in ("groups", "people", "roles")):
            self.fault(item, "nobody", "found nobody", "groups, people or roles", "")
        return who

    def code(self, item: Item | None) -> Code | None:
        """The Python file named at `item`, from the sources; a fault when it is missing or is not Python."""
        if item is None:
            return None
        path = posixpath.normpath(str(item.value))
        text = self.sources.get(path)
        if text is None:
            files = (
                ", ".join(sorted(name for name in self.sources if name.endswith(".py"))) or "there is none"
            )
            self.fault(item, "no_file", f"there is no file {path!r} in the estate", files)
            return None
        try:
            ast.parse(text)
        except SyntaxError as error:
            place = Place(path, error.lineno or 1, error.offset or 1)
            found = f"not Python: {error.msg}"
            self.faults.append(
                Fault("python", place, item.path, found, "", "run the file with python3 -m py_compile")
            )
        except (ValueError, RecursionError, MemoryError) as error:
            self.fault(item, "python", f"{path} cannot be read as Python: {error or type(error).__name__}")
        return Code(path, text, hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest())

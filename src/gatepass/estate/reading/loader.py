"""From the texts of an estate's files to one `Estate`, or to every mistake in them. Pure; `sources` reads the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gatepass.estate.drift import FOLDER
from gatepass.estate.format.estate import ESTATE, VERSION
from gatepass.estate.model import Estate
from gatepass.estate.reading.draft import Draft
from gatepass.estate.reading.drift import read_drift
from gatepass.estate.reading.flows import read_flows
from gatepass.estate.reading.organizations import read_organizations
from gatepass.estate.reading.people import read_people
from gatepass.estate.reading.secrets import REFERENCE, REFERENCES, looks_like, must_be_reference, redact
from gatepass.estate.reading.targets import finish_strategies, read_targets
from gatepass.estate.reading.yaml import EstateError, Fault, Node, Place, join, parse

YAML_ENDINGS = (".yaml", ".yml")


def load(sources: Mapping[str, str]) -> Estate:
    """The estate that these files declare: text by path within the estate, YAML and Python.

    Raises `EstateError` with all faults found; never anything else, whatever the texts. Equal texts give equal estates.
    """
    faults: list[Fault] = []
    root = _merge(_parsed(sources, faults), faults)
    _refuse_secrets(root, sources, faults)
    item = ESTATE.read(root, "", faults)
    assert item is not None, "a merged root is a map"
    estate = _build(Draft(item, sources, faults))
    if faults:
        raise EstateError(_shown(fault) for fault in faults)
    return estate


def _build(draft: Draft) -> Estate:
    read_people(draft)
    read_organizations(draft)
    read_targets(draft)
    read_flows(draft)
    finish_strategies(draft)
    return Estate(
        people=draft.people,
        organizations=draft.organizations,
        integrations=draft.integrations,
        targets=draft.targets,
        strategies=draft.strategies,
        environments=draft.environments,
        flows=draft.flows,
        teams=draft.root.get("teams"),
        drift=read_drift(draft),
    )


def _parsed(sources: Mapping[str, str], faults: list[Fault]) -> list[Node]:
    roots = []
    for file, text in sorted(sources.items()):
        if not file.endswith(YAML_ENDINGS) or file.startswith(FOLDER):
            continue
        node = parse(file, text, faults)
        if node is None:
            continue
        if isinstance(node.value, dict):
            roots.append(node)
        elif node.value is not None:
            allowed = f"a map with {', '.join(ESTATE.keys)}"
            faults.append(Fault("wrong_type", node.place, "", "found no map", allowed))
    return roots


def _merge(roots: list[Node], faults: list[Fault]) -> Node:
    """One root: the sections of all files put together. A name that two files declare is a fault."""
    merged: dict[str, Node] = {}
    for root in roots:
        for key, node in root.entries().items():
            present = merged.get(key)
            if present is None:
                merged[key] = node
            elif isinstance(present.value, dict) and isinstance(node.value, dict):
                merged[key] = replace(present, value=_joined(key, present.value, node.value, faults))
            elif key != "gatepass" or present.value != node.value:
                found = f"{key} is declared at {present.place} too"
                faults.append(
                    Fault("duplicate_key", node.key or node.place, key, found, "", "keep one of them")
                )
    place = roots[0].place if roots else Place("estate.yaml", 1, 1)
    if "gatepass" not in merged and not faults:
        advice = f"begin estate.yaml with: gatepass: {VERSION}"
        faults.append(Fault("missing", place, "", "no file says the version of the format", "", advice))
    return Node(place, merged)


def _joined(
    section: str, one: dict[str, Node], other: dict[str, Node], faults: list[Fault]
) -> dict[str, Node]:
    for name in one.keys() & other.keys():
        first, second = one[name], other[name]
        found = f"{name} is declared at {first.key} too"
        path = f"{section}.{name}"
        faults.append(Fault("duplicate_key", second.key or second.place, path, found, "", "keep one of them"))
    return {**one, **{name: node for name, node in other.items() if name not in one}}


def _refuse_secrets(root: Node, sources: Mapping[str, str], faults: list[Fault]) -> None:
    allowed = REFERENCES
    advice = "take it out of the files, replace the secret itself, and refer to it"
    for path, node in root.walk():
        if kind := looks_like(node.text):
            found = f"a literal that looks like {kind}"
            faults.append(Fault("literal_secret", node.place, path, found, allowed, advice))
        for name, child in node.entries().items():
            where, literal = (
                join(path, name),
                isinstance(child.value, str) and not REFERENCE.fullmatch(child.text),
            )
            if kind := looks_like(name):
                place = child.key or child.place
                faults.append(
                    Fault("literal_secret", place, path, f"a key that looks like {kind}", "", advice)
                )
            elif literal and must_be_reference(name):
                faults.append(
                    Fault("literal_secret", child.place, where, "a secret written out", allowed, advice)
                )
    for file, text in sources.items():
        declared = file.startswith(FOLDER)
        if file.endswith(".xml" if declared else YAML_ENDINGS):  # metadata is certificates
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if kind := looks_like(line):
                found = f"a literal that looks like {kind}"
                faults.append(Fault("literal_secret", Place(file, number, 1), "", found, "", advice))


def _shown(fault: Fault) -> Fault:
    """The fault without anything that looks like a secret: it goes to screens and logs (I17)."""
    return replace(
        fault,
        path=redact(fault.path),
        found=redact(fault.found),
        allowed=redact(fault.allowed),
        advice=redact(fault.advice),
    )

"""Answers of reach as lines for people and as JSON with stable ids (T-97). Nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gatepass.policy import Decision, Layer, Ruling
from gatepass.teams.reach.changes import Change
from gatepass.teams.reach.explain import Explanation, Miss
from gatepass.teams.reach.nodes import Edge, EdgeKind, Node, Path, label_of

_TRUST = "resource"


def node_json(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {"id": node.id, "kind": str(node.kind), "label": node.label}
    if node.arn:
        found["arn"] = node.arn
    if node.account:
        found["account"] = node.account.id
    return found


def edge_json(edge: Edge) -> dict[str, Any]:
    """One step: what it is, what it takes, how long it lasts, and the statements of both sides that decided."""
    found: dict[str, Any] = {"from": edge.source.id, "to": edge.target.id, "kind": str(edge.kind)}
    if edge.lasts is not None:
        found |= {"session_seconds": int(edge.lasts.total_seconds()), "chained": edge.chained}
    if edge.needs:
        found["needs"] = list(edge.needs)
    if edge.assumes:
        found["assumes"] = list(edge.assumes)
    if edge.action:
        found["action"] = edge.action
    if edge.decision is not None:
        found |= sides_json(edge.decision)
    return found


def sides_json(decision: Decision) -> dict[str, Any]:
    """The deciding statements by side: `trust_allow`, `trust_deny`, `identity_allow`, `identity_deny`."""
    found: dict[str, list[dict[str, str]]] = {}
    for layer in decision.layers:
        side = "trust" if layer.name == _TRUST else layer.name.replace(" ", "_")
        for policy, statement in layer.evaluation.deciding:
            key = f"{side}_{'deny' if layer.ruling is Ruling.DENIED else 'allow'}"
            found.setdefault(key, []).append({"policy": policy.name, "statement": statement.label})
    return dict(found)


def path_json(path: Path) -> dict[str, Any]:
    return {
        "start": node_json(path[0].source),
        "end": node_json(path[-1].target),
        "hops": len(path),
        "label": label_of(path),
        "edges": [edge_json(edge) for edge in path],
    }


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    return {
        "from": node_json(explanation.source),
        "to": node_json(explanation.target),
        "reaches": explanation.reaches,
        "paths": [path_json(path) for path in explanation.paths],
        "misses": [_miss_json(miss) for miss in explanation.misses],
        "joins": list(explanation.joins),
    }


def _miss_json(miss: Miss) -> dict[str, Any]:
    found: dict[str, Any] = {
        "caller": node_json(miss.hop.source),
        "path": [edge_json(edge) for edge in miss.path],
        "ruling": str(miss.hop.assumption.ruling),
        "changes": list(miss.changes),
        "assumes": list(miss.hop.assumes),
    }
    if (refusing := miss.hop.assumption.refusing) is not None:
        found |= sides_json(refusing)
    if miss.nearest is not None:
        found["nearest_statement"] = {
            "statement": miss.nearest.statement.label,
            "fails": [check.text for check in miss.nearest.failed],
        }
    return found


def explanation_lines(explanation: Explanation) -> list[str]:
    """The explanation for people: each path with the statements of each step, or what is missing and what would do."""
    source, target = explanation.source, explanation.target
    if explanation.reaches:
        found = [f"yes: {source.label} reaches {target.label}"]
        for number, path in enumerate(explanation.paths, 1):
            found += [f"path {number}: {label_of(path)}", *path_lines(path)]
        return found
    found = [f"no: {source.label} does not reach {target.label}"]
    for miss in explanation.misses[:3]:
        found += _miss_lines(miss)
    if not explanation.misses:
        found.append(f"  {source.label} holds no session anywhere from which the role could be assumed")
    found += [f"  or: {join}" for join in explanation.joins[:3]]
    return found


def path_lines(path: Path) -> list[str]:
    """Each step of a path with what decides it."""
    return [line for edge in path for line in _edge_lines(edge)]


def _edge_lines(edge: Edge) -> list[str]:
    words = {
        EdgeKind.MEMBER_OF: "is a member of",
        EdgeKind.ASSIGNED: "is assigned",
        EdgeKind.IS: "has the user",
        EdgeKind.FEDERATES: "signs in as",
        EdgeKind.MAY_ASSUME: "may assume",
        EdgeKind.MAY_CHANGE: f"may call {edge.action} on",
    }
    head = f"  {edge.source.label} {words[edge.kind]} {edge.target.label}{_length(edge)}"
    notes = [f"    needs {need}" for need in edge.needs] + [f"    assumed: {what}" for what in edge.assumes]
    layers = edge.decision.layers if edge.decision else ()
    return [head, *(line for layer in layers for line in _layer_lines(layer)), *notes]


def _length(edge: Edge) -> str:
    if edge.lasts is None:
        return ""
    hours, seconds = divmod(int(edge.lasts.total_seconds()), 3600)
    length = f"{hours} h" if not seconds else f"{hours} h {seconds // 60} min"
    return f" for at most {length}{' (chained)' if edge.chained else ''}"


def _layer_lines(layer: Layer) -> Iterable[str]:
    side = "trust" if layer.name == _TRUST else layer.name
    for policy, statement in layer.evaluation.deciding:
        yield f"    {side}: {statement.effect} {statement.label} of {policy.name}"


def _miss_lines(miss: Miss) -> list[str]:
    found = [f"  {label_of(miss.path)}"] if miss.path else []
    found.append(f"  {miss.hop.source.label} may not assume {miss.hop.target.label}")
    if (refusing := miss.hop.assumption.refusing) is not None:
        found += [line for layer in refusing.blocking for line in _layer_lines(layer)]
        found += [f"    {layer.name.replace(_TRUST, 'trust')}: nothing allows it" for layer in refusing.blocking
                  if not layer.evaluation.deciding]  # fmt: skip
    if miss.nearest is not None and miss.nearest.failed:
        found.append(f"    nearest: {miss.nearest.statement.label}, where {miss.nearest.failed[0].text}")
    found += [f"    assumed: nothing is allowed by {what}" for what in miss.hop.assumes]
    return [*found, *(f"    to open it: {change}" for change in miss.changes)]


def path_line(path: Path) -> str:
    """One way in one line, with what it needs and how long its last session lasts."""
    last = path[-1]
    notes = [need for edge in path for need in edge.needs]
    needs = f"  (needs {', '.join(notes)})" if notes else ""
    return f"{label_of(path)}{_length(last)}{needs}"


def change_lines(change: Change) -> str:
    """`+ jane gains terraform@dev (jane > admins > ...)`."""
    sign, verb = ("+", "gains") if change.gained else ("-", "loses")
    way = f"  ({label_of(change.path)})" if len(change.path) > 1 else ""
    return f"{sign} {change.principal.label} {verb} {change.role.label}{way}"


def change_json(change: Change) -> dict[str, Any]:
    return {
        "principal": node_json(change.principal),
        "role": node_json(change.role),
        "gained": change.gained,
        "path": path_json(change.path),
    }

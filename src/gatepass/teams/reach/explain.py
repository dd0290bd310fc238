"""Why somebody reaches a role, or why not: the statements of each step, the nearest miss, what would open it (T 12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gatepass.policy import Finding, Layer, Ruling
from gatepass.teams.reach.hops import Hop
from gatepass.teams.reach.nodes import Node, NodeKind, Path, path_key
from gatepass.teams.reach.questions import Reach

MAX_SHOWN = 10
_MAX_CALLERS = 100
_NEVER_CALLING = (NodeKind.PERSON, NodeKind.GROUP, NodeKind.OPEN)


@dataclass(frozen=True, slots=True)
class Miss:
    """A step that is refused, and how the source comes to where it would be made."""

    path: Path
    """From the source to the caller; empty when the source calls itself."""
    hop: Hop
    changes: tuple[str, ...]
    """All of them together would open the step."""
    nearest: Finding | None = None
    """The Allow statement of the trust that comes nearest to letting the caller in."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to `explain`. With paths it is yes; else `misses` are the nearest first."""

    source: Node
    target: Node
    paths: tuple[Path, ...]
    misses: tuple[Miss, ...] = ()
    joins: tuple[str, ...] = ()
    """Memberships or assignments that would open it, without touching any policy."""

    @property
    def reaches(self) -> bool:
        return bool(self.paths) or self.source.id == self.target.id


def explain(reach: Reach, source: Node, target: Node) -> Explanation:
    """Every candidate path with its deciding statements, or for a no the nearest misses with the smallest change."""
    paths = reach.paths(source, target, limit=MAX_SHOWN)
    if paths or target.id not in reach.graph.roles:
        joins = () if paths else tuple(_joins(reach, source, target))
        return Explanation(source, target, paths, joins=joins)
    misses = sorted(_misses(reach, source, target), key=lambda miss: (len(miss.changes), path_key(miss.path)))
    return Explanation(source, target, (), tuple(misses[:MAX_SHOWN]), tuple(_joins(reach, source, target)))


def _misses(reach: Reach, source: Node, target: Node) -> Iterator[Miss]:
    """One refused step from each session that the source can hold, nearest sessions first."""
    for count, (caller, path) in enumerate(reach.forward(source)):
        if count >= _MAX_CALLERS:
            return
        if caller.kind not in _NEVER_CALLING and caller.id != target.id:
            hop = reach.hop(caller, target)
            if not hop.allowed:
                yield Miss(path, hop, tuple(_changes(reach, hop)), _nearest(hop))


def _joins(reach: Reach, source: Node, target: Node) -> Iterator[str]:
    """Groups that reach the target already: joining one is the change that touches no policy."""
    if source.kind is NodeKind.PERSON:
        for node, path in reach.backward(target, only=source):
            if path and node.kind is NodeKind.GROUP:
                yield f"make {source.label} a member of the group {node.label}"


def _nearest(hop: Hop) -> Finding | None:
    refusing = hop.assumption.refusing
    trust = next((layer for layer in refusing.layers if layer.name == "resource"), None) if refusing else None
    allows = (
        [finding for finding in trust.evaluation.findings if finding.statement.effect == "Allow"]
        if trust
        else []
    )
    return min(allows, key=lambda finding: len(finding.failed), default=None)


def _changes(reach: Reach, hop: Hop) -> Iterator[str]:
    """What would have to change for this step, one sentence each; denials first."""
    yield from hop.assumption.problems
    refusing = hop.assumption.refusing
    for layer in refusing.layers if refusing else ():
        if layer.ruling is Ruling.DENIED:
            yield _without_denial(reach, layer, hop)
    for layer in refusing.layers if refusing else ():
        if layer.needed and not _would_allow(layer):
            yield _with_allow(reach, layer, hop)
    if hop.needs:
        yield f"call with {' and '.join(hop.needs)}"


def _without_denial(reach: Reach, layer: Layer, hop: Hop) -> str:
    source, target = hop.source, hop.target
    denying = ", ".join(statement.label for _, statement in layer.evaluation.deciding)
    if layer.name != "resource":
        return f"take the denial {denying} out of the {layer.name} policies of {source.label}"
    if source.arn.split(":", 5)[-1].startswith("user/"):
        return f"name {source.arn} in trusted_role_arns of {target.label}: {denying} denies all other users"
    name, kind = _entry(reach, hop)
    return f"take {name} out of denied_{kind} of {target.label}: {denying} denies it"


def _with_allow(reach: Reach, layer: Layer, hop: Hop) -> str:
    source, target = hop.source, hop.target
    action = layer.evaluation.request.action
    match layer.name:
        case "resource":
            name, kind = _entry(reach, hop)
            return f"add {name} to trusted_{kind} of {target.label}"
        case "identity":
            return f"let {source.label} call {action} on {target.arn}, as the policy team_role_access does"
    return f"let the {layer.name} policy of {source.label} allow {action} on {target.arn}"


def _would_allow(layer: Layer) -> bool:
    """Whether the layer would allow if nothing denied."""
    if layer.ruling is not Ruling.DENIED:
        return layer.ruling is Ruling.ALLOWED
    return any(
        finding.applies and finding.statement.effect == "Allow" for finding in layer.evaluation.findings
    )


def _entry(reach: Reach, hop: Hop) -> tuple[str, str]:
    """How the declaration of the target names the source, and in which pair of lists (T 2.1, T-2, T-3)."""
    source, target = hop.source, hop.target
    role = reach.graph.roles.get(source.id)
    if role is not None and role.kind == "team":
        return role.short, "teams"
    if source.kind is not NodeKind.SET:
        return source.arn, "role_arns"
    name = source.label.rpartition("@")[0]
    if source.account and target.account and source.account.id == target.account.id:
        return name, "permission_sets"
    return f"{source.arn.rpartition('_')[0]}_*", "role_arns"

"""The reach of a team as a picture: paths as columns of boxes, a matrix as a table; SVG that needs nothing else (A9).

Deterministic: equal answers give equal bytes. Colours follow the reader's light or dark setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from gatepass.teams.reach.matrix import Cell, Matrix
from gatepass.teams.reach.nodes import Edge, EdgeKind, Node, NodeKind, Path

_HEIGHT, _GAP, _DOWN, _EDGE = 44, 76, 64, 24
_NARROW, _WIDE = 150, 380
"""Width of a box: what its longest name needs, within these."""
_LETTER = 8
_ROUNDS = 4
_STYLE = """
text{font:13px system-ui,sans-serif;fill:#1b2733}.small{font-size:11px;fill:#5a6b7b}
.note{font-size:11px;fill:#5a6b7b;text-anchor:middle}
.box{fill:#f4f6f8;stroke:#8a99a8}.person,.group{fill:#e7f1ff;stroke:#4c86d0}.set{fill:#efe9ff;stroke:#8466c9}
.role{fill:#e8f6ec;stroke:#479a62}.user{fill:#fff4dd;stroke:#c79a3a}
.saml,.oidc,.service{fill:#e5f7f7;stroke:#3b9a9a}.foreign,.open{fill:#fdeaea;stroke:#c65353}
.line{stroke:#5a6b7b;stroke-width:1.4;fill:none}.may-change{stroke:#c65353;stroke-dasharray:5 4}
.cell{fill:#e8f6ec;stroke:#c9d3dc}.far{fill:#fff4dd}.empty{fill:none;stroke:#dde3e9}.back{fill:#ffffff}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small,.note{fill:#a9b7c4}.back{fill:#11181f}.box{fill:#1d2731}
.person,.group{fill:#14304f}.set{fill:#2a2148}.role{fill:#15351f}.user{fill:#3d3013}.saml,.oidc,.service{fill:#123636}
.foreign,.open{fill:#421c1c}.cell{fill:#15351f;stroke:#33414e}.far{fill:#3d3013}.empty{stroke:#26313b}}
"""


def paths_svg(paths: Sequence[Path], title: str) -> str:
    """All the paths in one graph, ends at the right; each node as far left as its longest way to an end."""
    edges = list(
        {(edge.source.id, edge.target.id, edge.action): edge for path in paths for edge in path}.values()
    )
    columns = _columns(paths)
    where = {node.id: column for column, nodes in enumerate(columns) for node in nodes}
    lifts = [_lift(where[edge.target.id] - where[edge.source.id]) for edge in edges]
    top = _EDGE + 28 + max(lifts, default=0) * 3 // 4
    places, right = _places(columns, top)
    tallest = max((len(nodes) for nodes in columns), default=1)
    parts = [line for edge, lift in zip(edges, lifts, strict=True) for line in _arrow(edge, places, lift)]
    parts += [line for nodes in columns for node in nodes for line in _box(node, places[node.id])]
    notes = [line for edge, lift in zip(edges, lifts, strict=True) for line in _noted(edge, places, lift)]
    return _document(title, right + _EDGE, top + tallest * _DOWN + _EDGE, [*parts, *notes])


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a box stands."""

    x: int
    y: int
    width: int


def _places(columns: Sequence[Sequence[Node]], top: int) -> tuple[dict[str, _Place], int]:
    """Every box, and where the last column ends."""
    places: dict[str, _Place] = {}
    left = _EDGE
    for nodes in columns:
        longest = max(len(node.label) for node in nodes) * _LETTER + 24
        width = min(max(longest, _NARROW), _WIDE)
        for row, node in enumerate(nodes):
            places[node.id] = _Place(left, top + row * _DOWN, width)
        left += width + _GAP
    return places, max(left - _GAP, _EDGE + _NARROW)


def _lift(columns: int) -> int:
    """How far an arrow bends upwards to pass over the boxes between."""
    return 0 if columns <= 1 else 22 + 26 * columns


def matrix_svg(found: Matrix, title: str) -> str:
    """Principals down, accounts across; a cell names up to four roles. Cells reached only over several hops look
    different."""
    row_height, column_width, head = 78, 170, 34
    left = _EDGE + max((len(row.label) for row in found.rows), default=0) * _LETTER + 12
    parts: list[str] = []
    for column, account in enumerate(found.columns):
        x = left + column * column_width
        parts.append(_text(x + 8, _EDGE + 28 + head - 12, _short(account.name or account.id, column_width)))
    for row, node in enumerate(found.rows):
        y = _EDGE + 28 + head + row * row_height
        parts.append(_text(_EDGE, y + 22, node.label))
        for column, account in enumerate(found.columns):
            x = left + column * column_width
            parts += _cell(found.at(node, account), x, y, column_width - 6, row_height - 6)
    width = left + max(len(found.columns), 1) * column_width + _EDGE
    height = _EDGE * 2 + 28 + head + max(len(found.rows), 1) * row_height
    return _document(title, width, height, parts)


def _columns(paths: Sequence[Path]) -> list[list[Node]]:
    nodes = {node.id: node for path in paths for edge in path for node in (edge.source, edge.target)}
    ahead = dict.fromkeys(nodes, 0)
    for _ in range(_ROUNDS):  # several paths together may hold a cycle, so not until nothing moves
        for path in paths:
            for edge in reversed(path):
                ahead[edge.source.id] = max(ahead[edge.source.id], ahead[edge.target.id] + 1)
    steps = sorted(set(ahead.values()), reverse=True)
    return [[node for node in sorted(nodes.values()) if ahead[node.id] == step] for step in steps]


def _box(node: Node, place: _Place) -> list[str]:
    x, y, width = place.x, place.y, place.width
    return [
        f"<g><title>{escape(node.id)}</title>",
        f'<rect class="box {node.kind}" x="{x}" y="{y}" width="{width}" height="{_HEIGHT}" rx="7"/>',
        _text(x + 10, y + 19, _short(node.label, width - 20)),
        f"{_text(x + 10, y + 35, _kind(node), 'small')}</g>",
    ]


def _kind(node: Node) -> str:
    words = {
        NodeKind.SET: "permission set",
        NodeKind.SAML: "SAML provider",
        NodeKind.OIDC: "OIDC subject",
        NodeKind.FOREIGN: "outside the estate",
        NodeKind.OPEN: "open set",
    }
    return words.get(node.kind, str(node.kind))


def _arrow(edge: Edge, places: dict[str, _Place], lift: int) -> list[str]:
    x1, y1, x2, y2 = _ends(edge, places)
    bend = (x2 - x1) // 2
    kind = " may-change" if edge.kind is EdgeKind.MAY_CHANGE else ""
    curve = f"M{x1} {y1} C{x1 + bend} {y1 - lift} {x2 - bend} {y2 - lift} {x2 - 2} {y2}"
    title = f"{edge.source.label} {edge.kind} {edge.target.label}"
    return [
        f'<path class="line{kind}" d="{curve}" marker-end="url(#tip)"><title>{escape(title)}</title></path>'
    ]


def _noted(edge: Edge, places: dict[str, _Place], lift: int) -> list[str]:
    """What an arrow says, in the middle of it."""
    note = _note(edge)
    if not note:
        return []
    x1, y1, x2, y2 = _ends(edge, places)
    x, y, width = (x1 + x2) // 2, (y1 + y2) // 2 - lift * 3 // 4, len(note) * 6 + 6
    paper = f'<rect class="back" x="{x - width // 2}" y="{y - 8}" width="{width}" height="15"/>'
    return [paper, _text(x, y + 4, note, "note")]


def _ends(edge: Edge, places: dict[str, _Place]) -> tuple[int, int, int, int]:
    source, target = places[edge.source.id], places[edge.target.id]
    return source.x + source.width, source.y + _HEIGHT // 2, target.x, target.y + _HEIGHT // 2


def _note(edge: Edge) -> str:
    if edge.kind is EdgeKind.MAY_CHANGE:
        return edge.action
    parts = [f"{edge.lasts.total_seconds() / 3600:g} h"] if edge.lasts else []
    return ", ".join([*parts, *edge.needs])


def _cell(cells: tuple[Cell, ...], x: int, y: int, width: int, height: int) -> list[str]:
    kind = "empty" if not cells else "cell" if len(cells[0].path) == 1 else "cell far"
    every = "\n".join(cell.name for cell in cells)
    parts = [f"<g><title>{escape(every)}</title>"]
    parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="5"/>')
    shown = [_short(cell.name, width - 16) for cell in cells[:4]]
    if len(cells) > 4:
        shown[3] = f"and {len(cells) - 3} more"
    parts += [_text(x + 8, y + 17 + line * 16, text, "small") for line, text in enumerate(shown)]
    return [*parts, "</g>"]


def _short(text: str, width: int) -> str:
    """The text cut in its middle to fit: both ends of an ARN tell more than its beginning."""
    room = width // _LETTER
    if len(text) <= room:
        return text
    half = (room - 1) // 2
    return f"{text[: room - 1 - half]}…{text[len(text) - half :]}"


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    of = f' class="{kind}"' if kind else ""
    return f'<text{of} x="{x}" y="{y}">{escape(text)}</text>'


def _document(title: str, width: int, height: int, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img"><title>{escape(title)}</title><style>{_STYLE}</style><defs><marker id="tip" viewBox="0 0 8 8" '
        'refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5a6b7b"/>'
        f'</marker></defs><rect class="back" width="{width}" height="{height}"/>'
    )
    return "\n".join([head, _text(_EDGE, _EDGE + 4, title), *parts, "</svg>", ""])

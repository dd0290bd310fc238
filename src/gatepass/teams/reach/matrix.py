"""Which teams reach which roles in which accounts: the table that access reviews want (T 12, `matrix`)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatepass.teams.model import Account
from gatepass.teams.reach.nodes import Node, NodeKind, Path
from gatepass.teams.reach.questions import Reach


@dataclass(frozen=True, slots=True)
class Cell:
    """One role of one account that the row's principal reaches."""

    role: Node
    path: Path

    @property
    def name(self) -> str:
        """The role's name; with the hops it takes when it is more than one."""
        name = self.role.label.rpartition("@")[0]
        return name if len(self.path) == 1 else f"{name} ({len(self.path)} hops)"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows are principals, columns accounts; `cells` has the roles, those of the fewest hops first."""

    rows: tuple[Node, ...]
    columns: tuple[Account, ...]
    cells: dict[tuple[str, str], tuple[Cell, ...]]

    def at(self, row: Node, column: Account) -> tuple[Cell, ...]:
        return self.cells.get((row.id, column.id), ())


def teams_of(reach: Reach) -> tuple[Node, ...]:
    """Every team, by name; the permission sets where there are no teams."""
    roles = reach.graph.roles
    teams = [reach.graph.nodes[identifier] for identifier, role in roles.items() if role.kind == "team"]
    sets = [node for node in reach.graph.nodes.values() if node.kind is NodeKind.SET]
    return tuple(sorted(teams or sets))


def accounts_of(reach: Reach) -> tuple[Account, ...]:
    """Every account that has a role, by name."""
    found = {role.account.id: role.account for role in reach.graph.roles.values()}
    return tuple(sorted(found.values(), key=lambda account: (account.full_name, account.id)))


def matrix(reach: Reach, rows: Sequence[Node] = (), columns: Sequence[Account] = ()) -> Matrix:
    """What each principal reaches in each account, by whatever path. Without rows: all teams; without columns: all
    accounts with roles."""
    chosen, accounts = tuple(rows) or teams_of(reach), tuple(columns) or accounts_of(reach)
    wanted = {account.id for account in accounts}
    cells: dict[tuple[str, str], list[Cell]] = {}
    for row in chosen:
        for path in reach.can(row):
            role = path[-1].target
            if role.account and role.account.id in wanted:
                cells.setdefault((row.id, role.account.id), []).append(Cell(role, path))
    return Matrix(chosen, accounts, {key: tuple(found) for key, found in cells.items()})


def matrix_rows(found: Matrix) -> list[list[str]]:
    """Header and one row per principal; roles of a cell are joined by commas."""
    head = ["", *(account.name or account.id for account in found.columns)]
    rows = [[row.label, *(_text(found.at(row, column)) for column in found.columns)] for row in found.rows]
    return [head, *rows]


def matrix_csv(found: Matrix) -> str:
    """As CSV with a header; one file that a spreadsheet opens."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(matrix_rows(found))
    return out.getvalue()


def matrix_json(found: Matrix) -> dict[str, Any]:
    return {
        "rows": [row.id for row in found.rows],
        "columns": [{"id": column.id, "name": column.full_name} for column in found.columns],
        "cells": [
            {
                "row": row,
                "account": account,
                "roles": [{"id": cell.role.id, "hops": len(cell.path)} for cell in cells],
            }
            for (row, account), cells in sorted(found.cells.items())
        ],
    }


def _text(cells: tuple[Cell, ...]) -> str:
    return ", ".join(cell.name for cell in cells)

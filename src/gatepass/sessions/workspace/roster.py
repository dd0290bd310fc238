"""The rows of `session list`, kept beside the marks of the files they were read from: listing needs no reading.

Reading a workspace costs four times the start of an interpreter (specification 6.2). No secrets are in the rows; a
changed, missing or damaged file is a miss.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Rows = list[dict[str, Any]]

NAME = "roster.json"
COLUMNS = ("name", "kind", "profile", "account_id", "region", "via", "integration", "prod", "source", "tags")


def marks(files: list[str]) -> list[list[int]]:
    """What changes whenever one of these files is written, replaced or removed."""
    return [_mark(name) for name in files]


def _mark(name: str) -> list[int]:
    try:
        found = os.stat(name)
    except OSError:
        return [0, 0, 0, 0, 0]
    return [found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size, found.st_mode]


def kept_rows(state: str, workspace: str) -> Rows | None:
    """The rows kept in the state directory if they are still those of the workspace file; None otherwise."""
    try:
        with open(os.path.join(state, NAME), "rb") as file:
            kept = json.load(file)
        files = kept["files"]
        if kept["columns"] != list(COLUMNS) or files[0] != workspace or marks(files) != kept["marks"]:
            return None
        rows: Rows = kept["rows"]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    return rows


def rendered(files: list[str], before: list[list[int]], rows: Rows) -> bytes:
    """What to keep for rows that were read from `files` when these had the marks `before`."""
    return json.dumps({"columns": COLUMNS, "files": files, "marks": before, "rows": rows}).encode()

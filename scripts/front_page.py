"""Writes `src/gatepass/cli/frontpage.py`: what `gatepass --help` prints, as click makes it on 80 columns.

`--check` only compares, for `make check`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gatepass.cli.main import main

PLACE = Path(__file__).resolve().parents[1] / "src" / "gatepass" / "cli" / "frontpage.py"


def page() -> str:
    """The help text of the whole command line."""
    context = click.Context(main, info_name="gatepass", terminal_width=78, **main.context_settings)
    return main.get_help(context) + "\n"


def source() -> str:
    """The module that holds it."""
    body = page().replace("\\", "\\\\").replace('"""', '\\"""')
    title = '"""What `gatepass --help` prints. Written by `make format`; held to click by `make check`."""'
    return f'{title}\n\nTEXT = """\\\n{body}"""\n'


if __name__ == "__main__":
    if "--check" in sys.argv:
        if not PLACE.exists() or PLACE.read_text(encoding="utf-8") != source():
            sys.exit("src/gatepass/cli/frontpage.py is not what click prints; run: make format")
    else:
        PLACE.write_text(source(), encoding="utf-8")

"""`python -m bench [NAME ...]`: run the benches named, or all."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench


def main(names: list[str]) -> int:
    """Print the figures of each bench; 2 when a name is unknown."""
    found = [
        module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_")
    ]
    known = [name for name in found if name != "figure"]
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.stderr.write(f"no bench is called {', '.join(unknown)}; known: {', '.join(known)}\n")
        return 2
    for name in names or known:
        sys.stdout.write(f"{name}\n")
        for figure in importlib.import_module(f"bench.{name}").figures():
            sys.stdout.write(f"  {figure}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

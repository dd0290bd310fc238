"""`python -m tests.histories --seed N` runs one history and tells what happened; `--count N` runs seeds 0 to N-1."""

from __future__ import annotations

import argparse
import sys
import time

from tests.histories.history import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args()
    seeds = [chosen.seed] if chosen.seed is not None else range(chosen.first, chosen.first + chosen.count)
    began, failed = time.monotonic(), 0
    for seed in seeds:
        found, log = run(seed)
        if chosen.seed is not None:
            print("\n".join(log))
        for breach in found:
            print(f"seed {seed}: {breach}")
        if found:
            failed += 1
            print(f"again: python -m tests.histories --seed {seed}", flush=True)
    print(f"{len(seeds)} histories, {failed} failed, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

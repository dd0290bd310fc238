"""Every planted bug is caught by the check that is named for it (issue 2, H3)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.planted.bugs import BUGS, Planted


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_patch_still_applies(bug: Planted) -> None:
    for edit in bug.edits:
        assert edit.apply()


def test_each_planted_bug_is_caught_and_each_check_passes_without_it() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-m", "tests.planted"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

"""H5: whatever is done to a declaration, the answer is findings, never a traceback; nothing faulty is applied."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.unit.teams.declared import SEED

from gatepass.teams.applying.running import TeamsError, refuse_faulty
from gatepass.teams.declaration import Wanted, compile_wanted

NATIVE = (Path(__file__).parents[3] / "examples" / "teams" / "teams.yaml").read_text()
STACK = (SEED / "aws-teams.yaml").read_text() + (SEED / "identity.yaml").read_text().replace(
    "import:\n  - aws-teams\n", ""
)
JUNK = (
    "null",
    "[]",
    "{}",
    '"x"',
    "7",
    "!env X",
    '"{{ .x }}"',
    "- a",
    "*user-template",
    "[[1]]",
    "{a: {b: c}}",
    '"*"',
)


def _spoilt(text: str, dice: random.Random) -> str:
    lines = text.splitlines()
    for _ in range(dice.randint(1, 4)):
        index = dice.randrange(len(lines))
        line = lines[index]
        match dice.randrange(5):
            case 0 if ":" in line:
                lines[index] = f"{line.split(':', 1)[0]}: {dice.choice(JUNK)}"
            case 1:
                del lines[index]
            case 2:
                lines.insert(index, dice.choice(lines))
            case 3 if line:
                at = dice.randrange(len(line))
                lines[index] = line[:at] + dice.choice("[]{}:*&!#'\"\t%-,") + line[at + 1 :]
            case _:
                lines[index] = f"  {line}"
    return "\n".join(lines)


@pytest.mark.parametrize("text", [NATIVE, STACK], ids=["native", "stack"])
@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.long)])
def test_spoilt_declarations_give_findings(text: str, seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    path = tmp_path / "teams.yaml"
    faulty = 0
    for _ in range(600 if seed == 3 else 40):
        path.write_text(_spoilt(text, dice))
        compiled = compile_wanted(Wanted((path,), context=SEED / "context.json", compare_profiles=True))
        if compiled.faults:
            faulty += 1
            assert all(fault.message and fault.id for fault in compiled.faults)
            with pytest.raises(TeamsError):
                refuse_faulty(compiled)
    assert faulty

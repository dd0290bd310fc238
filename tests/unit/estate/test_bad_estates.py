"""H5: one clear message for each mistake, with place and advice, all of them at once.

Each `tests/golden/estate/NAME.yaml` is loaded beside a good file and must give exactly the lines of `NAME.txt`.
`GOLDEN=write pytest tests/unit/estate/test_bad_estates.py` writes them anew: read the difference before committing it.
"""

import os
from pathlib import Path

import pytest

from gatepass.estate import EstateError, load

GOLDEN = Path(__file__).parents[2] / "golden" / "estate"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))
BASE = """\
gatepass: 1
people:
  ana: {email: ana@host.example, groups: [engineers]}
  ben: {email: ben@host.example, groups: [oncall]}
organizations:
  base:
    connector:
      instance_arn: arn:aws:sso:::instance/ssoins-7223bbbbbbbbbbbb
      region: eu-west-1
      role_arn: arn:aws:iam::222222222222:role/gatepass/Connector
    max_duration: 8h
    targets:
      read: {permission_set: ReadOnly, account: "333333333333"}
      admin: {permission_set: Admin, account: "333333333333", max_duration: 1h}
"""
SOURCES = {"base.yaml": BASE, "impls/broken.py": "def f(:\n    pass\n"}


def test_the_good_file_is_good() -> None:
    assert set(load({"base.yaml": BASE}).targets) == {"base-read", "base-admin"}


def _faults(name: str) -> EstateError:
    with pytest.raises(EstateError) as caught:
        load({**SOURCES, "bad.yaml": (GOLDEN / f"{name}.yaml").read_text()})
    return caught.value


@pytest.mark.parametrize("name", CASES)
def test_h5_every_mistake_is_told(name: str) -> None:
    error = _faults(name)
    lines = "".join(f"[{fault.code}] {fault}\n" for fault in error.faults)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(lines)
    assert lines == golden.read_text()
    assert all("\n" not in str(fault) for fault in error.faults)


def test_the_seeds_published_mistakes_have_names() -> None:
    """Seed 000: ids that are not 12 digits, ARNs that AWS would not issue, a set of another instance."""
    codes = {fault.code for fault in _faults("seed-as-published").faults}
    assert {"account_id", "instance_arn", "role_arn", "permission_set_arn", "foreign_permission_set"} <= codes


def test_i17_what_looks_like_a_secret_is_not_shown() -> None:
    shown = str(_faults("secrets"))
    assert not any(
        secret in shown for secret in ("AKIAIOSFODNN7EXAMPLE", "hunter2", "letmein", "wJalr", "xoxb-1")
    )

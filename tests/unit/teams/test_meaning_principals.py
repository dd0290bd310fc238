"""T-75, T-93: whom a trust policy lets in by `Principal` is said in plans too; an account as all its roles."""

from __future__ import annotations

from typing import Any

import pytest

from gatepass.teams.planning.meaning import meaning

STRANGER = "999999999999"
ROLE = f"arn:aws:iam::{STRANGER}:role/deployer"


def trust(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Action": "sts:AssumeRole", **each} for each in statements],
    }


def allow(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, **more}


@pytest.mark.parametrize(
    ("statement", "gains"),
    [
        (allow({"AWS": f"arn:aws:iam::{STRANGER}:root"}), (f"arn:aws:iam::{STRANGER}:role/*",)),
        (allow({"AWS": STRANGER}), (f"arn:aws:iam::{STRANGER}:role/*",)),
        (allow({"AWS": f"arn:aws-us-gov:iam::{STRANGER}:root"}), (f"arn:aws-us-gov:iam::{STRANGER}:role/*",)),
        (allow({"AWS": [ROLE, f"arn:aws:iam::{STRANGER}:user/eve"]}), (ROLE, f"arn:aws:iam::{STRANGER}:user/eve")),
        (allow("*"), ("*",)),
        (allow({"AWS": "*"}), ("*",)),
        (
            allow({"AWS": f"arn:aws:iam::{STRANGER}:root"}, Condition={"ArnLike": {"aws:PrincipalArn": ROLE}}),
            (ROLE,),
        ),
        (allow({"Service": "ec2.amazonaws.com"}), ()),
        ({"Effect": "Deny", "Principal": {"AWS": STRANGER}}, ()),
    ],
)  # fmt: skip
def test_who_comes_in_by_principal_is_a_gain_and_a_loss_the_other_way(
    statement: Any, gains: tuple[str, ...]
) -> None:
    nobody = trust(allow({"Service": "lambda.amazonaws.com"}))
    assert meaning(nobody, trust(statement), ()).gains == gains
    assert meaning(trust(statement), nobody, ()).loses == gains


def test_who_was_let_in_before_gains_nothing() -> None:
    open_ = trust(allow({"AWS": STRANGER}))
    assert meaning(open_, trust(allow({"AWS": f"arn:aws:iam::{STRANGER}:root"})), ()) == meaning(
        open_, open_, ()
    )
    narrowed = trust(allow({"AWS": ROLE}))
    assert meaning(open_, narrowed, ()).loses == (f"arn:aws:iam::{STRANGER}:role/*",)
    assert meaning(open_, narrowed, ()).gains == ()

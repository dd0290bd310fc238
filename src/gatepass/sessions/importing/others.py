"""aws-sso-cli's configuration, and keys from aws-vault (S-56)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from gatepass.sessions.errors import BadInput
from gatepass.sessions.importing.found import Found, clean_name

Run = Callable[[Sequence[str]], str]


def read_aws_sso_cli(document: Any) -> Found:
    """The Identity Centers of `~/.config/aws-sso/config.yaml`; `gatepass sync` finds their roles."""
    if not isinstance(document, dict) or not isinstance(document.get("SSOConfig"), dict):
        raise BadInput("this is no configuration of aws-sso-cli: SSOConfig is missing")
    found = Found()
    for name, each in document["SSOConfig"].items():
        if not isinstance(each, dict) or "StartUrl" not in each:
            found.skipped.append(f"{name}: StartUrl is missing")
            continue
        table: dict[str, object] = {
            "kind": "identity-center",
            "start_url": str(each["StartUrl"]),
            "region": str(each.get("SSORegion") or "us-east-1"),
        }
        found.tables["integration", clean_name(str(name))] = table
    return found


def read_aws_vault(run: Run) -> Found:
    """One iam-user session for each set of credentials that aws-vault holds; it asks for its own passphrase."""
    found = Found()
    for name in run(["aws-vault", "list", "--credentials"]).split():
        text = run(["aws-vault", "export", "--no-session", "--format=json", name])
        try:
            value = json.loads(text)
            keys = (str(value["AccessKeyId"]), str(value["SecretAccessKey"]))
        except (ValueError, KeyError, TypeError):
            found.skipped.append(f"{name}: aws-vault did not hand out its keys")
            continue
        session = clean_name(name)
        found.tables["session", session] = {"kind": "iam-user"}
        found.keys[session] = keys
    return found

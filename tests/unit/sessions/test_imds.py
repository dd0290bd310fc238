"""S-72: the metadata service, version 2 only, as botocore itself asks it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from botocore.utils import InstanceMetadataFetcher
from tests.unit.sessions.conftest import DEV, GATEWAY, Tables
from tests.unit.sessions.fake_aws import FakeAws
from tests.waiting import LONG

from gatepass.sessions.client import conversation
from gatepass.sessions.paths import Paths
from gatepass.sessions.vault.store import Vault


@pytest.fixture
def ready(
    paths: Paths, fake: FakeAws, write: Callable[[Tables], None], key_vault: Vault, agent_ends: None
) -> None:
    write({("session", "gateway"): GATEWAY, ("session", "dev"): {**DEV, "region": "eu-west-1"}})


def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, headers=named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=LONG) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_s72_botocore_takes_the_role(paths: Paths, ready: None) -> None:
    with conversation(paths) as talk:
        talk.call("start", name="dev")  # else the first answer may be 503 after 1.8 s: "are being made"
        opened = talk.call("endpoint", names=["dev"], imds=True)
        url = f"http://127.0.0.1:{opened['port']}/"
        fetcher = InstanceMetadataFetcher(timeout=LONG, num_attempts=1, base_url=url)
        found = fetcher.retrieve_iam_role_credentials()
        assert found["role_name"] == "dev"
        assert found["access_key"] == talk.call("get", name="dev")["AccessKeyId"]
        talk.call("stop", name="dev")
        assert not fetcher.retrieve_iam_role_credentials()


def test_s72_version_2_only_and_no_browser_or_proxy(paths: Paths, ready: None) -> None:
    with conversation(paths) as talk:
        opened = talk.call("endpoint", names=["dev"], imds=True)
        url = f"http://127.0.0.1:{opened['port']}/latest"
        roles = f"{url}/meta-data/iam/security-credentials/"
        assert ask(roles)[0] == 401
        ttl = {"X_Aws_Ec2_Metadata_Token_Ttl_Seconds": "60"}
        assert ask(f"{url}/api/token", "PUT")[0] == 400
        assert ask(f"{url}/api/token", "PUT", **ttl, X_Forwarded_For="1.2.3.4")[0] == 403
        assert ask(f"{url}/api/token", "PUT", **ttl, Host="evil.example")[0] == 403
        status, token = ask(f"{url}/api/token", "PUT", **ttl)
        assert status == 200
        known = {"X_Aws_Ec2_Metadata_Token": token}
        assert ask(roles, **known) == (200, "dev")
        assert ask(f"{url}/meta-data/placement/region", **known) == (200, "eu-west-1")
        assert ask(f"{url}/meta-data/iam/security-credentials/other", **known)[0] == 404
        assert ask(f"{url}/user-data", **known)[0] == 404

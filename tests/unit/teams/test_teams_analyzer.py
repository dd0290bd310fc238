"""`lint --aws`: IAM Access Analyzer as a second opinion, over HTTP as the SDK speaks to it (T 12)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gatepass.cli.main import main

IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::222222222222:user/ana</Arn><UserId>AIDA1</UserId><Account>222222222222</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
ESTATE = """
organizations:
  acme:
    identity_account: identity
    accounts: {identity: "111111111111", dev: "333333333333", prod: "555555555555"}
    teams: {admin: {policies: [team_role_access]}}
    roles: {terraform: {accounts: [dev, prod], trusted_teams: [admin], inline: {more: [{Effect: Allow, Action: "iam:PassRole", Resource: "*"}]}}}
"""  # noqa: E501


@dataclass
class Analyzer:
    """Says of every document with iam:PassRole on everything what AWS says; of others nothing; in two pages."""

    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    public: bool = False

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((path, body))
        if path.endswith("/check-no-public-access"):
            reasons = [{"description": "Allows public access", "statementIndex": 0}]
            return {"result": "FAIL", "reasons": reasons} if self.public else {"result": "PASS"}
        if "iam:PassRole" not in body["policyDocument"]:
            return {"findings": []}
        finding = {
            "findingDetails": "Using the iam:PassRole action with wildcards can be overly permissive.",
            "findingType": "SECURITY_WARNING",
            "issueCode": "PASS_ROLE_WITH_STAR_IN_RESOURCE",
            "learnMoreLink": "https://docs.example/pass-role",
            "locations": [],
        }
        if body.get("nextToken"):
            return {"findings": [finding]}
        return {"findings": [finding], "nextToken": "more"}


@pytest.fixture
def analyzer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Analyzer]:
    served = Analyzer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            is_sts = raw.startswith(b"Action=")
            text = (
                IDENTITY
                if is_sts
                else json.dumps(served.answer(self.path.partition("?")[0], _body(self.path, raw)))
            )
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    for name, value in {
        "AWS_ENDPOINT_URL": served.url,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE000000000",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


def _body(path: str, raw: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(raw)
    if "nextToken=" in path:
        body["nextToken"] = path.partition("nextToken=")[2]
    return body


def _lint(folder: Path, *words: str) -> Result:
    (folder / "teams.yaml").write_text(ESTATE)
    return CliRunner().invoke(main, ["teams", "lint", str(folder / "teams.yaml"), "--json", *words])


def _from_aws(result: Result) -> list[dict[str, Any]]:
    return [one for one in json.loads(result.stdout)["findings"] if one["id"] == "access-analyzer"]


def test_every_different_document_is_asked_about_once_and_told_at_its_place(
    tmp_path: Path, analyzer: Analyzer
) -> None:
    result = _lint(tmp_path, "--aws")
    assert result.exit_code == 0, result.output
    (finding,) = _from_aws(result)
    assert finding["level"] == "warning"
    assert finding["message"].startswith(
        "inline policy more of terraform@dev and 1 more like it: PASS_ROLE_WITH_STAR"
    )
    assert (finding["line"], finding["advice"]) == (7, "https://docs.example/pass-role")
    kinds = [path.rpartition("/")[2] for path, _ in analyzer.asked]
    assert kinds.count("check-no-public-access") == 3  # the trust of admin, and of terraform in two accounts
    texts = [
        body["policyDocument"]
        for path, body in analyzer.asked
        if path.endswith("validation") and "nextToken" not in body
    ]
    assert len(texts) == len(set(texts)) == 5
    types = {
        body.get("validatePolicyResourceType") for path, body in analyzer.asked if path.endswith("validation")
    }
    assert types == {None, "AWS::IAM::AssumeRolePolicyDocument"}


def test_public_access_is_an_error(tmp_path: Path, analyzer: Analyzer) -> None:
    analyzer.public = True
    result = _lint(tmp_path, "--aws")
    assert result.exit_code == 2
    assert any("public access: Allows public access" in one["message"] for one in _from_aws(result))


def test_without_the_option_nobody_is_asked(tmp_path: Path, analyzer: Analyzer) -> None:
    assert _lint(tmp_path).exit_code == 0
    assert analyzer.asked == []


def test_an_aws_that_does_not_answer_ends_with_5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    result = _lint(tmp_path, "--aws")
    assert result.exit_code == 5
    assert "GetCallerIdentity" in result.stderr

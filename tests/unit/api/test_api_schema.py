"""The API against its own description: schemathesis makes up calls of every kind (issue 4, H3)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from tests.installation import Whole

from gatepass.app.serve import application

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
LEFT_OUT = {"DELETE /v1/tokens/{token_id}"}  # it might end the token that the next call needs


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    whole = Whole(tmp_path_factory.mktemp("schema"))
    yield whole
    whole.close()


def test_no_call_of_any_kind_ends_in_a_5xx_or_off_the_description(whole: Whole) -> None:
    bearer = whole.token("cleo", "ask", "decide", "admin", "on_behalf")
    schema = schemathesis.openapi.from_asgi("/openapi.json", application(whole.parts))
    seen = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.label in LEFT_OUT:
            continue
        seen.add(operation.label)

        @settings(max_examples=10, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def keeps_to_it(case: Case) -> None:
            whole.clock.sleep(1)  # the caller's allowance of calls comes back
            answer = case.call(headers={"Authorization": f"Bearer {bearer}"})
            case.validate_response(answer, checks=CHECKS)

        keeps_to_it()
    assert {"POST /v1/requests", "POST /v1/requests/{request_id}/approve", "POST /v1/estate"} <= seen

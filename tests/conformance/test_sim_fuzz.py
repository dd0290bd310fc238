"""Whatever arrives on the wire is answered: no exception, no 5xx, no change by an unsigned request."""

from __future__ import annotations

import contextlib
import json
from functools import cache
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepass.clock import SystemClock
from gatepass.sim import ApiError, Request, Settings, build, root_credential, two_tenants
from gatepass.sim.call import OPERATIONS
from gatepass.sim.front import Front
from gatepass.sim.wire import TARGETS, Incoming, model

SIM = build(two_tenants(), SystemClock(), Settings(rates={}))
FRONT = Front(SIM)
KEY = root_credential(SIM.world, "123456789012")
PREFIXES = {service: prefix for prefix, service in TARGETS.items()}

TEXT = st.text(max_size=30)
LINE = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["InstanceArn", "PermissionSetArn", "TargetId", "Name", "Filters", "Filter", "NextToken", "MaxResults", "Tags",
     "IdentityStoreId", "UserId", "GroupId", "MemberId", "AlternateIdentifier", "Operations", "ParentId", "Content"]
)  # fmt: skip


def signed(service: str, headers: dict[str, str], body: bytes) -> Incoming:
    request = AWSRequest("POST", "http://127.0.0.1/", data=body, headers={"Host": "127.0.0.1", **headers})
    SigV4Auth(Credentials(KEY.access_key, KEY.secret), service, "us-east-1").add_auth(request)
    given_headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return Incoming("POST", "/", "", given_headers, body, "127.0.0.1")


def fine(incoming: Incoming) -> None:
    made = FRONT.handle(incoming)
    assert made.status < 500, made.body


@settings(max_examples=80, derandomize=True)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    st.sampled_from(["/", "/token", "/client/register", "/device_authorization", "/logout", "/assignment/accounts",
                     "/federation", "/federation/credentials", "/authorize", "/device", "/oauth", "/x"]),
    st.dictionaries(st.sampled_from(["Action", "Version", "client_id", "Session", "state", "redirect_uri", "user_code",
                                     "account_id", "max_result"]), TEXT, max_size=4),
    st.dictionaries(st.sampled_from(["x-amz-target", "authorization", "x-amz-sso_bearer_token", "content-type",
                                     "x-amz-date"]), LINE, max_size=3),
    st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
def test_unsigned_requests(method, path, query, headers, body):
    before = len(SIM.world.changes)
    fine(Incoming(method, path, urlencode(query), headers, body, "127.0.0.1"))
    assert len(SIM.world.changes) == before


@pytest.mark.parametrize("service", sorted(PREFIXES))
@settings(max_examples=50, derandomize=True)
@given(data=st.data())
def test_signed_json_of_any_shape(service, data):
    operation = data.draw(st.sampled_from(sorted(name for s, name in OPERATIONS if s == service)))
    params = data.draw(st.dictionaries(NAMES, JSON, max_size=5))
    headers = {
        "X-Amz-Target": f"{PREFIXES[service]}.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
    }
    fine(signed(service, headers, json.dumps(params).encode()))


@settings(max_examples=80, derandomize=True)
@given(data=st.data())
def test_signed_forms_of_any_shape(data):
    service = data.draw(st.sampled_from(["iam", "sts"]))
    operation = data.draw(st.sampled_from(sorted(name for s, name in OPERATIONS if s == service)))
    names = st.sampled_from(
        ["RoleName", "UserName", "GroupName", "PolicyName", "PolicyArn", "PolicyDocument", "AssumeRolePolicyDocument",
         "RoleArn", "RoleSessionName", "DurationSeconds", "Tags.member.1.Key", "Tags.member.1.Value", "MaxItems",
         "Marker", "Path", "Url", "SAMLAssertion", "WebIdentityToken", "Policy", "PrincipalArn"]
    )  # fmt: skip
    values = TEXT | st.sampled_from(
        ["x", "arn:aws:iam::123456789012:role/x", "{}", '{"Statement":[]}', "3600", "e30.e30.x"]
    )
    fields = data.draw(st.dictionaries(names, values, max_size=6))
    version = "2010-05-08" if service == "iam" else "2011-06-15"
    body = urlencode({"Action": operation, "Version": version, **fields}).encode()
    fine(signed(service, {"Content-Type": "application/x-www-form-urlencoded"}, body))


POOL = [
    "x", "123456789012", "333333333333", "d-9067000000", "r-foo0", "ou-foo0-11111111", "USER", "AWS_ACCOUNT", "ACCOUNT",
    "UserName", "userName", "displayName", "PT1H", "{}", "AdministratorAccess", "SERVICE_CONTROL_POLICY", "dev", "/",
    "arn:aws:sso:::instance/ssoins-7223000000000000", "arn:aws:iam::aws:policy/ReadOnlyAccess",
    "arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001", "sso.amazonaws.com",
    "arn:aws:iam::123456789012:role/sym/SymSSOTenant-Foo", "SymSSOTenant-Foo", "https://idp.example", "Active",
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}',
]  # fmt: skip


def of_shape(shape, depth=0):
    """Values that a service model takes, of any sense."""
    match shape.type_name:
        case "structure" if getattr(shape, "is_document_type", False):
            return JSON
        case "structure":
            members = {
                name: of_shape(member, depth + 1) for name, member in shape.members.items() if depth < 4
            }
            required = {name: value for name, value in members.items() if name in shape.required_members}
            optional = {name: value for name, value in members.items() if name not in required}
            return st.fixed_dictionaries(required, optional=optional)
        case "list":
            return st.lists(of_shape(shape.member, depth + 1), max_size=2)
        case "map":
            return st.dictionaries(st.sampled_from(POOL), of_shape(shape.value, depth + 1), max_size=2)
        case "string":
            return st.sampled_from([*shape.metadata.get("enum", []), *POOL]) | st.text(max_size=8)
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.integers(0, 50_000)
        case "double":
            return st.floats(0, 50_000)
        case "blob":
            return st.binary(max_size=4)
        case other:
            raise AssertionError(other)


@cache
def shaped(service: str, operation: str):
    return of_shape(model(service).operation_model(operation).input_shape)


@settings(max_examples=400, derandomize=True)
@given(data=st.data(), checked=st.booleans())
def test_operations_refuse_in_aws_words_whatever_sense_the_words_make(data, checked):
    """Straight into dispatch, past the model's constraints or not: only an answer or an AWS error comes back."""
    service, operation = data.draw(st.sampled_from(sorted(OPERATIONS)))
    known = model(service).operation_model(operation)
    params = data.draw(shaped(service, operation)) if known.input_shape is not None else {}
    request = Request(service, operation, KEY.access_key, model=known if checked else None)
    with contextlib.suppress(ApiError):
        SIM.dispatch(request, params)

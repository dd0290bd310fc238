"""The words of the estate's format: names, ids, ARNs, lengths, as everybody who writes one knows them."""

from __future__ import annotations

from gatepass.estate.format.shape import Choice, Key, Length, MapOf, Text

_NAME_ADVICE = "begin with a letter or a digit; the label may say it nicer"
NAME = Text(
    says="a name of lower case letters, digits, - and _",
    pattern="[a-z0-9][a-z0-9_-]*",
    code="name",
    advice=_NAME_ADVICE,
    most=63,
)
LONG_NAME = Text(says=NAME.says, pattern=NAME.pattern, code="name", advice=_NAME_ADVICE, most=130)
PERSON_ID = Text(
    says="a stable id of lower case letters, digits, ., - and _",
    pattern="[a-z0-9][a-z0-9._-]*",
    code="name",
    advice=_NAME_ADVICE,
    most=63,
)
LABEL = Text(says="a label of one line", pattern=r"[^\x00-\x1f\x7f]*", most=120)
EMAIL = Text(says="an e-mail address", pattern=r"[^@\s,;<>]+@[^@\s,;<>]+", code="email", most=254)
GROUP = Text(says="the name of a group", pattern=r"[^\x00-\x1f\x7f]*", most=256)

_PARTITION = "aws|aws-cn|aws-us-gov"
INSTANCE = r"(?:sso)?ins-[a-zA-Z0-9-.]{16}"
INSTANCE_ARN = Text(
    says="an Identity Center instance such as arn:aws:sso:::instance/ssoins-7223000000000000",
    pattern=rf"arn:(?:{_PARTITION}):sso:::instance/{INSTANCE}",
    code="instance_arn",
    advice="copy InstanceArn from `aws sso-admin list-instances`: 16 characters follow ssoins-",
)
PERMISSION_SET_ARN_PATTERN = rf"arn:(?:{_PARTITION}):sso:::permissionSet/{INSTANCE}/ps-[a-zA-Z0-9-./]{{16}}"
PERMISSION_SET_ARN = Text(
    says="a permission set such as arn:aws:sso:::permissionSet/ssoins-7223000000000000/ps-0000000000000001",
    pattern=PERMISSION_SET_ARN_PATTERN,
    code="permission_set_arn",
    advice="copy it from `aws sso-admin list-permission-sets`: 16 characters follow ssoins- and ps-",
)
PERMISSION_SET = Text(
    says="the name of a permission set or its ARN",
    pattern=rf"[\w+=,.@-]{{1,32}}|{PERMISSION_SET_ARN_PATTERN}",
    code="permission_set",
    advice="names have at most 32 letters, digits and +=,.@-_",
)
ROLE_ARN = Text(
    says="an IAM role such as arn:aws:iam::123456789012:role/gatepass/Connector",
    pattern=rf"arn:(?:{_PARTITION}):iam::[0-9]{{12}}:role/[\w+=,.@/-]+",
    code="role_arn",
    advice="the account in it has exactly 12 digits",
)
REGION = Text(says="an AWS region such as eu-west-1", pattern="[a-z]{2}(?:-[a-z]+)+-[0-9]+", code="region")
UNIT = Text(
    says="an organizational unit such as ou-abcd-11111111, or a root such as r-abcd",
    pattern="ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}|r-[0-9a-z]{4,32}",
    code="unit",
)
EXTERNAL_ID = Text(
    says="an external id of 2 to 1224 characters", pattern=r"[\w+=,.@:/-]{2,1224}", code="external_id"
)
STORE_ID = Text(
    says="an identity store such as d-1234567890",
    pattern="d-[0-9a-f]{10}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    code="identity_store_id",
)
HOST = Text(
    says="a host name, with a port when it is not 443, such as api.example.com:8443",
    pattern=r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?",
    code="host",
    most=260,
)
PYTHON = Text(
    says="the path of a Python file within the estate, such as impls/access.py",
    pattern=r"(?!/)[^\x00-\x1f\\]*\.py",
    code="python_path",
    advice="a path relative to the estate's directory, ending in .py",
)
STRINGS = MapOf(Text(says="text", cast=True, empty=True), Text(says="a name", pattern=r"[\w.-]+", most=128))
MAX_DURATION = Key(Length(), "Access is never given for longer.", default="no limit of its own")
END_SESSIONS = Key(
    Choice(
        ("wait",),
        {
            "deny": "gatepass cannot end running sessions yet; take the key away and keep session durations short"
        },
    ),
    "What happens to sessions that still run when access ends: `wait` lets them run out.",
    default="`wait`",
)

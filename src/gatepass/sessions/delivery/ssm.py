"""Session Manager through the AWS CLI, which brings the plugin's protocol (S-46). Credentials come by endpoint."""

from __future__ import annotations

import re

from gatepass.sessions.errors import BadInput

_INSTANCE = re.compile(r"m?i-[0-9a-f]{8,17}")


def start_command(instance: str, document: str | None, parameters: str | None) -> list[str]:
    """The command that opens a session on the instance."""
    if not _INSTANCE.fullmatch(instance):
        raise BadInput(f"found {instance!r}; allowed: an instance id like i-0123456789abcdef0")
    command = ["aws", "ssm", "start-session", "--target", instance]
    if document is not None:
        command += ["--document-name", document]
    if parameters is not None:
        command += ["--parameters", parameters]
    return command


def list_command() -> list[str]:
    """The command that lists the instances that answer."""
    query = "InstanceInformationList[].[InstanceId,ComputerName,PlatformName,IPAddress]"
    filters = "Key=PingStatus,Values=Online"
    return [
        "aws",
        "ssm",
        "describe-instance-information",
        "--filters",
        filters,
        "--query",
        query,
        "--output",
        "table",
    ]

"""Session Manager through the AWS CLI, which brings the plugin's protocol (S-46). Credentials come by endpoint."""

from __future__ import annotations

import json
import re

from gatepass.sessions.errors import BadInput

_FORWARD = re.compile(
    r"(?:(?P<local>[0-9]{1,5}):)?"
    r"(?:(?P<host>(?=[^:]*[A-Za-z.])[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):)?(?P<port>[0-9]{1,5})"
)
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


def forwarding(text: str) -> tuple[str, str]:
    """The document and its parameters for `[LOCAL:][HOST:]PORT`: of the instance, or of a host it reaches (S-46)."""
    found = _FORWARD.fullmatch(text)
    ports = [found["local"] or found["port"], found["port"]] if found else []
    if found is None or not all(1 <= int(port) <= 65535 for port in ports):
        raise BadInput(
            f"--forward: found {text!r}; allowed: [LOCAL:][HOST:]PORT, like 8080:80 or 5432:db.local:5432"
        )
    host = found["host"]
    values = {"localPortNumber": [ports[0]], "portNumber": [ports[1]]}
    if host is None:
        return "AWS-StartPortForwardingSession", json.dumps(values)
    return "AWS-StartPortForwardingSessionToRemoteHost", json.dumps({"host": [host], **values})


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

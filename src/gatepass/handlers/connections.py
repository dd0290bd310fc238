"""Connections that the server opens for implementer code: to declared hosts only."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable

_HTTPS = 443


def connect(host: object, port: object, allowed: Iterable[str], within: float) -> socket.socket:
    """A connected TCP socket, or OSError saying why not.

    A name is compared as declared, and what it resolves to must not be this machine or a link-local address (the
    metadata service of clouds), unless that very address was declared.
    """
    if not isinstance(host, str) or not isinstance(port, int):
        raise PermissionError("a host and a port were expected")
    name = host.lower().rstrip(".")
    if (name, port) not in {_split(each) for each in allowed}:
        raise PermissionError(f"{name}:{port} is not among the hosts that the flow declares")
    until = time.monotonic() + within
    fault: OSError = OSError(f"{name} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM):
        if name != address[0] and not _public(str(address[0])):
            fault = PermissionError(f"{name} leads to {address[0]}, which handlers may not reach by name")
            continue
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(0.001, until - time.monotonic()))
            sock.connect(address)
            sock.settimeout(None)
            return sock
        except OSError as failed:
            sock.close()
            fault = failed
    raise fault


def _split(declared: str) -> tuple[str, int]:
    name, colon, port = declared.rpartition(":")
    if colon and port.isdigit() and not declared.endswith("]"):
        return name.strip("[]").lower().rstrip("."), int(port)
    return declared.strip("[]").lower().rstrip("."), _HTTPS


def _public(address: str) -> bool:
    known = ipaddress.ip_address(address.partition("%")[0])
    return not (known.is_loopback or known.is_link_local or known.is_unspecified or known.is_multicast)

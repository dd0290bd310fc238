"""What is made of answers that are late, endless, or not AWS's: one line in words, within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from gatepass.clock import iso
from gatepass.sessions.errors import SessionError, Upstream

ANSWER_SECONDS = 20.0
"""A time-out between two bytes alone lets a server that drips hold us for ever."""
ANSWER_BYTES = 4 * 1024 * 1024
AGAIN = "check the network and proxy, then run the command again"
NOT_AWS = (
    "a proxy or a login page may stand in between: check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, "
    "then run the command again"
)


class Readable(Protocol):
    """A body that can be had as it comes."""

    def read1(self, most: int, /) -> bytes: ...


class TooSlow(Exception):
    """The body was not whole in time."""


class TooMuch(Exception):
    """The body is larger than any answer."""


def read_within(body: Readable, most: int = ANSWER_BYTES, seconds: float = ANSWER_SECONDS) -> bytes:
    """The whole body. Raises `TooSlow`, `TooMuch`, and what reading raises."""
    ends = time.monotonic() + seconds
    found = bytearray()
    while more := body.read1(65536):
        found += more
        if len(found) > most:
            raise TooMuch(f"more than {most} bytes")
        if time.monotonic() > ends:
            raise TooSlow(f"not whole after {seconds:.0f} s")
    return bytes(found)


@contextmanager
def understood(doing: str) -> Iterator[None]:
    """While an answer is read: what is missing in it or has a wrong type is told as `Upstream`."""
    try:
        yield
    except SessionError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise not_aws(doing) from error


def not_aws(doing: str) -> Upstream:
    """The answer has not the form that AWS's has."""
    return Upstream(f"{doing}: what answered is not AWS", advice=NOT_AWS)


def over_already(doing: str, ended: datetime) -> Upstream:
    """Credentials that nobody could use."""
    return Upstream(
        f"{doing}: the credentials that came were over at {iso(ended)}, before they came",
        advice=f"check this machine's clock; {NOT_AWS}",
    )


def bound(send: Callable[[Any], Any]) -> Callable[..., Any]:
    """For botocore's `before-send`: the answer that `send` has, read within the bounds."""

    def sent(request: Any, **_: object) -> Any:
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import ReadTimeoutError as Late

        request.stream_output = True  # leaves the body to us
        answer = send(request)
        try:
            body = read_within(answer.raw)
        except (TooSlow, Late) as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except TooMuch as error:
            raise HTTPClientError(error=error) from error
        except (HTTPError, OSError) as error:
            raise ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from error
        finally:
            answer.raw.close()
        return AWSResponse(answer.url, answer.status_code, answer.headers, _Read(body))

    return sent


class _Read:
    """A body that was read already, as botocore asks for it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def no_answer(error: Any, doing: str, place: str) -> Upstream:
    """A failure of the network, by what it was; `place` says whom we meant to reach."""
    from botocore import exceptions as found

    given = getattr(error, "kwargs", {})
    where = _host(str(given.get("endpoint_url", ""))) or place
    match error:
        case found.ProxyConnectionError():
            proxy = _host(str(given.get("proxy_url", "")))
            return Upstream(
                f"{doing}: the proxy {proxy} does not answer",
                advice="check HTTPS_PROXY, then run the command again",
            )
        case found.SSLError():
            return Upstream(
                f"{doing}: the certificate of {where} is not trusted",
                advice="where a proxy opens TLS, name its certificates in AWS_CA_BUNDLE",
            )
        case found.EndpointConnectionError() if "resolve" in str(given.get("error", "")):
            name = where.partition("://")[2] or where
            return Upstream(f"{doing}: the name {name} is not known here", advice=AGAIN)
        case found.EndpointConnectionError() | found.ConnectTimeoutError():
            return Upstream(f"{doing}: nobody answers at {where}", advice=AGAIN)
        case found.ReadTimeoutError():
            return Upstream(f"{doing}: {where} took the call and did not answer in time", advice=AGAIN)
        case found.HTTPClientError() if isinstance(given.get("error"), TooMuch):
            return not_aws(doing)
    return Upstream(f"{doing}: no answer from {where} ({type(error).__name__})", advice=AGAIN)


def _host(url: str) -> str:
    """Scheme and host of an address: what follows may be long, and is not where one looks."""
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}" if split.netloc else ""

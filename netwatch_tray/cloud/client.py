"""Sends requests to one server over a connection that is kept open. Each error has a sentence for the user.

Redirects are never followed, so that key and data are sent to the configured server alone.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from netwatch_tray.cloud.account import Account, Endpoint
from netwatch_tray.cloud.connection import Connection, ProxyError, trusted_by_system
from netwatch_tray.cloud.http_response import ClosedEarlyError, ResponseError, ResponseTooLargeError, unix_time
from netwatch_tray.errors import Message, NetWatchError, message

_MAX_RETRY_AFTER = 999_999.0
"""Greatest accepted value of Retry-After: eleven days, in seconds."""


class UnreachableError(NetWatchError):
    """No response arrived: no network, no server, an untrusted certificate, or a timeout."""

    def __init__(self, reason: Message, *, was_sent: bool = False) -> None:
        """`was_sent`: whether the server may have received the whole request."""
        super().__init__(reason)
        self.was_sent = was_sent


class LateError(UnreachableError):
    """The deadline passed before the whole response had arrived. A smaller request may succeed."""


class Response(NamedTuple):
    """A server's response."""

    status: int
    body: bytes
    server_time: float | None
    """The server's clock when it responded (header Date), Unix time; None if unknown."""
    retry_after: float | None
    """Seconds that the server requests to wait; None if it does not."""
    location: str | None
    """URL that the server redirects to; None if it does not."""


class JsonClient:
    """Posts JSON to one URL. Not thread-safe, except `hurry`."""

    def __init__(
        self,
        endpoint: Endpoint,
        headers: Mapping[str, str],
        agent: str,
        *,
        timeout: float,
        trusted: Callable[[], ssl.SSLContext] = trusted_by_system,
    ) -> None:
        """`headers`: sent with each request. `agent`: name and version of this program. `timeout`: seconds for a whole
        request, without the DNS lookup. `trusted`: returns the TLS context; may raise OSError."""
        self._endpoint = endpoint
        self._headers = {
            "Host": endpoint.authority,
            "Content-Type": "application/json",
            "User-Agent": agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **headers,
        }
        self._timeout = timeout
        self._connection = Connection(endpoint, trusted)
        self._was_cut = False
        """Whether `hurry` has ended the running request."""

    def post(self, body: bytes) -> Response:
        """Send a body and return the response, whatever its status. Raise UnreachableError if there is none."""
        return self._request("POST", self._endpoint.path, body)

    def _request(self, method: str, path: str, body: bytes | None = None) -> Response:
        self._was_cut = was_sent = False
        try:
            self._connection.send(self._head(method, path, body) + (body or b""), self._timeout)
            was_sent = True
            response = self._connection.receive()
        except (OSError, ResponseError) as error:
            self.close()
            if self._was_cut or isinstance(error, TimeoutError):
                raise LateError(
                    message("{host} did not respond in time.", host=self._endpoint.host), was_sent=was_sent
                ) from error
            raise UnreachableError(self._reason(error), was_sent=was_sent) from error
        server_time = unix_time(response.fields.get("date", ""))
        retry_after = _retry_after(response.fields.get("retry-after"), server_time)
        return Response(response.status, response.body, server_time, retry_after, response.fields.get("location"))

    def _head(self, method: str, path: str, body: bytes | None) -> bytes:
        length = {} if body is None else {"Content-Length": str(len(body))}
        fields = "".join(f"{name}: {value}\r\n" for name, value in {**self._headers, **length}.items())
        return f"{method} {path} HTTP/1.1\r\n{fields}\r\n".encode("latin-1")

    def hurry(self, seconds: float) -> None:
        """Limit the running request and all later ones to `seconds`. Called from any thread when the program is about
        to end."""
        self._timeout = min(self._timeout, seconds)
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        self._connection.disconnect()

    def _cut(self) -> None:
        self._was_cut = True
        self._connection.shutdown()

    def _reason(self, error: Exception) -> Message:
        host = self._endpoint.host
        match error:
            case ProxyError():
                return error.message
            case ssl.SSLCertVerificationError():
                return message(
                    "The certificate of {host} is not trusted: {reason}. Nothing was sent.",
                    host=host,
                    reason=error.verify_message,
                )
            case ssl.SSLError():
                return message("No encrypted connection to {host}: {reason}.", host=host, reason=error.reason or "EOF")
            case socket.gaierror():
                return message("{host} was not found: {reason}.", host=host, reason=error)
            case ClosedEarlyError():
                return message("{host} closed the connection in the middle of its response.", host=host)
            case OSError() if error.strerror:
                return message("{host} cannot be reached: {reason}.", host=host, reason=error)
            case OSError():
                return message("{host} cannot be reached: the connection broke off.", host=host)
            case ResponseTooLargeError():
                return message("{host} sent more than any response needs.", host=host)
        return message("{host} does not speak HTTP.", host=host)


class ServerClient(JsonClient):
    """Sends envelopes (bodies with snapshots) to a NetWatch server."""

    def __init__(self, account: Account, agent: str, *, timeout: float) -> None:
        super().__init__(account.endpoint, {"Authorization": f"Bearer {account.key.reveal()}"}, agent, timeout=timeout)

    def list_stored(self, host_id: str, first: str, last: str) -> Response:
        """Request a list of this host's snapshots that the server has stored, between two timestamps. Raise
        UnreachableError if there is no response."""
        query = urlencode({"from": first, "to": last})
        return self._request("GET", f"{self._endpoint.path.removesuffix('/ingest')}/hosts/{host_id}/metrics?{query}")


def describe(endpoint: Endpoint) -> Message:
    """Return in words how the connection to the server is protected."""
    if endpoint.is_secure:
        return message("encrypted, certificate verified")
    return message("not encrypted: it never leaves this computer")


def _retry_after(text: str | None, server_time: float | None) -> float | None:
    """Parse the header Retry-After (RFC 9110, section 10.2.3), which has seconds, or a date by the server's clock. None
    if there is none or it is invalid."""
    if text is not None and text.isascii() and text.isdecimal():
        return min(float(text), _MAX_RETRY_AFTER)
    until = unix_time(text or "")
    return None if until is None or server_time is None else max(0.0, until - server_time)

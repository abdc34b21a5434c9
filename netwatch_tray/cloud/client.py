"""One POST after the other to one server, over a connection that is kept: what went wrong is said, not raised further.

http.client, because it is there and costs 1 MB beside ssl; urllib3 costs 11 and its retries and redirects would have to
be turned off again. Once a server is reached, a request has one deadline for everything, the TLS handshake included:
one that sends a byte a minute is late as well. Redirects are never followed, so neither key nor data goes where nobody
meant them to.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import io
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from netwatch_tray.cloud.account import Account, Endpoint
from netwatch_tray.errors import NetWatchError

_LONGEST_ANSWER = 1 << 20
"""Bytes; a hundred results are a hundredth of it."""


class UnreachableError(NetWatchError):
    """No answer came: there is no network, no server, no trust in its certificate, or it was late."""


class Answer(NamedTuple):
    """What a server said."""

    status: int
    body: bytes
    server_time: float | None
    """Its clock, Unix time in seconds."""
    retry_after: float | None
    """Seconds it asks to wait."""
    location: str | None
    """Where it redirects to."""


class ServerClient:
    """Not thread-safe, but for `hurry`."""

    def __init__(self, account: Account, agent: str, *, timeout: float) -> None:
        """`agent`: the program's name and version. `timeout`: seconds for a whole request."""
        self._endpoint = account.endpoint
        self._headers = {
            "Authorization": f"Bearer {account.key.reveal()}",
            "Content-Type": "application/json",
            "User-Agent": agent,
            "Accept": "application/json",
        }
        self._timeout = timeout
        self._tls: ssl.SSLContext | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._end = 0.0
        """Of the request's time, monotonic."""
        self._was_cut = False

    def post(self, body: bytes) -> Answer:
        """Raises UnreachableError."""
        self._end = time.monotonic() + self._timeout
        try:
            connection = self._ready_connection()
            connection.sock.settimeout(self._left())
            connection.request("POST", self._endpoint.path, body, self._headers)
            response = connection.getresponse()
            content = self._read(response)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise UnreachableError(self._reason(error)) from error
        server_time = _unix_time(response.getheader("Date"))
        retry_after = _seconds(response.getheader("Retry-After"), server_time)
        answer = Answer(response.status, content, server_time, retry_after, response.getheader("Location"))
        if response.will_close:
            self.close()
        return answer

    def hurry(self, seconds: float) -> None:
        """From any thread, before the end: the request under way has no more time than this, nor has a later one."""
        self._timeout = min(self._timeout, seconds)
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _left(self) -> float:
        """Seconds. Raises TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """The whole answer. Raises OSError, http.client.HTTPException: it is too long, or came only in part."""
        content = response.read(_LONGEST_ANSWER)
        if response.length or response.read(1):  # what is missing of the promised length, or is beyond ours
            raise http.client.IncompleteRead(b"")
        return content

    def _ready_connection(self) -> http.client.HTTPConnection:
        """The one that is kept, or a new one. Raises OSError."""
        kept = self._connection
        if kept is not None and kept.sock is not None and not _has_hung_up(kept.sock):
            return kept
        self.close()
        if self._endpoint.is_secure:
            self._tls = self._tls or trusted_by_system()
        # As bytes, because for text Python would load the rules for names that are not ASCII.
        host, port = self._endpoint.host.encode("ascii"), self._endpoint.port
        sock = socket.create_connection((host, port), self._left())  # type: ignore[arg-type]  # bytes are as good
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes
        if self._tls is not None:
            sock = self._tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            made: http.client.HTTPConnection
            made = http.client.HTTPSConnection(self._endpoint.host, port, context=self._tls)
        else:
            made = http.client.HTTPConnection(self._endpoint.host, port)
        made.sock = sock
        made.response_class = self._timed_response  # type: ignore[assignment]  # whatever makes one will do
        self._connection = made
        if isinstance(sock, ssl.SSLSocket):
            sock.settimeout(self._left())
            sock.do_handshake()
        return made

    def _timed_response(self, sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(sock, **options)
        response.fp = io.BufferedReader(_TimedReader(sock, response.fp.detach(), self._left))
        return response

    def _cut(self) -> None:
        """The end is here. Not SSLSocket's own method: it takes the TLS away from under the reader."""
        self._was_cut = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def _reason(self, error: OSError | http.client.HTTPException) -> str:
        host = self._endpoint.host
        if self._was_cut or isinstance(error, TimeoutError):
            return f"{host} did not answer in time."
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"The certificate of {host} is not to be trusted: {error.verify_message}. Nothing was sent."
        if isinstance(error, ssl.SSLError):
            return f"No encrypted connection to {host}: {error.reason or 'it was cut'}."
        if isinstance(error, socket.gaierror):
            return f"{host} was not found: {error.strerror}."
        if isinstance(error, OSError) and error.strerror:
            return f"{host} cannot be reached: {error.strerror}."
        return f"{host} broke off in the middle of its answer."


class _TimedReader(io.RawIOBase):
    """What comes over a socket, all of it before one deadline: a socket's own timeout is for each read anew."""

    def __init__(self, sock: socket.socket, stream: io.RawIOBase, left: Callable[[], float]) -> None:
        """`stream`: of the socket, which it keeps open for as long as it is itself."""
        self._socket, self._stream, self._left = sock, stream, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._left())
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


def trusted_by_system() -> ssl.SSLContext:
    """Certificates and names are verified, with TLS 1.2 at least.

    Where the system keeps its authorities one a file, named by hash, only the ones needed are ever read: all of them
    would take 1.3 MB for as long as the program runs.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    where = ssl.get_default_verify_paths()
    if where.openssl_cafile_env not in os.environ and where.capath and any(Path(where.capath).glob("*.0")):
        context.load_verify_locations(capath=where.capath)
    else:
        context.load_default_certs()
    return context


def describe(endpoint: Endpoint) -> str:
    """In words for the person, how the way there is protected."""
    return "encrypted, certificate verified" if endpoint.is_secure else "not encrypted: it never leaves this machine"


def _has_hung_up(sock: socket.socket) -> bool:
    """A connection that nothing was asked on has nothing to say but its end."""
    sock.settimeout(0)
    try:
        return bool(sock.recv(1)) or True
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True


def _unix_time(date: str | None) -> float | None:
    try:
        return None if date is None else email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _seconds(text: str | None, server_time: float | None) -> float | None:
    """Retry-After (RFC 9110): seconds, or a date by the server's clock."""
    if text is not None and text.isascii() and text.isdecimal():
        return float(text[:6])
    until = _unix_time(text)
    return None if until is None or server_time is None else max(0.0, until - server_time)

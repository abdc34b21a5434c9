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
import os
import socket
import ssl
import threading
from pathlib import Path
from typing import NamedTuple

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

    def __init__(self, account: Account, agent: str, *, timeout: float, tls: ssl.SSLContext | None = None) -> None:
        """`agent`: the program's name and version. `timeout`: seconds for a whole request. `tls`: by default what the
        system trusts."""
        self._endpoint = account.endpoint
        self._headers = {
            "Authorization": f"Bearer {account.key.reveal()}",
            "Content-Type": "application/json",
            "User-Agent": agent,
            "Accept": "application/json",
        }
        self._timeout = timeout
        self._tls = tls
        self._connection: http.client.HTTPConnection | None = None
        self._watchdog: threading.Timer | None = None
        self._is_late = False
        self._lock = threading.Lock()
        """Around the watchdog."""

    def post(self, body: bytes) -> Answer:
        """Raises UnreachableError."""
        self._is_late = False
        try:
            connection = self._ready_connection()
            connection.request("POST", self._endpoint.path, body, self._headers)
            response = connection.getresponse()
            content = self._read(response)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise UnreachableError(self._reason(error)) from error
        finally:
            self._unguard()
        server_time = _unix_time(response.getheader("Date"))
        retry_after = _seconds(response.getheader("Retry-After"), server_time)
        answer = Answer(response.status, content, server_time, retry_after, response.getheader("Location"))
        if response.will_close:
            self.close()
        return answer

    def hurry(self, seconds: float) -> None:
        """From any thread: the request under way has no more time than this."""
        with self._lock:
            if self._watchdog is not None:
                self._watchdog.cancel()
                self._start_watchdog(seconds, *self._watchdog.args)
            self._timeout = min(self._timeout, seconds)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """The whole answer. Raises OSError, http.client.HTTPException: it is too long, or came only in part."""
        content = response.read(_LONGEST_ANSWER)
        if self._is_late:
            raise TimeoutError
        if response.length or response.read(1):  # what is missing of the promised length, or is beyond ours
            raise http.client.IncompleteRead(b"")
        return content

    def _ready_connection(self) -> http.client.HTTPConnection:
        """The one that is kept, or a new one; the request's time has begun. Raises OSError."""
        kept = self._connection
        if kept is not None and kept.sock is not None and not _has_hung_up(kept.sock):
            self._guard(kept.sock)
            return kept
        self.close()
        host, port = self._endpoint.host, self._endpoint.port
        sock = socket.create_connection((host, port), self._timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes
        if not self._endpoint.is_secure:
            self._connection = http.client.HTTPConnection(host, port)
            self._connection.sock = sock
            self._guard(sock)
            return self._connection
        self._tls = self._tls or trusted_by_system()
        tls = self._tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        self._connection = http.client.HTTPSConnection(host, port, context=self._tls)
        self._connection.sock = tls
        self._guard(tls)
        tls.do_handshake()
        return self._connection

    def _guard(self, sock: socket.socket) -> None:
        sock.settimeout(self._timeout)
        with self._lock:
            self._start_watchdog(self._timeout, sock)

    def _start_watchdog(self, seconds: float, sock: socket.socket) -> None:
        self._watchdog = threading.Timer(seconds, self._cut, [sock])
        self._watchdog.daemon = True
        self._watchdog.start()

    def _cut(self, sock: socket.socket) -> None:
        """The request's time is up. Not SSLSocket's own method: it takes the TLS away from under the reader."""
        self._is_late = True
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _unguard(self) -> None:
        with self._lock:
            if self._watchdog is not None:
                self._watchdog.cancel()
                self._watchdog = None

    def _reason(self, error: OSError | http.client.HTTPException) -> str:
        host = self._endpoint.host
        if self._is_late:
            return f"{host} did not answer in time."
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"The certificate of {host} is not to be trusted: {error.verify_message}. Nothing was sent."
        if isinstance(error, ssl.SSLError):
            return f"No encrypted connection to {host}: {error.reason or 'it was cut'}."
        if isinstance(error, TimeoutError):
            return f"{host} did not answer in time."
        if isinstance(error, socket.gaierror):
            return f"{host} was not found: {error.strerror}."
        if isinstance(error, OSError) and error.strerror:
            return f"{host} cannot be reached: {error.strerror}."
        return f"{host} broke off in the middle of its answer."


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

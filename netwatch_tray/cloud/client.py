"""One POST after the other to one server, over a connection that is kept: what went wrong is said, not raised further.

http.client, because it is there and costs 1 MB beside ssl; urllib3 costs 11 and its retries and redirects would have to
be turned off again. A request has one deadline for everything after the name was looked up: a server that sends a byte
a minute is late as well. Redirects are never followed, so neither key nor data goes where nobody meant them to.
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
        connection = self._ready_connection()
        self._is_late = False
        try:
            if connection.sock is None:
                connection.connect()
            self._guard(connection.sock)
            connection.request("POST", self._endpoint.path, body, self._headers)
            response = connection.getresponse()
            content = self._read(response)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise UnreachableError(self._reason(error)) from error
        finally:
            self._unguard()
        answer = Answer(
            response.status,
            content,
            _unix_time(response.getheader("Date")),
            _seconds(response.getheader("Retry-After")),
            response.getheader("Location"),
        )
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
        kept = self._connection
        if kept is not None and (kept.sock is None or _has_hung_up(kept.sock)):
            self.close()
        if self._connection is None:
            endpoint = self._endpoint
            if endpoint.is_secure:
                self._tls = self._tls or trusted_by_system()
                self._connection = http.client.HTTPSConnection(
                    endpoint.host, endpoint.port, timeout=self._timeout, context=self._tls
                )
            else:
                self._connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=self._timeout)
        self._connection.timeout = self._timeout
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


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() and len(text) < 6 else None

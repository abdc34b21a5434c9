"""One POST after the other to one server, over a connection that is kept: what went wrong is said, not raised further.

As much of HTTP/1.1 (RFC 9112) as that takes, written here: http.client would cost the agent another megabyte, and its
timeouts are for each read, so that a server which sends a byte a minute would never be late. Here a request has one
deadline for everything after the name was looked up. Redirects are never followed, so neither key nor data goes where
nobody meant them to.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from netwatch_tray.cloud.account import Account, Endpoint
from netwatch_tray.errors import NetWatchError

_LONGEST_ANSWER = 1 << 20
"""Bytes; a hundred results are a hundredth of it."""
_LONGEST_LINE = 1 << 14
_MOST_LINES = 200
"""Of one head, and of interim answers before it."""
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: .*)?")
_DATE = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT")
"""RFC 9110, 5.6.7: the one form that servers send."""
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class UnreachableError(NetWatchError):
    """No answer came: there is no network, no server, no trust in its certificate, or it was late."""


class LateError(UnreachableError):
    """The time was up before there was a whole answer; a smaller request may get through."""


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
        self._socket: socket.socket | None = None
        self._end = 0.0
        """Of the request's time, monotonic."""
        self._was_cut = False

    def post(self, body: bytes) -> Answer:
        """Raises UnreachableError."""
        self._end = time.monotonic() + self._timeout
        try:
            sock = self._ready_socket()
            sock.settimeout(self._left())
            sock.sendall(self._head(len(body)))
            sock.settimeout(self._left())
            sock.sendall(body)
            with io.BufferedReader(_TimedReader(sock, self._left)) as stream:
                answer, is_kept = _read_answer(stream)
        except (OSError, _BrokenAnswerError) as error:
            self.close()
            if self._was_cut or isinstance(error, TimeoutError):
                raise LateError(f"{self._endpoint.host} did not answer in time.") from error
            raise UnreachableError(self._reason(error)) from error
        if not is_kept:
            self.close()
        return answer

    def hurry(self, seconds: float) -> None:
        """From any thread, before the end: the request under way has no more time than this, nor has a later one."""
        self._timeout = min(self._timeout, seconds)
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()

    def _left(self) -> float:
        """Seconds. Raises TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _head(self, length: int) -> bytes:
        host = str(self._endpoint).removesuffix(self._endpoint.path).partition("://")[2]
        headers = {"Host": host, **self._headers, "Content-Length": str(length)}
        lines = [f"POST {self._endpoint.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def _ready_socket(self) -> socket.socket:
        """Of the connection that is kept, or of a new one. Raises OSError."""
        if self._socket is not None and not _has_hung_up(self._socket):
            return self._socket
        self.close()
        if self._endpoint.is_secure and self._tls is None:
            self._tls = trusted_by_system()
        # As bytes, because for text Python would load the rules for names that are not ASCII.
        host = self._endpoint.host.encode("ascii")
        sock = socket.create_connection((host, self._endpoint.port), self._left())  # type: ignore[arg-type]  # as good
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes
        if self._tls is None:
            self._socket = sock
        else:
            tls = self._socket = self._tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            tls.settimeout(self._left())
            tls.do_handshake()
        return self._socket

    def _cut(self) -> None:
        """The end is here. Not SSLSocket's own method: it takes the TLS away from under the reader."""
        self._was_cut = True
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _reason(self, error: OSError | _BrokenAnswerError) -> str:
        host = self._endpoint.host
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"The certificate of {host} is not to be trusted: {error.verify_message}. Nothing was sent."
        if isinstance(error, ssl.SSLError):
            return f"No encrypted connection to {host}: {error.reason or 'it was cut'}."
        if isinstance(error, socket.gaierror):
            return f"{host} was not found: {error.strerror}."
        if isinstance(error, OSError):
            return f"{host} cannot be reached: {error.strerror or 'the connection broke off'}."
        return f"{host} {error}."


class _BrokenAnswerError(Exception):
    """What came is no answer, or only a part of one; the text continues a sentence that begins with the server."""


class _TimedReader(io.RawIOBase):
    """What comes over a socket, all of it before one deadline: a socket's own timeout is for each read anew."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._socket, self._left = sock, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._left())
        return self._socket.recv_into(buffer)


def _read_answer(stream: io.BufferedIOBase) -> tuple[Answer, bool]:
    """And whether the connection can be used again. Raises OSError, _BrokenAnswerError."""
    for _ in range(_MOST_LINES):
        found = _STATUS.fullmatch(_read_line(stream))
        if found is None:
            raise _BrokenAnswerError("does not speak HTTP")
        status, headers = int(found[2]), _read_headers(stream)
        if status >= 200:
            break
    else:
        raise _BrokenAnswerError("does not come to an answer")
    length, encoding = headers.get("content-length"), headers.get("transfer-encoding")
    is_kept = found[1] == b"1" and "close" not in headers.get("connection", "").lower()
    if status in {204, 304}:
        body = b""
    elif encoding is not None:
        if encoding.lower() != "chunked":
            raise _BrokenAnswerError("answers in a way that is not understood")
        body = _read_chunks(stream)
    elif length is not None:
        body = _read_exactly(stream, _number(length, 10))
    else:
        body, is_kept = stream.read(_LONGEST_ANSWER), False
    server_time = _unix_time(headers.get("date"))
    retry_after = _seconds(headers.get("retry-after"), server_time)
    return Answer(status, body, server_time, retry_after, headers.get("location")), is_kept


def _read_line(stream: io.BufferedIOBase) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise _BrokenAnswerError(
            "broke off in the middle of its answer" if len(line) < _LONGEST_LINE else "says more than any answer should"
        )
    return line.rstrip(b"\r\n")


def _read_headers(stream: io.BufferedIOBase) -> dict[str, str]:
    """By their names in small letters; of one that comes twice, the last."""
    headers: dict[str, str] = {}
    for _ in range(_MOST_LINES):
        line = _read_line(stream)
        if not line:
            return headers
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    raise _BrokenAnswerError("says more than any answer should")


def _read_exactly(stream: io.BufferedIOBase, count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise _BrokenAnswerError("broke off in the middle of its answer")
    return content


def _read_chunks(stream: io.BufferedIOBase) -> bytes:
    content = bytearray()
    while size := _number(_read_line(stream).partition(b";")[0].decode("latin-1").strip(), 16):
        content += _read_exactly(stream, size)
        if len(content) > _LONGEST_ANSWER or _read_line(stream):
            raise _BrokenAnswerError("says more than any answer should")
    _read_headers(stream)
    return bytes(content)


def _number(text: str, base: int) -> int:
    if not re.fullmatch("[0-9a-fA-F]{1,8}" if base == 16 else "[0-9]{1,8}", text) or int(text, base) > _LONGEST_ANSWER:
        raise _BrokenAnswerError("says more than any answer should")
    return int(text, base)


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
    found = _DATE.fullmatch(date or "")
    if found is None or found[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = map(int, found.group(1, 3, 4, 5, 6))
    try:
        return datetime(year, _MONTHS.index(found[2]) + 1, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _seconds(text: str | None, server_time: float | None) -> float | None:
    """Retry-After (RFC 9110): seconds, or a date by the server's clock."""
    if text is not None and text.isascii() and text.isdecimal():
        return float(text[:6])
    until = _unix_time(text)
    return None if until is None or server_time is None else max(0.0, until - server_time)

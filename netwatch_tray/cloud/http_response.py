"""Reads responses of HTTP/1.1 (RFC 9112), and dates in their header fields.

http.client and email.utils do the same, but cost the agent a megabyte of memory and a third of a millisecond of
processor time for each response.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

_LONGEST_LINE = 1 << 16
"""Most bytes of a line of the header."""
_MOST_FIELDS = 100
_STATUS_LINE = re.compile(rb"HTTP/1\.(\d) ([1-9]\d\d)(?: (.*))?")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_DATE = re.compile(r"[A-Za-z]+, (\d\d)[ -]([A-Za-z]{3})[ -](\d{4}|\d\d) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
"""Pattern of a date, in the form that servers send today or in that of RFC 850."""
_ASCTIME = re.compile(r"[A-Za-z]{3} ([A-Za-z]{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class ResponseError(Exception):
    """The received bytes are not a valid response."""


class ClosedEarlyError(ResponseError):
    """The connection was closed before the response was complete."""


class ResponseTooLargeError(ResponseError):
    """The response exceeds a limit."""


class HttpResponse(NamedTuple):
    """A complete response."""

    status: int
    reason: str
    fields: dict[str, str]
    """Header fields by name in lower case. If a field occurs repeatedly, the first one counts."""
    body: bytes
    is_last: bool
    """Whether the server closes the connection after it, so that no other request can be sent."""


def read_response(receive: Callable[[], bytes], most: int, *, has_body: bool = True) -> HttpResponse:
    """Read and return the next final response; interim responses (status 1xx) are skipped.

    `receive`: returns the next bytes, empty at the end of the connection. `most`: greatest size of the body in bytes.
    `has_body`: False for the response to CONNECT. Raise ResponseError if it is malformed, and whatever `receive`
    raises.
    """
    reader = _Reader(receive)
    while True:
        version, status, reason = _status(reader.line())
        fields = _fields(reader)
        if status >= 200:
            break
    options = {option.strip() for option in fields.get("connection", "").lower().split(",")}
    is_last = "close" in options or (version == 0 and "keep-alive" not in options)
    length = fields.get("content-length", "")
    if not has_body or status in {204, 304}:
        body = b""
    elif fields.get("transfer-encoding", "").lower() == "chunked":
        body = _chunks(reader, most)
    elif _LENGTH.fullmatch(length):
        body = reader.exactly(int(length), most)
    else:
        body, is_last = reader.rest(most), True
    return HttpResponse(status, reason, fields, body, is_last or reader.has_more)


def _status(line: bytes) -> tuple[int, int, str]:
    """Parse the status line. Return HTTP's minor version, the status and the reason. Raise ResponseError if it is
    malformed."""
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        raise ResponseError(line[:100])
    return int(found[1]), int(found[2]), (found[3] or b"").decode("latin-1").strip()


def _fields(reader: _Reader) -> dict[str, str]:
    """Read the header fields, up to the empty line. A line that is not a field is left out."""
    found: dict[str, str] = {}
    name = ""
    count = 0
    while line := reader.line().decode("latin-1"):
        count += 1
        if count > _MOST_FIELDS:
            raise ResponseError("too many fields")
        if line[0] in " \t":  # the field continues
            if name:
                found[name] += f" {line.strip()}"
            continue
        before, colon, value = line.partition(":")
        name = before.lower() if colon and before.lower() not in found else ""
        if name:
            found[name] = value.strip()
    return found


def _chunks(reader: _Reader, most: int) -> bytes:
    body = bytearray()
    while True:
        size = _CHUNK_SIZE.fullmatch(reader.line())
        if size is None:
            raise ResponseError("no size of a chunk")
        if not int(size[1], 16):
            break
        body += reader.exactly(int(size[1], 16), most - len(body))
        if reader.line():
            raise ResponseError("a chunk is longer than its size")
    _fields(reader)  # of the trailer
    return bytes(body)


class _Reader:
    """Buffers received bytes, and returns them by line or by number."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = bytearray()

    @property
    def has_more(self) -> bool:
        return bool(self._buffer)

    def line(self) -> bytes:
        """Return the next line without its line end. Raise ResponseTooLargeError if it is too long."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > _LONGEST_LINE:
                raise ResponseTooLargeError
            self._fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def exactly(self, count: int, most: int) -> bytes:
        """Return the next `count` bytes. Raise ResponseTooLargeError if `count` is greater than `most`."""
        while len(self._buffer) < count:
            if len(self._buffer) > most:
                raise ResponseTooLargeError
            self._fill()
        if count > most:
            raise ResponseTooLargeError
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found

    def rest(self, most: int) -> bytes:
        """Return all bytes up to the end of the connection. Raise ResponseTooLargeError if there are more
        than `most`."""
        while received := self._receive():
            self._buffer += received
            if len(self._buffer) > most:
                raise ResponseTooLargeError
        if len(self._buffer) > most:
            raise ResponseTooLargeError
        found = bytes(self._buffer)
        self._buffer.clear()
        return found

    def _fill(self) -> None:
        received = self._receive()
        if not received:
            raise ClosedEarlyError
        self._buffer += received


def unix_time(date: str) -> float | None:
    """Parse a date in one of the three forms of RFC 9110, section 5.6.7; return Unix time, or `None` if it is not a
    date."""
    if (found := _DATE.fullmatch(date)) is not None:
        day, month, year, *time = found.groups()
    elif (found := _ASCTIME.fullmatch(date)) is not None:
        month, day, *time, year = found.groups()
    else:
        return None
    full_year = int(year)
    if len(year) == 2:  # more than 50 years in the future means the past
        full_year += datetime.now(UTC).year // 100 * 100
        full_year -= 100 if full_year > datetime.now(UTC).year + 50 else 0
    hour, minute, second = map(int, time)
    try:
        number = _MONTHS.index(month.lower()) + 1
        return datetime(full_year, number, int(day), hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None

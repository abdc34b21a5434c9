"""Parses ClientHellos of TLS (RFC 8446), from a handshake message or from the records of a stream."""

from __future__ import annotations

import struct
from typing import NamedTuple

from netwatch_tray.collect.names.dns import host_name
from netwatch_tray.errors import ParseError

LONGEST_HELLO = 1 << 14
"""Size in bytes above which a ClientHello is not read. One with a post-quantum key share has about 2 000."""

_HANDSHAKE = 0x16
_SERVER_NAME, _ENCRYPTED_CLIENT_HELLO = 0, 0xFE0D
_LONGEST_NAME = 255
_MOST_STREAMS = 128
_FIXED = 4 + 2 + 32
"""Number of bytes before the first variable-length field of a ClientHello: header, version and random."""
_EXTENSION = struct.Struct(">HH").unpack_from
"""Head of an extension: its type and its length."""
_CUT = "A TLS message ends within a field."


class Hello(NamedTuple):
    """What a ClientHello says about the server that the client wants."""

    name: str | None
    """From the extension server_name; `None` if the client sent no name."""
    has_encrypted_part: bool
    """Whether it has the extension of ECH, so that `name` may be only the provider's. Browsers also send that extension
    without contents (GREASE), which cannot be distinguished."""


def parse_hello(message: bytes) -> Hello:
    """Parse a handshake message with its header of four bytes. Raise ParseError if it is not a complete ClientHello."""
    size = hello_size(message)
    if message[:1] != b"\1" or len(message) < size:
        raise ParseError("A TLS message is no whole ClientHello.")
    message = message[:size]
    name, has_encrypted_part = None, False
    try:
        at = _FIXED + 1 + message[_FIXED]  # session
        at += 2 + _number(message, at)  # cipher suites
        at += 1 + message[at]  # compression
        if at == size:  # SSL 3 had no extensions
            return Hello(None, has_encrypted_part=False)
        end = at + 2 + _number(message, at)
        at += 2
        while at < end:
            kind, length = _EXTENSION(message, at)
            at += 4
            if kind == _SERVER_NAME:
                name = _server_name(_within(message, at, at + length))
            elif kind == _ENCRYPTED_CLIENT_HELLO:
                has_encrypted_part = True
            at += length
    except (IndexError, struct.error) as error:
        raise ParseError(_CUT) from error
    if not at == end <= size:
        raise ParseError(_CUT)
    return Hello(name, has_encrypted_part)


def hello_size(message: bytes) -> int:
    """Return the size in bytes of a handshake message including its header of 4 bytes; 4 while the header is
    incomplete."""
    return 4 + int.from_bytes(message[1:4], "big") if len(message) >= 4 else 4


class Streams:
    """Assembles ClientHellos that arrive in several TCP segments. `stream` is any value that identifies a
    connection."""

    def __init__(self) -> None:
        self._pending: dict[object, bytes] = {}

    def take(self, stream: object, segment: bytes) -> Hello | None:
        """Add a segment of a stream. Return the ClientHello once it is complete, None while parts of it are missing.

        Raise ParseError if the stream begins with something else; then it is forgotten.
        """
        data = self._pending.pop(stream, b"") + segment
        message = _handshake(data)
        size = hello_size(message)
        if message[:1] not in {b"", b"\1"} or size > LONGEST_HELLO:
            raise ParseError("A TLS stream does not begin with a ClientHello.")
        if len(message) >= size:
            return parse_hello(message)
        self._pending[stream] = data[: 2 * LONGEST_HELLO]
        if len(self._pending) > _MOST_STREAMS:
            del self._pending[next(iter(self._pending))]
        return None


def _handshake(data: bytes) -> bytes:
    """Return the joined contents of the TLS records, of which the last may be truncated. Raise ParseError if one is not
    a handshake record."""
    parts: list[bytes] = []
    offset = total = 0
    while offset < len(data) and total <= LONGEST_HELLO:
        size = int.from_bytes(data[offset + 3 : offset + 5], "big")
        if parts and data[offset] != _HANDSHAKE:  # what follows the hello
            break
        if data[offset] != _HANDSHAKE or data[offset + 1 : offset + 2] not in {b"", b"\3"}:
            raise ParseError("A TLS stream does not begin with a handshake.")
        if not 0 < size <= LONGEST_HELLO and len(data) >= offset + 5:
            raise ParseError(f"A TLS record has {size} bytes.")
        parts.append(data[offset + 5 : offset + 5 + size])
        total += size
        offset += 5 + size
    return b"".join(parts)


def _server_name(value: bytes) -> str | None:
    """Return the first host name in the value of the extension server_name; None if it has none. Raise ParseError,
    struct.error or IndexError if it is malformed."""
    at, end = 2, 2 + _number(value, 0)
    while at < end:
        kind, size = value[at], _number(value, at + 1)
        at += 3
        name = _within(value, at, at + size)
        if kind == 0:
            if not 0 < size <= _LONGEST_NAME:
                raise ParseError(f"A server's name has {size} bytes.")
            return host_name(name)
        at += size
    return None


def _within(data: bytes, at: int, end: int) -> bytes:
    """Return the bytes from `at` to `end`. Raise ParseError if the data end earlier."""
    if end > len(data):
        raise ParseError(_CUT)
    return data[at:end]


def _number(data: bytes, at: int) -> int:
    """Return the big-endian 16-bit integer at an offset. Raise IndexError if the data end earlier."""
    return data[at] << 8 | data[at + 1]

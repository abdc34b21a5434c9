"""ClientHellos of TLS (RFC 8446): as a message of the handshake, and in the records of a stream."""

from __future__ import annotations

from typing import NamedTuple

from netwatch_tray.collect.names.dns import host_name
from netwatch_tray.errors import ParseError

LONGEST_HELLO = 1 << 14
"""Bytes; one with a post-quantum key share takes about 2 000."""

_CLIENT_HELLO = 1
_HANDSHAKE = 0x16
_SERVER_NAME, _ENCRYPTED_CLIENT_HELLO = 0, 0xFE0D
_LONGEST_NAME = 255
_MOST_STREAMS = 128


class Hello(NamedTuple):
    """What a client reveals of the server that it wants to talk to."""

    name: str | None
    """From the extension server_name; `None`: the client sent no name."""
    has_encrypted_part: bool
    """The name may be only that of the provider (ECH). Browsers send an encrypted part without contents as well
    (GREASE), and these cannot be told apart."""


def parse_hello(message: bytes) -> Hello:
    """Parse a handshake message with its header of four bytes. Raises ParseError unless it is a whole ClientHello."""
    if message[:1] != b"\1" or len(message) < hello_size(message):
        raise ParseError("A TLS message is no whole ClientHello.")
    fields = _Fields(message[: hello_size(message)], 4 + 2 + 32)  # version, random
    fields.skip(1)  # session
    fields.skip(2)  # cipher suites
    fields.skip(1)  # compression
    name, has_encrypted_part = None, False
    if fields.is_at_end:  # SSL 3 had no extensions
        return Hello(None, has_encrypted_part=False)
    extensions = _Fields(fields.read(2))
    while not extensions.is_at_end:
        kind = extensions.number(2)
        value = extensions.read(2)
        if kind == _SERVER_NAME:
            name = _server_name(value)
        elif kind == _ENCRYPTED_CLIENT_HELLO:
            has_encrypted_part = True
    return Hello(name, has_encrypted_part)


def hello_size(message: bytes) -> int:
    """Return the size of a handshake message with its header; that of the header while not even that is whole."""
    return 4 + int.from_bytes(message[1:4], "big") if len(message) >= 4 else 4


class Streams:
    """Puts ClientHellos together that take more than one segment. `stream` is whatever identifies a connection."""

    def __init__(self) -> None:
        self._pending: dict[object, bytes] = {}

    def take(self, stream: object, segment: bytes) -> Hello | None:
        """Return the hello once it is whole, `None` while more of it must follow.

        Raises ParseError where the stream begins with something else; then it is forgotten.
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
    """Return the contents of the records, of which the last may be cut. Raises ParseError."""
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
    """Return the first host name in a list of server names. Raises ParseError."""
    names = _Fields(_Fields(value).read(2))
    while not names.is_at_end:
        kind, name = names.number(1), names.read(2)
        if kind == 0:
            if not 0 < len(name) <= _LONGEST_NAME:
                raise ParseError(f"A server's name has {len(name)} bytes.")
            return host_name(name)
    return None


class _Fields:
    """Reads vectors of TLS one after the other; each read raises ParseError where the data end before it."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self._data = data
        self._offset = offset

    @property
    def is_at_end(self) -> bool:
        return self._offset >= len(self._data)

    def number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def read(self, size_of_length: int) -> bytes:
        """Return the contents of a vector."""
        return self._take(self.number(size_of_length))

    def skip(self, size_of_length: int) -> None:
        self.read(size_of_length)

    def _take(self, size: int) -> bytes:
        end = self._offset + size
        if end > len(self._data):
            raise ParseError("A TLS message ends within a field.")
        taken = self._data[self._offset : end]
        self._offset = end
        return taken

"""The messages of D-Bus: parses what is received, and writes what is sent (D-Bus Specification, "Message Format")."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from netwatch_tray.dbus.marshalling import marshal, unmarshal
from netwatch_tray.errors import ParseError

_Fields = tuple[tuple[int, str | int], ...]
"""The fields of a message header, as pairs of code and value."""

_LONGEST = 1 << 20
"""Longest message that is received, in bytes."""

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY, NO_AUTO_START = 1, 2
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SENDER, _SIGNATURE = range(1, 9)
"""Kinds of messages, flags and header fields ("Message Format")."""
_FIELD_TYPES = {_PATH: "o", _REPLY_SERIAL: "u", _SIGNATURE: "g"}
"""Types of the header fields that are not strings."""
_ORDERS = {ord("l"): "<", ord("B"): ">"}
_LENGTHS = {ord("l"): struct.Struct("<III"), ord("B"): struct.Struct(">III")}
"""Body length, serial number and length of the header fields, which begin at the fourth byte of a message, by the byte
order that the first byte has."""
_SERIAL = struct.Struct("<I")
_LENGTH_AND_SERIAL = struct.Struct("<II")
"""Body length and serial number, which begin at the fourth byte of a message."""
_REPLY_SERIAL_AT = 20
"""Offset of REPLY_SERIAL in a response that has it as its first field: after 16 bytes of header, the field's code and
its type."""


class Signal:
    """A signal of one of this program's objects, with its header marshalled, because some are sent each second."""

    __slots__ = ("head",)

    def __init__(self, path: str, interface: str, member: str, signature: str = "") -> None:
        fields = (_PATH, path), (_INTERFACE, interface), (_MEMBER, member)
        self.head = _header(SIGNAL, 0, fields, signature)


class Incoming(NamedTuple):
    """A received message. A field of the header that it does not have is empty or 0."""

    kind: int
    wants_reply: bool
    sender: str
    path: str
    interface: str
    member: str
    signature: str
    reply_serial: int
    error: str
    body: tuple[Any, ...]


def messages(received: bytearray) -> Iterator[tuple[int, Incoming]]:
    """Remove the complete messages from the front of the buffer; yield the serial number and content of each.

    Raise ParseError if one is malformed; the stream cannot be used any more then.
    """
    while len(received) >= 16:
        try:
            body, serial, fields = _LENGTHS[received[0]].unpack_from(received, 4)
            size = 16 + fields + -fields % 8 + body
            if size > _LONGEST:
                raise ParseError(f"a message of {size} bytes")
            if len(received) < size:
                return
            received[8:12] = bytes(4)
            data = bytes(received[:size])
            del received[:size]
            message = _parse_short(data) if size <= 512 else _parse(data)
        except (ValueError, LookupError, TypeError, AssertionError, struct.error, RecursionError) as error:
            raise ParseError(f"{type(error).__name__}: {error}") from error
        yield serial, message


def _parse(data: bytes) -> Incoming:
    order = _ORDERS[data[0]]
    (entries,) = unmarshal("a(yv)", data, 12, order)
    fields = {code: value for code, (_signature, value) in entries}
    signature = fields.get(_SIGNATURE, "")
    (size,) = struct.unpack_from(f"{order}I", data, 4)
    return Incoming(
        data[1],
        not data[2] & NO_REPLY,
        fields.get(_SENDER, ""),
        fields.get(_PATH, ""),
        fields.get(_INTERFACE, ""),
        fields.get(_MEMBER, ""),
        signature,
        fields.get(_REPLY_SERIAL, 0),
        fields.get(_ERROR_NAME, ""),
        unmarshal(signature, data, len(data) - size, order),
    )


_parse_short = functools.lru_cache(maxsize=32)(_parse)
"""Parse a message, cached: a panel sends the same request each second, and parsing it again would be a large part of
what the icon costs."""


def call(
    destination: str, path: str, interface: str, member: str, signature: str, body: bytes, *, flags: int, serial: int
) -> bytearray:
    """Return a method call. `body`: the arguments, marshalled."""
    fields = (_PATH, path), (_DESTINATION, destination), (_INTERFACE, interface), (_MEMBER, member)
    frame = bytearray(_header(CALL, flags, fields, signature))
    _LENGTH_AND_SERIAL.pack_into(frame, 4, len(body), serial)
    return frame + body


def emitted(signals: Iterable[tuple[Signal, bytes]], serials: Iterator[int]) -> bytearray:
    """Return these signals, each with its marshalled body, one after the other."""
    frames = bytearray()
    for signal, body in signals:
        place = len(frames)
        frames += signal.head
        _LENGTH_AND_SERIAL.pack_into(frames, place + 4, len(body), next(serials))
        frames += body
    return frames


def response_head(destination: str, error: str, signature: str, size: int, *, to_serial: int, serial: int) -> bytearray:
    """Return the head of the response to a call, whose body has this size. `error`: the name of an error, or empty."""
    head = bytearray(_reply_header(destination, error, signature))
    _LENGTH_AND_SERIAL.pack_into(head, 4, size, serial)
    _SERIAL.pack_into(head, _REPLY_SERIAL_AT, to_serial)
    return head


@functools.lru_cache(maxsize=32)
def _reply_header(destination: str, error: str, signature: str) -> bytes:
    """Return the header of a response; it differs from others of its kind by numbers only, which are 0."""
    fields: _Fields = ((_DESTINATION, destination),) if destination else ()
    kind = RETURN
    if error:
        kind, fields = ERROR, ((_ERROR_NAME, error), *fields)
    return _header(kind, NO_REPLY, ((_REPLY_SERIAL, 0), *fields), signature)


def _header(kind: int, flags: int, fields: _Fields, signature: str) -> bytes:
    """Return a message header with its padding, in which body length and serial number are 0."""
    if signature:
        fields = (*fields, (_SIGNATURE, signature))
    variants = [(code, (_FIELD_TYPES.get(code, "s"), value)) for code, value in fields]
    header = marshal("yyyyuua(yv)", (ord("l"), kind, flags, 1, 0, 0, variants))
    return header + bytes(-len(header) % 8)

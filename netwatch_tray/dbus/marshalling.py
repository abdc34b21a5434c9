"""Marshals values for D-Bus, little-endian, and unmarshals those of either byte order (D-Bus Specification,
"Marshaling").

jeepney could do both. It marshals at several times the cost, which would be a large part of what the icon costs, and
importing it takes the resident agent 5 ms and 0.3 MB.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import Any

Variant = tuple[str, Any]
"""A D-Bus signature and a value of it."""

_Writer = Callable[[bytearray, Any], None]
"""Function that appends a value to a message, after the padding that the value's alignment requires."""

_FIXED = {"y": "<B", "n": "<h", "q": "<H", "i": "<i", "u": "<I", "b": "<I", "h": "<I", "x": "<q", "t": "<Q", "d": "<d"}
_STRINGS = "so"
_LENGTH = struct.Struct("<I")
_PADDING = [bytes(length) for length in range(_LENGTH.size)]
_STRUCT = 8
"""Alignment in bytes of structs and dictionary entries."""


def marshal(signature: str, values: tuple[Any, ...]) -> bytes:
    """Return values as the marshalled body of a message, or as a part of a body that begins at a multiple
    of 8 bytes."""
    out = bytearray()
    for write, value in zip(_writers(signature), values, strict=True):
        write(out, value)
    return bytes(out)


def followed_by(start: bytes, *texts: str) -> bytes:
    """Return marshalled values with strings after them, for bodies that are made each second."""
    out = start
    for text in texts:
        data = text.encode()
        out += _PADDING[-len(out) % 4] + _LENGTH.pack(len(data)) + data + b"\0"
    return out


def complete_types(signature: str) -> list[str]:
    """Split a signature into its complete types: `a{sv}(ii)s` into `a{sv}`, `(ii)` and `s`."""
    found, start, depth = [], 0, 0
    for end, code in enumerate(signature, 1):
        depth += (code in "({") - (code in ")}")
        if not depth and code != "a":
            found.append(signature[start:end])
            start = end
    return found


@functools.lru_cache(maxsize=64)
def _writers(signature: str) -> tuple[_Writer, ...]:
    return tuple(_writer(each) for each in complete_types(signature))


def _writer(signature: str) -> _Writer:
    """Return the function that marshals values of one complete type."""
    code = signature[0]
    if code in _FIXED:
        return _fixed(struct.Struct(_FIXED[code]))
    if code in _STRINGS:
        return _write_string
    if code == "g":
        return _write_signature
    if code == "v":
        return _write_variant
    if signature == "ay":
        return _write_bytes
    if code == "a":
        element = signature[1:]
        return _array(_writer(element), _alignment(element), is_dictionary=element[0] == "{")
    if code in "({":
        return _struct(_writers(signature[1:-1]))
    raise ValueError(f"no type of D-Bus: {signature}")


def _alignment(signature: str) -> int:
    code = signature[0]
    if code in "({":
        return _STRUCT
    return struct.calcsize(_FIXED[code]) if code in _FIXED else 1 if code in "gv" else 4


def _fixed(layout: struct.Struct) -> _Writer:
    def write(out: bytearray, value: float) -> None:
        out += bytes(-len(out) % layout.size) + layout.pack(value)

    return write


def _write_string(out: bytearray, value: str) -> None:
    data = value.encode()
    out += bytes(-len(out) % 4) + len(data).to_bytes(4, "little") + data + b"\0"


def _write_signature(out: bytearray, value: str) -> None:
    out += bytes((len(value),)) + value.encode() + b"\0"


def _write_bytes(out: bytearray, value: bytes) -> None:
    out += bytes(-len(out) % 4) + len(value).to_bytes(4, "little") + value


def _write_variant(out: bytearray, value: Variant) -> None:
    signature, content = value
    _write_signature(out, signature)
    (write,) = _writers(signature)
    write(out, content)


def _array(write_element: _Writer, alignment: int, *, is_dictionary: bool) -> _Writer:
    def write(out: bytearray, values: Any) -> None:
        out += bytes(-len(out) % 4)
        place = len(out)
        out += bytes(4)
        out += bytes(-len(out) % alignment)  # which is there without an element as well, and not counted
        start = len(out)
        for value in values.items() if is_dictionary else values:
            write_element(out, value)
        out[place : place + 4] = (len(out) - start).to_bytes(4, "little")

    return write


def _struct(members: tuple[_Writer, ...]) -> _Writer:
    def write(out: bytearray, values: tuple[Any, ...]) -> None:
        out += bytes(-len(out) % _STRUCT)
        for write_member, value in zip(members, values, strict=True):
            write_member(out, value)

    return write


@functools.lru_cache(maxsize=64)
def _checked_types(signature: str) -> tuple[str, ...]:
    """Split the signature of received values into its complete types. Raise ValueError if it is invalid. Cached,
    because an array may have 100 000 structs of many levels."""
    types = complete_types(signature)
    if "".join(types) != signature:
        raise ValueError(f"no signature of D-Bus: {signature}")
    return tuple(types)


def unmarshal(signature: str, data: bytes, at: int = 0, order: str = "<") -> tuple[Any, ...]:
    """Return the values with this signature that begin at an offset of a message. `order`: `<` or `>`.

    Raise ValueError (UnicodeError included), struct.error or RecursionError if they are malformed.
    """
    return _Reader(data, at, order).values(signature)


class _Reader:
    """Reads values one after the other. Arrays become lists, `ay` bytes, dictionaries dicts, structs tuples."""

    def __init__(self, data: bytes, at: int, order: str) -> None:
        self._data = data
        self._at = at
        self._order = order

    def values(self, signature: str) -> tuple[Any, ...]:
        return tuple([self._value(each) for each in _checked_types(signature)])

    def _value(self, signature: str) -> Any:
        code = signature[0]
        if code in _FIXED:
            value = self._fixed(_FIXED[code][1])
            return bool(value) if code == "b" else value
        if code in _STRINGS:
            return self._text(self._fixed("I"))
        if code == "g":
            return self._text(self._fixed("B"))
        if code == "v":
            inner = self._text(self._fixed("B"))
            (value,) = self.values(inner)
            return inner, value
        if code == "a" and len(signature) > 1:
            return self._array(signature[1:])
        if code == "(" and len(signature) > 2:
            self._align(_STRUCT)
            return self.values(signature[1:-1])
        raise ValueError(f"no type of D-Bus: {signature}")

    def _array(self, element: str) -> Any:
        size = self._fixed("I")
        self._align(_alignment(element))
        end = self._at + size
        if end > len(self._data):
            raise ValueError("an array that is longer than its message")
        if element == "y":
            start, self._at = self._at, end
            return self._data[start:end]
        found: list[Any] = []
        is_dictionary = element[0] == "{"
        while self._at < end:
            if is_dictionary:
                self._align(_STRUCT)
                key, value = self.values(element[1:-1])
                found.append((key, value))
            else:
                found.append(self._value(element))
        return dict(found) if is_dictionary else found

    def _fixed(self, code: str) -> Any:
        size = struct.calcsize(code)
        self._align(size)
        (value,) = struct.unpack_from(self._order + code, self._data, self._at)
        self._at += size
        return value

    def _text(self, size: int) -> str:
        start, self._at = self._at, self._at + size + 1
        if self._data[self._at - 1 : self._at] != b"\0":
            raise ValueError("a string without its end")
        return self._data[start : self._at - 1].decode()

    def _align(self, alignment: int) -> None:
        self._at += -self._at % alignment

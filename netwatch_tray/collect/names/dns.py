"""Parses DNS messages (RFC 1035), with the records HTTPS and SVCB ("service bindings", RFC 9460)."""

from __future__ import annotations

import functools
import struct
from typing import NamedTuple

from netwatch_tray.collect.sockets import packed_address
from netwatch_tray.errors import ParseError

A, CNAME, AAAA, HTTPS = 1, 5, 28, 65
"""Types of records that are read; all others are skipped."""

_ADDRESS_SIZES = {A: 4, AAAA: 16}
_HINT_SIZES = {4: 4, 6: 16}
"""Size in bytes of an address in the service parameters ipv4hint and ipv6hint, by the parameter's key."""
_ECH = 5
"""Key of the service parameter that contains a list of ECHConfig structures (Encrypted ClientHello)."""
_ECH_VERSION = 0xFE0D
_ECH_MARK = _ECH_VERSION.to_bytes(2, "big")
_LONGEST_NAME = 255
_MOST_RECORDS = 256
_MOST_ADDRESSES = 64

_SPELLINGS = [chr(each) if 0x20 < each < 0x7F else f"\\{each:03}" for each in range(256)]
"""How each byte of a name is written, by its value."""

_HEADER = struct.Struct(">HHHH4x")
_QUESTION = struct.Struct(">HH")
_RECORD = struct.Struct(">HHIH")


class Address(NamedTuple):
    """An address to which a name resolves."""

    address: str
    """Numeric address, written as in `Connection.remote_address`."""
    ttl: int
    """Seconds for which the address is valid: the smallest TTL of the records that lead to it."""


class Question(NamedTuple):
    """The question in a message, with the message's ID and code, without its records."""

    number: int
    """ID of the message; a query and its response have the same."""
    is_response: bool
    name: str
    """The name in lower case, without the last dot. A byte that is not printable ASCII is written as three digits after
    a backslash."""
    kind: int
    """Type of the record that is requested."""
    code: int
    """RCODE of a response: 0 for success, 3 if there is no such name."""


class Message(NamedTuple):
    """A query with one question, or the response to one, with what its records say about the name."""

    is_response: bool
    name: str
    """The name in the question, in the form of `Question.name`."""
    kind: int
    """Type of the record that is requested."""
    code: int
    """RCODE of a response: 0 for success, 3 if there is no such name."""
    addresses: tuple[Address, ...]
    """Addresses in the A, AAAA and HTTPS records for the name, and for the names that it is an alias of."""
    public_names: tuple[str, ...]
    """Server names that clients send to these addresses in place of the real name, if they encrypt that (ECH)."""


def parse(data: bytes) -> Message:
    """Parse a message (over TCP: without the length in front of it).

    If the data is cut, return the records before the cut. Raise ParseError if the question is incomplete.
    """
    found, answers, offset = _question(data)
    records = _Records()
    if found.is_response:
        records.read(data, offset, min(answers, _MOST_RECORDS))
    addresses, public_names = records.of(found.name)
    return Message(found.is_response, found.name, found.kind, found.code, addresses, public_names)


def may_have_ech(data: bytes) -> bool:
    """Return False if the message certainly has no `public_names`, without parsing it."""
    return _ECH_MARK in data


def question(data: bytes) -> Question:
    """Parse only the question of a message, in a third of the time of `parse`. Raise ParseError if it is incomplete."""
    return _question(data)[0]


def _question(data: bytes) -> tuple[Question, int, int]:
    """Return the question, the number of answer records, and the offset where they begin. Raise ParseError if the
    question is incomplete."""
    try:
        number, flags, questions, answers = _HEADER.unpack_from(data)
        if questions != 1:
            raise ParseError(f"A DNS message has {questions} questions.")
        end = data.find(b"\0", _HEADER.size) + 1 + _QUESTION.size
        name, kind = _plain_question(data[_HEADER.size : end])
        if name is None:
            name, end = _name(data, _HEADER.size)
            kind, _class = _QUESTION.unpack_from(data, end)
            end += _QUESTION.size
    except (struct.error, IndexError) as error:
        raise ParseError("A DNS message ends within its question.") from error
    return Question(number, bool(flags & 0x8000), name, kind, flags & 0xF), answers, end


@functools.lru_cache(maxsize=128)  # the response repeats the question of the query
def _plain_question(packed: bytes) -> tuple[str | None, int]:
    """Return name and type from the bytes of a question. The name is None if these bytes are not exactly one question,
    as when the name contains a pointer."""
    try:
        name, at = _name(packed, 0)
        kind, _class = _QUESTION.unpack_from(packed, at)
    except (ParseError, IndexError, struct.error):
        return None, 0
    return (name, kind) if at + _QUESTION.size == len(packed) else (None, 0)


class _Records:
    """The answer records of a message, by the name that each is about."""

    def __init__(self) -> None:
        self._aliases: dict[str, tuple[str, int]] = {}
        self._addresses: dict[str, list[Address]] = {}
        self._public_names: dict[str, list[str]] = {}

    def read(self, data: bytes, offset: int, count: int) -> None:
        """Read at most `count` records, up to the first incomplete one."""
        owner, pointer = "", b""
        try:
            for _ in range(count):
                if data[offset : offset + 2] == pointer:  # most records have the same owner as the previous one
                    offset += 2
                else:
                    pointer = data[offset : offset + 2] if data[offset] >= 0xC0 else b""
                    owner, offset = _name(data, offset)
                kind, _class, ttl, size = _RECORD.unpack_from(data, offset)
                offset += _RECORD.size
                end = offset + size
                if end > len(data):
                    return
                if kind in _ADDRESS_SIZES and size == _ADDRESS_SIZES[kind]:
                    self._add(owner, data[offset:end], ttl)
                elif kind == CNAME:
                    self._aliases[owner] = _name(data, offset)[0], ttl
                elif kind == HTTPS:
                    self._read_binding(owner, ttl, data, offset, end)
                offset = end
        except (struct.error, IndexError, ParseError):
            return

    def of(self, name: str) -> tuple[tuple[Address, ...], tuple[str, ...]]:
        """Return the addresses and the public names of a name, including those of the names that it is an alias of.

        The TTL of an address is at most that of the aliases which lead to it.
        """
        addresses: dict[str, Address] = {}
        public_names: dict[str, None] = {}
        ttl = 0xFFFFFFFF
        while True:
            for found in self._addresses.pop(name, ()):
                addresses.setdefault(found.address, found if found.ttl <= ttl else found._replace(ttl=ttl))
            public_names.update(dict.fromkeys(self._public_names.pop(name, ())))
            if name not in self._aliases:
                return tuple(addresses.values()), tuple(public_names)
            name, lifetime = self._aliases.pop(name)
            ttl = min(ttl, lifetime)

    def _add(self, owner: str, packed: bytes, ttl: int) -> None:
        known = self._addresses.setdefault(owner, [])
        if len(known) < _MOST_ADDRESSES:
            known.append(Address(packed_address(packed), ttl))

    def _read_binding(self, owner: str, ttl: int, data: bytes, offset: int, end: int) -> None:
        """Read an HTTPS record. With priority 0 its target is an alias, like that of a CNAME."""
        priority = int.from_bytes(data[offset : offset + 2], "big")
        target, offset = _name(data, offset + 2)
        if priority == 0 and target:
            self._aliases.setdefault(owner, (target, ttl))
        while offset + 4 <= end:
            key, size = _QUESTION.unpack_from(data, offset)
            value = data[offset + 4 : min(end, offset + 4 + size)]
            offset += 4 + size
            if key in _HINT_SIZES:
                step = _HINT_SIZES[key]
                for at in range(0, len(value) - step + 1, step):
                    self._add(owner, value[at : at + step], ttl)
            elif key == _ECH:
                self._public_names.setdefault(owner, []).extend(_public_names(value))


def _public_names(value: bytes) -> list[str]:
    """Return the public name in each ECHConfig of a list, as found in an HTTPS record."""
    names: list[str] = []
    offset = 2
    while offset + 4 <= len(value) and len(names) < 8:
        version, size = _QUESTION.unpack_from(value, offset)
        config = value[offset + 4 : offset + 4 + size]
        offset += 4 + size
        if version != _ECH_VERSION:
            continue
        at = 3  # after the number of the configuration and the kind of key
        for _ in range(2):  # public key, cipher suites
            at += 2 + int.from_bytes(config[at : at + 2], "big")
        at += 1  # greatest length of a name
        length = config[at : at + 1]
        name = config[at + 1 : at + 1 + length[0]] if length else b""
        if name and len(name) == length[0]:
            names.append(host_name(name))
    return names


def _name(data: bytes, offset: int) -> tuple[str, int]:
    """Return the name at an offset, and the offset after it. Raise ParseError or IndexError if it is malformed.

    A pointer must lead to an earlier byte than the previous pointer did, so that a loop is impossible.
    """
    labels: list[bytes] = []
    end: int | None = None
    lowest = offset
    length = 0
    while size := data[offset]:
        if size >= 0xC0:
            end = end or offset + 2
            offset = (size & 0x3F) << 8 | data[offset + 1]
            if offset >= lowest:
                raise ParseError("A pointer in a DNS name does not lead back.")
            lowest = offset
            continue
        length += size + 1
        if size >= 0x40 or length > _LONGEST_NAME or offset + 1 + size > len(data):
            raise ParseError("A DNS name is too long.")
        labels.append(data[offset + 1 : offset + 1 + size])
        offset += 1 + size
    return host_name(b".".join(labels)), end or offset + 1


def host_name(raw: bytes) -> str:
    r"""Return a name or a label in lower case, with `\ddd` for each byte that is not printable ASCII."""
    text = raw.decode("latin-1")
    if not (text.isascii() and text.isprintable()) or " " in text:
        text = text.translate(_SPELLINGS)
    return text.lower()

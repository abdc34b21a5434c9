"""Finds ClientHellos in QUIC Initial packets, versions 1 (RFC 9000, RFC 9001) and 2 (RFC 9369).

An Initial is encrypted with keys derived from the destination connection ID of the client's first packet. Every host
that sees that packet can decrypt it; the encryption keeps middleboxes from changing it and hides nothing.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

from netwatch_tray.collect.names import aes
from netwatch_tray.collect.names.tls import LONGEST_HELLO, Hello, hello_size, parse_hello
from netwatch_tray.errors import ParseError

_MOST_FLOWS = 128
_MOST_PIECES = 256
"""Most parts of one ClientHello. Chromium and quic-go send up to about 20."""
_MOST_PACKETS = 4
"""Most QUIC packets that are read from one datagram."""
_LONGEST_ID = 20

_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO = 0, 1, 2, 3, 6
_CLOSE = 0x1C


_BLOCK = 64
"""Block size of SHA-256 in bytes."""
_INNER, _OUTER = (bytes(each ^ pad for each in range(256)) for pad in (0x36, 0x5C))


def _label(label: bytes, size: int) -> bytes:
    """Return the structure HkdfLabel (RFC 8446, 7.1), followed by the counter 1: the message of the HMAC that derives a
    key of up to 32 bytes."""
    label = b"tls13 " + label
    return struct.pack(">HB", size, len(label)) + label + b"\0\1"


_CLIENT = _label(b"client in", 32)


class _Version(NamedTuple):
    salt: bytes
    labels: tuple[bytes, bytes, bytes]
    """HkdfLabel structures from which key, nonce and header-protection key are derived."""
    initial: int
    """Value of the header's type field in an Initial packet."""

    @classmethod
    def of(cls, salt: str, prefix: bytes, initial: int) -> _Version:
        labels = _label(prefix + b"key", 16), _label(prefix + b"iv", 12), _label(prefix + b"hp", 16)
        return cls(bytes.fromhex(salt), labels, initial)


_VERSIONS = {
    1: _Version.of("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", b"quic ", 0),
    0x6B3343CF: _Version.of("0dede3def700a6db819381be6e269dcbf9bd2ed9", b"quicv2 ", 1),
}


class Keys(NamedTuple):
    """AEAD and header-protection keys of the client's Initial packets."""

    key: bytes
    nonce: bytes
    header_key: bytes


@functools.lru_cache(maxsize=4)  # the datagrams of one hello follow each other
def client_keys(version: int, connection: bytes) -> Keys:
    """Return the keys of the client's Initial packets. `connection`: destination connection ID of its first packet.
    Raise ParseError if the version is unknown."""
    if version not in _VERSIONS:
        raise ParseError(f"QUIC version {version:#x} is not known.")
    salt, labels, _ = _VERSIONS[version]
    secret = _hmac(*_pads(salt), connection)
    secret = _hmac(*_pads(secret), _CLIENT)
    inner, outer = _pads(secret)
    key, nonce, header_key = [_hmac(inner, outer, label) for label in labels]
    return Keys(key[:16], nonce[:12], header_key[:16])


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """Return the inner and the outer block that HMAC (RFC 2104) makes of a key; `_hmac` needs both."""
    block = key.ljust(_BLOCK, b"\0")
    return block.translate(_INNER), block.translate(_OUTER)


def _hmac(inner: bytes, outer: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA-256 of a message with the key that `_pads` has prepared. It takes half the time of
    hmac.digest."""
    return hashlib.sha256(outer + hashlib.sha256(inner + message).digest()).digest()


class _Flow:
    """The parts of a ClientHello that have arrived so far."""

    __slots__ = ("connection", "pieces")

    def __init__(self, connection: bytes) -> None:
        self.connection = connection
        """The destination connection ID of the client's first packet."""
        self.pieces: dict[int, bytes] = {}
        """Parts of the ClientHello, by their offset in it."""

    def hello(self) -> Hello | None:
        """Return the ClientHello, or None while it is incomplete. Raise ParseError if it is malformed."""
        if 0 not in self.pieces:
            return None
        message = b""
        for offset, piece in sorted(self.pieces.items()):
            if offset > len(message):
                break
            message += piece[len(message) - offset :]
        if message and (message[0] != 1 or hello_size(message) > LONGEST_HELLO):
            raise ParseError("A QUIC connection does not begin with a ClientHello.")
        return parse_hello(message) if len(message) >= hello_size(message) else None


class Flows:
    """Assembles ClientHellos, whose parts may arrive in any order and in several datagrams.

    A flow is any value that identifies a socket and its peer.
    """

    def __init__(self, cipher: aes.Aes | None = None) -> None:
        self._aes = cipher or aes.implementation()
        self._flows: dict[object, _Flow] = {}

    def take(self, flow: object, datagram: bytes) -> Hello | None:
        """Add a datagram that the client sent. Return the ClientHello once it is complete, None while parts of it are
        missing.

        Raise ParseError if no Initial in the datagram can be decrypted, or if its content is not a ClientHello; in the
        latter case the flow is forgotten.
        """
        known = self._flows.pop(flow, None)
        opened = False
        for packet in _initials(datagram):
            # After the server's response the client uses the server's ID, but the keys stay those of the client's first
            # packet.
            connections = [packet.connection]
            if known is not None and known.connection != packet.connection:
                connections.append(known.connection)
            for connection in connections:
                try:
                    text = packet.open(self._aes, connection)
                except ParseError:
                    continue
                if known is None or known.connection != connection:
                    known = _Flow(connection)
                known.pieces |= _pieces(text)
                opened = True
                break
        if known is not None and len(known.pieces) <= _MOST_PIECES:
            hello = known.hello()
            if hello is not None:
                return hello
            self._flows[flow] = known
            if len(self._flows) > _MOST_FLOWS:
                del self._flows[next(iter(self._flows))]
        if not opened:
            raise ParseError("No QUIC Initial in a datagram can be opened.")
        return None


class _Initial(NamedTuple):
    """An Initial packet that is still encrypted."""

    version: int
    connection: bytes
    """Destination connection ID."""
    data: bytes
    number_offset: int
    """Offset of the packet number, which is protected."""

    def open(self, cipher: aes.Aes, connection: bytes) -> bytes:
        """Decrypt the packet and return its frames. Raise ParseError if `connection` is not the destination ID of the
        client's first packet."""
        keys, at, data = client_keys(self.version, connection), self.number_offset, self.data
        mask = cipher.encrypt_block(keys.header_key, data[at + 4 : at + 20])
        first = data[0] ^ mask[0] & 0x0F
        size = (first & 3) + 1
        number = int.from_bytes(data[at : at + size], "big") ^ int.from_bytes(mask[1 : 1 + size], "big")
        header = b"%c%b%b" % (first, data[1:at], number.to_bytes(size, "big"))
        nonce = int.from_bytes(keys.nonce, "big") ^ number
        return cipher.open(keys.key, nonce.to_bytes(12, "big"), header, data[at + size :])


def _initials(datagram: bytes) -> Iterator[_Initial]:
    """Yield the Initial packets of a datagram, up to the first part that cannot be parsed."""
    data = datagram
    for _ in range(_MOST_PACKETS):
        if not data:
            return
        try:
            version = int.from_bytes(data[1:5], "big")
            if not data[0] & 0x80 or version not in _VERSIONS:
                return
            connection, at = _sized(data, 5)
            _source, at = _sized(data, at)
            is_initial = data[0] >> 4 & 3 == _VERSIONS[version].initial
            if is_initial:
                token, at = _varint(data, at)
                at += token
            length, at = _varint(data, at)
        except (ParseError, IndexError):
            return
        # The sample for header protection is taken 4 bytes after the beginning of the packet number.
        if length < 4 + aes.TAG_SIZE or at + length > len(data):
            return
        if is_initial:
            yield _Initial(version, connection, data[: at + length], at)
        data = data[at + length :]


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the connection ID at an offset (its length is in the first byte), and the offset after it. Raise
    ParseError or IndexError if it is incomplete."""
    size = data[at]
    if size > _LONGEST_ID:
        raise ParseError(f"A QUIC connection ID has {size} bytes.")
    return data[at + 1 : at + 1 + size], at + 1 + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the variable-length integer at an offset, and the offset after it. Raise ParseError or IndexError if it is
    incomplete."""
    first = data[at]
    if first < 0x40:
        return first, at + 1
    if first < 0x80:
        return (first & 0x3F) << 8 | data[at + 1], at + 2
    size = 1 << (first >> 6)
    if at + size > len(data):
        raise ParseError("A QUIC packet ends within a number.")
    return int.from_bytes(data[at : at + size], "big") & (1 << 8 * size - 2) - 1, at + size


def _pieces(frames: bytes) -> dict[int, bytes]:
    """Return the data of the CRYPTO frames in a packet, by their offset in the ClientHello. Raise ParseError if a frame
    is malformed."""
    pieces: dict[int, bytes] = {}
    at = 0
    try:
        while at < len(frames):
            kind, at = frames[at], at + 1
            if kind == _PADDING:
                at = len(frames) - len(frames[at:].lstrip(b"\0"))
            elif kind == _CRYPTO:
                offset, at = _varint(frames, at)
                size, at = _varint(frames, at)
                if at + size > len(frames) or offset + size > LONGEST_HELLO:
                    raise ParseError("A QUIC frame holds more than its packet or a hello can.")
                if size > len(pieces.get(offset, b"")):
                    pieces[offset] = frames[at : at + size]
                at += size
            elif kind in {_ACK, _ACK_ECN}:
                at = _behind_ack(frames, at, has_ecn=kind == _ACK_ECN)
            elif kind == _CLOSE:
                break
            elif kind != _PING:
                raise ParseError(f"A QUIC Initial holds a frame of type {kind}.")
    except IndexError as error:
        raise ParseError("A QUIC packet ends within a frame.") from error
    return pieces


def _behind_ack(frames: bytes, at: int, *, has_ecn: bool) -> int:
    """Return the offset after an ACK frame, whose fields are: largest, delay, count of ranges, first range, ranges, ECN
    counts."""
    _largest, at = _varint(frames, at)
    _delay, at = _varint(frames, at)
    ranges, at = _varint(frames, at)
    for _ in range(1 + 2 * ranges + 3 * has_ecn):
        _, at = _varint(frames, at)
    return at

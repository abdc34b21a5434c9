"""Netlink sockets and the framing that all their families share (netlink(7), <linux/netlink.h>)."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import socket
import struct
from collections.abc import Iterator, Sequence

from netwatch_tray.errors import CollectError, ParseError

_AF_NETLINK = 16
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, port."""

_SEQUENCE = struct.Struct("=I")
_ATTRIBUTE = struct.Struct("=HH")
_ATTRIBUTE_TYPE_MASK = 0x3FFF
"""Bits of an attribute's type without the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER."""
_LARGEST_DATAGRAM = 1 << 18
_RECEIVE_BUFFER = 1 << 20
"""Size of the receive buffer in bytes. If events do not fit into it, the kernel drops some and returns ENOBUFS."""
_TIMEOUT = struct.pack("@ll", 1, 0)
"""struct timeval: how long a read may block, so that a dump that never ends does not stop the program."""


class NetlinkSocket:
    """Socket of one netlink family. Sends requests, and returns the datagrams it receives in a buffer
    that is reused."""

    def __init__(self, family: int, groups: int = 0) -> None:
        """Open the socket and join the multicast `groups` (a bit mask), whose events it then receives. Raise OSError if
        the kernel has no such family."""
        self._socket = socket.socket(_AF_NETLINK, socket.SOCK_RAW, family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)
        self._socket.bind((0, groups))
        # Of anonymous memory, which takes only the pages that a datagram has reached: usually 32 KB (netlink_dump).
        self._buffer = memoryview(mmap.mmap(-1, _LARGEST_DATAGRAM, mmap.MAP_PRIVATE))
        self._sequence = 0

    def request_dump(self, request: bytearray) -> int:
        """Send a request made by `dump_request` or `single_request`. Return its sequence number, which the responses
        carry."""
        self._sequence = sequence = (self._sequence + 1) & 0xFFFFFFFF
        _SEQUENCE.pack_into(request, 8, sequence)
        self._socket.send(request)
        return sequence

    def repeat(self, request: bytearray) -> None:
        """Send the same dump request once more, with the sequence number that it had before."""
        self._socket.send(request)

    def request_each(self, requests: Sequence[bytearray]) -> int:
        """Send several requests made by `single_request` in one datagram. Return their common sequence number. Each
        gets a response in a datagram of its own."""
        self._sequence = sequence = (self._sequence + 1) & 0xFFFFFFFF
        for request in requests:
            _SEQUENCE.pack_into(request, 8, sequence)
        self._socket.send(b"".join(requests))
        return sequence

    def receive(self) -> memoryview:
        """Return the next datagram, in a buffer that the next call overwrites. Raise OSError; its errno is ENOBUFS if
        events were lost."""
        return self._buffer[: self._socket.recv_into(self._buffer)]

    def drain(self) -> None:
        """Discard all datagrams that have arrived, so that the next one is the response to the next request."""
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    self._socket.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
                except OSError as error:
                    if error.errno != errno.ENOBUFS:
                        raise

    def close(self) -> None:
        self._socket.close()


def dump_request(kind: int, body: bytes) -> bytearray:
    """Return a request for a dump (all objects of a kind). It can be sent any number of times."""
    return bytearray(HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST | NLM_F_DUMP, 0, 0) + body)


def single_request(kind: int, body: bytes) -> bytearray:
    """Return a request that gets one response."""
    return bytearray(HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST, 0, 0) + body)


def attribute(kind: int, value: bytes) -> bytes:
    """Return a struct nlattr with its padding."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def messages(datagram: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yield type, sequence and body of each message of a datagram. Raise ParseError on an invalid length."""
    offset = 0
    while offset < len(datagram):
        if len(datagram) - offset < HEADER.size:
            raise ParseError("A netlink datagram ends within a header.")
        length, kind, _flags, sequence, _port = HEADER.unpack_from(datagram, offset)
        if not HEADER.size <= length <= len(datagram) - offset:
            raise ParseError(f"A netlink message claims {length} bytes of {len(datagram) - offset}.")
        yield kind, sequence, datagram[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


def attributes(body: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield type (without its flags) and value of each attribute (struct nlattr). Raise ParseError on an invalid
    length."""
    offset = 0
    while offset < len(body):
        if len(body) - offset < _ATTRIBUTE.size:
            raise ParseError("A netlink message ends within an attribute.")
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if not _ATTRIBUTE.size <= length <= len(body) - offset:
            raise ParseError(f"A netlink attribute claims {length} bytes of {len(body) - offset}.")
        yield kind & _ATTRIBUTE_TYPE_MASK, body[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


def raise_for_error(body: memoryview) -> None:
    """Raise CollectError with the error in the body of an NLMSG_ERROR or NLMSG_DONE. Do nothing if the body is an
    acknowledgement."""
    if len(body) >= 4 and (code := int.from_bytes(body[:4], "little", signed=True)):
        raise CollectError("The kernel refused a netlink request: {reason}.", reason=os.strerror(-code))

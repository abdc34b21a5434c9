"""What really passed a wire: packets recorded at its far end, by transport protocol and port of the server.

The model of headers: a frame is 14 bytes of Ethernet, an IP header (20 bytes, or 40 and more of IPv6), a TCP header (20
bytes and its options) or 8 bytes of UDP, and the payload. Each header is read from the packet. The kernel passes large
TCP segments over a wire of its own in one piece, with one header; so do its counters.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import NamedTuple

from benchmarks.accuracy.amounts import Both, Unit

ETHERNET = 14
AF_PACKET = 17
"""As in the module `socket`, which has it only on Linux."""
_ALL = 3
"""The kernel's constant ETH_P_ALL: receive packets of all protocols."""
_OUTGOING = 4
_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP, _UDP = 6, 17
_SOL_PACKET, _PACKET_STATISTICS, _SO_RCVBUFFORCE = 263, 6, 33
_QUEUE = 512 << 20


class Packet(NamedTuple):
    """The lengths in a packet."""

    protocol: str
    source: int
    target: int
    ip: int
    segment: int
    payload: int


def parse(data: bytes | memoryview, kind: int) -> Packet | None:
    """Parse an IP packet; return `None` if it is neither TCP nor UDP. `kind`: its EtherType."""
    if kind == _IPV4 and len(data) >= 20:
        header, protocol, length = (data[0] & 15) * 4, data[9], int.from_bytes(data[2:4], "big")
        if int.from_bytes(data[6:8], "big") & 0x1FFF:
            return None  # a later fragment has no ports
    elif kind == _IPV6 and len(data) >= 40:
        header, protocol, length = 40, data[6], 40 + int.from_bytes(data[4:6], "big")
    else:
        return None
    # Longer than 65535 bytes: the kernel leaves the length out.
    length = len(data) if length in {0, 40} else min(length, len(data))
    if protocol not in {_TCP, _UDP} or length < header + 8:
        return None
    source, target = struct.unpack_from("!HH", data, header)
    inner = (data[header + 12] >> 4) * 4 if protocol == _TCP else 8
    return Packet(
        "tcp" if protocol == _TCP else "udp", source, target, length, length - header, length - header - inner
    )


class Flow:
    """The bytes to and from one port of a server, as the measured machine sees them: what the server sent
    is received."""

    def __init__(self) -> None:
        self.amounts = dict.fromkeys(Unit, Both())

    def add(self, frame: int, packet: Packet, *, is_received: bool) -> None:
        for unit, size in zip(Unit, (frame, packet.ip, packet.segment, packet.payload), strict=True):
            self.amounts[unit] = self.amounts[unit].plus(Both(size, 0) if is_received else Both(0, size))


class Recorder:
    """Records the packets of an interface from now until `close`. Make it inside the interface's network namespace."""

    def __init__(self, interface: str, *, link_header: int = ETHERNET) -> None:
        self._link_header = link_header
        self._socket = socket.socket(AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _QUEUE)
        self._socket.bind((interface, _ALL))
        self.flows: dict[tuple[str, int], Flow] = {}
        """Amounts by transport protocol and port of the server."""
        self.frames, self.ip = Both(), Both()
        """Bytes of all packets."""
        self.dropped = 0
        self._end, self._ended = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        buffer = bytearray(1 << 17)
        view = memoryview(buffer)
        while True:
            readable = select.select([self._socket, self._ended], [], [])[0]
            if self._socket not in readable:
                return
            # OSError: the interface was removed.
            with contextlib.suppress(OSError):
                size, (_name, kind, direction, *_rest) = self._socket.recvfrom_into(buffer)
                self._take(view[:size], kind, is_received=direction == _OUTGOING)

    def _take(self, frame: memoryview, kind: int, *, is_received: bool) -> None:
        """Add a packet. `is_received`: the measured machine received it, because the server sent it."""
        data = frame[self._link_header :]
        both = Both(len(frame), 0) if is_received else Both(0, len(frame))
        self.frames = self.frames.plus(both)
        if kind in {_IPV4, _IPV6}:
            self.ip = self.ip.plus(Both(len(data), 0) if is_received else Both(0, len(data)))
        packet = parse(data, kind)
        if packet is not None:
            key = packet.protocol, packet.source if is_received else packet.target
            self.flows.setdefault(key, Flow()).add(len(frame), packet, is_received=is_received)

    def close(self) -> None:
        """Read the packets that are still queued, then stop."""
        self._end.close()
        self._thread.join()
        _packets, self.dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._socket.close()
        self._ended.close()

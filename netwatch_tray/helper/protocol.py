"""The messages between helper and agent, each a datagram of a Unix socket of type SEQPACKET; see docs/helper.md.

All numbers are in the machine's byte order, as in `layout`.
"""

from __future__ import annotations

import socket
import struct
import sys

VERSION = 3

SOCKET = "/run/netwatch-tray-helper.socket"

LONGEST_MESSAGE = 1 << 17
"""Bytes of a message from the helper."""

READ = struct.Struct("=BxxxII")
"""The agent's only message: kind; flows with a packet since this stamp are wanted; position in the list of flows."""
READ_KIND = 1
BEGIN = 0xFFFFFFFF
"""A position: the beginning or, in a response, the end."""

HELLO, ROWS, EVENTS, REFUSED = 1, 2, 3, 4
"""Kinds of messages from the helper, their first byte."""

HELLO_HEAD = struct.Struct("=BBHId")
"""Kind, flags, version of the protocol, process, time at which the counters were attached (CLOCK_BOOTTIME, seconds).
Nothing follows."""
WHOLE_SYSTEM = 1
"""Flag: it counts all of the system, not a container alone."""
REPORTS_ENDS, REPORTS_ELSEWHERE = 2, 4
"""Flags: it reports the last counters of TCP connections; rows of TCP connections of other network namespaces."""

ROWS_HEAD = struct.Struct("=BxxxIIIQQQQQ")
"""Kind; next position; stamp for the next reading; stamp before which idle flows are deleted; since attaching: bytes
received and sent and datagrams received and sent of flows that found no room; records lost, because the ring was full
or the agent did not read. Rows follow: layout.KEY and layout.VALUE."""

EVENTS_HEAD = struct.Struct("=Bxxx")
"""Kind. Records follow: layout.OWNER, layout.TCP_END, or layout.PACKET with its payload."""

REFUSED_HEAD = struct.Struct("=Bxxx")
"""Kind. A sentence in UTF-8 follows, and the helper hangs up."""

_SO_NETNS_COOKIE = 71


def network_cookie(of: socket.socket) -> int:
    """Return what identifies the network namespace of a socket, for both ends, or 0 before Linux 5.14."""
    try:
        return int.from_bytes(of.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), sys.byteorder)
    except OSError:
        return 0

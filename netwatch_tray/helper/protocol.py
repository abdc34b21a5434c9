"""The messages between helper and agent. Each is one message of a Unix socket of type SEQPACKET; see docs/helper.md.

All numbers are in the machine's byte order, as in `layout`, which also explains flows, records and stamps.
"""

from __future__ import annotations

import socket
import struct
import sys

VERSION = 3

SOCKET = "/run/netwatch-tray-helper.socket"

LONGEST_MESSAGE = 1 << 17
"""Most bytes of a message from the helper."""

READ = struct.Struct("=BxxxII")
"""The agent's only message, a request: kind; stamp since which a flow must have had a packet to be returned; position
in the list of flows from which on to return them."""
READ_KIND = 1
BEGIN = 0xFFFFFFFF
"""Special value of a position: in a request the beginning of the list of flows, in a response its end."""

HELLO, ROWS, EVENTS, REFUSED = 1, 2, 3, 4
"""Kinds of messages from the helper; the first byte of each."""

HELLO_HEAD = struct.Struct("=BBHId")
"""The message HELLO: kind, flags, version of the protocol, PID of the helper, time at which the programs were attached
(CLOCK_BOOTTIME, seconds)."""
WHOLE_SYSTEM = 1
"""Flag of HELLO: the helper counts the whole system, not only a container."""
REPORTS_ENDS, REPORTS_ELSEWHERE = 2, 4
"""Flags of HELLO: there are records with the final counters of closed TCP connections; there are rows of TCP
connections of other network namespaces."""

ROWS_HEAD = struct.Struct("=BxxxIIIQQQQQ")
"""Head of the message ROWS: kind; next position; stamp for the next request; stamp before which idle flows are deleted.
Then sums since attaching: bytes received and sent, and datagrams received and sent, of flows for which there was no
room; records that were lost, because the ring was full or the agent did not read. Rows follow: layout.KEY and
layout.VALUE."""

EVENTS_HEAD = struct.Struct("=Bxxx")
"""Head of the message EVENTS: kind. Records follow: layout.OWNER, layout.TCP_END, or layout.PACKET with its payload."""

REFUSED_HEAD = struct.Struct("=Bxxx")
"""Head of the message REFUSED: kind. A sentence for the user in UTF-8 follows. Then the helper closes the
connection."""

_SO_NETNS_COOKIE = 71


def network_cookie(of: socket.socket) -> int:
    """Return the kernel's cookie of the network namespace in which a socket was created, or 0 before Linux 5.14."""
    try:
        return int.from_bytes(of.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), sys.byteorder)
    except OSError:
        return 0

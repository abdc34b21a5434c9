"""What the eBPF programs write and the agent reads: keys and values of the map, records of the ring buffer.

All numbers are in the machine's byte order. Addresses have 16 bytes; IPv4 is mapped (::ffff:a.b.c.d).
"""

from __future__ import annotations

import struct

KEY = struct.Struct("=Q16sHHB3x")
"""A flow: socket cookie, peer's address, peer's port, own port, IP protocol. Protocols other than UDP have no ports."""

VALUE = struct.Struct("=QQQQQ16sIIII")
"""Bytes received and sent (payload), datagrams received and sent; control group, own address, user, interface of the
first packet; stamps of creation and of the last packet.

Of a TCP connection of another network namespace: bytes received and sent, the same when the row was made; control
group, own address, user (2**32 - 1: unknown), 1 once it has closed; stamps."""
STAMPS_OFFSET = 64

STAMP = struct.Struct("=I4xQ")
"""What the programs put on a flow as the stamp of its last packet; refusals since it was set."""

MOST_REFUSALS = 512
"""Refusals reported for one stamp."""

LOSSES = struct.Struct("=Q" + VALUE.format.removeprefix("="))
"""Records that found no room in the ring; a value with the sum of what found none in the map."""

RECORD = struct.Struct("=Q20xBBxxI12x")
"""What every record begins with: socket cookie, protocol, kind, user. The two layouts below fill the gaps."""

PACKET = struct.Struct("=Q16sHHBBHIIII")
"""Before a copied payload: the flow; kind; time; user; bytes that follow; bytes of the whole payload, which may be
more; payload of a datagram if the packet holds several (GSO), else 0. A refusal has no cookie, time, user and
payload."""

TIME_SHIFT = 20
TIME_BITS = 16
"""The time of a packet: CLOCK_BOOTTIME in units of 2**20 ns, the lowest bits of it, which repeat after 68 s."""

OWNER = struct.Struct("=Q16sIBBxxI4xQ")
"""A new socket: cookie, name of the thread that made it (NUL at the end, empty if this kernel keeps it secret),
process, protocol, kind, user, control group."""

TCP_END = struct.Struct("=Q16sHHBBxxQQ16sQ")
"""A connection closed: cookie, peer's address and port, own port, protocol, kind; bytes received and sent; own address,
network namespace (0: this kernel does not report it)."""

NEW_SOCKET, DNS_QUERY, DNS_ANSWER, TLS_HELLO, QUIC_INITIAL, REFUSAL, TCP_ENDED = 1, 2, 3, 4, 5, 6, 7
"""Kinds of records. Refusal: a closed TCP port of this machine refused a connection."""

MAKER = struct.Struct("=QII")
"""Control group and user of the program that made a TCP socket; 0."""

MOST_PAYLOAD = 4096
"""Bytes of a payload that are copied."""

ONLY_HOME, ONE_HOME_OF_SEVERAL = 1, 2
"""Values for a network namespace in which an agent lists connections: all agents are in it, or some in another one."""

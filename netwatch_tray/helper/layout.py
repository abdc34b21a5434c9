"""Binary layout of what the eBPF programs write and the agent reads: entries of the map of flows, records of the ring.

A flow is the traffic between one socket and one peer. All numbers are in the machine's byte order. Addresses have 16
bytes; IPv4 addresses are mapped (::ffff:a.b.c.d). A stamp is a number that the helper increases with time (`service`).
The user is a UID.
"""

from __future__ import annotations

import struct

KEY = struct.Struct("=Q16sHHB3x")
"""Key of the map: socket cookie, peer's address, peer's port, own port, IP protocol. Only UDP and TCP have ports."""

VALUE = struct.Struct("=QQQQQ16sIIII")
"""Value of the map: payload bytes received and sent, datagrams received and sent, control group, own address, user,
interface of the first packet, stamp at creation, stamp at the last packet.

For a TCP connection of another network namespace: bytes received and sent, both of them as they were at creation,
control group, own address, user (2**32 - 1: unknown), 1 after the connection has closed (else 0), the two stamps.
"""
STAMPS_OFFSET = 64

STAMP = struct.Struct("=I4xQ")
"""What the helper sets for the programs: the current stamp, and the number of refusals reported since it was set."""

MOST_REFUSALS = 512
"""Most refused connections that are reported for one stamp; further ones are not."""

LOSSES = struct.Struct("=Q" + VALUE.format.removeprefix("="))
"""Losses since attaching: number of records for which the ring had no room, then a value as in the map with the sum of
all flows for which the map had none."""

RECORD = struct.Struct("=Q20xBBxxI12x")
"""The fields that all records have at the same place: socket cookie, protocol, kind, user."""

PACKET = struct.Struct("=Q16sHHBBHIIII")
"""Head of a record with a copied packet: the flow; kind; time (`TIME_BITS`); user; payload bytes that follow; bytes of
the whole payload, which may be more; bytes of one datagram if the kernel combined several (GSO), else 0. In a record of
the kind REFUSAL, cookie, time, user and payload are missing."""

TIME_SHIFT = 20
TIME_BITS = 16
"""Number of bits of the time of a packet: CLOCK_BOOTTIME in units of 2**20 ns, without its high bits. It repeats after
68 s."""

OWNER = struct.Struct("=Q16sIBBxxI4xQ")
"""Record about a new socket: cookie, name of the thread that created it (ends with NUL; empty if the kernel does not
permit to read it), PID, protocol, kind, user, control group."""

TCP_END = struct.Struct("=Q16sHHBBxxQQ16sQ")
"""Record about a closed TCP connection: cookie, peer's address, peer's port, own port, protocol, kind, bytes received,
bytes sent, own address, cookie of the network namespace (0: the kernel does not report it)."""

NEW_SOCKET, DNS_QUERY, DNS_ANSWER, TLS_HELLO, QUIC_INITIAL, REFUSAL, TCP_ENDED = 1, 2, 3, 4, 5, 6, 7
"""Kinds of records. REFUSAL: a closed TCP port of this machine refused a connection."""

MAKER = struct.Struct("=QII")
"""Control group and user of the program that created a TCP socket; the last number is always 0."""

MOST_PAYLOAD = 4096
"""Most bytes of a payload that are copied; the rest is cut off."""

ONLY_HOME, ONE_HOME_OF_SEVERAL = 1, 2
"""Values in the map of the network namespaces in which agents run ("homes"): it is the only one, or one of several."""

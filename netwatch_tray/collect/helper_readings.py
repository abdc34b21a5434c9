"""What the helper reports, as values: amounts by flow, ends of TCP connections, owners of new sockets, packets,
refusals and losses.

A cookie is the number by which the kernel identifies a socket (SO_COOKIE, socket(7)).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

UDP, TCP = 17, 6
"""IP protocol numbers. The helper also counts others, such as ICMP (1 and 58); TCP only for connections in other
network namespaces, because sock_diag counts those of this one."""


class HelperInfo(NamedTuple):
    """Properties of the connected helper."""

    pid: int
    attached_since: float
    """Time since which it counts, in seconds of `clock.boottime`."""
    is_whole_system: bool
    """Whether it counts for the whole system. False in a container, where flows of programs outside are missing."""
    reports_ends: bool = True
    """Whether it reports the last counters of TCP connections (`Reading.ends`)."""
    reports_elsewhere: bool = True
    """Whether it counts TCP connections in other network namespaces, such as those of containers."""


class Flow(NamedTuple):
    """Identifies the traffic between one socket and one peer."""

    cookie: int
    """Cookie of the socket; `f"{cookie:x}"` is the key of the same socket in sock_diag's samples."""
    protocol: int
    """IP protocol number."""
    peer_address: str
    """Numeric address, written as in `Socket.remote_address`."""
    peer_port: int | None
    """None if the protocol has no ports."""
    local_port: int | None


class Amount(NamedTuple):
    """Traffic of a flow since the previous reading. No number is negative, and at least one is positive."""

    rx_bytes: int
    """Payload without headers. For protocols other than TCP and UDP their own header is included."""
    tx_bytes: int
    rx_datagrams: int
    """Number of datagrams, 0 for TCP. Fragments of one datagram count once; the segments of a large one (GSO, GRO)
    count each."""
    tx_datagrams: int
    """Number of datagrams, 0 for TCP."""
    local_address: str
    """Local address in the first packet of the flow. The fields that follow are also those of the first packet."""
    interface: int
    """Index of the network interface in the socket's network namespace, where other numbers may apply
    than in this one."""
    uid: int | None
    """UID of the socket's user; None if unknown, as for an accepted TCP connection."""
    cgroup: int
    """ID of the socket's control group, as in `Socket.cgroup`; 0 if unknown."""


class Owner(NamedTuple):
    """The process that created a socket (of any protocol, TCP included). Another process may use the socket now,
    because file descriptors can be passed on."""

    pid: int | None
    """None if this process runs in a PID namespace, where the number that the kernel reports means another process or
    none."""
    uid: int
    cgroup: int
    protocol: int
    """IP protocol number."""
    thread: str | None
    """Name of the thread that created the socket, up to 15 characters; None if the kernel does not report it."""


class PacketKind(enum.Enum):
    DNS_QUERY = enum.auto()
    DNS_ANSWER = enum.auto()
    TLS_HELLO = enum.auto()
    QUIC_INITIAL = enum.auto()


class Packet(NamedTuple):
    """The payload of a packet that may contain a host name. All packets are outbound, except DNS responses."""

    flow: Flow
    kind: PacketKind
    uid: int
    """UID of the socket's user."""
    payload: bytes
    """The first 4096 bytes at most, as they were in the packet; any host may have made them."""
    length: int
    """Length in bytes of the whole payload."""
    segment_size: int
    """If not 0: the payload holds several datagrams of this size, of which the last may be shorter."""
    boottime: float = 0.0
    """When the packet passed, in seconds of `clock.boottime`, with a precision of a millisecond."""


class Refusal(NamedTuple):
    """An attempt to connect to a closed TCP port of this machine, which refused it: part of a scan, or a mistake.

    IPv4 only. The helper reports at most 512 in a quarter of a second.
    """

    peer_address: str
    """Address of the host that attempted to connect; 127.0.0.0/8 is this machine itself."""
    peer_port: int | None
    local_port: int | None
    """The closed port."""


class TcpEnd(NamedTuple):
    """Addresses and last counters of a TCP connection that has closed."""

    local_address: str
    local_port: int | None
    peer_address: str
    peer_port: int | None
    rx_bytes: int
    """Payload received over the whole connection. One byte less if the peer's FIN may have been counted as a byte."""
    tx_bytes: int
    is_here: bool | None
    """Whether the connection was in this process's network namespace; None if the kernel does not report it."""


class Losses(NamedTuple):
    """What the helper could not report since the previous reading."""

    rx_bytes: int
    """Bytes counted in total but for no flow, because the helper had no room for more flows."""
    tx_bytes: int
    rx_datagrams: int
    tx_datagrams: int
    records: int
    """Number of owners and packets (of all users) that were dropped, because there was no room in the helper, in the
    socket or in this process."""


class Reading(NamedTuple):
    """Everything that the helper reports since the previous reading."""

    boottime: float
    """When this reading was requested, in seconds of `clock.boottime`."""
    counted_since: float
    """Beginning of the time that the amounts cover: `boottime` of the previous reading, or later if the connection to
    the helper was interrupted. What happened between the two is unknown."""
    amounts: Mapping[Flow, Amount]
    """Traffic of each flow that had a packet."""
    owners: Mapping[int, Owner]
    """Creators of new sockets, by the socket's cookie. Only for sockets of this user, or of all users if this user is
    root."""
    packets: Sequence[Packet]
    """Copied packets in the order in which they passed. Only of this user's sockets, or of all users' if this user is
    root."""
    losses: Losses
    refusals: Sequence[Refusal]
    """Refused connections in the order in which they happened, at most 8192."""
    ends: Mapping[int, TcpEnd] | None = None
    """TCP connections that closed, by cookie; None if the helper cannot report them (`HelperInfo.reports_ends`)."""
    closed: frozenset[int] = frozenset()
    """Cookies of TCP connections in other network namespaces that closed; `amounts` has their last bytes."""

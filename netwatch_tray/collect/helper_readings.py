"""What the helper reports, as values: amounts by flow, ends of TCP connections, owners of new sockets, packets,
refusals and losses."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

UDP, TCP = 17, 6
"""IP protocol numbers. The helper counts others as well, such as ICMP (1 and 58), but TCP only of connections of other
network namespaces."""


class HelperInfo(NamedTuple):
    """What the connected helper reports of itself."""

    pid: int
    attached_since: float
    """Seconds, `clock.boottime`."""
    is_whole_system: bool
    """False in a container: flows of other programs are missing then."""
    reports_ends: bool = True
    """The last counters of TCP connections are reported."""
    reports_elsewhere: bool = True
    """The bytes of TCP connections of other network namespaces are reported."""


class Flow(NamedTuple):
    """Identifies what passes between one socket and one peer."""

    cookie: int
    """The socket's; `f"{cookie:x}"` is the key of the same socket from sock_diag."""
    protocol: int
    """IP protocol number."""
    peer_address: str
    """Numeric, in the spelling of `Socket.remote_address`."""
    peer_port: int | None
    """None where the protocol has no ports."""
    local_port: int | None


class Amount(NamedTuple):
    """Traffic of a flow since the previous reading. At least one number is above zero; none is below."""

    rx_bytes: int
    """Payload, without headers; of protocols other than UDP their header is included."""
    tx_bytes: int
    rx_datagrams: int
    """Fragments of one datagram count once, segments of a large one (GSO, GRO) each."""
    tx_datagrams: int
    """Both are 0 for TCP."""
    local_address: str
    """As of the flow's first packet, like all that follows."""
    interface: int
    """Index of the network interface, in the network namespace of the socket: a container has numbers of its own."""
    uid: int | None
    """The socket's user. Of an accepted TCP connection it is unknown."""
    cgroup: int
    """Id of the socket's control group, as `Socket.cgroup`; 0: unknown."""


class Owner(NamedTuple):
    """The process that made a new socket, TCP included. Another process may use the socket, because descriptors are
    passed on."""

    pid: int | None
    """None in a PID namespace, where the number that the kernel reports belongs to another process or to none."""
    uid: int
    cgroup: int
    protocol: int
    """IP protocol number."""
    thread: str | None
    """Name of the thread that made the socket, up to 15 characters; None if the kernel does not report it."""


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
    """The socket's user."""
    payload: bytes
    """Not validated, and cut after 4096 bytes."""
    length: int
    """Of the whole payload."""
    segment_size: int
    """If not 0, the payload holds several datagrams of this size, the last one perhaps a shorter one."""
    boottime: float = 0.0
    """When it passed: seconds, `clock.boottime`, to a thousandth."""


class Refusal(NamedTuple):
    """A connection that a closed TCP port of this machine refused: a scan, or a mistake.

    IPv4 only. The helper reports at most 512 in a quarter of a second.
    """

    peer_address: str
    """Of the one who wanted to connect; 127.0.0.0/8 is this machine itself."""
    peer_port: int | None
    local_port: int | None
    """The closed one."""


class TcpEnd(NamedTuple):
    """The last counters of a TCP connection."""

    local_address: str
    local_port: int | None
    peer_address: str
    peer_port: int | None
    rx_bytes: int
    """Payload since it opened. In doubt whether a FIN is among the counted bytes, one byte less."""
    tx_bytes: int
    is_here: bool | None
    """It was in this network namespace; None: the kernel does not report it."""


class Losses(NamedTuple):
    """Counts of what could not be reported since the previous reading."""

    rx_bytes: int
    """Counted, but by no flow: there were more flows than the helper has room for."""
    tx_bytes: int
    rx_datagrams: int
    tx_datagrams: int
    records: int
    """Owners and packets, of all users, that found no room in the helper, in the socket or here."""


class Reading(NamedTuple):
    """Everything that the helper reports since the previous reading."""

    boottime: float
    """When it was requested: seconds, `clock.boottime`."""
    counted_since: float
    """`boottime` of the previous reading. It is later if the helper was restarted: the time in between is unknown."""
    amounts: Mapping[Flow, Amount]
    """Flows that had a packet."""
    owners: Mapping[int, Owner]
    """By the cookie of the new socket; only sockets of this user, as root of all users."""
    packets: Sequence[Packet]
    """In the order in which they passed; only those of this user's sockets, as root of all users."""
    losses: Losses
    refusals: Sequence[Refusal]
    """In the order in which they happened, at most 8192."""
    ends: Mapping[int, TcpEnd] | None = None
    """TCP connections that closed, by cookie; None if the helper cannot report them."""
    closed: frozenset[int] = frozenset()
    """Cookies of TCP connections of other network namespaces that closed; `amounts` has the last of their bytes."""

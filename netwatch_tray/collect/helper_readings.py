"""What the helper reports, as values: amounts by flow, owners of new sockets, packets, refusals and losses."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

UDP = 17
"""IP protocol number. The helper counts others as well, such as ICMP (1 and 58), but never TCP."""


class Flow(NamedTuple):
    """Identifies the datagrams between one socket and one peer."""

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
    local_address: str
    """As of the flow's first packet, like all that follows."""
    interface: int
    """Index of the network interface, in the network namespace of the socket: a container has numbers of its own."""
    uid: int
    """The socket's user."""
    cgroup: int
    """Id of the socket's control group, as `Socket.cgroup`."""


class Owner(NamedTuple):
    """The process that made a new socket, TCP included. Another process may use the socket, because descriptors are
    passed on."""

    pid: int
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

"""Kinds of interfaces and states of sockets, spelt the same on every system, in JSON and in the history."""

from __future__ import annotations

import enum


class InterfaceKind(enum.StrEnum):
    """Kinds of interfaces that this program distinguishes. `Interface.kind` may also be another word,
    from the kernel."""

    ETHERNET = "ethernet"
    WIFI = "wifi"
    CELLULAR = "cellular"
    INFINIBAND = "infiniband"
    LOOPBACK = "loopback"
    PPP = "ppp"
    BRIDGE = "bridge"
    BOND = "bond"
    VLAN = "vlan"
    VETH = "veth"
    """One end of a pair of virtual interfaces; the other end is usually in a container."""
    NETKIT = "netkit"
    """One end of a netkit pair; like VETH, the other end is usually in a container."""
    WIREGUARD = "wireguard"
    TUN = "tun"
    VXLAN = "vxlan"
    DUMMY = "dummy"
    OTHER = "other"


class TcpState(enum.StrEnum):
    """State of a TCP socket, spelt the same on every system."""

    ESTABLISHED = "ESTABLISHED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN_SENT"
    SYN_RECV = "SYN_RECV"
    FIN_WAIT_1 = "FIN_WAIT_1"
    FIN_WAIT_2 = "FIN_WAIT_2"
    TIME_WAIT = "TIME_WAIT"
    CLOSE_WAIT = "CLOSE_WAIT"
    LAST_ACK = "LAST_ACK"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"

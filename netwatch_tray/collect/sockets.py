"""The interface of every source of sockets, `ConnectionSource`, and its values: socket, sample, states, addresses."""

from __future__ import annotations

import functools
import re
import socket
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

from netwatch_tray.errors import Message, ParseError
from netwatch_tray.kinds import TcpState


class Socket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One socket as a source reports it; fields that the source does not report are `None`."""

    protocol: str
    """TCP or UDP."""
    family: int | None = None
    """4 or 6, where the source reports it: one of each may be bound to `*` at the same port."""
    local_address: str
    """Numeric; `*` for any."""
    local_port: int | None
    remote_address: str | None = None
    remote_port: int | None = None
    state: TcpState | None = None
    """`None` for UDP."""
    rx_bytes: int | None = None
    """Payload since the connection opened."""
    tx_bytes: int | None = None
    rtt_s: float | None = None
    retransmits: int | None = None
    is_incoming: bool | None = None
    """Whether the peer opened the connection; `None` if unknown."""
    uid: int | None = None
    inode: int | None = None
    """Linux: inode of the socket, as in /proc/PID/fd; `None` while no descriptor refers to it."""
    cgroup: int | None = None
    """Linux: id of the control group (v2) it was opened in."""
    pid: int | None = None
    process: str | None = None
    part_of: str | None = None
    """Key of the socket of which this is the traffic with one peer. Both have the same owner."""


class SocketSample(NamedTuple):
    """Changes since the previous sample; the first sample has all sockets."""

    boottime: float
    """Seconds, `clock.boottime`, taken once per reading."""
    changed: Mapping[str, Socket]
    """New or different, by key. A key is never used for another socket."""
    removed: Mapping[str, Socket]
    """Closed, with the last bytes where the kernel reports them; also those opened and closed between two readings.
    A socket that is not CLOSED may still have last bytes, and is then removed once more under its key."""
    overrun: bool = False
    """More sockets closed at once than the kernel could report, so the last bytes of some are lost."""
    ended: Mapping[str, float] = {}
    """When connections ended (`clock.boottime`), by key, where the kernel reports it: at most half a second late. One
    that waits in TIME_WAIT has ended, and is removed later."""


class ConnectionSource(Protocol):
    """Reads the sockets of the network namespace in which the source was opened."""

    name: str
    """For `doctor`: the system call or the tool, not the module."""
    note: Message | None
    """For the user: what it cannot measure, and why no better one is used. `None` if nothing is missing."""
    is_costly: bool
    """It runs a program or walks all processes: read it in a worker thread, and only while a client subscribes."""
    is_monotonic: bool
    """Counters of a socket never go back, except for a FIN that was counted as a byte, and a socket removed as CLOSED
    never comes back. If false, a counter may jump and any socket may be missing from one reading."""
    descriptor: int | None
    """Readable when something must be fetched by `catch_up` before the next reading; `None`: never."""

    def catch_up(self) -> None:
        """Read the pending messages from `descriptor`. The next `read` returns their content. Raise CollectError."""

    def read(self) -> SocketSample:
        """Read once. Raise CollectError if this reading failed; the next one may succeed, and nothing is lost."""

    def close(self) -> None: ...


class RefusalCounts(NamedTuple):
    """Counters of the kernel that rise when this machine refuses packets, such as those for closed ports.

    They count since boot, in this network namespace.
    """

    resets: int
    """TCP segments with RST sent, for whatever reason."""
    explained: int
    """Resets that belong to this machine's own connections; may exceed `resets`."""
    datagrams: int
    """UDP datagrams that came for closed ports, IPv4."""
    unreachables: int
    """ICMP messages "destination unreachable" sent, IPv4."""

    def since(self, earlier: RefusalCounts) -> RefusalCounts:
        """Return the counts minus those of an earlier reading."""
        return RefusalCounts(*(max(0, now - then) for now, then in zip(self, earlier, strict=True)))

    @property
    def unexplained(self) -> int:
        """Return how many resets must at least have been sent to refuse packets of other hosts."""
        return max(0, self.resets - self.explained)


class Refusals(Protocol):
    """Counts packets that this machine refused."""

    def read(self) -> RefusalCounts | None:
        """Return the counts since boot, or `None` if they are unknown this time."""

    def close(self) -> None: ...


class Openings(Protocol):
    """Counts opened connections, cheaply."""

    def count(self) -> int | None:
        """Return how many connections were opened since boot, inbound and outbound, or `None` if unknown this time."""

    def close(self) -> None: ...


class Changes:
    """Turns complete lists into changes since the previous list."""

    def __init__(self) -> None:
        self._known: Mapping[str, Socket] = {}

    def since_last(self, boottime: float, sockets: Mapping[str, Socket]) -> SocketSample:
        known, self._known = self._known, sockets
        changed = {key: found for key, found in sockets.items() if known.get(key) != found}
        removed = {key: gone for key, gone in known.items() if key not in sockets}
        return SocketSample(boottime, changed, removed)


def add_row(sockets: dict[str, Socket], key: str, found: Socket) -> None:
    """Add a row of a list in which keys may repeat. Rows with the same key are one socket, whose bytes are summed."""
    other = sockets.get(key)
    if other is not None:
        found = msgspec.structs.replace(
            found,
            rx_bytes=_sum(other.rx_bytes, found.rx_bytes),
            tx_bytes=_sum(other.tx_bytes, found.tx_bytes),
            retransmits=_sum(other.retransmits, found.retransmits),
        )
    sockets[key] = found


def _sum(one: int | None, other: int | None) -> int | None:
    return one + other if one is not None and other is not None else one if other is None else other


_STATES = {
    **{state.replace("_", ""): state for state in TcpState},
    "ESTAB": TcpState.ESTABLISHED,
    "SYNRCVD": TcpState.SYN_RECV,
    "SYNRECEIVED": TcpState.SYN_RECV,
    "NEWSYNRECV": TcpState.SYN_RECV,
    "CLOSE": TcpState.CLOSED,
    "UNCONN": TcpState.CLOSED,
}


def tcp_state(word: str) -> TcpState | None:
    """Return the state that a word of any system means (`ESTAB`, `SynSent`, `FIN-WAIT-1`), or `None` if it means
    none."""
    return _STATES.get(re.sub(r"[^A-Z0-9]", "", word.upper()))


def numeric_address(text: str) -> str:
    """Return the normal form of an address: `*` for any address, IPv4 if IPv6 only wraps it, a scope kept after `%`.

    Raise ParseError if it is not a numeric address.
    """
    if text in {"*", "0.0.0.0", "::"}:  # noqa: S104  compared, not bound
        return "*"
    host, _, scope = text.partition("%")
    try:
        if ":" not in host:
            return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, host))
        packed = socket.inet_pton(socket.AF_INET6, host)
    except (OSError, ValueError) as error:
        raise ParseError(f"{text!r} is not an address.") from error
    if packed[:2] == b"\xfe\x80" and packed[2:4] != b"\0\0":
        # BSD kernels keep the scope of a link-local address inside of it.
        scope = scope or str(int.from_bytes(packed[2:4], "big"))
        packed = packed[:2] + b"\0\0" + packed[4:]
    return packed_address(packed) + (f"%{scope}" if scope else "")


@functools.lru_cache(maxsize=1024)  # the same addresses recur
def packed_address(packed: bytes) -> str:
    """Return the normal form of an address of 4 or 16 bytes in network order."""
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed) if any(packed) else "*"
    if packed[:12] == b"\0\0\0\0\0\0\0\0\0\0\xff\xff":
        return packed_address(packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed) if any(packed) else "*"


def port_number(text: str) -> int | None:
    """Parse a port. Return `None` for `*` and for 0, which both mean none. Raise ParseError unless it is 1 to 65535."""
    if text == "*":
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or int(text) > 0xFFFF:
        raise ParseError(f"{text!r} is not a port.")
    return int(text) or None


def numeric_endpoint(text: str) -> tuple[str, int | None]:
    """Parse address and port in the notation of lsof and ss: `192.0.2.1:443`, `[fe80::1%eth0]:22`, `[fe80::1]%eth0:22`,
    `*:*`.

    Raise ParseError if it is anything else.
    """
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ParseError(f"{text!r} is not an address with a port.")
    if host.startswith("["):
        inside, bracket, scope = host[1:].partition("]")
        if not bracket:
            raise ParseError(f"{text!r} is not an address with a port.")
        host = inside + scope
    return numeric_address(host), port_number(port)

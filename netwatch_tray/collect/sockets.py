"""The interface (Protocol) that every source of sockets implements, `ConnectionSource`, and its values: socket, sample,
states, addresses."""

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
    """One socket, as a source reports it. Fields that the source does not report are None."""

    protocol: str
    """`TCP` or `UDP`."""
    family: int | None = None
    """4 for IPv4, 6 for IPv6, None if the source does not report it. A socket of each may be bound to `*` at the same
    port."""
    local_address: str
    """Numeric address; `*` if the socket is bound to all addresses."""
    local_port: int | None
    remote_address: str | None = None
    remote_port: int | None = None
    state: TcpState | None = None
    """`None` for UDP."""
    rx_bytes: int | None = None
    """Payload received since the connection opened."""
    tx_bytes: int | None = None
    rtt_s: float | None = None
    retransmits: int | None = None
    is_incoming: bool | None = None
    """Whether the peer opened the connection; `None` if unknown."""
    uid: int | None = None
    inode: int | None = None
    """Linux: inode of the socket, as in the links of /proc/PID/fd; None if no process has it open."""
    cgroup: int | None = None
    """Linux: ID of the control group (v2) in which it was created."""
    pid: int | None = None
    process: str | None = None
    part_of: str | None = None
    """If this is the traffic of a socket with one of several peers: the key of that socket. Both have the
    same owner."""


class SocketSample(msgspec.Struct, frozen=True, gc=False):
    """What changed since the previous sample of a source. The first sample has all sockets."""

    boottime: float
    """Time of the reading in seconds of `clock.boottime`."""
    changed: Mapping[str, Socket]
    """New sockets, and sockets with a changed field, by key. A key is never used for another socket."""
    removed: Mapping[str, Socket]
    """Sockets that closed, by key, with their last bytes where the kernel reports them; also those that opened and
    closed between two readings. One whose state is not CLOSED may still get last bytes, and is then removed a second
    time."""
    overrun: bool = False
    """Whether more sockets closed at once than the kernel could report; the last bytes of some are then lost."""
    ended: Mapping[str, float] = {}
    """When connections ended (`clock.boottime`), by key, where the kernel reports it; at most half a second late. A
    socket in TIME_WAIT has ended already, and is removed later."""


class ConnectionSource(Protocol):
    """Reads the sockets in the network namespace in which the source was opened."""

    name: str
    """Shown by `doctor`: the system call or tool that is used."""
    note: Message | None
    """For the user: what this source cannot measure, and why no better one is used. None if nothing is missing."""
    is_costly: bool
    """Whether a reading starts a program or goes through all processes. Read such a source in a worker thread, and only
    while a client shows connections."""
    is_monotonic: bool
    """Whether the counters of a socket never fall (except by one for a FIN counted as a byte), and a socket removed as
    CLOSED never returns. If False, a counter may jump, and any socket may be missing from a reading."""
    descriptor: int | None
    """File descriptor to watch between readings: when it is readable, call `catch_up`. None if the source has none."""

    def catch_up(self) -> None:
        """Receive the messages that are pending at `descriptor`, before the kernel drops some. `read` returns their
        content. Raise CollectError if that fails."""

    def read(self) -> SocketSample:
        """Read the sockets once. Raise CollectError if that fails; the next call may succeed, and
        includes all changes."""

    def close(self) -> None: ...


class RefusalCounts(NamedTuple):
    """Counters of packets that this machine refused, such as those for closed ports.

    They count since boot, in this network namespace.
    """

    resets: int
    """TCP segments with RST that were sent, for whatever reason."""
    explained: int
    """Resets that have another reason: connections of this machine's own. May be greater than `resets`."""
    datagrams: int
    """UDP datagrams received for closed ports (IPv4)."""
    unreachables: int
    """ICMP messages "destination unreachable" that were sent (IPv4)."""

    def since(self, earlier: RefusalCounts) -> RefusalCounts:
        """Return how much each count has risen since an earlier reading."""
        return RefusalCounts(*(max(0, now - then) for now, then in zip(self, earlier, strict=True)))

    @property
    def unexplained(self) -> int:
        """Return the least number of resets that were sent to refuse packets of other hosts."""
        return max(0, self.resets - self.explained)


class Refusals(Protocol):
    """Reads counters of packets that this machine refused."""

    def read(self) -> RefusalCounts | None:
        """Return the counts since boot; None if they cannot be read this time."""

    def close(self) -> None: ...


class Openings(Protocol):
    """Reads a counter of opened connections, at little cost."""

    def count(self) -> int | None:
        """Return how many connections were opened since boot, inbound and outbound; None if it cannot be read this
        time."""

    def close(self) -> None: ...


class Changes:
    """Compares the complete list of sockets of each reading with the previous list, for sources that
    report no changes."""

    def __init__(self) -> None:
        self._known: Mapping[str, Socket] = {}

    def since_last(self, boottime: float, sockets: Mapping[str, Socket]) -> SocketSample:
        known, self._known = self._known, sockets
        changed = {key: found for key, found in sockets.items() if known.get(key) != found}
        removed = {key: gone for key, gone in known.items() if key not in sockets}
        return SocketSample(boottime, changed, removed)


def add_row(sockets: dict[str, Socket], key: str, found: Socket) -> None:
    """Add a socket to `sockets`. If the key is there already, both rows are the same socket, and their bytes are added
    up."""
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
    """Return the TCP state for the word that any system uses for it (`ESTAB`, `SynSent`, `FIN-WAIT-1`); None for an
    unknown word."""
    return _STATES.get(re.sub(r"[^A-Z0-9]", "", word.upper()))


def numeric_address(text: str) -> str:
    """Return an address in normal form: `*` for the unspecified address, IPv4 if it is wrapped in IPv6, with its scope
    after `%`.

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
    """Return the normal form of an address given as 4 or 16 bytes in network order."""
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

"""The values that are passed through the program. They are immutable.

Those made each second are not tracked by the garbage collector (`gc=False`): they cannot be part of a cycle, and
scanning them would be a part of the agent's cost. All amounts are in bytes and all times in seconds; `units` converts
them for the user. Unknown is `None`, never 0.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Self

import msgspec

from netwatch_tray.kinds import InterfaceKind, TcpState


class GapReason(enum.IntEnum):
    """Why rates are unknown. The numbers are stored and sent, so they never change."""

    PAUSED = 1
    """The user has paused the program."""
    RESUMED = 2
    """The first tick after a pause."""
    UNREADABLE = 3
    """The counters could not be read."""
    NOT_RUNNING = 4
    """No agent was running; also the last tick of a run if it comes too soon for a rate."""
    RESET = 5
    """The counters of the interface fell back."""
    JUMPED = 6
    """The counters of the interface rose by more than its link can carry; see engine.rates.most_bytes."""
    ASLEEP = 7
    """The machine was suspended."""
    INTERRUPTED = 8
    """The agent missed its deadlines: the process was stopped, or the machine was too busy."""
    SOURCE_CHANGED = 9
    """Another source is in use, whose counters cannot be compared with those before."""
    REMOVED = 10
    """The interface was removed."""
    NOT_WRITTEN = 11
    """The history could not be written."""
    CLOCK_SET_BACK = 12
    """The wall clock was set back, so two times of the history would overlap."""
    CLOCK_SET_FORWARD = 13
    """The wall clock was set forward."""
    UNKNOWN = 255
    """A number that another version of the program has stored."""

    @classmethod
    def _missing_(cls, value: object) -> GapReason | None:
        return cls.UNKNOWN if isinstance(value, int) else None

    @property
    def label(self) -> str:
        """Return the name for machine-readable output: `clock-set-back`."""
        return self.name.lower().replace("_", "-")

    @property
    def is_unread(self) -> bool:
        """Return whether the counters were not read: such a tick repeats those of an earlier one."""
        return self in (GapReason.PAUSED, GapReason.UNREADABLE)

    @property
    def is_unobserved(self) -> bool:
        """Return whether the agent observed nothing in the time before the tick."""
        return self in (GapReason.ASLEEP, GapReason.INTERRUPTED, GapReason.RESUMED, GapReason.NOT_RUNNING)

    @property
    def is_event(self) -> bool:
        """Return whether a running agent records the gap as an event if it is long."""
        return self in (GapReason.ASLEEP, GapReason.INTERRUPTED)

    @property
    def is_without_traffic(self) -> bool:
        """Return whether no traffic can have passed, so that amounts lack nothing."""
        return self is GapReason.ASLEEP


class WhyCode(enum.Enum):
    """Why an interface is or is not part of the total; `InterfaceTick.is_uplink` shows which of the two."""

    DEFAULT_ROUTE = "default-route"
    """Counts: the default route uses this interface."""
    UNDERLAY = "underlay"
    """Counts: the interface `names[0]`, which has the default route, runs over this one."""
    ALL_UP = "all-up"
    """Counts: there is no default route, so all interfaces that are up count."""
    CHOSEN = "chosen"
    """The user chose in the settings that it counts or does not count."""
    LOOPBACK = "loopback"
    """Does not count: traffic within this computer."""
    DOWN = "down"
    NO_DEFAULT_ROUTE = "no-default-route"
    """Does not count: no default route uses this interface."""
    INTERNAL = "internal"
    """Internal to this computer: a bridge, its ports and containers. Traffic that leaves the computer
    passes `names`."""
    COUNTED_BELOW = "counted-below"
    """Does not count: its traffic goes through `names`, which count already."""
    UNKNOWN = "unknown"
    """A number that another version of the program has sent."""

    @classmethod
    def _missing_(cls, value: object) -> WhyCode | None:
        return cls.UNKNOWN if isinstance(value, str) else None


class Role(enum.StrEnum):
    """What an interface is used for in this machine, judged by routes and by what runs over what."""

    UPLINK = "uplink"
    """Counts in the total, and has a default route, or no other interface runs over it."""
    UNDERLAY = "underlay"
    """Counts in the total, because an interface with a default route runs over it."""
    BRIDGE = "bridge"
    BOND = "bond"
    BRIDGE_PORT = "bridge port"
    BOND_MEMBER = "bond member"
    VLAN = "VLAN"
    VLAN_PARENT = "VLAN parent"
    CONTAINER_END = "container end"
    TUNNEL = "tunnel"
    LOOPBACK = "loopback"
    OTHER = "other"
    """Any other role, also one that only another version of the program has."""

    @classmethod
    def _missing_(cls, value: object) -> Role | None:
        return cls.OTHER if isinstance(value, str) else None


class Why(msgspec.Struct, frozen=True, gc=False):
    """Why an interface is or is not part of the total."""

    code: WhyCode
    names: tuple[str, ...] = ()
    """Other interfaces that the reason refers to; see WhyCode."""


class _Amounts(NamedTuple):
    rx: int = 0
    tx: int = 0


class Traffic(_Amounts):
    """Bytes received and sent, never negative."""

    __slots__ = ()

    def __new__(cls, rx: int = 0, tx: int = 0) -> Self:
        """Raise ValueError if an amount is below 0, which would be an error of the caller."""
        if rx < 0 or tx < 0:
            raise ValueError(f"Traffic cannot be negative: received {rx}, sent {tx}.")
        return tuple.__new__(cls, (rx, tx))

    def plus(self, other: Traffic) -> Traffic:
        return Traffic(self.rx + other.rx, self.tx + other.tx)

    def minus(self, part: Traffic) -> Traffic:
        """Return the traffic without `part`. Raise ValueError if `part` is more than the whole."""
        return Traffic(self.rx - part.rx, self.tx - part.tx)


class Counters(NamedTuple):
    """Cumulative counters of an interface, in the order of the kernel's `struct rtnl_link_stats64`."""

    rx_packets: int
    tx_packets: int
    rx_bytes: int
    tx_bytes: int
    rx_errors: int
    tx_errors: int
    rx_drops: int
    tx_drops: int


CounterRow = tuple[int, int, int, int, int, int, int, int]
"""The eight numbers of `Counters` as a plain tuple, in the same order. Sources return this, because making a thousand
named tuples costs more than the system call that reads the numbers. `Counters` is one as well."""


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """The properties of an interface without its counters. They are read only when the kernel reports a change, not
    each tick."""

    index: int
    name: str
    is_up: bool = False
    """Whether it is turned on and has a link carrier (IFF_UP and IFF_RUNNING)."""
    is_loopback: bool = False
    kind: str = InterfaceKind.OTHER
    """An `InterfaceKind`, or the kernel's own word for another virtual one: `macvlan`, `geneve` …"""
    mtu: int | None = None
    speed: int | None = None
    """Speed of the link in bit/s; `None` if the system does not report it (wireless, virtual, no carrier)."""
    is_physical: bool = False
    """Whether it is a card whose driver negotiates `speed` on a wire, so that nothing can be faster. False for virtual
    links (veth, tun, bridges, bonds), for cards of virtual machines and USB gadgets, which report a speed that somebody
    chose, and where the source is not notified of a speed that changes."""
    addresses: tuple[str, ...] = ()
    """IP addresses with prefix length: `192.0.2.24/24`."""
    master: int | None = None
    """Index of the bridge or bond that this is a port of."""
    parent: int | None = None
    """Index of the interface in the same namespace that this one runs over, if certain: by the kernel's link (VLAN,
    macvlan), the card of its PPPoE session, or the route to a tunnel's peer."""
    default_metric: int | None = None
    """Metric of its best default route, IPv4 or IPv6; `None` if it has none."""
    has_host_route: bool = False
    """Whether a route to a single host through a gateway uses it. VPN clients add one to reach their server."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """The counters of all interfaces from one reading of a source."""

    boottime: float
    """Time of the reading in seconds of `clock.boottime`."""
    counters: Mapping[int, CounterRow]
    """By interface index. May be the same object as in the previous sample if no counter changed."""
    interfaces: Mapping[int, Interface]
    """By index. The same object as in the previous sample if no property changed."""
    counter_bits: int
    """Bits of the byte counters: 64, or 32 if they start again at 0 after 4 GiB."""
    uptime: float | None = None
    """Time of the reading in seconds of `clock.uptime`; `None`: now. Set by recordings, like `at`."""
    at: float | None = None
    """Unix time of the reading; `None` means now."""


class InterfaceTick(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One interface in one tick: cumulative counters, their deltas, and rates in bytes/s (`None` if unknown).

    The deltas are computed by engine.rates alone. Whatever needs the bytes of an interval takes them from here.
    """

    index: int
    name: str
    kind: str = InterfaceKind.OTHER
    """Kind of the interface, as in `Interface.kind`."""
    is_up: bool
    is_uplink: bool
    why: Why
    """Why it counts in the total or not."""
    role: Role = Role.OTHER
    over: tuple[str, ...] = ()
    """Names of the interfaces through which its traffic goes next on the way out, as far as known."""
    faces_inside: bool = False
    """Whether its other end is in this computer: what it received, a container or virtual machine sent; see
    `own_rates`."""
    speed: int | None = None
    """Speed of the link in bit/s; `None` if unknown."""
    is_physical: bool = False
    """Whether it is a card with a wire, as in `Interface.is_physical`."""
    mtu: int | None = None
    addresses: tuple[str, ...] = ()
    rx_bytes: int
    tx_bytes: int
    rx_packets: int
    tx_packets: int
    rx_errors: int
    tx_errors: int
    rx_drops: int
    tx_drops: int
    rx_delta: int | None = None
    """Bytes since the previous sample, never negative. Also known across a gap (sleep, a pause), where rates are not.
    `None` for a new interface, and if its counters cannot be compared; see `gap`."""
    tx_delta: int | None = None
    gap: GapReason | None = None
    """Why the deltas are unknown although the interface was there before: RESET or JUMPED."""
    rx_rate: float | None
    tx_rate: float | None
    error_rate: float | None = None
    """Errors per second, received and sent together."""
    drop_rate: float | None = None
    """Dropped packets per second, received and sent together."""

    @property
    def own_rates(self) -> tuple[float | None, float | None]:
        """Return download and upload rate (bytes/s) as the user of the interface sees them.

        If its other end belongs to a container or virtual machine, what it received is what that one sent, so the two
        are swapped.
        """
        return (self.tx_rate, self.rx_rate) if self.faces_inside else (self.rx_rate, self.tx_rate)


class Total(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The machine's traffic: the sum over the uplinks, so that each byte counts once. Rates are in bytes/s."""

    rx_rate: float | None
    tx_rate: float | None
    uplinks: tuple[str, ...]
    """Names of the interfaces that count as of this tick."""
    rx_delta: int = 0
    """Bytes received since the previous sample: the sum of the known deltas over `counted`."""
    tx_delta: int = 0
    gap: GapReason | None = None
    """Why the rates are unknown although others in the tick are known: RESET or JUMPED on every counted interface."""
    counted: tuple[int, ...] = ()
    """Indexes of the interfaces whose deltas are in the sums: the uplinks of the interval before now, and those that
    became uplinks in it; see engine.topology.counted_meanwhile."""


class Tick(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything measured at one moment. Tray, window and terminal all show the same tick."""

    at: datetime
    """Time in UTC."""
    interval_s: float | None
    """Seconds since the previous sample; `None` in the first tick, and while nothing is read (PAUSED, UNREADABLE)."""
    gap: GapReason | None
    """Why there are no rates although there was an earlier sample; `None` if there are rates."""
    total: Total
    interfaces: tuple[InterfaceTick, ...]

    @property
    def is_unread(self) -> bool:
        """Return `GapReason.is_unread` of the gap; False without a gap."""
        return self.gap is not None and self.gap.is_unread


Scope = Literal["machine", "local", "internet"]
"""How far away the peer of a connection is: on this machine, in the local network, or on the Internet; see
engine.scope."""


HostOrigin = Literal["TLS", "QUIC", "DNS", "hosts"]
"""Where a host's name comes from: the TLS or QUIC handshake of the connection itself, a DNS response, or the file
/etc/hosts."""


class Connection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One socket: protocol, both ends, state and owner."""

    key: str
    """Identifies the connection during its lifetime."""
    protocol: str
    """`TCP` or `UDP`."""
    local_address: str
    """Numeric address; `*` if the socket is bound to all addresses."""
    local_port: int | None
    remote_address: str | None
    """Numeric address; `None` without a peer."""
    remote_port: int | None
    state: TcpState | None
    """`None` for UDP."""
    pid: int | None
    process: str | None
    app: str | None = None
    """Key of the `App` whose traffic this is; `None` if unknown."""
    app_name: str | None = None
    """Name of that app; `None` if the owner is unknown."""
    uid: int | None = None
    user: str | None = None
    unit: str | None = None
    """Systemd unit or container that owns the socket, even if its process may not be read."""
    interface: str | None = None
    """Name of the interface with the local address."""
    scope: Scope | None = None
    """`None` without a peer."""
    country: str | None = None
    """Country of the remote address, two letters (ISO 3166); `None` if unknown, or without a database of countries."""
    host: str | None = None
    """Name of the remote host; `None` if unknown."""
    host_origin: HostOrigin | None = None
    host_at: float | None = None
    """Unix time at which the name was seen."""
    host_ttl_s: int | None = None
    """TTL of the name's DNS response, in seconds."""
    host_is_providers: bool | None = None
    """Whether `host` is only the provider's name, because the real name is encrypted (ECH); `None` if that cannot be
    known."""
    rx_bytes: int | None = None
    """Payload since the connection opened; for UDP since the helper began to count. `None` if not measured."""
    tx_bytes: int | None = None
    rx_rate: float | None = None
    """Bytes/s."""
    tx_rate: float | None = None
    rtt_s: float | None = None
    """Smoothed RTT in seconds."""
    retransmits: int | None = None
    """Number of segments sent again since the connection opened."""
    is_incoming: bool | None = None
    """Whether the remote host opened the connection; `None` if unknown."""
    since: float | None = None
    """Unix time of the first reading that lists it; `None` if it was open before the agent's first reading."""

    @property
    def local(self) -> str:
        return endpoint(self.local_address, self.local_port)

    @property
    def remote(self) -> str | None:
        return None if self.remote_address is None else endpoint(self.remote_address, self.remote_port)

    @property
    def transport(self) -> str:
        """Return `QUIC` if a QUIC handshake was seen, otherwise `TCP` or `UDP`."""
        return "QUIC" if self.host_origin == "QUIC" else self.protocol


class App(msgspec.Struct, frozen=True, kw_only=True):
    """A program with all its processes, a service or a container, and its connections.

    Amounts are payload in bytes and bytes/s: TCP, and UDP where the helper counts it.
    """

    key: str
    name: str
    processes: int
    """Number of processes that have connections now."""
    connections: int
    """Number of open connections, listeners included."""
    rx_bytes: int
    """Bytes over the uplinks since the agent started, closed connections included."""
    tx_bytes: int
    rx_rate: float | None
    tx_rate: float | None
    local_rx_bytes: int
    """Bytes over all other interfaces: loopback, containers, virtual machines."""
    local_tx_bytes: int
    is_tunnel_process: bool = False
    """Whether this is the process of a tunnel. Its traffic is already counted for other apps, so no sum includes it."""


class HostAmount(msgspec.Struct, frozen=True, kw_only=True):
    """Payload in bytes that an app has exchanged with one remote host."""

    host: str | None
    """Name of the host; `None` if unknown, `address` is then all that is known."""
    origin: HostOrigin | None = None
    address: str | None
    """Latest address of the host. If `host` and this are both `None`, the amount is the sum of all other hosts."""
    scope: Scope | None
    country: str | None = None
    """Country of the address, as in `Connection`."""
    rx_bytes: int
    tx_bytes: int
    last_at: float
    """Unix time of the last bytes."""


def endpoint(address: str, port: int | None) -> str:
    """Return address and port as text: `192.0.2.1:443`, `[2001:db8::1]:443`, `*:53`, `192.0.2.1:*`."""
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{'*' if port is None else port}"

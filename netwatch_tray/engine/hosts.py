"""Names of remote hosts: which name a program requested, and which address it got. Pure except for the clock.

The names come from packets that the helper copied, each with the socket that sent or received it. So a name belongs to
a program, never to an address alone: one address serves many names, and another program may use it for another one.

- A ClientHello names the host of its own connection. - A DNS response names the address for the process whose socket
received it. A name from it is used only for connections of that process. The responses of a resolver for others
(systemd-resolved) do not help, but the query to it is seen.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from netwatch_tray.collect.helper_readings import Flow, Owner, Packet, PacketKind
from netwatch_tray.collect.names import dns, quic, tls
from netwatch_tray.errors import ParseError
from netwatch_tray.model import HostOrigin

_KEPT_FOR = 24 * 3600.0
"""Seconds."""
_HANDSHAKE = 10.0
"""Seconds; later Initials to the same peer begin another connection."""
_MOST_NAMES = 4096
"""Of each origin."""
_MOST_CREATORS = 8192
_MOST_SEGMENTS = 16
"""That are read of one packet of several datagrams (GSO)."""

_Value = TypeVar("_Value")


class Host(NamedTuple):
    """The name of a remote host."""

    name: str
    origin: HostOrigin
    at: float
    """Unix time when it was seen."""
    ttl_s: int | None = None
    """Lifetime of the DNS response, seconds."""
    is_providers: bool | None = False
    """The name is that of the provider, because the real one is encrypted (ECH). `None` if that cannot be known."""


_Packed = tuple[str | None, list[tuple[tuple[int, str, int | None], Host]], list[tuple[tuple[int, str], Host]]]
"""Boot of the system, greeted, resolved."""


class Hosts:
    """Names of hosts from the packets of this user's sockets, kept for a day at most."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now`: Unix time, seconds."""
        self._now = now
        self._greeted: OrderedDict[tuple[int, str, int | None], Host] = OrderedDict()
        """By cookie of the socket, address and port of the peer."""
        self._resolved: OrderedDict[tuple[int, str], Host] = OrderedDict()
        """By process and address."""
        self._creators: OrderedDict[int, int] = OrderedDict()
        """Processes that made sockets, by cookie."""
        self._providers: OrderedDict[str, float] = OrderedDict()
        """Names that stand for encrypted ones, and when they were seen."""
        self._streams = tls.Streams()
        self._flows = quic.Flows()
        self.faults: Counter[PacketKind] = Counter()
        """Packets that could not be parsed. There are always some: anything may be sent to port 53, and QUIC continues
        after its first packets."""

    def packed(self) -> bytes:
        """Return all names, for `restore`."""
        return msgspec.msgpack.encode((_boot(), list(self._greeted.items()), list(self._resolved.items())))

    def restore(self, packed: bytes) -> None:
        """Begin with the names of a previous run of the agent. They are valid in the same boot of the system only,
        because sockets and processes belong to it. Raise ParseError."""
        try:
            boot, greeted, resolved = msgspec.msgpack.decode(packed, type=_Packed)
        except msgspec.MsgspecError as error:
            raise ParseError(f"Names of hosts cannot be read: {error}.") from error
        if boot is not None and boot == _boot():
            self._greeted.update(greeted[-_MOST_NAMES:])
            self._resolved.update(resolved[-_MOST_NAMES:])
            self._forget_old()

    def take(
        self, packets: Iterable[Packet], owners: Mapping[int, Owner], process_of: Callable[[int], int | None]
    ) -> set[int]:
        """Add packets in their order; return the cookies of the sockets whose peers have a name now.

        `owners`: of new sockets. `process_of`: the process of another socket by its cookie, if it is known.
        """
        for cookie, owner in owners.items():
            _keep(self._creators, cookie, owner.pid, _MOST_CREATORS)
        named = set()
        for packet in packets:
            try:
                if self._take(packet, process_of):
                    named.add(packet.flow.cookie)
            except ParseError:
                self.faults[packet.kind] += 1
        self._forget_old()
        return named

    def of(self, cookie: int, address: str, port: int | None, pid: int | None) -> Host | None:
        """Return the name of a peer of a socket; `pid`: the process that has the socket."""
        greeted = self._greeted.get((cookie, address, port))
        if greeted is not None and greeted.is_providers is False:
            return greeted
        pid = self._creators.get(cookie) if pid is None else pid
        resolved = None if pid is None else self._resolved.get((pid, address))
        if greeted is None or resolved is None:
            return greeted or resolved
        return resolved if greeted.is_providers else greeted

    def _take(self, packet: Packet, process_of: Callable[[int], int | None]) -> bool:
        """Return whether it named the peer of its socket. Raise ParseError."""
        if packet.kind is PacketKind.TLS_HELLO:
            return self._greet(packet, "TLS", self._streams.take(packet.flow.cookie, packet.payload))
        if packet.kind is PacketKind.QUIC_INITIAL:
            if self._has_just_greeted(packet.flow):
                return False
            for datagram in _datagrams(packet):
                hello = self._flows.take(packet.flow, datagram)
                if hello is not None:
                    return self._greet(packet, "QUIC", hello)
        elif packet.kind is PacketKind.DNS_ANSWER:
            self._resolve(packet.flow.cookie, dns.parse(packet.payload), process_of)
        return False

    def _greet(self, packet: Packet, origin: HostOrigin, hello: tls.Hello | None) -> bool:
        if hello is None or hello.name is None:
            return False
        is_providers = None if hello.has_encrypted_part else False
        if is_providers is None and hello.name in self._providers:
            is_providers = True
        flow = packet.flow
        host = Host(hello.name, origin, self._now(), is_providers=is_providers)
        _keep(self._greeted, (flow.cookie, flow.peer_address, flow.peer_port), host, _MOST_NAMES)
        return True

    def _has_just_greeted(self, flow: Flow) -> bool:
        """Return whether a QUIC handshake has shown its name, so that its further Initials, mostly acknowledgements,
        need not be decrypted."""
        greeted = self._greeted.get((flow.cookie, flow.peer_address, flow.peer_port))
        return greeted is not None and self._now() - greeted.at < _HANDSHAKE

    def _resolve(self, cookie: int, message: dns.Message, process_of: Callable[[int], int | None]) -> None:
        for name in message.public_names:
            _keep(self._providers, name, self._now(), _MOST_NAMES)
        pid = self._creators.get(cookie) or process_of(cookie)
        if pid is None or not message.is_response:
            return
        now = self._now()
        for address, ttl in message.addresses:
            host = Host(message.name, "DNS", now, ttl)
            _keep(self._resolved, (pid, address), host, _MOST_NAMES)

    def _forget_old(self) -> None:
        oldest = self._now() - _KEPT_FOR
        for names in (self._greeted, self._resolved):
            while names and next(iter(names.values())).at < oldest:
                names.popitem(last=False)


def _boot() -> str | None:
    """Return an identifier of this boot of the system, or None if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _datagrams(packet: Packet) -> list[bytes]:
    """Return the datagrams of a packet, which may hold several."""
    size = packet.segment_size or len(packet.payload)
    return [packet.payload[at : at + size] for at in range(0, len(packet.payload), size)][:_MOST_SEGMENTS]


def _keep(names: OrderedDict[Any, _Value], key: Any, value: _Value, most: int) -> None:
    """Store as the newest, and drop the oldest beyond `most`."""
    names[key] = value
    names.move_to_end(key)
    if len(names) > most:
        names.popitem(last=False)

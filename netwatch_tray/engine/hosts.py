"""Names of remote hosts: which name a program requested, and which address it got. Pure except for the clock.

The names come from packets that the helper copied, each with the socket that sent or received it. A name belongs to a
program, never to an address alone: one address serves many names, and another program may use the address for another
one.

- A ClientHello names the host of its connection.
- A DNS response names an address for the process whose socket received it, and only for connections of that process.
  The responses of a local resolver (systemd-resolved) to other processes do not help, but the queries to it do.

Most responses name no connection: they are those of a resolver, or prefetched, or the ClientHello names the host. So
responses are stored unparsed, and one is parsed when a connection to an address in it needs a name.
"""

from __future__ import annotations

import contextlib
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from netwatch_tray.collect.helper_readings import Flow, Owner, Packet, PacketKind
from netwatch_tray.collect.names import dns, quic, tls
from netwatch_tray.errors import ParseError
from netwatch_tray.model import HostOrigin

_KEPT_FOR = 24 * 3600.0
"""Seconds."""
_FORGET_EVERY = 60.0
"""Seconds between searches for names that are too old."""
_HANDSHAKE = 10.0
"""Seconds; later Initials to the same peer begin another connection."""
_MOST_NAMES = 4096
"""Most names of each origin."""
_MOST_RESPONSES_OF_PROCESS = 1024
_MOST_RESPONSE_BYTES = 1 << 20
"""Most bytes of the stored responses of all processes, including the interpreter's overhead."""
_RESPONSE_OVERHEAD = 160
"""Bytes that the interpreter takes for each response."""
_MOST_CREATORS = 8192
_MOST_SEGMENTS = 16
"""Most datagrams that are read in one packet of several (GSO)."""

_Key = TypeVar("_Key")
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


class _Response(NamedTuple):
    """A DNS response as it was received. `hosts` parses it when it is needed."""

    number: int
    """Grows with each response."""
    at: float
    payload: bytes

    @property
    def size(self) -> int:
        return len(self.payload) + _RESPONSE_OVERHEAD

    def hosts(self) -> dict[str, Host]:
        """Return the host by each address to which its name resolves; empty if the response is invalid."""
        try:
            message = dns.parse(self.payload)
        except ParseError:
            return {}
        if not message.is_response:
            return {}
        return {address: Host(message.name, "DNS", self.at, ttl) for address, ttl in message.addresses}


class _Responses:
    """The DNS responses that each process received, in a bounded amount of memory."""

    def __init__(self) -> None:
        self._of: dict[int, deque[_Response]] = {}
        """By process, in the order of their latest responses; the responses of each are in the order of arrival."""
        self._size = self._number = 0

    def add(self, pid: int, at: float, payload: bytes) -> None:
        self._number += 1
        responses = self._of.pop(pid, None)
        if responses is None:
            responses = deque()
        self._of[pid] = responses
        responses.append(_Response(self._number, at, payload))
        self._size += responses[-1].size
        if len(responses) > _MOST_RESPONSES_OF_PROCESS:
            self._size -= responses.popleft().size
        while self._size > _MOST_RESPONSE_BYTES:
            self._drop(next(iter(self._of)))

    def latest(self, pid: int) -> int:
        """Return the number of the latest response of a process, or 0 if it has none."""
        responses = self._of.get(pid)
        return responses[-1].number if responses else 0

    def find(self, pid: int, address: str, after: int) -> Host | None:
        """Return the host that the latest response to this process gave the address, or None if there is none.

        Only responses with a number above `after` are searched.
        """
        try:
            packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        except OSError:  # one with a scope, or none
            return None
        for response in reversed(self._of.get(pid, ())):
            if response.number <= after:
                break
            # Addresses are never compressed, so only a message that has the bytes can have the address.
            if packed in response.payload and (host := response.hosts().get(address)) is not None:
                return host
        return None

    def all(self) -> dict[tuple[int, str], Host]:
        """Return the latest host by process and address."""
        return {
            (pid, address): host
            for pid, responses in self._of.items()
            for response in responses
            for address, host in response.hosts().items()
        }

    def forget(self, oldest: float) -> None:
        """Drop the responses received before `oldest`."""
        for pid in list(self._of):
            while pid in self._of and self._of[pid][0].at < oldest:
                self._drop(pid)

    def _drop(self, pid: int) -> None:
        """Drop the oldest response of a process."""
        responses = self._of[pid]
        self._size -= responses.popleft().size
        if not responses:
            del self._of[pid]


class Hosts:
    """Names of hosts from the packets of this user's sockets, kept for a day at most."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now`: Unix time, seconds."""
        self._now = now
        self._greeted: dict[tuple[int, str, int | None], Host] = {}
        """By cookie of the socket, address and port of the peer."""
        self._resolved: dict[tuple[int, str], Host] = {}
        """By process and address, as far as a connection needed the name."""
        self._responses = _Responses()
        self._sought: dict[tuple[int, str], int] = {}
        """By process and address: the number of the latest response that was searched for it."""
        self._forgot_at = 0.0
        """Unix time."""
        self._creators: dict[int, int] = {}
        """Processes that made sockets, by cookie."""
        self._providers: dict[str, float] = {}
        """Names that stand for encrypted ones, and when they were seen."""
        self._streams = tls.Streams()
        self._flows = quic.Flows()
        self.faults: Counter[PacketKind] = Counter()
        """ClientHellos that could not be parsed. There are always some: QUIC continues after its first packets."""

    def packed(self) -> bytes:
        """Return all names, for `restore`."""
        resolved = sorted((self._resolved | self._responses.all()).items(), key=lambda each: each[1].at)
        return msgspec.msgpack.encode((_boot(), list(self._greeted.items()), resolved[-_MOST_NAMES:]))

    def restore(self, packed: bytes) -> None:
        """Continue with the names of a previous run of the agent. They are valid only within the same boot, because
        they refer to its sockets and processes. Raise ParseError."""
        try:
            boot, greeted, resolved = msgspec.msgpack.decode(packed, type=_Packed)
        except msgspec.MsgspecError as error:
            raise ParseError(f"Names of hosts cannot be read: {error}.") from error
        if boot is not None and boot == _boot():
            self._greeted.update(greeted[-_MOST_NAMES:])
            self._resolved.update(resolved[-_MOST_NAMES:])
            self._forget_old(self._now())

    def take(
        self, packets: Iterable[Packet], owners: Mapping[int, Owner], process_of: Callable[[int], int | None]
    ) -> set[int]:
        """Add packets in their order; return the cookies of the sockets whose peers have a name now.

        `owners`: the owners of new sockets, by cookie. `process_of`: returns the process of another socket by its
        cookie, or `None` if it is unknown.
        """
        for cookie, owner in owners.items():
            if owner.pid is not None:
                _keep(self._creators, cookie, owner.pid, _MOST_CREATORS)
        now = self._now()
        named = set()
        for packet in packets:
            if packet.kind is PacketKind.DNS_QUERY:
                continue
            if packet.kind is PacketKind.DNS_ANSWER:
                self._take_response(packet, process_of, now)
                continue
            try:
                if self._take_hello(packet, now):
                    named.add(packet.flow.cookie)
            except ParseError:
                self.faults[packet.kind] += 1
        if abs(now - self._forgot_at) >= _FORGET_EVERY:
            self._forget_old(now)
        return named

    def of(self, cookie: int, address: str, port: int | None, pid: int | None) -> Host | None:
        """Return the name of the peer of a socket, or None if it is unknown. `pid`: the process that has the socket."""
        greeted = self._greeted.get((cookie, address, port))
        if greeted is not None and not greeted.is_providers:
            return greeted
        pid = self._creators.get(cookie) if pid is None else pid
        return (None if pid is None else self._resolve(pid, address)) or greeted

    def _resolve(self, pid: int, address: str) -> Host | None:
        """Return the host whose name a process resolved to this address, or None."""
        key, latest = (pid, address), self._responses.latest(pid)
        searched = self._sought.get(key, 0)
        if latest > searched:
            host = self._responses.find(pid, address, after=searched)
            if host is not None:
                _keep(self._resolved, key, host, _MOST_NAMES)
            _keep(self._sought, key, latest, _MOST_NAMES)
        return self._resolved.get(key)

    def _take_hello(self, packet: Packet, now: float) -> bool:
        """Add a packet with a ClientHello. Return whether it named the peer of its socket. Raise ParseError."""
        flow = packet.flow
        if packet.kind is PacketKind.TLS_HELLO:
            return self._greet(flow, "TLS", self._streams.take(flow.cookie, packet.payload), now)
        if self._has_just_greeted(flow, now):
            return False
        for datagram in _datagrams(packet):
            hello = self._flows.take(flow, datagram)
            if hello is not None:
                return self._greet(flow, "QUIC", hello, now)
        return False

    def _greet(self, flow: Flow, origin: HostOrigin, hello: tls.Hello | None, now: float) -> bool:
        if hello is None or hello.name is None:
            return False
        is_providers = None if hello.has_encrypted_part else False
        if is_providers is None and hello.name in self._providers:
            is_providers = True
        host = Host(hello.name, origin, now, is_providers=is_providers)
        _keep(self._greeted, (flow.cookie, flow.peer_address, flow.peer_port), host, _MOST_NAMES)
        return True

    def _has_just_greeted(self, flow: Flow, now: float) -> bool:
        """Return whether a QUIC handshake of this flow has already shown its name. Its further Initials are mostly
        acknowledgements and need not be decrypted."""
        greeted = self._greeted.get((flow.cookie, flow.peer_address, flow.peer_port))
        return greeted is not None and now - greeted.at < _HANDSHAKE

    def _take_response(self, packet: Packet, process_of: Callable[[int], int | None], now: float) -> None:
        cookie, payload = packet.flow.cookie, packet.payload
        if dns.may_have_ech(payload):
            with contextlib.suppress(ParseError):
                for name in dns.parse(payload).public_names:
                    _keep(self._providers, name, now, _MOST_NAMES)
        pid = self._creators.get(cookie) or process_of(cookie)
        if pid is not None:
            self._responses.add(pid, now, payload)

    def _forget_old(self, now: float) -> None:
        self._forgot_at = now
        oldest = now - _KEPT_FOR
        self._responses.forget(oldest)
        _drop_older(self._greeted, oldest)
        _drop_older(self._resolved, oldest)


def _boot() -> str | None:
    """Return the ID of this boot of the system, or None if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _datagrams(packet: Packet) -> list[bytes]:
    """Return the datagrams of a packet, which may hold several."""
    size = packet.segment_size or len(packet.payload)
    return [packet.payload[at : at + size] for at in range(0, len(packet.payload), size)][:_MOST_SEGMENTS]


def _drop_older(names: dict[_Key, Host], oldest: float) -> None:
    for key in [key for key, host in names.items() if host.at < oldest]:
        del names[key]


def _keep(names: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Store a value as the newest one, and drop the oldest ones beyond `most`."""
    names.pop(key, None)
    names[key] = value
    if len(names) > most:
        del names[next(iter(names))]

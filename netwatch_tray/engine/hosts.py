"""Names of remote hosts, from DNS responses and TLS or QUIC handshakes. Pure except for the clock.

The names come from packets that the helper copied, each with the socket that sent or received it. A name belongs to a
program, never to an address alone: one address serves many names, and another program may use the address for another
one.

- A ClientHello, the first message of a TLS or QUIC handshake, names the host of its connection.
- A DNS response names an address for the process whose socket received it, and only for connections of that process.

Most responses are not needed: a resolver received them, a browser prefetched them, or the ClientHello names the host.
So responses are stored unparsed, and one is parsed when a connection to an address in it needs a name.
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
"""Seconds for which a name is kept."""
_FORGET_EVERY = 60.0
"""Seconds between searches for names that are too old."""
_HANDSHAKE = 10.0
"""Seconds that a QUIC handshake takes at most. A later Initial packet to the same peer begins another connection."""
_MOST_NAMES = 4096
"""How many names of each origin (such as DNS, TLS or QUIC) are kept at most."""
_MOST_RESPONSES_OF_PROCESS = 1024
_MOST_RESPONSE_BYTES = 1 << 20
"""Most bytes of the stored responses of all processes, including the interpreter's overhead."""
_RESPONSE_OVERHEAD = 160
"""Bytes that the interpreter takes for each response."""
_MOST_CREATORS = 8192
_MOST_SEGMENTS = 16
"""Most datagrams that are parsed of one packet; the kernel combines several into one (GSO)."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Host(NamedTuple):
    """The name of a remote host, and how it became known."""

    name: str
    origin: HostOrigin
    at: float
    """Unix time at which the packet with the name was read."""
    ttl_s: int | None = None
    """Lifetime of the DNS response, seconds."""
    is_providers: bool | None = False
    """Whether the name is the hosting provider's public name, because the host's own is encrypted (Encrypted Client
    Hello). `None` if that cannot be known."""


_Packed = tuple[str | None, list[tuple[tuple[int, str, int | None], Host]], list[tuple[tuple[int, str], Host]]]
"""What `Hosts.packed` encodes: ID of the boot, items of `_greeted`, items of `_resolved`."""


class _Response(NamedTuple):
    """A DNS response as it was received. `hosts` parses it when it is needed."""

    number: int
    """Serial number, in the order of arrival over all processes."""
    at: float
    payload: bytes

    @property
    def size(self) -> int:
        return len(self.payload) + _RESPONSE_OVERHEAD

    def hosts(self) -> dict[str, Host]:
        """Parse the response. Return the requested host by each address in it; empty if the response is invalid."""
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
        """Responses by PID, oldest first. The process with the latest response is the last one."""
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
        """Return the serial number of the latest response that a process received, or 0 if there is none."""
        responses = self._of.get(pid)
        return responses[-1].number if responses else 0

    def find(self, pid: int, address: str, after: int) -> Host | None:
        """Return the host whose name this process resolved to the address last, or None if there is none.

        `after`: search only responses with a higher serial number; the others were searched before.
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
        """Parse all responses. Return the latest host by PID and address."""
        return {
            (pid, address): host
            for pid, responses in self._of.items()
            for response in responses
            for address, host in response.hosts().items()
        }

    def forget(self, oldest: float) -> None:
        """Drop the responses received before `oldest` (Unix time)."""
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
    """Finds the names of remote hosts in the packets that the helper copied, and keeps them for a day at most."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now`: returns the Unix time."""
        self._now = now
        self._greeted: dict[tuple[int, str, int | None], Host] = {}
        """Names from ClientHellos, by cookie of the socket, address and port of the peer."""
        self._resolved: dict[tuple[int, str], Host] = {}
        """Names from DNS responses, by PID and address; only those that a connection needed so far."""
        self._responses = _Responses()
        self._sought: dict[tuple[int, str], int] = {}
        """By PID and address: serial number of the latest response that was searched for the address."""
        self._forgot_at = 0.0
        """Unix time of the last search for names that are too old."""
        self._creators: dict[int, int] = {}
        """PIDs of the processes that created sockets, by cookie."""
        self._providers: dict[str, float] = {}
        """Public names that providers announce in DNS for Encrypted Client Hello, and the Unix time of the response."""
        self._streams = tls.Streams()
        self._flows = quic.Flows()
        self.faults: Counter[PacketKind] = Counter()
        """ClientHellos that could not be parsed. There are always some: QUIC continues after its first packets."""

    def packed(self) -> bytes:
        """Return all names encoded, for `restore` in the next run of the agent."""
        resolved = sorted((self._resolved | self._responses.all()).items(), key=lambda each: each[1].at)
        return msgspec.msgpack.encode((_boot(), list(self._greeted.items()), resolved[-_MOST_NAMES:]))

    def restore(self, packed: bytes) -> None:
        """Load the names that a previous run encoded by `packed`. Those of an earlier boot are ignored, because they
        refer to its sockets and processes. Raise ParseError if they cannot be decoded."""
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
        """Add packets, oldest first. Return the cookies of the sockets whose ClientHello was found, so that their peers
        have a name now.

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
        """Return the name of the peer of a socket, or None if it is unknown. `address`, `port`: the peer's. `pid`:
        owner of the socket; None if unknown, then its creator is used."""
        greeted = self._greeted.get((cookie, address, port))
        if greeted is not None and not greeted.is_providers:
            return greeted
        pid = self._creators.get(cookie) if pid is None else pid
        return (None if pid is None else self._resolve(pid, address)) or greeted

    def _resolve(self, pid: int, address: str) -> Host | None:
        """Return the host whose name a process resolved to this address by DNS, or None if there is none."""
        key, latest = (pid, address), self._responses.latest(pid)
        searched = self._sought.get(key, 0)
        if latest > searched:
            host = self._responses.find(pid, address, after=searched)
            if host is not None:
                _keep(self._resolved, key, host, _MOST_NAMES)
            _keep(self._sought, key, latest, _MOST_NAMES)
        return self._resolved.get(key)

    def _take_hello(self, packet: Packet, now: float) -> bool:
        """Add a packet with a ClientHello or a part of one. Return whether the name of the peer is known now. Raise
        ParseError."""
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
        """Return whether the QUIC handshake of this flow has already shown the name, so that its further Initial
        packets need not be decrypted."""
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
    """Return the UDP datagrams that the kernel combined into one packet (GSO): at most `_MOST_SEGMENTS`."""
    size = packet.segment_size or len(packet.payload)
    return [packet.payload[at : at + size] for at in range(0, len(packet.payload), size)][:_MOST_SEGMENTS]


def _drop_older(names: dict[_Key, Host], oldest: float) -> None:
    for key in [key for key, host in names.items() if host.at < oldest]:
        del names[key]


def _keep(names: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Store a value as the newest of the dict, and drop its oldest entry if it has more than `most`."""
    names.pop(key, None)
    names[key] = value
    if len(names) > most:
        del names[next(iter(names))]

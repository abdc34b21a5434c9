"""Bytes of UDP. Samples of the sockets have none; they are added here from the helper's counts by socket and peer.
Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from netwatch_tray.collect.helper_readings import UDP, Amount, Flow, Reading
from netwatch_tray.collect.sockets import Socket, SocketSample
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Traffic

_IDLE = 60.0
"""Seconds without a datagram after which the row of a peer is removed; UDP itself has no end."""
_MOST_PEERS, _MOST_PEERS_OF_SOCKET = 2048, 256
"""Most peers with a separate row: in total, and of one socket. The bytes of other peers are booked for the app of the
socket."""
_MOST_SOCKETS = 8192
"""Number of sockets for which it is remembered whether they belong to this network namespace."""
_MOST_WAITING = 1 << 15
"""Most flows whose bytes are kept until the next sample; twice the room of the helper. There is no sample while the
sockets cannot be read."""
_NONE = Traffic()


class _Exchange:
    """Traffic of a connected socket, or of an unconnected socket with one peer."""

    __slots__ = ("found", "last", "moved")

    def __init__(self, found: Socket) -> None:
        self.found = found
        self.moved = _NONE
        self.last = 0.0
        """Boot-time clock of the latest traffic."""

    def add(self, amount: Amount, boottime: float) -> None:
        self.moved = self.moved.plus(Traffic(amount.rx_bytes, amount.tx_bytes))
        self.last = boottime

    def row(self, state: TcpState | None = None) -> Socket:
        return _with_bytes(self.found, self.moved, state)


class Datagrams:
    """Adds the bytes of UDP, which `count` gets from the helper, to the samples that pass through `merge`.

    A connected socket gets its bytes in its own row. An unconnected socket has no bytes in its own row, but a further
    row for each peer with which it exchanges datagrams. A socket that opened and closed between two samples is reported
    as a closed socket with its bytes.

    The helper also counts the sockets of containers, but samples list those of one network namespace only. UDP of
    containers is left out (their TCP is not, see engine.streams). A socket that no sample lists belongs to a container
    if the process that made it does. If that process is unknown, its address decides, and whether it still has traffic
    at the next reading: then it has not closed, and the samples should have listed it.
    """

    def __init__(self) -> None:
        self._sockets: dict[str, Socket] = {}
        """UDP sockets of the last sample, by key."""
        self._new: dict[Flow, Amount] = {}
        """Bytes by flow that the helper reported since the last sample."""
        self._dropped = 0
        self._connected: dict[str, _Exchange] = {}
        """Traffic of connected sockets, by key of the socket."""
        self._peers: dict[str, dict[str, _Exchange]] = {}
        """Traffic of unconnected sockets with each peer: by key of the socket, then by key of the peer's row."""
        self._count_of_peers = 0
        self._is_here: dict[int, bool] = {}
        """Whether sockets belong to this network namespace, by cookie, as far as known."""
        self._doubtful: dict[int, dict[str, _Exchange]] = {}
        """Bytes of sockets that no sample lists and whose network namespace is unknown, by cookie and key of the
        row."""
        self.is_counting = False
        """Whether a helper counts the bytes of UDP at present."""
        self._has_reading = False
        """Whether a reading arrived since the last sample. The helper may respond late."""
        self._was_counting = False
        """`is_counting` as of the last sample."""

    def count(self, reading: Reading, is_here: Mapping[int, bool]) -> None:
        """Store the bytes of the helper's reading until the next `merge`.

        `is_here`: whether a socket belongs to this network namespace, by the cookie of the socket, where that is known.
        """
        self.is_counting = self._has_reading = True
        self._remember(is_here)
        for flow, amount in reading.amounts.items():
            if flow.protocol != UDP:
                continue
            before = self._new.get(flow)
            if before is not None:
                self._new[flow] = _sum(before, amount)
            elif len(self._new) < _MOST_WAITING:
                self._new[flow] = amount
            else:
                self._dropped += 1

    def take_dropped(self) -> int:
        """Return how many flows the helper reported that were dropped since the last call. That happens only if many
        are reported while the sockets cannot be read, so that no `merge` empties the store."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def stop(self) -> None:
        """Report bytes as unknown until the helper's next reading, because the helper was lost."""
        self.is_counting = False

    def merge(self, sample: SocketSample, is_own: Callable[[str], bool]) -> SocketSample:
        """Return the sample with the bytes of UDP added. `is_own`: returns whether an address belongs to an interface
        of this network namespace."""
        changed, removed = dict(sample.changed), dict(sample.removed)
        udp = {key: found for key, found in sample.changed.items() if found.protocol == "UDP"}
        self._sockets |= udp
        if self.is_counting != self._was_counting:
            self._was_counting = self.is_counting
            udp = dict(self._sockets)
        new, self._new = self._new, {}
        doubtful = self._take_doubtful()
        for flow, amount in new.items():
            key = f"{flow.cookie:x}"
            found = self._sockets.get(key)
            if found is not None and (found.remote_address, found.remote_port) == (flow.peer_address, flow.peer_port):
                self._exchange(key, found).add(amount, sample.boottime)
                udp[key] = found
            elif found is not None or self._is_here.get(flow.cookie):
                self._add_peer(key, flow, amount, found, sample.boottime, changed, removed)
            elif flow.cookie in doubtful:
                self._remember({flow.cookie: False})
            elif flow.cookie not in self._is_here and is_own(amount.local_address) and not _is_loopback(flow):
                exchange = _Exchange(_peer_of(key, flow, amount, None))
                exchange.add(amount, sample.boottime)
                # Under a separate key: before this is booked, the socket may be listed and the peer may get a row.
                self._doubtful.setdefault(flow.cookie, {})[f"{_key(key, flow)} before"] = exchange
        for cookie, exchanges in doubtful.items():
            if self._is_here.get(
                cookie, True
            ):  # unknown, and without traffic since the previous reading: it has closed
                removed.update({key: exchange.row(TcpState.CLOSED) for key, exchange in exchanges.items()})
        for key, found in udp.items():
            changed[key] = self._row(key, found)
        self._end_exchanges(sample, changed, removed)
        return msgspec.structs.replace(sample, changed=changed, removed=removed)

    def _remember(self, is_here: Mapping[int, bool]) -> None:
        self._is_here.update(is_here)
        while len(self._is_here) > _MOST_SOCKETS:
            del self._is_here[next(iter(self._is_here))]

    def _take_doubtful(self) -> dict[int, dict[str, _Exchange]]:
        """Remove and return `_doubtful` (bytes of sockets that may belong to a container), but only if the helper
        reported again since they were stored; else return {}.

        Only that next reading can decide: it shows which process made a socket, or that the socket has more traffic.
        Then the socket is still open, and belongs to a container, because no sample lists it.
        """
        if not self._has_reading:
            return {}
        self._has_reading = False
        doubtful, self._doubtful = self._doubtful, {}
        return doubtful

    def _exchange(self, key: str, found: Socket) -> _Exchange:
        exchange = self._connected.get(key)
        if exchange is None:
            exchange = self._connected[key] = _Exchange(found)
        return exchange

    def _row(self, key: str, found: Socket) -> Socket:
        if found.remote_address is None or not self.is_counting:
            return found
        exchange = self._exchange(key, found)
        exchange.found = found
        return exchange.row()

    def _add_peer(
        self,
        base: str,
        flow: Flow,
        amount: Amount,
        found: Socket | None,
        boottime: float,
        changed: dict[str, Socket],
        removed: dict[str, Socket],
    ) -> None:
        """Add bytes that the unconnected socket with key `base` exchanged with one peer. `found`: the socket if a
        sample lists it, else None. The row of the peer goes to `changed`, or to `removed` if it does not last."""
        key = _key(base, flow)
        peers = self._peers.setdefault(base, {})
        exchange = peers.get(key)
        if exchange is None:
            exchange = _Exchange(_peer_of(base, flow, amount, found))
            if found is not None and len(peers) < _MOST_PEERS_OF_SOCKET and self._count_of_peers < _MOST_PEERS:
                peers[key] = exchange
                self._count_of_peers += 1
        exchange.add(amount, boottime)
        if key in peers:
            changed[key] = exchange.row()
        else:
            removed[key] = exchange.row(TcpState.CLOSED)
        if not peers:
            del self._peers[base]

    def _end_exchanges(self, sample: SocketSample, changed: dict[str, Socket], removed: dict[str, Socket]) -> None:
        """Move the rows of closed sockets, and of peers without traffic for `_IDLE` seconds, to `removed`."""
        for key in sample.removed:
            if self._sockets.pop(key, None) is not None:
                self._remember({int(key, 16): True})  # its last bytes may come later
                exchange = self._connected.pop(key, None)
                if exchange is not None and self.is_counting:
                    removed[key] = exchange.row(TcpState.CLOSED)
                changed.pop(key, None)
        silent = sample.boottime - _IDLE
        for base, peers in list(self._peers.items()):
            is_over = base not in self._sockets or not self.is_counting
            for key, exchange in list(peers.items()):
                if is_over or exchange.last <= silent:
                    del peers[key]
                    self._count_of_peers -= 1
                    changed.pop(key, None)
                    removed[key] = exchange.row(TcpState.CLOSED)
            if not peers:
                del self._peers[base]


def _key(base: str, flow: Flow) -> str:
    return f"{base}-{flow.peer_address}-{flow.peer_port}"


def _is_loopback(flow: Flow) -> bool:
    return flow.peer_address.startswith("127.") or flow.peer_address == "::1"


def _peer_of(base: str, flow: Flow, amount: Amount, found: Socket | None) -> Socket:
    return Socket(
        protocol="UDP",
        family=None if found is None else found.family,
        local_address=amount.local_address,
        local_port=flow.local_port,
        remote_address=flow.peer_address,
        remote_port=flow.peer_port,
        uid=amount.uid,
        cgroup=amount.cgroup or None,
        part_of=base,
    )


def _with_bytes(found: Socket, moved: Traffic, state: TcpState | None) -> Socket:
    return msgspec.structs.replace(found, rx_bytes=moved.rx, tx_bytes=moved.tx, state=state)


def _sum(one: Amount, other: Amount) -> Amount:
    return one._replace(
        rx_bytes=one.rx_bytes + other.rx_bytes,
        tx_bytes=one.tx_bytes + other.tx_bytes,
        rx_datagrams=one.rx_datagrams + other.rx_datagrams,
        tx_datagrams=one.tx_datagrams + other.tx_datagrams,
    )

"""TCP with the helper: merges the last counters of connections, and those of other network namespaces, into the samples
of a source of sockets. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from netwatch_tray.collect.helper_readings import TCP, Flow, Reading, TcpEnd
from netwatch_tray.collect.sockets import Socket, SocketSample
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Traffic

if TYPE_CHECKING:
    from netwatch_tray.collect.helper_readings import Amount

_READINGS = 2
"""Readings of the helper within which the end of a connection is reported. One of them may have been requested before
the end."""
_LONGEST_HOLD = 30.0
"""Seconds until an end is given up on without readings, because a helper that does not answer stays connected."""
_MOST_SETTLED = 8192
"""Most closed connections that are remembered, so that nothing is added to them again."""
_MOST_WAITING = 1 << 14
"""Most ends, and most connections of other network namespaces, that are kept until the next sample. There is none while
the sockets cannot be read."""


class _Held(NamedTuple):
    """A socket whose end is still to come from the helper."""

    gone: Socket
    ended: float | None
    since: float
    """Boot-time clock."""
    readings: int = 0

    def later(self, readings: int) -> _Held:
        """Return a copy that has waited for `readings` further readings of the helper."""
        return self._replace(readings=self.readings + readings)

    def is_due(self, boottime: float) -> bool:
        """Return whether the helper could have reported the end by now, so that it is not waited for any longer."""
        return self.readings >= _READINGS or boottime - self.since >= _LONGEST_HOLD


class Streams:
    """Completes the TCP connections of samples.

    A source reports the last bytes of a closed connection with a doubt about the FIN, and those of an aborted one not
    at all. The helper reports them exactly. Both are absolute counters of the same socket, so the highest are right,
    and each connection is removed once: one that a source removes before the helper has reported its end is held until
    the helper had the opportunity.

    Connections of other network namespaces are added if it is certain that this machine forwards their packets: their
    own address is in the network of an interface here that is no uplink, as that of a bridge of containers. What
    containers without such an interface move is carried by sockets here (slirp4netns, pasta), and counted there. And a
    program or control group has to be known that made the socket.

    Memory is bounded also without samples. An end that is not kept leaves a connection with the counters of the source,
    which are never too high; `take_dropped` reports how many there were.
    """

    def __init__(self) -> None:
        self._ends: dict[str, TcpEnd] = {}
        """Since the last sample, by key."""
        self._held: dict[str, _Held] = {}
        self._over: dict[str, _Held] = {}
        """Sockets that are first listed in TIME_WAIT. Only the helper reports their makers, together with the end."""
        self._settled: dict[str, None] = {}
        self._is_reporting = False
        """The helper reports the ends of connections."""
        self._readings = 0
        """Since the last sample."""
        self._has_sample = self._had_sample = False
        """Whether a sample preceded the last reading, and the reading before that. If not, a connection that no sample
        lists may be older than the first sample."""
        self._new: dict[Flow, Amount] = {}
        """Amounts of TCP in other network namespaces since the last sample."""
        self._closed: set[str] = set()
        """Keys of the sockets of these and of `_elsewhere` that closed since the last sample."""
        self._dropped = 0
        self._elsewhere: dict[str, Socket] = {}
        self._is_lost = False
        """The helper that had to report the ends of connections of other network namespaces was lost since the last
        sample."""

    def count(self, reading: Reading) -> None:
        """Add what the helper reported since the previous reading."""
        self._is_reporting = reading.ends is not None
        self._readings += 1
        was_sampled, self._had_sample = self._had_sample, self._has_sample
        for cookie, end in (reading.ends or {}).items():
            if len(self._ends) >= _MOST_WAITING:
                self._dropped += 1
            else:
                self._ends[f"{cookie:x}"] = end if was_sampled else end._replace(is_here=None)
        for flow, amount in reading.amounts.items():
            if flow.protocol != TCP:
                continue
            before = self._new.get(flow)
            if before is None and len(self._new) >= _MOST_WAITING:
                self._dropped += 1
                continue
            rx, tx = (0, 0) if before is None else (before.rx_bytes, before.tx_bytes)
            self._new[flow] = amount._replace(rx_bytes=rx + amount.rx_bytes, tx_bytes=tx + amount.tx_bytes)
        if reading.closed:
            kept = {f"{flow.cookie:x}" for flow in self._new} | self._elsewhere.keys()
            self._closed.update(kept.intersection(f"{cookie:x}" for cookie in reading.closed))

    def take_dropped(self) -> int:
        """Return how many ends and amounts were dropped since the last call, because there was no sample for long."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def stop(self) -> None:
        """Expect no ends of connections until the next reading, because the helper was lost."""
        self._is_reporting, self._is_lost = False, True

    def merge(
        self,
        sample: SocketSample,
        listed: Callable[[str], Socket | None],
        is_behind: Callable[[str, Socket], bool],
        *,
        is_last: bool = False,
    ) -> SocketSample:
        """Return the sample, with the last counters of closed connections as the helper reports them.

        `listed`: returns the socket that the table has under a key. `is_behind`: returns whether it is certain that
        this machine forwards the packets of a socket of another network namespace, and known who made it.
        """
        changed = {key: found for key, found in sample.changed.items() if key not in self._settled}
        removed, ended = {}, dict(sample.ended)
        ends, self._ends = self._ends, {}
        readings, self._readings = self._readings, 0
        waits = self._is_reporting and not is_last
        for key, before in list(self._held.items()):
            end, held = ends.pop(key, None), before.later(readings)
            if end is None and waits and not held.is_due(sample.boottime):
                self._held[key] = held
                continue
            del self._held[key]
            removed[key] = _completed(held.gone, end)
            _restore(ended, key, held)
            self._settle(key)
        self._hold_unlisted(changed, ended, ends, readings, sample.boottime, listed, waits=waits)
        for key, gone in sample.removed.items():
            end = ends.pop(key, None)
            _restore(ended, key, self._over.pop(key, None))
            if key in self._settled:
                ended.pop(key, None)
            elif end is None and waits and key in ended:
                self._held[key] = _Held(gone, ended.pop(key), sample.boottime)
            else:
                removed[key] = _completed(gone, end)
                if gone.protocol == "TCP" and gone.state == TcpState.CLOSED:
                    self._settle(key)
        for key, end in ends.items():
            found = changed.get(key) or listed(key)
            if found is not None:
                changed[key] = _completed(found, end)
            elif end.is_here and key not in self._settled:
                removed[key], ended[key] = _closed(end), sample.boottime
                self._settle(key)
        self._add_elsewhere(changed, removed, ended, sample.boottime, listed, is_behind)
        self._has_sample = True
        return sample._replace(changed=changed, removed=removed, ended=ended)

    def _hold_unlisted(
        self,
        changed: dict[str, Socket],
        ended: dict[str, float],
        ends: dict[str, TcpEnd],
        readings: int,
        boottime: float,
        listed: Callable[[str], Socket | None],
        *,
        waits: bool,
    ) -> None:
        held_before = list(self._over.items())
        for key, found in list(changed.items()) if waits else ():
            is_unlisted = key not in self._over and listed(key) is None
            if found.state == TcpState.TIME_WAIT and key not in ends and is_unlisted:
                self._over[key] = _Held(changed.pop(key), ended.pop(key, None), boottime)
        for key, before in held_before:
            held = before.later(readings)
            if key in ends or not waits or held.is_due(boottime):
                del self._over[key]
                changed.setdefault(key, held.gone)
                _restore(ended, key, held)
            else:
                gone, at = changed.pop(key, held.gone), ended.pop(key, held.ended)
                self._over[key] = held._replace(gone=gone, ended=at)

    def _settle(self, key: str) -> None:
        self._settled[key] = None
        while len(self._settled) > _MOST_SETTLED:
            del self._settled[next(iter(self._settled))]

    def _add_elsewhere(
        self,
        changed: dict[str, Socket],
        removed: dict[str, Socket],
        ended: dict[str, float],
        boottime: float,
        listed: Callable[[str], Socket | None],
        is_behind: Callable[[str, Socket], bool],
    ) -> None:
        new, self._new = self._new, {}
        closed, self._closed = self._closed, set()
        for flow, amount in new.items():
            key = f"{flow.cookie:x}"
            found = self._elsewhere.get(key)
            if found is None:
                found = _of_flow(flow, amount)
                is_own = key in changed or key in removed or key in self._settled or listed(key) is not None
                if is_own or not is_behind(key, found):
                    continue
            found = _moved_on(found, amount)
            self._elsewhere[key] = changed[key] = found
        over = set(self._elsewhere) if self._is_lost else closed
        self._is_lost = False
        for key in over & self._elsewhere.keys():
            changed.pop(key, None)
            removed[key] = msgspec.structs.replace(self._elsewhere.pop(key), state=TcpState.CLOSED)
            ended[key] = boottime


def _restore(ended: dict[str, float], key: str, held: _Held | None) -> None:
    if held is not None and held.ended is not None:
        ended.setdefault(key, held.ended)


def _completed(found: Socket, end: TcpEnd | None) -> Socket:
    if end is None:
        return found
    rx, tx = max(found.rx_bytes or 0, end.rx_bytes), max(found.tx_bytes or 0, end.tx_bytes)
    return msgspec.structs.replace(found, rx_bytes=rx, tx_bytes=tx)


def _closed(end: TcpEnd) -> Socket:
    return Socket(
        protocol="TCP",
        local_address=end.local_address,
        local_port=end.local_port,
        remote_address=end.peer_address,
        remote_port=end.peer_port,
        state=TcpState.CLOSED,
        rx_bytes=end.rx_bytes,
        tx_bytes=end.tx_bytes,
    )


def _of_flow(flow: Flow, amount: Amount) -> Socket:
    return Socket(
        protocol="TCP",
        local_address=amount.local_address,
        local_port=flow.local_port,
        remote_address=flow.peer_address,
        remote_port=flow.peer_port,
        state=TcpState.ESTABLISHED,
        rx_bytes=0,
        tx_bytes=0,
        uid=amount.uid,
        cgroup=amount.cgroup or None,
    )


def _moved_on(found: Socket, amount: Amount) -> Socket:
    moved = Traffic(found.rx_bytes or 0, found.tx_bytes or 0).plus(Traffic(amount.rx_bytes, amount.tx_bytes))
    return msgspec.structs.replace(found, rx_bytes=moved.rx, tx_bytes=moved.tx)

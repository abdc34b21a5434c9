"""Merges what the helper reports of TCP into the samples of the sockets: the final counters of closed connections, and
the connections of other network namespaces (containers). Pure.

An "end" is the helper's report that a connection closed, with its final counters."""

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
"""Number of helper readings to wait for the end of a connection. It is in the second one at the latest, because the
first may have been requested before the connection closed."""
_LONGEST_HOLD = 30.0
"""Seconds to wait for the end of a connection if the helper sends no readings, though it is still connected."""
_MOST_SETTLED = 8192
"""Most closed connections that are remembered, so that none is reported as closed twice."""
_MOST_WAITING = 1 << 14
"""Most ends, and most amounts of other network namespaces, that are kept until the next sample. There is no sample
while the sockets cannot be read."""


class _Held(NamedTuple):
    """A closed socket whose removal is delayed until the helper has reported its end."""

    gone: Socket
    ended: float | None
    since: float
    """Boot-time clock at which the delay began."""
    readings: int = 0

    def later(self, readings: int) -> _Held:
        """Return a copy with `readings` more helper readings counted."""
        return self._replace(readings=self.readings + readings)

    def is_due(self, boottime: float) -> bool:
        """Return whether to stop waiting, because the helper has had its opportunity to report the end."""
        return self.readings >= _READINGS or boottime - self.since >= _LONGEST_HOLD


class Streams:
    """Completes the TCP connections of samples: `count` gets the helper's readings, `merge` adds them to a sample.

    The source of the sockets may miss the last bytes of a closed connection. The helper reports them exactly. Both have
    absolute counters of the same socket, so the higher value is right. If the source lists a connection as closed
    before the helper has reported its end, its removal is delayed, so that each connection is removed once, with all
    bytes.

    Connections of other network namespaces are added if it is certain that this machine forwards their packets: their
    local address is in the network of an interface here that is no uplink, such as a bridge of containers. The traffic
    of containers without such an interface passes through sockets here (slirp4netns, pasta), which count it. Also, the
    program or control group that made the socket must be known.

    Memory is bounded even without samples: what exceeds the limits is dropped. A connection without its end has the
    counters of the source, which are never too high. `take_dropped` returns how many were dropped.
    """

    def __init__(self) -> None:
        self._ends: dict[str, TcpEnd] = {}
        """Ends that were reported since the last sample, by key of the socket."""
        self._held: dict[str, _Held] = {}
        self._over: dict[str, _Held] = {}
        """Sockets that no sample listed before they were in TIME_WAIT. They are delayed until the helper reports who
        made them, which it does together with the end."""
        self._settled: dict[str, None] = {}
        self._is_reporting = False
        """Whether the helper reports the ends of connections."""
        self._readings = 0
        """Number of helper readings since the last sample."""
        self._has_sample = self._had_sample = False
        """Whether there was a sample before the latest helper reading, and before the one preceding it. If not, a
        connection that no sample lists may have been open before the first sample, so its bytes are not new."""
        self._new: dict[Flow, Amount] = {}
        """TCP bytes of sockets in other network namespaces since the last sample, by flow."""
        self._closed: set[str] = set()
        """Keys of the sockets in `_new` and `_elsewhere` that closed since the last sample."""
        self._dropped = 0
        self._elsewhere: dict[str, Socket] = {}
        self._is_lost = False
        """Whether the helper was lost since the last sample. Then nothing reports when the connections of other network
        namespaces close, so the next `merge` closes them."""

    def count(self, reading: Reading) -> None:
        """Store a helper reading until the next `merge`."""
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
        """Return how many ends and amounts were dropped since the last call. That happens only if many are reported
        while the sockets cannot be read, so that no `merge` empties the store."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def stop(self) -> None:
        """Call this when the helper is lost: do not wait for ends of connections until its next reading."""
        self._is_reporting, self._is_lost = False, True

    def merge(
        self,
        sample: SocketSample,
        listed: Callable[[str], Socket | None],
        is_behind: Callable[[str, Socket], bool],
        *,
        is_last: bool = False,
    ) -> SocketSample:
        """Return the sample with the helper's final counters of closed connections, and with the connections of other
        network namespaces.

        `listed`: returns the socket that the table has under a key, or None. `is_behind`: returns whether a socket of
        another network namespace is certain to have its packets forwarded by this machine, and its maker is known.
        `is_last`: whether no other sample follows, so that nothing is delayed.
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
        return msgspec.structs.replace(sample, changed=changed, removed=removed, ended=ended)

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

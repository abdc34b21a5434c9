"""Bytes that each app exchanged with each remote host, for every hour of the last day. Pure except for the clock.

A finished hour is kept encoded ("packed") as MessagePack: about 60 bytes for each host of an app. The number of
separate hosts in an hour is limited (a BitTorrent client has thousands). All further hosts share one sum, so the hosts
of an app always add up to the bytes that were booked (counted for good) for the app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

import msgspec

from netwatch_tray.engine.entries import Peer
from netwatch_tray.errors import ParseError
from netwatch_tray.model import HostAmount, HostOrigin, Scope, Traffic

HOUR = 3600
"""Length of an hour in seconds."""
_HOURS = 24
"""Number of finished hours that are kept besides the current one."""
_MOST_HOSTS_OF_APP, _MOST_HOSTS = 256, 1024
"""Most hosts that are stored separately in an hour: of one app, and of all together."""
_MOST_AMOUNTS = 500
"""Most hosts in one result. The hosts with the fewest bytes are one sum."""


_Amount = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class _HostBytes(msgspec.Struct, array_like=True):
    """Traffic of an app with one host in an hour."""

    host: str | None
    origin: HostOrigin | None
    address: str | None
    scope: Scope | None
    country: str | None
    rx: _Amount
    tx: _Amount
    last: _Amount
    """Unix time (seconds) of the latest traffic."""

    @property
    def key(self) -> _Key:
        return _key(self.host, self.address, self.scope)

    def add(self, rx: int, tx: int, last: int) -> None:
        self.rx += rx
        self.tx += tx
        self.last = max(self.last, last)


_Key = tuple[str, Scope | None]
_Hour = dict[str, dict[_Key, _HostBytes]]
"""Traffic of one hour: by key of the app, then by host and scope."""
_REMAINDER: _Key = ("", None)
"""Key of the one sum for the hosts beyond the limit, and for bytes without a peer."""
_NO_PEER = Peer(None, None, None, None, None)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, list[_HostBytes]])
_apps_decoder = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_hosts_decoder = msgspec.msgpack.Decoder(list[_HostBytes])


def _key(host: str | None, address: str | None, scope: Scope | None) -> _Key:
    return host or address or "", scope


def hosts_of(hours: Iterable[bytes], app: str) -> tuple[HostAmount, ...]:
    """Return the traffic of an app with each host, the largest first. `hours`: as returned by `AppHosts.hours`, which
    the history stores.

    Raise ParseError if an hour cannot be decoded.
    """
    found: dict[_Key, _HostBytes] = {}
    for packed in hours:
        try:
            raw = _apps_decoder.decode(packed).get(app)
            _merge(found, () if raw is None else _hosts_decoder.decode(raw))
        except msgspec.MsgspecError as error:
            raise ParseError(f"An hour of hosts cannot be read: {error}.") from error
    return _amounts(found)


def _unpacked(packed: bytes) -> _Hour:
    """Decode a packed hour. Raise ParseError if it is damaged."""
    try:
        return {app: {each.key: each for each in hosts} for app, hosts in _decoder.decode(packed).items()}
    except msgspec.MsgspecError as error:
        raise ParseError(f"An hour of hosts cannot be read: {error}.") from error


def _merge(found: dict[_Key, _HostBytes], more: Iterable[_HostBytes]) -> None:
    """Add the amounts of `more` to `found`. If both have a host, its address is that of the later traffic."""
    for each in more:
        known = found.get(each.key)
        if known is None:
            found[each.key] = each
        else:
            if each.last >= known.last:
                known.address, known.origin, known.country = each.address, each.origin, each.country
            known.add(each.rx, each.tx, each.last)


def _amounts(found: Mapping[_Key, _HostBytes]) -> tuple[HostAmount, ...]:
    rows = sorted(found.values(), key=lambda each: (each.key == _REMAINDER, -each.rx - each.tx))
    for each in rows[_MOST_AMOUNTS:]:
        rest = rows[_MOST_AMOUNTS - 1]
        rest.host = rest.origin = rest.address = rest.scope = rest.country = None
        rest.add(each.rx, each.tx, each.last)
    return tuple(
        HostAmount(
            host=each.host,
            origin=each.origin,
            address=each.address,
            scope=each.scope,
            country=each.country,
            rx_bytes=each.rx,
            tx_bytes=each.tx,
            last_at=each.last,
        )
        for each in rows[:_MOST_AMOUNTS]
    )


class AppHosts:
    """Amounts of each app by remote host. Traffic within this machine is not included."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now`: returns the Unix time in seconds."""
        self._now = now
        self._began = now()
        self._packed: dict[int, bytes] = {}
        """Finished hours, encoded; by number of the hour since 1970 (Unix time // 3600)."""
        self._hour = int(now() // HOUR)
        self._open: _Hour = {}
        """The current hour, not packed."""
        self._count = 0
        """Number of hosts in `_open`."""

    @property
    def hour(self) -> int:
        """Return the number of the current hour since 1970: Unix time // 3600."""
        return int(self._now() // HOUR)

    @property
    def since(self) -> float:
        """Return the Unix time at which the oldest stored hour begins."""
        return max(self._began, float((self._hour - _HOURS) * HOUR))

    def book(self, app: str, peer: Peer, traffic: Traffic) -> None:
        """Add traffic between an app and a peer to the current hour. Peers on this machine are ignored."""
        if peer.scope == "machine":
            return
        now = self._now()
        self._turn(int(now // HOUR))
        hosts = self._open.setdefault(app, {})
        key = _key(peer.name, peer.address, peer.scope)
        if key not in hosts and (len(hosts) >= _MOST_HOSTS_OF_APP or self._count >= _MOST_HOSTS):
            key, peer = _REMAINDER, _NO_PEER
        known = hosts.get(key)
        if known is None:
            known = hosts[key] = _HostBytes(peer.name, peer.origin, peer.address, peer.scope, peer.country, 0, 0, 0)
            self._count += 1
        known.address, known.origin, known.country = peer.address, peer.origin, peer.country
        known.add(traffic.rx, traffic.tx, int(now))

    def of(self, app: str) -> tuple[HostAmount, ...]:
        """Return the traffic of an app with each host in all stored hours, the largest first. The sum of the hosts
        beyond the limit is last."""
        self._turn(self.hour)
        return hosts_of([*self._packed.values(), self._pack()], app)

    def hours(self) -> dict[int, bytes]:
        """Return all hours encoded, including the current one, by their number since 1970."""
        return self._packed | ({self._hour: self._pack()} if self._open else {})

    def restore(self, hours: Mapping[int, bytes]) -> None:
        """Load the hours that a previous run stored. Call this before the first `book`. Raise ParseError if one cannot
        be decoded."""
        kept = {number: packed for number, packed in hours.items() if abs(self._hour - number) <= _HOURS}
        for packed in kept.values():
            _unpacked(packed)
        if kept:
            self._began = min(self._began, min(kept) * HOUR)
        self._packed = kept
        self._reopen()

    def _turn(self, hour: int) -> None:
        """Encode the current hour and make `hour` the current one. It may be an earlier one: the clock may be set
        back."""
        if hour == self._hour:
            return
        if self._open:
            self._packed[self._hour] = self._pack()
        self._hour = hour
        self._packed = {number: packed for number, packed in self._packed.items() if abs(hour - number) <= _HOURS}
        self._reopen()

    def _reopen(self) -> None:
        packed = self._packed.pop(self._hour, None)
        self._open = {} if packed is None else _unpacked(packed)
        self._count = sum(map(len, self._open.values()))

    def _pack(self) -> bytes:
        return _encoder.encode({app: list(hosts.values()) for app, hosts in self._open.items()})

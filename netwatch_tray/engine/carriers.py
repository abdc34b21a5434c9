"""Whether the only other way out carries a tunnel, by the counters of both. Pure.

A tunnel without a route to its peer is presumed to run over the only other way out (`topology`). That is wrong where
its program sends by something that is no interface of this network namespace: a phone on USB, a serial line, a socket
in another namespace. Then the tunnel moves bytes that the presumed underlay does not, and counts itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import NamedTuple

from netwatch_tray.engine.rates import MOST_LATE, InterfaceRates

_SLACK = 1 << 20
"""Bytes that a tunnel may be ahead of what carries it: its program drops packets while it has no connection."""


class _Pair(NamedTuple):
    tunnel: int
    underlay: int
    """Both are interface indexes."""


class _Window:
    """Bytes of a tunnel and of the interface that is presumed to carry it, in one direction, since a moment at which
    the latter was not behind.

    The counters of a card may be late. So what the card reports until now includes what the tunnel moved, except in the
    last seconds.
    """

    def __init__(self) -> None:
        self._underlay = 0
        self._tunnel = 0
        self._certain = 0
        """Bytes of the tunnel that the counters of the underlay have to include."""
        self._recent: deque[tuple[float, int]] = deque()

    def add(self, tunnel: int, underlay: int, boottime: float) -> bool:
        """Add what both moved since the last call; return whether the tunnel is too far ahead."""
        self._underlay += underlay
        self._tunnel += tunnel
        if self._underlay >= self._tunnel:
            self._underlay = self._tunnel = self._certain = 0
            self._recent.clear()
            return False
        self._recent.append((boottime, tunnel))
        while self._recent[0][0] <= boottime - MOST_LATE:
            self._certain += self._recent.popleft()[1]
        return self._certain > self._underlay + _SLACK


class Carriers:
    """Finds the tunnels that the only other way out does not carry."""

    def __init__(self) -> None:
        self.alone: frozenset[int] = frozenset()
        """Indexes of these tunnels."""
        self._windows: dict[_Pair, tuple[_Window, _Window]] = {}

    def suppose(self, underlays: Mapping[int, int], interfaces: Collection[int]) -> None:
        """Set the tunnels to watch and their presumed underlays.

        `underlays`: the index of the underlay by the index of the tunnel. `interfaces`: the indexes of all interfaces.
        """
        self.alone = self.alone.intersection(interfaces)
        pairs = {_Pair(*each) for each in underlays.items()}
        self._windows = {pair: self._windows.get(pair) or (_Window(), _Window()) for pair in pairs}

    def contradict(self, rates: Mapping[int, InterfaceRates], boottime: float) -> bool:
        """Add the bytes of an interval; return whether they show that a tunnel is not carried by its presumed underlay,
        so that `alone` has grown."""
        before = self.alone
        for pair, (received, sent) in self._windows.items():
            tunnel, underlay = rates.get(pair.tunnel), rates.get(pair.underlay)
            if tunnel is None or underlay is None:  # counters begin anew
                self._windows[pair] = _Window(), _Window()
                continue
            is_ahead = received.add(tunnel.rx_delta, underlay.rx_delta, boottime)
            if sent.add(tunnel.tx_delta, underlay.tx_delta, boottime) or is_ahead:
                self.alone |= {pair.tunnel}
        return self.alone != before

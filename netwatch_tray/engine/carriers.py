"""Checks by byte counters whether a tunnel really runs over its presumed underlay (the interface below it). Pure.

If no route shows where a tunnel's packets go, `topology` presumes that they leave by the only other interface that
leads out. That is wrong if the tunnel's program sends by something that is no interface of this network namespace: a
phone on USB, a serial line, a socket in another namespace. Then the tunnel moves bytes that the presumed underlay does
not, so the tunnel has to count in the total itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

import msgspec

from netwatch_tray.engine.rates import MOST_LATE, InterfaceRates

_SLACK = 1 << 20
"""Bytes by which a tunnel may exceed its underlay: its program drops packets while it has no connection."""


class _Pair(msgspec.Struct, frozen=True, gc=False):
    tunnel: int
    underlay: int
    """`tunnel` and `underlay` are interface indexes."""


class _Lead:
    """Compares the bytes of a tunnel with those of its presumed underlay in one direction, since the last moment at
    which the underlay had at least as many.

    Counters of network cards may be some seconds late, so the underlay only has to include what the tunnel moved before
    these last seconds.
    """

    def __init__(self) -> None:
        self._underlay = 0
        self._tunnel = 0
        self._certain = 0
        """Bytes that the tunnel moved long enough ago for the counters of its underlay to include them."""
        self._recent: deque[tuple[float, int]] = deque()

    def add(self, tunnel: int, underlay: int, boottime: float) -> bool:
        """Add the bytes that tunnel and underlay moved since the last call. Return whether, since the underlay last had
        as many, the tunnel moved so many more that the underlay cannot carry it. `boottime`: time of the reading
        (boot-time clock)."""
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
    """Finds the tunnels that do not run over their presumed underlay."""

    def __init__(self) -> None:
        self.alone: frozenset[int] = frozenset()
        """Interface indexes of the tunnels found: their presumed underlay does not carry them."""
        self._leads: dict[_Pair, tuple[_Lead, _Lead]] = {}
        self.is_watching = False
        """Whether there are tunnels to watch, so that `contradict` has to be called."""

    def suppose(self, underlays: Mapping[int, int], interfaces: Collection[int]) -> None:
        """Set which tunnels to compare with which presumed underlays. Call this when the interfaces change.

        `underlays`: index of the underlay by index of the tunnel. `interfaces`: indexes of all interfaces that exist.
        """
        self.alone = self.alone.intersection(interfaces)
        pairs = {_Pair(*each) for each in underlays.items()}
        self._leads = {pair: self._leads.get(pair) or (_Lead(), _Lead()) for pair in pairs}
        self.is_watching = bool(self._leads)

    def contradict(self, rates: Mapping[int, InterfaceRates], boottime: float) -> bool:
        """Add the bytes of a tick. Return whether a further tunnel was found that does not run over its presumed
        underlay, so that `alone` has grown. `boottime`: time of the reading (boot-time clock)."""
        before = self.alone
        for pair, (received, sent) in self._leads.items():
            tunnel, underlay = rates.get(pair.tunnel), rates.get(pair.underlay)
            if tunnel is None or underlay is None:  # counters begin anew
                self._leads[pair] = _Lead(), _Lead()
                continue
            is_ahead = received.add(tunnel.rx_delta, underlay.rx_delta, boottime)
            if sent.add(tunnel.tx_delta, underlay.tx_delta, boottime) or is_ahead:
                self.alone |= {pair.tunnel}
        return self.alone != before

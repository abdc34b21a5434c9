"""One measurement after the other: counters, rates and topology made into the tick that everything shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from netwatch_tray.collect.interfaces import InterfaceSource
from netwatch_tray.engine.rates import STILL, InterfaceRates, Interval, RateTracker
from netwatch_tray.engine.topology import Membership, decide
from netwatch_tray.errors import CollectError
from netwatch_tray.model import PAUSED, UNREADABLE, CounterRow, Interface, InterfaceTick, Sample, Tick, Total

_NO_RATES = dict.fromkeys(("rx_rate", "tx_rate", "error_rate", "drop_rate"))


class Monitor:
    """Measures each time it is asked; the caller decides when."""

    def __init__(self, source: InterfaceSource, period: float, chosen: Mapping[str, bool]) -> None:
        """`period`: nominal seconds between ticks. `chosen`: see topology.decide."""
        self._source = source
        self._period = period
        self._tracker = RateTracker(period)
        self._gap: str | None = None
        """Of the next tick that measures."""
        self._chosen = chosen
        self.interfaces: Mapping[int, Interface] = {}
        """What is known of them, by index; another object when something changed."""
        self.memberships: Mapping[int, Membership] = {}
        """Their part in the total, by index."""
        self._last: tuple[InterfaceTick, ...] = ()
        self._still: dict[int, InterfaceTick] = {}
        """Of interfaces where nothing has happened: most of them, on a host of containers."""
        self.is_paused = False
        self.fault: str | None = None
        """Why the last reading failed, in words for the person; None while all is well."""

    def choose(self, chosen: Mapping[str, bool]) -> None:
        """From now on; see topology.decide."""
        self._chosen = chosen
        self.interfaces = dict(self.interfaces)  # another object: what it says of them has changed
        self.memberships = decide(self.interfaces, chosen)
        self._still = {}

    def pause(self) -> None:
        """Until `resume` nothing is read, and ticks have the gap PAUSED."""
        self.is_paused = True

    def resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            self._tracker, self._gap = RateTracker(self._period), "paused until now"

    def tick(self) -> Tick:
        """Measures. A failed reading makes a tick without rates, with the last counters known, and sets `fault`."""
        at = datetime.now(UTC)
        if self.is_paused:
            return self._stale_tick(at, PAUSED)
        try:
            sample = self._source.sample()
        except CollectError as error:
            self.fault = str(error)
            return self._stale_tick(at, UNREADABLE)
        self.fault = None
        if sample.interfaces is not self.interfaces:
            self.interfaces = sample.interfaces
            self.memberships = decide(sample.interfaces, self._chosen)
            self._still = {}
        interval = self._tracker.update(sample)
        self._last = tuple(self._interface_ticks(sample, interval))
        total = _total(
            self._last, [rates for index, rates in interval.rates.items() if self.memberships[index].is_uplink]
        )
        gap, self._gap = self._gap or interval.gap, None
        return Tick(at=at, interval_s=interval.elapsed, gap=gap, total=total, interfaces=self._last)

    def _stale_tick(self, at: datetime, gap: str) -> Tick:
        stale = tuple(msgspec.structs.replace(each, **_NO_RATES) for each in self._last)
        return Tick(at=at, interval_s=None, gap=gap, total=_total(stale), interfaces=stale)

    def _interface_ticks(self, sample: Sample, interval: Interval) -> Iterable[InterfaceTick]:
        for index, row in sample.counters.items():
            rates: InterfaceRates | None = interval.rates.get(index)
            still = self._still.pop(index, None)
            if still is None or rates is not STILL:
                still = self._interface_tick(index, row, rates)
            if rates is STILL:
                self._still[index] = still
            yield still

    def _interface_tick(self, index: int, row: CounterRow, rates: InterfaceRates | None) -> InterfaceTick:
        interface, membership = self.interfaces[index], self.memberships[index]
        rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_drops, tx_drops = row
        return InterfaceTick(
            index=index,
            name=interface.name,
            kind=interface.kind,
            is_up=interface.is_up,
            is_uplink=membership.is_uplink,
            why=membership.why,
            role=membership.role,
            over=membership.over,
            speed=interface.speed,
            mtu=interface.mtu,
            addresses=interface.addresses,
            rx_bytes=rx_bytes,
            tx_bytes=tx_bytes,
            rx_packets=rx_packets,
            tx_packets=tx_packets,
            rx_errors=rx_errors,
            tx_errors=tx_errors,
            rx_drops=rx_drops,
            tx_drops=tx_drops,
            rx_rate=rates and rates.rx_rate,
            tx_rate=rates and rates.tx_rate,
            error_rate=rates and rates.error_rate,
            drop_rate=rates and rates.drop_rate,
        )


def _total(interfaces: tuple[InterfaceTick, ...], rates: Sequence[InterfaceRates] = ()) -> Total:
    """The sum over the uplinks' rates. One whose rate is unknown (it came just now) does not hide the others'."""
    return Total(
        rx_rate=sum(each.rx_rate for each in rates) if rates else None,
        tx_rate=sum(each.tx_rate for each in rates) if rates else None,
        uplinks=tuple(each.name for each in interfaces if each.is_uplink),
        rx_delta=sum(each.rx_delta for each in rates),
        tx_delta=sum(each.tx_delta for each in rates),
    )

"""One measurement after the other: counters, rates and topology made into the tick that everything shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from netwatch_tray.collect.interfaces import InterfaceSource
from netwatch_tray.engine.rates import InterfaceRates, Interval, RateTracker
from netwatch_tray.engine.topology import Membership, decide
from netwatch_tray.errors import CollectError
from netwatch_tray.model import Interface, InterfaceTick, Sample, Tick, Total

_NO_RATES = dict.fromkeys(("rx_rate", "tx_rate", "error_rate", "drop_rate"))


class Monitor:
    """Measures each time it is asked; the caller decides when."""

    def __init__(self, source: InterfaceSource, period: float, chosen: Mapping[str, bool]) -> None:
        """`period`: nominal seconds between ticks. `chosen`: see topology.decide."""
        self._source = source
        self._tracker = RateTracker(period)
        self._chosen = chosen
        self._interfaces: Mapping[int, Interface] = {}
        self._memberships: dict[int, Membership] = {}
        self._last: tuple[InterfaceTick, ...] = ()
        self.fault: str | None = None
        """Why the last reading failed, in words for the person; None while all is well."""

    def tick(self) -> Tick:
        """Measures. A failed reading makes a tick without rates, with the last counters known, and sets `fault`."""
        at = datetime.now(UTC)
        try:
            sample = self._source.sample()
        except CollectError as error:
            self.fault = str(error)
            stale = tuple(msgspec.structs.replace(each, **_NO_RATES) for each in self._last)
            return Tick(
                at=at, interval_s=None, gap="the counters could not be read", total=_total(stale), interfaces=stale
            )
        self.fault = None
        if sample.interfaces is not self._interfaces:
            self._interfaces = sample.interfaces
            self._memberships = decide(sample.interfaces, self._chosen)
        interval = self._tracker.update(sample)
        self._last = tuple(self._interface_ticks(sample, interval))
        return Tick(
            at=at, interval_s=interval.elapsed, gap=interval.gap, total=_total(self._last), interfaces=self._last
        )

    def _interface_ticks(self, sample: Sample, interval: Interval) -> Iterable[InterfaceTick]:
        for index, row in sample.counters.items():
            interface, membership = self._interfaces[index], self._memberships[index]
            rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_drops, tx_drops = row
            rates: InterfaceRates | None = interval.rates.get(index)
            yield InterfaceTick(
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


def _total(interfaces: tuple[InterfaceTick, ...]) -> Total:
    """The sum over the uplinks. One whose rate is unknown (it came just now) does not hide the others'."""
    uplinks = [each for each in interfaces if each.is_uplink]
    rx_rates = [each.rx_rate for each in uplinks if each.rx_rate is not None]
    tx_rates = [each.tx_rate for each in uplinks if each.tx_rate is not None]
    return Total(
        rx_rate=sum(rx_rates) if rx_rates else None,
        tx_rate=sum(tx_rates) if tx_rates else None,
        uplinks=tuple(each.name for each in uplinks),
    )

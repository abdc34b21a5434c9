"""Makes a tick of each reading of the interfaces: counters, rates and the total. All surfaces show the same ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from netwatch_tray.collect.interface_source import InterfaceSource
from netwatch_tray.engine.carriers import Carriers
from netwatch_tray.engine.rates import STILL, InterfaceRates, Interval, RateTracker
from netwatch_tray.engine.topology import Membership, counted_meanwhile, decide, eliminated
from netwatch_tray.errors import CollectError, Message
from netwatch_tray.model import CounterRow, GapReason, Interface, InterfaceTick, Sample, Tick, Total

_UNKNOWN = dict.fromkeys(("rx_rate", "tx_rate", "error_rate", "drop_rate", "rx_delta", "tx_delta", "gap"))


class Monitor:
    """Reads the interfaces on each call of `tick`. The caller decides when; the agent does every second."""

    def __init__(self, source: InterfaceSource, period: float, chosen: Mapping[str, bool]) -> None:
        """`period`: nominal seconds between ticks. `chosen`: names of interfaces that the user counts (True) or leaves
        out (False)."""
        self._source = source
        self._tracker = RateTracker(period)
        self._gap: GapReason | None = None
        """Reason to set in the next tick that is read, such as RESUMED after a pause."""
        self._chosen = chosen
        self._carriers = Carriers()
        self.interfaces: Mapping[int, Interface] = {}
        """The interfaces by index. A change of anything in it replaces the mapping, so it can be compared by
        identity."""
        self.memberships: Mapping[int, Membership] = {}
        """Whether each interface is part of the total, by index; another object after each decision."""
        self._uplinks: tuple[int, ...] = ()
        """Indexes of the uplinks (the interfaces of the total), as of `memberships`."""
        self._counted: tuple[int, ...] = ()
        """Indexes of the uplinks at the previous sample."""
        self._last: tuple[InterfaceTick, ...] = ()
        self._latest: dict[int, InterfaceTick] = {}
        """The ticks of `_last` by interface index; empty after a change of the interfaces. The tick of an interface is
        reused while its counters do not change, which holds for most interfaces of a machine with many containers."""
        self._rates: Mapping[int, InterfaceRates] = {}
        """The rates from which `_latest` was made, by interface index."""
        self._still_total: Total | None = None
        """Total of the previous tick if no counter had changed in it, else None. While no counter changes it is
        reused."""
        self.is_paused = False
        self.fault: Message | None = None
        """Why the last reading failed; `None` after a reading that succeeded."""

    def choose(self, chosen: Mapping[str, bool]) -> None:
        """Set which interfaces the user counts (True) or leaves out (False), by name; see topology.decide."""
        self._chosen = chosen
        self._decide(self.interfaces)

    def pause(self) -> None:
        """Read nothing until `resume`; ticks have the gap `PAUSED`."""
        self.is_paused = True

    def resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            self._gap = GapReason.RESUMED

    def tick(self, *, is_last: bool = False) -> Tick | None:
        """Read the interfaces and return a tick. Return None if less than half a period has passed since the last one.

        If the reading fails, `fault` is set, and the tick has the last known counters and no rates. `is_last`: whether
        no other tick follows; then there is one even if it comes too soon for rates, so that no bytes are lost.
        """
        at = datetime.now(UTC)
        if self.is_paused:
            return self._stale_tick(at, GapReason.PAUSED)
        try:
            sample = self._source.sample()
        except CollectError as error:
            self.fault = error.message
            return self._stale_tick(at, GapReason.UNREADABLE)
        self.fault = None
        if sample.at is not None:
            at = datetime.fromtimestamp(sample.at, UTC)
        interval = self._tracker.update(sample, sample.uptime, self._gap, is_last=is_last)
        if interval is None:
            return None
        is_contradicted = self._carriers.is_watching and self._carriers.contradict(interval.rates, sample.boottime)
        if sample.interfaces is not self.interfaces:
            self._decide(sample.interfaces)
        elif is_contradicted:
            self._decide(self.interfaces)
        total = self._still_total if interval.is_still else None
        if total is None:
            total = self._sum(sample, interval)
        gap, self._gap = interval.gap or self._gap, None
        return Tick(at=at, interval_s=interval.elapsed, gap=gap, total=total, interfaces=self._last)

    def _sum(self, sample: Sample, interval: Interval) -> Total:
        """Set `_last` to the ticks of all interfaces. Return the total: the sum of the uplinks."""
        self._last = self._interface_ticks(sample, interval)
        counted, self._counted = self._counted, self._uplinks
        is_still = interval.is_still and counted == self._uplinks
        if counted != self._uplinks:
            counted = counted_meanwhile(self.interfaces, counted, self._uplinks, self._carriers.alone)
        total = _total(self._last, [(index, interval.rates[index]) for index in counted if index in interval.rates])
        self._still_total = total if is_still else None
        return total

    def _decide(self, interfaces: Mapping[int, Interface]) -> None:
        self.interfaces = interfaces
        self.memberships = decide(interfaces, self._chosen, self._carriers.alone)
        self._carriers.suppose(eliminated(interfaces, self._carriers.alone), interfaces)
        self._uplinks = tuple(index for index, each in self.memberships.items() if each.is_uplink)
        self._latest, self._rates, self._still_total = {}, {}, None

    def _stale_tick(self, at: datetime, gap: GapReason) -> Tick:
        stale = tuple(msgspec.structs.replace(each, **_UNKNOWN) for each in self._last)
        return Tick(at=at, interval_s=None, gap=gap, total=_total(stale), interfaces=stale)

    def _interface_ticks(self, sample: Sample, interval: Interval) -> tuple[InterfaceTick, ...]:
        ticks: dict[int, InterfaceTick] = {}
        before, rates_before = self._latest, self._rates
        for index, row in sample.counters.items():
            rates: InterfaceRates | None = interval.rates.get(index)
            tick = before.get(index) or self._new_tick(index)
            if rates is not STILL or rates_before.get(index) is not STILL:
                tick = _renewed(tick, row, rates, interval.resets.get(index))
            ticks[index] = tick
        self._latest, self._rates = ticks, interval.rates
        return tuple(ticks.values())

    def _new_tick(self, index: int) -> InterfaceTick:
        """Return a tick of an interface with all counters 0 and no rates, to be completed by `_renewed`."""
        interface, membership = self.interfaces[index], self.memberships[index]
        return InterfaceTick(
            index=index,
            name=interface.name,
            kind=interface.kind,
            is_up=interface.is_up,
            is_uplink=membership.is_uplink,
            why=membership.why,
            role=membership.role,
            over=membership.over,
            faces_inside=membership.faces_inside,
            speed=interface.speed,
            is_physical=interface.is_physical,
            mtu=interface.mtu,
            addresses=interface.addresses,
            rx_bytes=0,
            tx_bytes=0,
            rx_packets=0,
            tx_packets=0,
            rx_errors=0,
            tx_errors=0,
            rx_drops=0,
            tx_drops=0,
            rx_rate=None,
            tx_rate=None,
        )


def _renewed(
    tick: InterfaceTick, row: CounterRow, rates: InterfaceRates | None, gap: GapReason | None
) -> InterfaceTick:
    """Return a copy of an interface's tick with new counters, rates and gap. This takes a third of the time of creating
    one from the interface."""
    rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_drops, tx_drops = row
    return msgspec.structs.replace(
        tick,
        rx_bytes=rx_bytes,
        tx_bytes=tx_bytes,
        rx_packets=rx_packets,
        tx_packets=tx_packets,
        rx_errors=rx_errors,
        tx_errors=tx_errors,
        rx_drops=rx_drops,
        tx_drops=tx_drops,
        rx_delta=None if rates is None else rates.rx_delta,
        tx_delta=None if rates is None else rates.tx_delta,
        gap=gap,
        rx_rate=None if rates is None else rates.rx_rate,
        tx_rate=None if rates is None else rates.tx_rate,
        error_rate=None if rates is None else rates.error_rate,
        drop_rate=None if rates is None else rates.drop_rate,
    )


def _total(interfaces: tuple[InterfaceTick, ...], counted: Sequence[tuple[int, InterfaceRates]] = ()) -> Total:
    """Return the sum of the rates and deltas in `counted`. `interfaces`: ticks of all interfaces, which have the names
    of the uplinks. `counted`: index and rates of each interface to add; one without a known delta, such as a new one,
    is not in it."""
    rx_rate: float | None = None
    tx_rate: float | None = None
    gap: GapReason | None = None
    rx_delta = tx_delta = 0
    for _, each in counted:
        rx_delta += each.rx_delta
        tx_delta += each.tx_delta
        if each.rx_rate is not None and each.tx_rate is not None:
            rx_rate, tx_rate = (rx_rate or 0.0) + each.rx_rate, (tx_rate or 0.0) + each.tx_rate
    if rx_rate is None:
        gap = next((each.gap for each in interfaces if each.is_uplink and each.gap), None)
    return Total(
        rx_rate=rx_rate,
        tx_rate=tx_rate,
        uplinks=tuple([each.name for each in interfaces if each.is_uplink]),
        gap=gap,
        rx_delta=rx_delta,
        tx_delta=tx_delta,
        counted=tuple([index for index, _ in counted]),
    )

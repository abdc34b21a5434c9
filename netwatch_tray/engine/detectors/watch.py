"""All detectors, and the observations that each of them gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from netwatch_tray.collect.sockets import RefusalCounts
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.detectors import Moment, SocketsSeen
from netwatch_tray.engine.detectors.beacon import BeaconWatch
from netwatch_tray.engine.detectors.line import Line, LineWatch
from netwatch_tray.engine.detectors.listener import ListenerWatch
from netwatch_tray.engine.detectors.new_app import NewAppWatch
from netwatch_tray.engine.detectors.rate import TOTAL, RateWatch, Uploaded
from netwatch_tray.engine.detectors.reach import ReachWatch
from netwatch_tray.engine.detectors.suspicion import ScanSuspicion
from netwatch_tray.engine.detectors.sweep import SweepWatch
from netwatch_tray.engine.detectors.upload import Sent, SentWatch, Usual
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.engine.rows import ConnectionChanges
from netwatch_tray.event import Finding
from netwatch_tray.model import Interface, Tick
from netwatch_tray.settings import Events

if TYPE_CHECKING:
    from netwatch_tray.collect.health import Health
    from netwatch_tray.collect.helper_readings import Reading
    from netwatch_tray.engine.detectors.packets import PacketDetectors
    from netwatch_tray.engine.detectors.questions import DnsCounts
    from netwatch_tray.engine.observation import Observation


class Detectors:
    """All detectors. Each method passes one kind of observation to those that use it, and returns their findings. Not
    thread-safe."""

    def __init__(self, rules: Events) -> None:
        self._line = LineWatch()
        self._reach = ReachWatch()
        self._suspicion = ScanSuspicion()
        self._new_app = NewAppWatch()
        self._listener = ListenerWatch()
        self._sweep = SweepWatch()
        self._beacon = BeaconWatch()
        self._sent = SentWatch()
        self._app_rates = RateWatch()
        self._total_rate = RateWatch()
        self._packets: PacketDetectors | None = None
        """None until a helper is connected for the first time."""
        self.apply(rules)

    def apply(self, rules: Events) -> None:
        """Use these settings for the limits from now on."""
        self._sent.times, self._sent.least = rules.upload_times, rules.upload_least_mb * 1_000_000
        limit, seconds = None if rules.rate_mb is None else rules.rate_mb * 1e6, rules.rate_minutes * 60.0
        if (limit, seconds) != (self._app_rates.limit, self._app_rates.seconds):
            self._app_rates, self._total_rate = RateWatch(limit, seconds), RateWatch(limit, seconds)

    def know(self, apps: Iterable[str]) -> list[Finding]:
        """Set the keys of all apps in the history. Only after this call new apps are reported. Return findings for
        those seen before it."""
        return self._new_app.know(apps)

    def compare_with(self, day: date, days: Mapping[str, Usual], sent: Mapping[str, int]) -> None:
        """Set what apps usually send, with the arguments of `SentWatch.compare_with`. Call it at the start and on each
        new day."""
        self._sent.compare_with(day, days, sent)

    def is_usual(self, tick: Tick, moved: AppInterval | None, interfaces: Mapping[int, Interface]) -> bool:
        """Return whether a tick brings nothing that a detector uses, so that `tick` need not be called. The arguments
        are those of `tick`."""
        return moved is None and self._total_rate.limit is None and self._line.is_settled(tick, interfaces)

    def tick(
        self, tick: Tick, moved: AppInterval | None, interfaces: Mapping[int, Interface], now: Moment
    ) -> list[Finding]:
        """Add a tick. Return the findings.

        `moved`: bytes of the apps since the sockets were last read; None if they were not read at this tick.
        `interfaces`: see `Line`.
        """
        found = [*self._line.take(Line(tick, interfaces), now)]
        if moved is not None:
            sent = {key: (app.name, traffic.tx) for key, (app, traffic) in moved.amounts.items() if traffic.tx}
            if sent:
                day = date.fromtimestamp(now.at)  # noqa: DTZ012  the user's own days
                found += self._sent.take(Sent(day, sent), now)
            if self._app_rates.limit is not None:
                found += self._app_rates.take(Uploaded(moved.elapsed_s, sent), now)
        if self._total_rate.limit is not None:
            # While an app holds the limit, the total does as well.
            elapsed = None if self._app_rates.is_held else tick.interval_s
            found += self._total_rate.take(Uploaded(elapsed, {TOTAL: (None, tick.total.tx_delta)}), now)
        return found

    def sockets(self, changes: ConnectionChanges, table: ConnectionTable, now: Moment) -> list[Finding]:
        """Add the changes that a reading of the sockets found. Return the findings."""
        if not changes.added and not changes.changed and not table.ended:
            return []
        seen = SocketsSeen((*changes.added, *changes.changed), table.ended, table.app_name)
        found: list[Finding] = []
        found += self._new_app.take(seen, now)
        found += self._listener.take(seen, now)
        found += self._sweep.take(seen, now)
        if table.ended:
            found += self._beacon.take(table.ended, now)
        return found

    def refused(self, counts: RefusalCounts, now: Moment) -> list[Finding]:
        """Add the kernel's counters of refused packets, once a minute. Return the findings.

        There are none if a helper reports the source of the same scan.
        """
        found = list(self._suspicion.take(counts, now))
        return [] if self._packets is not None and self._packets.has_source_of_scan else found

    def reading(self, reading: Reading, observation: Observation, now: Moment) -> list[Finding]:
        """Add a reading of the helper, which `Observation.take_reading` must have got before. Return the findings."""
        if self._packets is None:
            # Loaded where a helper runs: they cost the agent memory.
            from netwatch_tray.engine.detectors.packets import PacketDetectors  # noqa: PLC0415

            self._packets = PacketDetectors()
        return self._packets.take(reading, observation, now)

    @property
    def dns(self) -> DnsCounts | None:
        """Return what was counted of DNS since the agent started, or `None` if there was no helper."""
        return None if self._packets is None else self._packets.dns

    def health(self, health: Health, now: Moment) -> list[Finding]:
        """Add the result of probing gateway and DNS server. Return the findings."""
        return list(self._reach.take(health, now))

"""Probes gateway and DNS server while events, metrics or uploads use the results, in one thread for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import Message
from netwatch_tray.model import Tick
from netwatch_tray.worker import Worker, fault_of

if TYPE_CHECKING:
    from netwatch_tray.collect.health import Health


class Probes:
    """Probes gateway and DNS server every half minute and when the uplinks change, between `apply(is_wanted=True)` and
    `stop`. The module and the thread for it are loaded and started only then."""

    def __init__(
        self, scheduler: Scheduler, take: Sequence[Callable[[Health], None]], failed: Callable[[Message], None]
    ) -> None:
        """`take`: functions to call in the loop with each result. `failed`: called with the reason if a probe fails."""
        self._scheduler = scheduler
        self._take, self._failed = take, failed
        self._running: _Running | None = None
        self.is_on = False
        """Whether probes are sent, so that `tick` has to be called."""
        self._uplinks: list[int] | None = None
        """Indexes of the uplinks at the last tick; `None` before the first one."""

    def apply(self, *, is_wanted: bool) -> None:
        if is_wanted and self._running is None:
            self._uplinks = None
            self._running, self.is_on = _Running(self._scheduler, self._take, self._failed), True
        elif not is_wanted:
            self.stop()

    def tick(self, tick: Tick) -> None:
        """Probe at once if the uplinks have changed since the previous tick. Call this with each tick, in order."""
        if self._running is not None:
            before, self._uplinks = self._uplinks, [each.index for each in tick.interfaces if each.is_uplink]
            if before is not None and before != self._uplinks:
                self._running.probe()

    def stop(self) -> None:
        """Stop probing. A probe that is running is not waited for, and its result is dropped."""
        if self._running is not None:
            self._running.close()
            self._running, self.is_on = None, False


class _Running:
    """Sends probes periodically from its creation until `close` is called."""

    def __init__(
        self, scheduler: Scheduler, take: Sequence[Callable[[Health], None]], failed: Callable[[Message], None]
    ) -> None:
        from netwatch_tray.collect.health import PERIOD_S, HealthSource  # noqa: PLC0415  only where the user wants it

        self._scheduler, self._period = scheduler, PERIOD_S
        self._take, self._failed = take, failed
        self._source = HealthSource()
        self._worker = Worker("health", scheduler.call_soon)
        self._is_outdated = False
        """Whether the uplinks have changed since the running probe began, so that it is repeated."""
        self._timer: Timer | None = None
        self.probe()

    def probe(self) -> None:
        """Begin a probe now, or after the running one has finished."""
        if self._worker.pending:
            self._is_outdated = True
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._scheduler.after(self._period, self.probe)
        self._worker.submit(self._source.probe, self._taken, self._lacked)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._worker.close(0)

    def _taken(self, health: Health) -> None:
        for take in self._take:
            take(health)
        self._again()

    def _lacked(self, error: Exception) -> None:
        self._failed(fault_of(error))
        self._again()

    def _again(self) -> None:
        if self._is_outdated:
            self._is_outdated = False
            self.probe()

"""Probes of gateway and DNS server for events, while the setting is on and uploading does not probe them already."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.worker import Worker

if TYPE_CHECKING:
    from netwatch_tray.collect.health import Health


class Probes:
    """Probes of gateway and DNS server. The source is loaded and its thread started only once the setting `health` is
    on."""

    def __init__(self, scheduler: Scheduler, take: Callable[[Health], None]) -> None:
        """`take`: called in the loop with each result."""
        self._scheduler = scheduler
        self._take = take
        self._timer: Timer | None = None
        self._worker: Worker | None = None

    def apply(self, *, is_wanted: bool) -> None:
        if is_wanted and self._timer is None:
            self._start()
        elif not is_wanted:
            self.stop()

    def stop(self) -> None:
        """Stop probing; a pending probe is not waited for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._worker is not None:
            self._worker.close(0)
            self._worker = None

    def _start(self) -> None:
        from netwatch_tray.collect.health import PERIOD_S, HealthSource  # noqa: PLC0415  only where the user wants it

        source = HealthSource()
        worker = self._worker = Worker("health", self._scheduler.call_soon)

        def probe() -> None:
            if not worker.pending:
                # A network that cannot be probed is offline, which the ticks show.
                worker.submit(source.probe, self._take, lambda _error: None)

        self._timer = self._scheduler.every(PERIOD_S, probe)
        probe()

"""Watches the source of sockets that is in use: reads its messages about closed sockets, and decides when new
connections require that it is read again."""

from __future__ import annotations

from collections.abc import Callable

from netwatch_tray import clock
from netwatch_tray.collect.sockets import ConnectionSource, Openings
from netwatch_tray.engine.scheduler import READ, Scheduler
from netwatch_tray.errors import CollectError, Message
from netwatch_tray.model import InterfaceTick, Tick

_PAUSE_AFTER_MESSAGES = 0.25
"""Least seconds between two wake-ups for messages about closed sockets. The kernel's queue holds about 330 of them."""
MOST_LOAD = 0.05
"""Largest share of a processor for readings that new connections cause. On a busy server these are less frequent."""


class OpenSource:
    """The source in use. Reads its messages about closed sockets as they arrive, and notices opened connections."""

    def __init__(
        self,
        scheduler: Scheduler,
        source: ConnectionSource,
        openings: Openings | None,
        failed: Callable[[Message], None],
    ) -> None:
        """`openings`: the kernel's counter of opened connections; None if there is none. `failed`: called with the
        reason if messages cannot be read."""
        self._scheduler, self._failed = scheduler, failed
        self.source = source
        self._openings = openings
        self._opened: int | None = None
        """Value of the counter of opened connections at the last reading."""
        self._counted: int | None = None
        """Value of that counter at the last tick; `None` if it was not read then."""
        self._interfaces: tuple[InterfaceTick, ...] = ()
        """Interfaces of the last tick."""
        self._has_none = False
        """Whether the counter has not changed since the last reading, and no packet has passed since it was read."""
        self._rest_until = 0.0
        """Boot-time clock until which a further reading would exceed `MOST_LOAD`."""
        self._is_closed = False
        self._watch()

    def close(self) -> None:
        self._is_closed = True
        if self.source.descriptor is not None:
            self._scheduler.unwatch(self.source.descriptor)
        self.source.close()
        if self._openings is not None:
            self._openings.close()

    def begin_reading(self, *, with_tick: bool) -> None:
        """Call this before a reading: it will show the connections opened so far. `with_tick`: whether the reading
        belongs to the last tick."""
        if self._openings is not None:
            known = self._counted if with_tick else None
            self._opened = self._openings.count() if known is None else known

    def wants_reading(self, tick: Tick) -> bool:
        """Return whether connections were opened since the last reading, and `MOST_LOAD` allows another one. Call this
        with each tick.

        Opening a connection takes a packet, so the counter is read only if the interfaces had traffic. On an idle
        machine reading it would be a tenth of the agent's cost.
        """
        if self._openings is None:
            return False
        total = tick.total
        if tick.interval_s is None or total.rx_delta or total.tx_delta or tick.interfaces != self._interfaces:
            self._interfaces, self._has_none = tick.interfaces, False
        if self._has_none:
            return False
        self._counted = None
        if clock.boottime() < self._rest_until:
            return False
        self._counted = opened = self._openings.count()
        self._has_none = opened is not None and opened == self._opened
        return opened is not None and opened != self._opened

    def spend(self, cost_s: float) -> None:
        """Delay the next reading by the processor time of this one, in seconds, ÷ `MOST_LOAD`."""
        self._rest_until = max(self._rest_until, clock.boottime()) + cost_s / MOST_LOAD

    def _watch(self) -> None:
        if self.source.descriptor is not None and not self._is_closed:
            self._scheduler.watch(self.source.descriptor, READ, self._catch_up)

    def _catch_up(self, _events: int) -> None:
        """Called when messages about closed sockets have arrived: read them, and ignore further ones for
        `_PAUSE_AFTER_MESSAGES`, so that a busy server does not wake the agent often."""
        if self.source.descriptor is None:
            return
        self._scheduler.unwatch(self.source.descriptor)
        self._scheduler.after(_PAUSE_AFTER_MESSAGES, self._watch)
        try:
            self.source.catch_up()
        except CollectError as error:
            self._failed(error.message)

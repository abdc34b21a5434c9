"""The loop of one thread: calls back at deadlines, when a descriptor is ready, or on request of another thread.

Periodic callbacks run at whole multiples of their period on the boot-time clock, so that those of one, two and ten
seconds wake the processor together. A deadline that was missed (sleep, a slow callback) is skipped, not made up for.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import math
import os
import selectors
from collections import deque
from collections.abc import Callable

from netwatch_tray import clock

_log = logging.getLogger(__name__)

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
REST = 1.0
"""Seconds for which a descriptor is ignored; see `Scheduler.rest`."""


class Timer:
    """A pending callback, which can be cancelled by `cancel`."""

    __slots__ = ("callback", "deadline", "period")

    def __init__(self, deadline: float, period: float | None, callback: Callable[[], None]) -> None:
        self.deadline = deadline
        self.period = period
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None

    def __lt__(self, other: Timer) -> bool:
        """Timers due at the same time fire in order of period, shortest first, so that sums over ticks include the
        latest tick."""
        if self.deadline != other.deadline:
            return self.deadline < other.deadline
        return (self.period or 0) < (other.period or 0)


class Scheduler:
    """The agent's loop, which runs until `stop`. An exception in a callback is logged with its traceback, and the loop
    continues.

    Only `call_soon` and `stop` may be called from other threads and from signal handlers.
    """

    def __init__(self) -> None:
        self._timers: list[Timer] = []
        self._soon: deque[Callable[[], None]] = deque()
        self._selector = selectors.DefaultSelector()
        self._resting: dict[int, Timer] = {}
        self._wake_receiver, self._wake_sender = os.pipe()
        os.set_blocking(self._wake_receiver, False)
        os.set_blocking(self._wake_sender, False)
        self._selector.register(self._wake_receiver, READ, self._drain_wakes)
        self._stopping = False

    def every(self, period: float, callback: Callable[[], None]) -> Timer:
        """Call back at each whole multiple of `period` seconds."""
        return self._add(Timer(self._aligned(period), period, callback))

    def after(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back once, in `delay` seconds."""
        return self._add(Timer(clock.boottime() + delay, None, callback))

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call back with the ready events (READ, WRITE or both) of `fd`. A second call replaces the callback.

        After an exception in the callback `fd` is ignored for REST seconds, because it stays ready and would call back
        without end.
        """
        self._wake(fd)
        if fd in self._selector.get_map():
            self._selector.modify(fd, events, callback)
        else:
            self._selector.register(fd, events, callback)

    def rest(self, fd: int) -> None:
        """Ignore `fd` for REST seconds, because it is ready for something that cannot be done now."""
        with contextlib.suppress(KeyError):
            key = self._selector.unregister(fd)
            self._resting[fd] = self.after(REST, lambda: self.watch(fd, key.events, key.data))

    def unwatch(self, fd: int) -> None:
        self._wake(fd)
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back in the loop's thread. May be called from any thread."""
        self._soon.append(callback)
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes the loop as well
            os.write(self._wake_sender, b"\0")

    def stop(self) -> None:
        """Make `run` return after the current round of callbacks."""
        self._stopping = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_sender, b"\0")

    def run(self) -> None:
        while not self._stopping:
            for key, events in self._selector.select(self._timeout()):
                if not self._guarded(key.data, events) and self._selector.get_map().get(key.fd) == key:
                    self.rest(key.fd)
            while self._soon:
                self._guarded(self._soon.popleft())
            self._run_due()

    def close(self) -> None:
        self._selector.close()
        os.close(self._wake_receiver)
        os.close(self._wake_sender)

    def _add(self, timer: Timer) -> Timer:
        heapq.heappush(self._timers, timer)
        return timer

    def _timeout(self) -> float | None:
        if self._soon or self._stopping:
            return 0
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0].deadline - clock.boottime()) if self._timers else None

    def _run_due(self) -> None:
        now = clock.boottime()
        while self._timers and self._timers[0].deadline <= now and not self._stopping:
            timer = self._timers[0]
            if timer.callback is None or timer.period is None:
                heapq.heappop(self._timers)
            else:
                timer.deadline = self._aligned(timer.period)
                heapq.heapreplace(self._timers, timer)
            if timer.callback is not None:
                self._guarded(timer.callback)

    @staticmethod
    def _aligned(period: float) -> float:
        return (math.floor(clock.boottime() / period) + 1) * period

    def _drain_wakes(self, _events: int) -> None:
        os.read(self._wake_receiver, 4096)

    def _wake(self, fd: int) -> None:
        if timer := self._resting.pop(fd, None):
            timer.cancel()

    @staticmethod
    def _guarded(callback: Callable[..., None], *arguments: int) -> bool:
        """Run a callback. Return whether it succeeded."""
        try:
            callback(*arguments)
        except Exception:  # noqa: BLE001  the guard of the thread: a bug in one callback must not end the others
            _log.exception("Unexpected error; the agent goes on")
            return False
        return True

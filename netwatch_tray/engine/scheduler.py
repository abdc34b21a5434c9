"""The event loop of the agent: calls back at deadlines, when a file descriptor is ready, or when another thread asks.

Periodic callbacks run at whole multiples of their period on the boot-time clock, so that those of one, two and ten
seconds wake the processor together. A deadline that was missed (sleep, a slow callback) is skipped, not made up for.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import math
import os
import select
from collections import deque
from collections.abc import Callable

import msgspec

from netwatch_tray import clock

_log = logging.getLogger(__name__)

READ, WRITE = select.POLLIN, select.POLLOUT
REST = 1.0
"""Seconds for which `Scheduler.rest` ignores a file descriptor."""


class Timer:
    """A pending callback, which can be cancelled by `cancel`."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


_Due = tuple[float, float, int, Timer]
"""When a timer is due: deadline, period (0 if it is due once), a number, and the timer. In the order of these tuples
the shortest period comes first: at a full minute the tick of the second comes before the sum of the minute."""


class _Watch(msgspec.Struct, frozen=True):
    events: int
    callback: Callable[[int], None]


class Scheduler:
    """The agent's loop, which runs until `stop`. An exception in a callback is logged with its traceback, and the loop
    continues.

    Only `call_soon` and `stop` may be called from other threads and from signal handlers.
    """

    def __init__(self) -> None:
        self._timers: list[_Due] = []
        self._numbers = itertools.count()
        self._soon: deque[Callable[[], None]] = deque()
        # Not selectors: a third of the cost of a wake-up was there, and with so few descriptors epoll saves nothing.
        self._poll = select.poll()
        self._watched: dict[int, _Watch] = {}
        """Events to wait for and callback, by file descriptor."""
        self._resting: dict[int, Timer] = {}
        self._wake_receiver, self._wake_sender = os.pipe()
        os.set_blocking(self._wake_receiver, False)
        os.set_blocking(self._wake_sender, False)
        self.watch(self._wake_receiver, READ, self._drain_wakes)
        self._stopping = False

    def every(self, period: float, callback: Callable[[], None]) -> Timer:
        """Call back whenever the boot-time clock is a whole multiple of `period` seconds."""
        return self._add(self._aligned(period), period, callback)

    def after(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back once, in `delay` seconds."""
        return self._add(clock.boottime() + delay, 0.0, callback)

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call back whenever `fd` is ready for one of `events` (READ, WRITE or both), with those for which it is ready.
        A second call for the same `fd` replaces events and callback.

        After an exception in the callback `fd` is ignored for REST seconds: it is still ready, so the loop would call
        again without end.
        """
        self._wake(fd)
        self._watched[fd] = _Watch(events, callback)
        self._poll.register(fd, events)

    def rest(self, fd: int) -> None:
        """Ignore `fd` for REST seconds: it is ready, but the caller cannot handle that now (no free descriptor,
        say)."""
        if (watch := self._forget(fd)) is not None:
            self._resting[fd] = self.after(REST, lambda: self.watch(fd, watch.events, watch.callback))

    def unwatch(self, fd: int) -> None:
        self._wake(fd)
        self._forget(fd)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call `callback` in the loop's thread. May be called from any thread."""
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
            if ready := self._poll.poll(self._timeout()):
                self._call_ready([(fd, events, self._watched[fd]) for fd, events in ready])
            while self._soon:
                self._guarded(self._soon.popleft())
            self._run_due()

    def close(self) -> None:
        os.close(self._wake_receiver)
        os.close(self._wake_sender)

    def _add(self, deadline: float, period: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (deadline, period, next(self._numbers), timer))
        return timer

    def _timeout(self) -> float | None:
        """Return the milliseconds until the next timer is due, or None if there is no timer."""
        if self._soon or self._stopping:
            return 0
        while self._timers and self._timers[0][3].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - clock.boottime()) * 1000 if self._timers else None

    def _call_ready(self, ready: list[tuple[int, int, _Watch]]) -> None:
        for fd, found, watch in ready:
            if self._watched.get(fd) is not watch:  # one of the other callbacks has changed that
                continue
            if found & select.POLLNVAL:  # closed without `unwatch`
                self._forget(fd)
                continue
            # A hang-up or an error is reported as ready for what is watched.
            events = found if found & ~(READ | WRITE) == 0 else watch.events
            if not self._guarded(watch.callback, events) and self._watched.get(fd) is watch:
                self.rest(fd)

    def _forget(self, fd: int) -> _Watch | None:
        watch = self._watched.pop(fd, None)
        if watch is not None:
            self._poll.unregister(fd)
        return watch

    def _run_due(self) -> None:
        now = clock.boottime()
        while self._timers and self._timers[0][0] <= now and not self._stopping:
            _, period, number, timer = self._timers[0]
            if timer.callback is None or not period:
                heapq.heappop(self._timers)
            else:
                heapq.heapreplace(self._timers, (self._aligned(period), period, number, timer))
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
        """Run a callback and log an exception in it. Return whether there was none."""
        try:
            callback(*arguments)
        except Exception:  # noqa: BLE001  the guard of the thread: a bug in one callback must not end the others
            _log.exception("Unexpected error; the agent goes on")
            return False
        return True

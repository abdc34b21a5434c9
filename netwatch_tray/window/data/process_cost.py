"""CPU usage of one of this program's processes, averaged over a minute."""

from __future__ import annotations

from collections import deque

_SPAN_S = 60.0
_SHORTEST_SPAN_S = 9.0
"""Least seconds over which CPU usage is computed. Over a shorter time, responding to one request would look like
load."""


class ProcessCost:
    """Computes the CPU usage of a process from successive readings of its CPU time."""

    def __init__(self) -> None:
        self._readings: deque[tuple[int, float, float]] = deque()
        self._since_start: float | None = None

    def add(self, pid: int, at: float, cpu_s: float) -> None:
        """Add a reading. `at`: seconds since the process started. `cpu_s`: seconds of CPU time that it has used. If
        `pid` is another process than before, begin again."""
        if self._readings and (self._readings[-1][0] != pid or self._readings[-1][1] > at):
            self.forget()  # another process
        self._since_start = 100 * cpu_s / at if at >= _SPAN_S else None
        self._readings.append((pid, at, cpu_s))
        while self._readings[-1][1] - self._readings[0][1] > _SPAN_S:
            self._readings.popleft()

    def forget(self) -> None:
        """Drop all readings."""
        self._readings.clear()
        self._since_start = None

    @property
    def percent(self) -> float | None:
        """Return the CPU usage in percent of one core: over the last minute or, with too few readings, since the
        process started. None if that is less than a minute ago."""
        if not self._readings:
            return None
        (_, first, before), (_, last, after) = self._readings[0], self._readings[-1]
        return 100 * (after - before) / (last - first) if last - first >= _SHORTEST_SPAN_S else self._since_start

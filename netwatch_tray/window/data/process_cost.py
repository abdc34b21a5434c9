"""What a process of this program costs, averaged over a minute, so that it can be told without alarming."""

from __future__ import annotations

from collections import deque

_SPAN_S = 60.0
_LEAST_S = 9.0
"""Over less, one answer to one question would look like a load."""


class OwnCost:
    """Processor time by readings of one process."""

    def __init__(self) -> None:
        self._readings: deque[tuple[int, float, float]] = deque()
        self._since_start: float | None = None

    def add(self, pid: int, at: float, cpu_s: float) -> None:
        """`at`: seconds by a clock of that process; `cpu_s`: used so far."""
        if self._readings and (self._readings[-1][0] != pid or self._readings[-1][1] > at):
            self.forget()  # another process than before
        self._since_start = 100 * cpu_s / at if at >= _SPAN_S else None
        self._readings.append((pid, at, cpu_s))
        while self._readings[-1][1] - self._readings[0][1] > _SPAN_S:
            self._readings.popleft()

    def forget(self) -> None:
        self._readings.clear()
        self._since_start = None

    @property
    def percent(self) -> float | None:
        """Of one core, of the last minute or, until that can be told, of its life; None: not known yet."""
        if not self._readings:
            return None
        (_, first, before), (_, last, after) = self._readings[0], self._readings[-1]
        return 100 * (after - before) / (last - first) if last - first >= _LEAST_S else self._since_start

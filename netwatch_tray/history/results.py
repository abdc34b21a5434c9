"""Values that the history's reader returns."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import NamedTuple

from netwatch_tray.model import GapReason


class Curve(NamedTuple):
    """Columns of values, oldest first. `None` is unknown and is drawn as a break."""

    step: float
    """Nominal seconds per value."""
    at: list[float]
    """Unix time at which each value's span ends."""
    rx: list[float | None]
    """Mean rate over the span, bytes/s."""
    tx: list[float | None]
    rx_peak: list[float | None]
    """Highest rate of a tick in the span, bytes/s."""
    tx_peak: list[float | None]


class Used(NamedTuple):
    """An amount, and how much of its time was measured."""

    rx: int
    """Bytes, those of gaps included."""
    tx: int
    gap_rx: int
    """Bytes of `rx` that were carried while nothing was measured: the amount is known, the time is not."""
    gap_tx: int
    covered_s: float
    """Seconds measured."""
    imported: int = 0
    """Bytes of both directions that another program measured; see imports."""

    @property
    def both(self) -> int:
        return self.rx + self.tx

    def plus(self, other: Used) -> Used:
        return Used(*map(add, self, other))


NOTHING = Used(0, 0, 0, 0, 0.0)


class Remainder(NamedTuple):
    """The traffic of the total that belongs to no app. Apps and remainder add up to the total, to the byte."""

    unmeasured: Used
    """Traffic while the program was not measuring, so that no app can be named: sleep, pauses, times between two
    runs."""
    other: Used
    """UDP, QUIC, headers and whatever else no connection accounts for."""
    imported: Used
    """Measured by another program, which records no apps."""

    @classmethod
    def of(cls, total: Used, apps: Iterable[Used], imported: Used = NOTHING) -> Remainder:
        """Subtract the apps from the total. Where the apps exceed the total, the remainder is 0.

        `total`: measured by this program. `imported`: from another program, so without apps.
        """
        moved = reduce(Used.plus, apps, NOTHING)
        left_rx, left_tx = max(0, total.rx - moved.rx), max(0, total.tx - moved.tx)
        # Sockets continue to count during a pause, so apps may have bytes of a gap, which then has a smaller remainder.
        rx, tx = min(left_rx, total.gap_rx), min(left_tx, total.gap_tx)
        other = Used(left_rx - rx, left_tx - tx, 0, 0, total.covered_s)
        return cls(Used(rx, tx, rx, tx, 0.0), other, imported)


class StoredGap(NamedTuple):
    """Time without measurements."""

    start: float
    """Unix time."""
    finish: float | None
    """Unix time; `None` if the gap lasts."""
    reason: GapReason
    name: str | None
    """Interface without measurements; `None` for all of them."""
    is_complete: bool
    """All bytes carried meanwhile are known."""


class GapBytes(NamedTuple):
    """Bytes that passed at an unknown time within a gap."""

    start: float
    """Unix time."""
    finish: float
    reason: GapReason
    name: str
    """Interface, app or total that the bytes belong to."""
    rx: int
    tx: int


class NetworkUse(NamedTuple):
    """Traffic of the total in one network."""

    key: str
    """Key of the network (networks.Network). Of several networks with one name, that of the first."""
    kind: str
    """Kind of its uplink."""
    used: Used
    number: int = 1
    """Number of the network among those of its kind, in the order in which the computer first joined them."""
    is_metered: bool | None = None
    """`None` if unknown."""
    name: str | None = None
    """`None` if there is none, or names are not wanted."""


class TierRow(NamedTuple):
    """A stored value of one series."""

    at: int
    """Unix time of its start."""
    seconds: int
    name: str
    rx: int
    """Bytes."""
    tx: int
    rx_peak: int
    """Bytes/s."""
    tx_peak: int
    covered_s: float


class SlotUse(NamedTuple):
    """Traffic between two times, and the greatest rates in between."""

    start: float
    """Unix time."""
    end: float
    used: Used
    rx_peak: float
    """Greatest rate of a tick, bytes/s; 0 if there was none."""
    tx_peak: float
    rx_peak_at: float | None
    """Unix time of the peak, as exact as the length of the stored values."""
    tx_peak_at: float | None

"""Values that the history's reader returns."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import NamedTuple

from netwatch_tray.model import GapReason


class Curve(NamedTuple):
    """The points of a curve of rates: one list for each column, oldest first. `None` is unknown, drawn as a break."""

    step: float
    """Nominal seconds between two points."""
    at: list[float]
    """Unix time of each point: the end of the time over which its rates are computed."""
    rx: list[float | None]
    """Mean rate received since the previous point, bytes/s."""
    tx: list[float | None]
    rx_peak: list[float | None]
    """Highest rate of a tick (one second) since the previous point, bytes/s."""
    tx_peak: list[float | None]


class Used(NamedTuple):
    """Bytes that were used in some time, and how much of that time was measured."""

    rx: int
    """Bytes received, those of gaps included."""
    tx: int
    gap_rx: int
    """The part of `rx` that passed in gaps (while nothing was measured): the amount is known, the time is not."""
    gap_tx: int
    covered_s: float
    """Number of seconds that were measured."""
    imported: int = 0
    """Bytes, received and sent together, that another program measured; see `history.imports`. Part of `rx` and
    `tx`."""

    @property
    def both(self) -> int:
        return self.rx + self.tx

    def plus(self, other: Used) -> Used:
        return Used(*map(add, self, other))


NOTHING = Used(0, 0, 0, 0, 0.0)


class Remainder(NamedTuple):
    """The traffic of the total that belongs to no app. Apps and remainder add up to the total, to the byte."""

    unmeasured: Used
    """Traffic in gaps (sleep, pauses, times between two runs), of which no app is known."""
    other: Used
    """Measured traffic that no connection accounts for: headers, UDP if no helper counts it, and more."""
    imported: Used
    """Traffic that another program measured, which records no apps."""

    @classmethod
    def of(cls, total: Used, apps: Iterable[Used], imported: Used = NOTHING) -> Remainder:
        """Return `total` without `apps`, divided by cause; 0 if the apps exceed the total.

        `total`: what this program measured. `imported`: what another program measured.
        """
        moved = reduce(Used.plus, apps, NOTHING)
        left_rx, left_tx = max(0, total.rx - moved.rx), max(0, total.tx - moved.tx)
        # Sockets continue to count during a pause, so apps may have bytes of a gap, which then has a smaller remainder.
        rx, tx = min(left_rx, total.gap_rx), min(left_tx, total.gap_tx)
        other = Used(left_rx - rx, left_tx - tx, 0, 0, total.covered_s)
        return cls(Used(rx, tx, rx, tx, 0.0), other, imported)


class StoredGap(NamedTuple):
    """A gap: time without measurements, of all interfaces or of one."""

    start: float
    """Unix time of the last measurement before the gap."""
    finish: float | None
    """Unix time of the first measurement after the gap; `None` if it has not ended."""
    reason: GapReason
    name: str | None
    """Name of the interface without measurements; `None` if nothing was measured at all."""
    is_complete: bool
    """Whether all bytes that passed in the gap are known."""


class GapBytes(NamedTuple):
    """Bytes of one series that passed at an unknown time within a gap."""

    start: float
    """Unix time at which the gap begins."""
    finish: float
    reason: GapReason
    name: str
    """Name of the interface or app, or of the total."""
    rx: int
    tx: int


class NetworkUse(NamedTuple):
    """Traffic of the total in one network."""

    key: str
    """Key of the network, see networks.Network. If several networks have the same name, that of the first."""
    kind: str
    """Kind of the network's uplink (model.Interface.kind)."""
    used: Used
    number: int = 1
    """Number of the network among those of its kind, in the order in which the computer first joined them."""
    is_metered: bool | None = None
    """Whether NetworkManager reports the network as metered; `None` if unknown."""
    name: str | None = None
    """Name of the network; `None` if it has none, or names were not requested."""


class TierRow(NamedTuple):
    """One stored value of one series, as exports print it."""

    at: int
    """Unix time at which the value begins."""
    seconds: int
    name: str
    rx: int
    """Bytes received."""
    tx: int
    rx_peak: int
    """Highest rate received in a tick (one second), bytes/s."""
    tx_peak: int
    covered_s: float


class SlotUse(NamedTuple):
    """Traffic of one slot (the time between two Unix times), and the highest rates in it."""

    start: float
    """Unix time at which the slot begins."""
    end: float
    used: Used
    rx_peak: float
    """Highest rate received in a tick (one second), bytes/s; 0 if there was no traffic."""
    tx_peak: float
    rx_peak_at: float | None
    """Unix time of the stored value with `rx_peak`; `None` if there was no traffic."""
    tx_peak_at: float | None

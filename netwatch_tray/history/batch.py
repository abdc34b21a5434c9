"""What the recorder passes to the store: minutes, gaps, and the counters from which the next run of the agent
continues.

A series is what bytes are recorded for: the total, an interface, an app … (`history.series`).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from netwatch_tray.history.packing import TickBytes, Value
from netwatch_tray.history.series import LAN, TOTAL, Series
from netwatch_tray.model import GapReason


class RecordedGap(msgspec.Struct, kw_only=True):
    """A gap: time without measurements, or a break in the counters of one series (reset, interface removed)."""

    start: float
    """Unix time of the last measurement before the gap."""
    finish: float | None
    """Unix time of the first measurement after the gap; `None` if it has not ended."""
    reason: GapReason
    series: Series | None = None
    """The series without measurements; `None` if no series was measured."""
    is_complete: bool = True
    """Whether `carried` has all bytes that passed in the gap. False if counters were lost."""
    carried: dict[Series, tuple[int, int]] = {}
    """Bytes (received, sent) in the gap by series: what the counters rose by."""


class RecordedMinute(msgspec.Struct, frozen=True):
    """Measurements of one minute, or of a part of it if a run of the agent began or ended in it."""

    start: int
    """Unix time at which the minute begins."""
    times: list[int]
    """When each tick ended, in ms since the start of the minute."""
    elapsed: list[int]
    values: Mapping[Series, Value]
    lines: Mapping[Series, TickBytes]


class StoredCounters(msgspec.Struct, frozen=True, array_like=True):
    """The counters of an interface at the end of the last batch, with which the next run compares its first reading."""

    index: int
    key: str
    rx_bytes: int
    tx_bytes: int
    speed: int | None = None
    """Speed in bit/s, the result of engine.rates.believed_speed at that time."""
    fallen: tuple[int, int] | None = None
    """Bytes (received, sent) before the counters fell back, if they have not changed since then."""


class RecorderState(msgspec.Struct, frozen=True, array_like=True):
    """What is stored with each batch, so that the next run of the agent can continue from it."""

    at: float
    """Unix time of the last measurement."""
    boot: str | None
    """The kernel's ID of this boot; None on systems without one."""
    boottime: float
    """Boot-time clock (seconds since boot) when this was stored."""
    interfaces: tuple[StoredCounters, ...]
    gone: tuple[str, ...] = ()
    """Keys of the series of removed interfaces, whose gaps have not ended."""


class Batch(msgspec.Struct):
    """What the recorder has summed since the last successful write, for the store to write in one transaction."""

    minutes: list[RecordedMinute] = []
    gaps: list[RecordedGap] = []
    returned: dict[Series, float] = {}
    """Unix time at which the gap of a removed interface ends, because it exists again; by series."""
    uplinks: list[tuple[float, tuple[str, ...]]] = []
    """Changes of the uplinks: Unix time, and the names of the interfaces that make the total from then on."""
    refused: list[tuple[float, Series]] = []
    """Unix time and series of amounts that were left out, because no link can carry so much."""
    state: RecorderState | None = None

    @property
    def total_bytes(self) -> int:
        """Return the bytes of the total in this batch, received and sent together, gaps included."""
        values = [minute.values.get(TOTAL) for minute in self.minutes]
        carried = [gap.carried.get(TOTAL, (0, 0)) for gap in self.gaps if gap.finish is not None]
        return sum(value[1] + value[2] for value in values if value) + sum(map(sum, carried))

    @property
    def lan_bytes(self) -> int:
        """Return the bytes in this batch that are known to have stayed in the local network, both directions
        together."""
        values = [minute.values.get(LAN) for minute in self.minutes]
        return sum(value[1] + value[2] for value in values if value)

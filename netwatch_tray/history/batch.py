"""What the recorder passes to the store: minutes, gaps, and the counters that the next run starts from."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from netwatch_tray.history.packing import TickBytes, Value
from netwatch_tray.history.series import LAN, TOTAL, Series
from netwatch_tray.model import GapReason


class RecordedGap(msgspec.Struct, kw_only=True):
    """Time without measurements, or a break in the counters of one series."""

    start: float
    """Unix time of the last measurement before."""
    finish: float | None
    """Unix time of the first measurement after; `None` if the gap lasts."""
    reason: GapReason
    series: Series | None = None
    """The series without measurements; `None` if nothing was measured at all."""
    is_complete: bool = True
    """Whether `carried` has all bytes of the gap."""
    carried: dict[Series, tuple[int, int]] = {}
    """Bytes received and sent."""


class RecordedMinute(msgspec.Struct, frozen=True):
    """Measurements of one minute, or of a part of it."""

    start: int
    """Unix time."""
    times: list[int]
    """When each tick ended, in ms since the start of the minute."""
    elapsed: list[int]
    values: Mapping[Series, Value]
    lines: Mapping[Series, TickBytes]


class StoredCounters(msgspec.Struct, frozen=True, array_like=True):
    """The counters of an interface as they were last stored."""

    index: int
    key: str
    rx_bytes: int
    tx_bytes: int
    speed: int | None = None
    """Bit/s, as engine.rates.believed_speed returned it then."""


class RecorderState(msgspec.Struct, frozen=True, array_like=True):
    """State from which a later run continues."""

    at: float
    """Unix time of the last measurement."""
    boot: str | None
    """The kernel's ID of this boot, where it has one."""
    boottime: float
    """Seconds since boot when this was stored."""
    interfaces: tuple[StoredCounters, ...]
    gone: tuple[str, ...] = ()
    """Keys of interfaces that were removed, whose gaps have not ended."""


class Batch(msgspec.Struct):
    """Measurements that the recorder has summed and the store has not written yet."""

    minutes: list[RecordedMinute] = []
    gaps: list[RecordedGap] = []
    returned: dict[Series, float] = {}
    """Interfaces that were removed and are back, with the Unix time at which their gaps end."""
    uplinks: list[tuple[float, tuple[str, ...]]] = []
    """Names of the interfaces that make the total, and the Unix time since when each does."""
    refused: list[tuple[float, Series]] = []
    """Series with amounts that no link can carry, and their Unix time. Such amounts are not counted."""
    state: RecorderState | None = None

    @property
    def total_bytes(self) -> int:
        """Return the bytes of the total that the day ledgers will count, both directions together."""
        values = [minute.values.get(TOTAL) for minute in self.minutes]
        carried = [gap.carried.get(TOTAL, (0, 0)) for gap in self.gaps if gap.finish is not None]
        return sum(value[1] + value[2] for value in values if value) + sum(map(sum, carried))

    @property
    def lan_bytes(self) -> int:
        """Return the bytes that are known to have stayed in the local network, both directions together."""
        values = [minute.values.get(LAN) for minute in self.minutes]
        return sum(value[1] + value[2] for value in values if value)

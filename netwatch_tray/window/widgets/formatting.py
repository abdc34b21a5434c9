"""Days, lengths of time, keys and costs as texts."""

from __future__ import annotations

from datetime import date

from PySide6.QtCore import QCoreApplication, QDate, QLocale
from PySide6.QtGui import QKeySequence

from netwatch_tray import units
from netwatch_tray.units import UNKNOWN

translate = QCoreApplication.translate


def short_date(day: date) -> str:
    """`14 Nov`."""
    return QLocale().toString(QDate(day.year, day.month, day.day), translate("Time", "d MMM"))


def long_date(day: date) -> str:
    """`14 November`."""
    return QLocale().toString(QDate(day.year, day.month, day.day), translate("Time", "d MMMM"))


def how_long(seconds: float) -> str:
    """`41 s`, `3 min`, `6 h`, `3 d`: one number, rounded down."""
    for length, unit in (
        (86400, translate("Time", "{count} d")),
        (3600, translate("Time", "{count} h")),
        (60, translate("Time", "{count} min")),
    ):
        if seconds >= length:
            return unit.format(count=int(seconds // length))
    return translate("Time", "{count} s").format(count=max(0, int(seconds)))


def round_trip(seconds: float | None) -> str:
    """`<0.1 ms`, `0.3 ms`, `18 ms`, `1.2 s`."""
    if seconds is None:
        return UNKNOWN
    if 0 < seconds < 0.00005:
        return "<0.1 ms"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.001 else f"{seconds * 1000:.0f} ms"


def native_keys(keys: str) -> str:
    """`Ctrl+F`, as the person's system writes it."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def cost_in_words(percent: float | None, memory: int | None) -> str:
    """`CPU 0.4 %, memory 24.3 MB`. `percent`: of one core; None: unknown. `memory`: bytes."""
    if percent is None:
        return translate("Cost", "memory {memory}").format(memory=units.size(memory))
    return translate("Cost", "CPU {percent:.1f} %, memory {memory}").format(percent=percent, memory=units.size(memory))

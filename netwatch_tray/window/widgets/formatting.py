"""Dates, durations, keys, costs and units as they are shown on the screen."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from PySide6.QtCore import QCoreApplication, QDate, QLocale
from PySide6.QtGui import QKeySequence

from netwatch_tray import units
from netwatch_tray.units import UNKNOWN, Units

translate = QCoreApplication.translate

_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:[kMGTPE]?i?(?:B|bit)(?:/s)?|ms|s|min|h|d|%)[.,;:)]*(?:\s|$))")


def unbroken(text: str) -> str:
    """Return the text with a no-break space between each number and its unit."""
    return _BEFORE_UNIT.sub("\u00a0", text)


def short_date(day: date) -> str:
    """Return a date as `14 Nov`."""
    return QLocale().toString(QDate(day.year, day.month, day.day), translate("Time", "d MMM"))


def long_date(day: date) -> str:
    """Return a date as `14 November`."""
    return QLocale().toString(QDate(day.year, day.month, day.day), translate("Time", "d MMMM"))


def day_name(day: date) -> str:
    """Return `Saturday, 21 November`."""
    weekday = QLocale().dayName(day.isoweekday())
    return translate("Time", "{weekday}, {date}").format(weekday=weekday, date=long_date(day))


def duration(seconds: float) -> str:
    """Format a duration as one number and unit, rounded down: `41 s`, `3 min`, `6 h`, `3 d`."""
    for length, unit in (
        (86400, translate("Time", "{count} d")),
        (3600, translate("Time", "{count} h")),
        (60, translate("Time", "{count} min")),
    ):
        if seconds >= length:
            return unit.format(count=int(seconds // length))
    return translate("Time", "{count} s").format(count=max(0, int(seconds)))


def exact_duration(seconds: float) -> str:
    """Format a duration with its two largest units: `28 d 14 h`, `17 h 52 min`, `3 min`."""
    minutes = max(0, round(seconds / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    words = [
        (days, translate("Time", "{count} d")),
        (hours, translate("Time", "{count} h")),
        (minutes, translate("Time", "{count} min")),
    ]
    place = next((place for place, (count, _unit) in enumerate(words) if count), 2)
    shown = [unit.format(count=count) for count, unit in words[place : place + 2] if count]
    return " ".join(shown) or translate("Time", "{count} min").format(count=0)


def rtt(seconds: float | None) -> str:
    """Format a round-trip time: `<0.1 ms`, `0.3 ms`, `18 ms` or `1.2 s`. `seconds`: None: unknown."""
    if seconds is None:
        return UNKNOWN
    if 0 < seconds < 0.00005:
        return "<0.1 ms"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.001 else f"{seconds * 1000:.0f} ms"


def native_keys(keys: str) -> str:
    """Return a key sequence, passed as `Ctrl+F`, in the notation of the user's system: `⌘F` on macOS."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def cost_in_words(percent: float | None, memory: int | None, measure: str = "PSS") -> str:
    """Return what a process uses: `CPU 0.4 %, memory 24.3 MB (PSS)`.

    `percent`: of one core, None if it is unknown; `memory`: bytes; `measure`: how it is measured, PSS or RSS.
    """
    if percent is None:
        words = translate("Cost", "memory {memory} ({measure})")
    else:
        words = translate("Cost", "CPU {percent:.1f} %, memory {memory} ({measure})")
    return words.format(percent=percent, memory=units.size(memory), measure=measure)


@lru_cache
def rate_units(shown_in: Units) -> tuple[str, ...]:
    """Return all units in which a rate may be shown with these settings, for the width of a column."""
    step = 1024 if shown_in.binary else 1000
    return tuple(units.rate(step**power, shown_in).unit for power in range(5))


@lru_cache
def size_units(shown_in: Units) -> tuple[str, ...]:
    """Return all units in which an amount of bytes may be shown with these settings, for the width of a column."""
    step = 1024 if shown_in.binary else 1000
    return tuple(units.size(step**power, shown_in).unit for power in range(5))

"""What `vnstat --json` prints, of all versions that have it: vnstat(1), `jsonversion`.

1 (vnStat 1.13 to 1.18): interfaces by `id`; `days`, `months`; amounts in KiB.
2 (vnStat 2.0 and later): interfaces by `name`; `day`, `month`, `year` and finer ones; amounts in bytes.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from netwatch_tray.errors import HistoryError
from netwatch_tray.history.imports import Import, Span

_UNITS = {"1": 1024, "2": 1}
"""Bytes in what it counts in, by `jsonversion`."""

_Amount = Annotated[int, msgspec.Meta(ge=0, le=1 << 50)]


class _Date(msgspec.Struct):
    year: int
    month: int = 1
    day: int = 1


class _Row(msgspec.Struct):
    date: _Date
    rx: _Amount
    tx: _Amount


class _Traffic(msgspec.Struct):
    day: list[_Row] = []
    days: list[_Row] = []
    month: list[_Row] = []
    months: list[_Row] = []
    year: list[_Row] = []


class _Interface(msgspec.Struct):
    traffic: _Traffic
    name: str = ""
    id: str = ""


class _Document(msgspec.Struct):
    jsonversion: str
    interfaces: list[_Interface]


def parse(document: bytes) -> list[Import]:
    """Days, months and years of each interface, as they are told. Raises HistoryError."""
    try:
        found = msgspec.json.decode(document, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HistoryError(f"This is not what `vnstat --json` prints: {error}. Nothing was imported.") from error
    unit = _UNITS.get(found.jsonversion)
    if unit is None:
        raise HistoryError(
            f"This is vnStat's format {found.jsonversion!r}, of which this program knows nothing (it knows "
            f"{' and '.join(_UNITS)}). Nothing was imported; a newer version of this program may know it."
        )
    return [
        Import(interface.name or interface.id, span, _date(row.date), row.rx * unit, row.tx * unit)
        for interface in found.interfaces
        for span, rows in _rows(interface.traffic)
        for row in rows
    ]


def _rows(traffic: _Traffic) -> list[tuple[Span, list[_Row]]]:
    return [("day", traffic.day + traffic.days), ("month", traffic.month + traffic.months), ("year", traffic.year)]


def _date(told: _Date) -> date:
    try:
        return date(told.year, told.month, told.day)
    except ValueError as error:
        raise HistoryError(f"This export of vnStat names a day that does not exist: {error}.") from error

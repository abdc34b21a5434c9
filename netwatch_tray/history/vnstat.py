"""Parses the output of `vnstat --json`, of all versions that have it. Source: vnstat(1), `jsonversion`.

1 (vnStat 1.13 to 1.18): interfaces by `id`; `days`, `months`; amounts in KiB. 1.13 writes a superfluous comma
where hour 0 is empty.
2 (vnStat 2.0 and later): interfaces by `name`; `day`, `month`, `year` and finer ones; amounts in bytes.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, NamedTuple

import msgspec

from netwatch_tray.errors import HistoryError
from netwatch_tray.history.imports import Import, Span
from netwatch_tray.history.series import storable
from netwatch_tray.history.usage import period_of

_UNITS = {"1": 1024, "2": 1}
"""Number of bytes in one unit of the amounts, by `jsonversion`."""
_MOST_PER_DAY = 400_000_000_000 // 8 * 86400
"""Most plausible bytes of a day in one direction: those of a link with 400 Gbit/s."""
_FIRST = date(1970, 1, 1)
_EXTRA_COMMA = re.compile(rb"\[\s*,")

_Amount = Annotated[int, msgspec.Meta(ge=0)]


class _Date(msgspec.Struct):
    year: int
    month: int = 1
    day: int = 1


class _Row(msgspec.Struct):
    date: _Date
    rx: _Amount
    tx: _Amount


class _Traffic(msgspec.Struct):
    day: list[msgspec.Raw] = []
    days: list[msgspec.Raw] = []
    month: list[msgspec.Raw] = []
    months: list[msgspec.Raw] = []
    year: list[msgspec.Raw] = []


class _Interface(msgspec.Struct):
    traffic: _Traffic
    name: str = ""
    id: str = ""


class _Document(msgspec.Struct):
    jsonversion: str
    interfaces: list[_Interface]


class Parsed(NamedTuple):
    imports: list[Import]
    """Traffic of each day, month and year of each interface."""
    added: int
    """Number of rows that were added to another one for the same day, month or year: vnStat may write two after a
    suspend."""
    refused: list[str]
    """Texts about implausible rows, which were left out, each with the reason."""


def parse(document: bytes, today: date) -> Parsed:
    """Parse the output of `vnstat --json`. Raise HistoryError if nothing is usable.

    Implausible rows are left out one by one: more bytes than a link can carry in the time, or a day before 1970 or
    after tomorrow.
    """
    found = _decoded(document)
    unit = _UNITS.get(found.jsonversion)
    if unit is None:
        raise HistoryError(
            "vnStat's format {jsonversion} is not supported (supported: "
            "{units}). Nothing was imported; a newer version of this program may support it.",
            jsonversion=repr(found.jsonversion),
            units=" and ".join(_UNITS),
        )
    sums: dict[tuple[str, Span, date], tuple[int, int]] = {}
    added = 0
    refused: list[str] = []
    for interface in found.interfaces:
        name = storable(interface.name or interface.id)
        for span, rows in _rows(interface.traffic):
            for raw in rows:
                try:
                    first, rx, tx = _checked(raw, span, unit, today)
                except (ValueError, msgspec.DecodeError) as error:
                    refused.append(f"{name}, {span} {bytes(raw)[:80].decode(errors='replace')}: {error}")
                    continue
                known = sums.get((name, span, first))
                added += known is not None
                known_rx, known_tx = known or (0, 0)
                sums[name, span, first] = known_rx + rx, known_tx + tx
    if refused and not sums:
        raise HistoryError(
            "No row of this export is valid, first: {refused}. Nothing was imported.", refused=refused[0]
        )
    return Parsed([Import(*key, *amounts) for key, amounts in sums.items()], added, refused)


def _decoded(document: bytes) -> _Document:
    try:
        return msgspec.json.decode(document, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            return msgspec.json.decode(_EXTRA_COMMA.sub(b"[", document), type=_Document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise HistoryError(
                "This is not what `vnstat --json` prints: {error}. Nothing was imported.", error=error
            ) from error


def _rows(traffic: _Traffic) -> list[tuple[Span, list[msgspec.Raw]]]:
    return [("day", traffic.day + traffic.days), ("month", traffic.month + traffic.months), ("year", traffic.year)]


def _checked(raw: msgspec.Raw, span: Span, unit: int, today: date) -> tuple[date, int, int]:
    """Parse one row of vnStat. Return the first day of its span, and the bytes received and sent.

    `unit`: number of bytes in one unit. Raise msgspec.DecodeError if the row has another form, ValueError if its values
    are implausible.
    """
    row = msgspec.json.decode(raw, type=_Row)
    try:
        first = date(row.date.year, row.date.month, row.date.day)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no such day ({error})") from error
    if not _FIRST <= first <= today + timedelta(days=1):
        raise ValueError("not between 1970 and tomorrow")
    rx, tx = row.rx * unit, row.tx * unit
    if max(rx, tx) > _MOST_PER_DAY * period_of(first, span).length:
        raise ValueError("more than 400 Gbit/s all the time")
    return first, rx, tx

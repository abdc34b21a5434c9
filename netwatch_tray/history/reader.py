"""What was: curves, sums and usage, read while the agent writes. Never changes the file.

A row that cannot be read costs that row and is reported, see `rows`; HistoryError is raised for whole files alone.

Each call is a few queries and some arithmetic, ten milliseconds at most; call it off the thread that paints.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import add
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar, cast

from netwatch_tray.history import schema
from netwatch_tray.history.gap_reasons import reason_of
from netwatch_tray.history.imports import SPANS, Amount, Import, Span, amounts
from netwatch_tray.history.packing import (
    HOURS,
    MINUTES,
    NEXT_CHUNK,
    SPAN,
    TENS,
    Columns,
    Entry,
    Ledger,
    Value,
    chunk_id,
    start_of,
)
from netwatch_tray.history.recorder import TOTAL
from netwatch_tray.history.rows import LATEST, Rows, moment
from netwatch_tray.history.schema import explained
from netwatch_tray.history.usage import Days
from netwatch_tray.model import GapReason

Kind = Literal["total", "interface", "app", "carrier"]

TICKS = 1
"""The finest tier: ticks as they were measured, of the last hour."""
_TIERS = (TICKS, TENS, MINUTES, HOURS)
_NUMBER = (int, float)
_MAYBE = type(None)

_UNPACKED_FINE = "SELECT start, fine FROM recent WHERE packed = 0 AND start > ? AND start < ?"
_UNPACKED_MINUTES = "SELECT start, minute FROM recent WHERE packed = 0 AND start > ? AND start < ?"
_CHUNKS = """
    WITH RECURSIVE wanted (id) AS (VALUES (?) UNION ALL SELECT id + ? FROM wanted WHERE id + ? <= ?)
    SELECT chunk.id, data FROM wanted CROSS JOIN chunk ON chunk.id = wanted.id
"""
"""One look-up a chunk: they lie by time, because that is how they are written."""


class Curve(NamedTuple):
    """Values side by side, oldest first; `None`: unknown, to be drawn as a break."""

    step: float
    """Seconds a value, nominally."""
    at: list[float]
    """Unix time at which each value's span ends."""
    rx: list[float | None]
    """Mean rate over the span, bytes/s."""
    tx: list[float | None]
    rx_peak: list[float | None]
    """Highest rate of a tick in the span."""
    tx_peak: list[float | None]


class Used(NamedTuple):
    """An amount, and how sure it is."""

    rx: int
    """Bytes, those of gaps included."""
    tx: int
    gap_rx: int
    """Of these: carried while nothing was measured; how much is known, but not when."""
    gap_tx: int
    covered_s: float
    """Seconds measured."""
    imported: int = 0
    """Of both: bytes that another program measured, see imports."""

    @property
    def both(self) -> int:
        return self.rx + self.tx

    def plus(self, other: Used) -> Used:
        return Used(*map(add, self, other))


NOTHING = Used(0, 0, 0, 0, 0.0)


class Remainder(NamedTuple):
    """What the interfaces of the total carried besides the apps: apps and these are the total, to the byte."""

    unmeasured: Used
    """While the program was not measuring, so no app can be named: sleep, pauses, times between two runs."""
    other: Used
    """UDP, QUIC, headers and what else no connection accounts for."""
    imported: Used
    """Measured by another program, which knew no apps."""

    @classmethod
    def of(cls, total: Used, apps: Iterable[Used], imported: Used = NOTHING) -> Remainder:
        """`total`: measured by this program. Where the apps have more than it, nothing remains."""
        moved = reduce(Used.plus, apps, NOTHING)
        left_rx, left_tx = max(0, total.rx - moved.rx), max(0, total.tx - moved.tx)
        # Sockets count on in a pause, so apps may have bytes of a gap: then less of it is without a name.
        rx, tx = min(left_rx, total.gap_rx), min(left_tx, total.gap_tx)
        other = Used(left_rx - rx, left_tx - tx, 0, 0, total.covered_s)
        return cls(Used(rx, tx, rx, tx, 0.0), other, imported)


class GapFound(NamedTuple):
    """Time without measurements."""

    start: float
    finish: float | None
    """`None`: it lasts."""
    reason: GapReason
    name: str | None
    """Of the interface; `None`: all."""
    is_complete: bool
    """The bytes carried meanwhile are known."""


class Carried(NamedTuple):
    """Bytes of which nobody knows when in that time they passed."""

    start: float
    finish: float
    reason: GapReason
    name: str
    rx: int
    tx: int


class NetworkUse(NamedTuple):
    key: str
    kind: str
    used: Used
    number: int = 1
    """Which one of its kind, as they were met."""
    is_metered: bool | None = None
    """`None`: nobody knows."""


class Row(NamedTuple):
    """For export."""

    at: int
    """Unix time of its start."""
    seconds: int
    name: str
    rx: int
    tx: int
    rx_peak: int
    tx_peak: int
    covered_s: float


Key = TypeVar("Key", int, str)
Types = tuple[type | tuple[type, ...], ...]


class HistoryReader:
    """Not for two threads at a time."""

    def __init__(self, file: Path) -> None:
        """Raises HistoryError: there is none yet, it is of another version, or it cannot be read."""
        self._file = file
        self._connection = schema.open_for_reading(file)
        self.damage = Rows(self._connection)

    def close(self) -> None:
        self._connection.close()

    def names(self, kind: Kind) -> list[str]:
        """Of all that was ever recorded or imported. Raises HistoryError, as all below do."""
        query = "SELECT name FROM series WHERE kind = ? UNION SELECT name FROM imported WHERE ? ORDER BY name"
        found = self._typed("names", (str,), query, kind, kind == "interface")
        return [name for (name,) in found]

    def begin(self) -> float | None:
        """Unix time of the first measurement, to the minute while minutes of then are kept; None: there is none."""
        oldest, _newest = self._extent()
        hour = next(self.rows("total", None, oldest, oldest + SPAN[HOURS] + 3600, HOURS), None)
        if hour is None:
            return None
        minute = next(self.rows("total", None, hour.at, hour.at + 3600, MINUTES), hour)
        return minute.at

    def curve(self, kind: Kind, name: str | None, start: float, end: float, most_points: int = 1200) -> Curve:
        """The rates of an interface, an app or the total (`name` None) from the tier that suits the range."""
        with self._snapshot():
            ids = self._ids(kind, name)
            step = self._tier(start, end, most_points)
            if kind in ("app", "carrier"):
                step = max(step, MINUTES)
            if step == TICKS:
                return self._ticks(ids, start, end)
            factor = max(1, -(-int((end - start) / step) // most_points))
            first = int(start // step) * step
            size = -(-math.ceil((end - first) / step) // factor) * factor
            columns = self._columns(ids, step, first, size)
            if kind in ("app", "carrier"):  # of those only what moved is stored: what else was measured is 0
                columns.covered = self._measured(step, first, size)
            return _curve(columns, step, first, factor)

    def bytes_between(self, kind: Kind, name: str | None, start: int, end: int) -> Used:
        """What passed from `start` until `end`: to the minute in the last month, before that to the hour.

        The bytes of a gap count where it ended, because that is when they were learnt of.
        """
        with self._snapshot():
            oldest, newest = self._extent()
            start, end = max(start, oldest), min(end, newest)
            tier = MINUTES if self._reaches(MINUTES, start) else HOURS
            first = start // tier * tier
            columns = self._columns(self._ids(kind, name), tier, first, max(0, -(-(end - first) // tier)))
            carried = self.carried(kind, name, first, end)
        gap_rx, gap_tx = sum(each.rx for each in carried), sum(each.tx for each in carried)
        return Used(sum(columns.rx) + gap_rx, sum(columns.tx) + gap_tx, gap_rx, gap_tx, sum(columns.covered) / 10)

    def days(self, kind: Kind, name: str | None, first: date, last: date) -> dict[date, Used]:
        """Usage of each local day that has any, oldest first."""
        with self._snapshot():
            ids = set(self._ids(kind, name))
            found: dict[date, Used] = {}
            for day, _network, ledger in self._ledgers(first, last):
                for series in ledger.keys() & ids:
                    found[day] = found.get(day, NOTHING).plus(_used(ledger[series]))
            for amount in self._imported(kind, name, first, last):
                if amount.days.length == 1:
                    day = amount.days.first
                    found[day] = found.get(day, NOTHING).plus(_used_before(amount))
        return dict(sorted(found.items()))

    def undated(self, kind: Kind, name: str | None, first: date, last: date) -> list[tuple[Days, Used]]:
        """Imported months and years, wholly in that span, as far as no day of theirs tells it; oldest first."""
        with self._snapshot():
            imported = self._imported(kind, name, first, last)
        return [(amount.days, _used_before(amount)) for amount in imported if amount.days.length > 1]

    def by_name(self, kind: Kind, first: date, last: date) -> dict[str, Used]:
        """Usage of each interface or app in a span of local days, the largest first."""
        with self._snapshot():
            names = dict(self._typed("series", (int, str), "SELECT id, name FROM series WHERE kind = ?", kind))
            sums = _sums(
                (series, entry) for *_, ledger in self._ledgers(first, last) for series, entry in ledger.items()
            )
            imported = self._imported(kind, None, first, last)
        found: dict[str, Used] = {}
        for series in sums.keys() & names.keys():
            name = names[series]
            found[name] = found.get(name, NOTHING).plus(_used(sums[series]))
        for amount in imported:
            found[amount.name] = found.get(amount.name, NOTHING).plus(_used_before(amount))
        return dict(sorted(found.items(), key=lambda item: (-item[1].both, item[0])))

    def remainder(self, first: date, last: date) -> Remainder:
        """What no app has, in a span of local days."""
        with self._snapshot():
            kinds = dict(self._typed("series", (int, str), "SELECT id, kind FROM series"))
            sums = _sums(
                (kinds.get(series, ""), entry)
                for *_, ledger in self._ledgers(first, last)
                for series, entry in ledger.items()
            )
            imported = self._imported("total", None, first, last)
        total, apps = (_used(sums.get(kind, (0, 0, 0, 0, 0))) for kind in ("total", "app"))
        return Remainder.of(total, [apps], reduce(Used.plus, map(_used_before, imported), NOTHING))

    def by_network(self, first: date, last: date) -> list[NetworkUse]:
        """The total in each network in a span of local days, the largest first."""
        with self._snapshot():
            query = "SELECT id, key, kind, row_number() OVER (PARTITION BY kind ORDER BY id), metered FROM network"
            types = (int, str, str, int, (int, _MAYBE))
            networks = {each: told for each, *told in self._typed("networks", types, query)}
            unknown = "?", "offline", 0, None  # of a file that lost them
            (total,) = self._ids("total", None) or [0]
            ledgers = [(network, ledger) for _day, network, ledger in self._ledgers(first, last)]
            sums = _sums((network, ledger[total]) for network, ledger in ledgers if total in ledger)
        found = []
        for network, entry in sums.items():
            key, of_kind, number, metered = networks.get(network, unknown)
            found.append(NetworkUse(key, of_kind, _used(entry), number, None if metered is None else bool(metered)))
        return sorted(found, key=lambda use: (-use.used.both, use.key))

    def gaps(self, start: float, end: float) -> list[GapFound]:
        """Those that touch the range, oldest first."""
        rows = self._typed(
            "gaps",
            (_NUMBER, (int, float, _MAYBE), str, (str, _MAYBE), int),
            "SELECT start, finish, reason, name, complete FROM gap LEFT JOIN series ON series.id = series "
            "WHERE start < ? AND (finish IS NULL OR finish > ?) ORDER BY start, gap.id",
            min(end, LATEST),
            max(start, 0),
        )
        return [
            GapFound(
                max(0.0, start),
                finish if finish is None else min(finish, LATEST),
                reason_of(sentence),
                name,
                bool(complete),
            )
            for start, finish, sentence, name, complete in rows
        ]

    def carried(self, kind: Kind, name: str | None, start: float, end: float) -> list[Carried]:
        """What passed in gaps that ended in the range, oldest first."""
        rows = self._typed(
            "gaps",
            (_NUMBER, _NUMBER, str, str, int, int),
            "SELECT start, finish, reason, name, rx, tx FROM gap_bytes JOIN gap ON gap.id = gap "
            "JOIN series ON series.id = gap_bytes.series "
            "WHERE finish >= ? AND finish < ? AND kind = ? AND (? IS NULL OR name = ?) ORDER BY start, gap.id, name",
            max(start, 0),
            min(end, LATEST),
            kind,
            name,
            name,
        )
        found = [Carried(max(0.0, start), finish, reason_of(sentence), *row) for start, finish, sentence, *row in rows]
        for each in found:
            if each.rx < 0 or each.tx < 0:
                self.damage.report(f"{each.name}, {moment(each.finish)} (a gap carried less than nothing, left out)")
        return [each for each in found if each.rx >= 0 and each.tx >= 0]

    def is_complete(self, first: date, last: date) -> bool:
        """Whether the counters say everything that passed on these local days."""
        start, end = midnight(first), midnight_after(last)
        (lost,) = self._one(
            "SELECT count(*) FROM gap WHERE complete = 0 AND finish >= ? AND finish < ? AND reason != 'interface gone'",
            start,
            end,
        )
        return not lost

    def rows(self, kind: Kind, name: str | None, start: int, end: int, tier: int) -> Iterator[Row]:
        """What is stored in a tier (TENS, MINUTES, HOURS), series by series, where anything was measured."""
        wanted = "SELECT id, name FROM series WHERE kind = ? AND (? IS NULL OR name = ?) ORDER BY name, id"
        oldest, newest = self._extent()
        end = min(end, newest)
        first = max(start, oldest) // tier * tier
        spans = [(max(first, span), min(end, span + SPAN[tier])) for span in self._spans(tier, first, end)]
        for series, series_name in self._typed("series", (int, str), wanted, kind, name, name):
            for begin, finish in spans:
                size = -(-(finish - begin) // tier)
                columns = self._columns([series], tier, begin, size)
                for place, covered in enumerate(columns.covered):
                    if covered:
                        yield Row(
                            begin + place * tier,
                            tier,
                            series_name,
                            columns.rx[place],
                            columns.tx[place],
                            columns.rx_peak[place],
                            columns.tx_peak[place],
                            covered / 10,
                        )

    def _spans(self, tier: int, start: int, end: int) -> list[int]:
        """When each chunk of the tier begins that has anything of that range: a clock that stood years ahead for a
        while leaves more emptiness than can be counted through.
        """
        query = "SELECT DISTINCT start FROM recent WHERE packed = 0 AND start > ? AND start < ?"
        found = {each // SPAN[tier] * SPAN[tier] for (each,) in self._typed("minutes", (int,), query, start - 60, end)}
        query = "SELECT id FROM chunk WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"
        at = start
        while at < end and (rows := self._query(query, chunk_id(tier, at), chunk_id(tier, end + SPAN[tier]))):
            span = start_of(rows[0][0])[1]
            found.add(span)
            at = span + SPAN[tier]
        return sorted(each for each in found if start - SPAN[tier] < each < end)

    def _ledgers(self, first: date, last: date) -> Iterator[tuple[date, int, Ledger]]:
        """Local day, network, and who moved what; oldest first."""
        query = "SELECT day, network, data FROM usage WHERE day BETWEEN ? AND ? ORDER BY day"
        for day, network, data in self._query(query, first.isoformat(), last.isoformat()):
            local = self._date(day)
            if local is not None:
                yield local, network, self.damage.ledger(day, data)

    def _date(self, told: object) -> date | None:
        try:
            return date.fromisoformat(str(told))
        except ValueError as error:
            self.damage.report(f"a day ({error})")
            return None

    def _imported(self, kind: Kind, name: str | None, first: date, last: date) -> list[Amount]:
        """What others measured before this program's first day, wholly in that span; of the total under its name."""
        if kind not in ("total", "interface"):
            return []
        rows = self._typed(
            "imports",
            (str, str, str, int, int),
            "SELECT name, span, first, rx, tx FROM imported WHERE (? OR counted) AND (? IS NULL OR name = ?)",
            kind == "interface",
            name,
            name,
        )
        if not rows:
            return []
        (own,) = self._one("SELECT min(day) FROM usage")
        imports = [
            Import(each, cast("Span", span), day, rx, tx)
            for each, span, begin, rx, tx in rows
            if span in SPANS and min(rx, tx) >= 0 and (day := self._date(begin)) is not None
        ]
        found = amounts(imports, (own and self._date(own)) or date.max)
        if kind == "total":
            found = [amount._replace(name=TOTAL.name) for amount in found]
        return [amount for amount in found if first <= amount.days.first and amount.days.last <= last]

    def _tier(self, start: float, end: float, most_points: int) -> int:
        """The coarsest that still fills a quarter of the points; a finer one only where it reaches back so far."""
        for tier in reversed(_TIERS):
            if (end - start) / tier >= most_points / 4:
                break
        else:
            tier = TICKS
        while tier != HOURS and not self._reaches(tier, start):
            tier = _TIERS[_TIERS.index(tier) + 1]
        return tier

    def _reaches(self, tier: int, start: float) -> bool:
        """Whether the tier has everything since `start`, or as much as there is."""
        coarser = [self._oldest(each) for each in _TIERS[_TIERS.index(tier) :]]
        if coarser[0] is None:
            return not any(coarser)
        if coarser[0] <= start:
            return True
        # Chunks of hours begin with their day, long before the first minute of a fresh history.
        older = [each for each in coarser[1:-1] if each is not None and each < coarser[0] // 3600 * 3600]
        return not older and (coarser[-1] is None or coarser[0] - coarser[-1] < SPAN[HOURS])

    def _oldest(self, tier: int) -> int | None:
        if tier == TICKS:
            (start,) = self._one("SELECT min(start) FROM recent WHERE start BETWEEN 0 AND ?", LATEST)
        else:
            rows = self._query("SELECT id FROM chunk WHERE id >= ? ORDER BY id LIMIT 1", chunk_id(tier, 0))
            found, start = start_of(rows[0][0]) if rows else (None, None)
            start = start if found == tier else None
        return None if start is None else int(start)

    def _columns(self, ids: Sequence[int], tier: int, first: int, size: int) -> Columns:
        """`size` values from the moment `first` on, of several series together."""
        found = Columns.of(size)
        for number, series in enumerate(ids):
            columns = self._columns_of(series, tier, first, size)
            if number:
                found.merge(columns)
            else:
                found = columns
        for at, value in self._unpacked(set(ids), tier, first, first + size * tier):
            found.add((at - first) // tier, value)
        return found

    def _columns_of(self, series: int, tier: int, first: int, size: int) -> Columns:
        """Of what is in chunks, one behind the other."""
        found = Columns.of(0)
        chunks = chunk_id(tier, first, series), NEXT_CHUNK, NEXT_CHUNK, chunk_id(tier, first + size * tier - 1, series)
        for chunk, data in self._query(_CHUNKS, *chunks):
            place = (start_of(chunk)[1] - first) // tier
            low, high = max(0, place), min(size, place + SPAN[tier] // tier)
            columns = self.damage.columns(chunk, data)
            if columns is not None:
                found.extend(columns, low, slice(low - place, high - place))
        found.pad(size)
        return found

    def _measured(self, tier: int, first: int, size: int) -> list[int]:
        """What was covered at least in part, by the gaps in it: cheaper than the total's own chunks."""
        oldest, newest = self._extent()
        covered = [0] * size
        low = max(0, (oldest - first) // tier)
        high = max(low, min(size, -(-(newest - first) // tier)))
        covered[low:high] = [10 * tier] * (high - low)
        for start, finish, _reason, name, _complete in self.gaps(first, first + size * tier):
            if name is None and finish is not None:
                low, high = math.ceil((start - first) / tier), math.floor((finish - first) / tier)
                low, high = max(0, low), min(size, high)
                covered[low:high] = [0] * max(0, high - low)
        return covered

    def _extent(self) -> tuple[int, int]:
        """Unix time of the first measurement, to the hour, and of the last, to the minute; with none: (0, 0)."""
        (begin,) = self._one("SELECT min(start) FROM recent WHERE start BETWEEN 0 AND ?", LATEST)
        (end,) = self._one("SELECT max(start) + 60 FROM recent WHERE start BETWEEN 0 AND ?", LATEST)
        first_gap, last_gap = self._one(
            "SELECT min(start), max(finish) + 60 FROM gap WHERE start BETWEEN 0 AND ? "
            "AND (finish IS NULL OR finish BETWEEN 0 AND ?)",
            LATEST,
            LATEST,
        )
        starts = [each for each in (begin, first_gap, *map(self._oldest, _TIERS[1:])) if each is not None]
        return int(min(starts, default=0)), int(max(end or 0, last_gap or 0))

    def _unpacked(self, ids: set[int], tier: int, first: int, end: int) -> Iterator[tuple[int, Value]]:
        """What is not in chunks yet: the minutes of the hour under way."""
        query = _UNPACKED_FINE if tier == TENS else _UNPACKED_MINUTES
        for start, data in self._typed("minutes", (int, bytes), query, first - 60, end):
            if tier == TENS:
                values = [(start + second, value) for _series, second, value in self.damage.tens(start, data, ids)]
            else:
                values = [(start, value) for series, value in self.damage.minute(start, data).items() if series in ids]
            yield from ((at, value) for at, value in values if first <= at < end)

    def _ticks(self, ids: Sequence[int], start: float, end: float) -> Curve:
        curve = Curve(1.0, [], [], [], [], [])
        query = "SELECT start, fine FROM recent WHERE start > ? AND start < ? ORDER BY start, id"
        for minute, data in self._typed("minutes", (int, bytes), query, start - 60, end):
            fine = self.damage.fine(minute, data)
            if fine is None:
                continue
            line = next(filter(None, (self.damage.line(minute, fine, series) for series in ids)), None)
            if line is None:
                continue
            for time_ms, elapsed_ms, rx, tx in zip(fine.times, fine.elapsed, *line, strict=True):
                at = minute + time_ms / 1000
                if not start <= at <= end:
                    continue
                elapsed = elapsed_ms / 1000
                if curve.at and at - elapsed - curve.at[-1] > 0.5:  # nothing was measured in between
                    _append(curve, at - elapsed, None, None)
                _append(curve, at, None if rx is None else rx / elapsed, None if tx is None else tx / elapsed)
        return curve

    def _ids(self, kind: Kind, name: str | None) -> list[int]:
        """An interface that changed its kind, or came back as another app of that name, is one to the person."""
        query = "SELECT id FROM series WHERE kind = ? AND (? IS NULL OR name = ?)"
        return [series for (series,) in self._query(query, kind, name, name) if isinstance(series, int)]

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """The file as it is now, for several queries, whatever is packed meanwhile."""
        self._query("BEGIN")
        try:
            yield
        finally:
            self._connection.rollback()

    def _query(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]  # columns as queried
        with explained(self._file):
            return self._connection.execute(query, values).fetchall()

    def _typed(self, what: str, types: Types, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]  # columns as queried
        return list(self.damage.typed(self._query(query, *values), types, what))

    def _one(self, query: str, *values: object) -> tuple:  # type: ignore[type-arg]  # columns as queried
        (row,) = self._query(query, *values)
        return row


def midnight(day: date) -> float:
    """Unix time at which the local day begins, within what Unix times can show."""
    try:
        return max(0.0, datetime.combine(day, time()).timestamp())
    except (OverflowError, ValueError, OSError):  # near year 1 or 9999 the zone's offset leads out of the calendar
        return 0.0 if day.year < 5000 else float(LATEST)


def midnight_after(day: date) -> float:
    """Unix time at which the local day ends."""
    return float(LATEST) if day >= date.max - timedelta(days=1) else midnight(day + timedelta(days=1))


def _used(entry: Entry) -> Used:
    rx, tx, gap_rx, gap_tx, covered = entry
    return Used(rx, tx, gap_rx, gap_tx, covered / 10)


def _used_before(amount: Amount) -> Used:
    return Used(amount.rx, amount.tx, 0, 0, 0.0, amount.rx + amount.tx)


def _sums(entries: Iterable[tuple[Key, Entry]]) -> dict[Key, Entry]:
    """By the key beside each."""
    sums: dict[Key, Entry] = {}
    for key, entry in entries:
        old = sums.get(key)
        sums[key] = entry if old is None else cast("Entry", tuple(map(add, old, entry)))
    return sums


def _append(curve: Curve, at: float, rx: float | None, tx: float | None) -> None:
    curve.at.append(at)
    curve.rx.append(rx)
    curve.tx.append(tx)
    curve.rx_peak.append(rx)
    curve.tx_peak.append(tx)


def _curve(columns: Columns, step: int, first: int, factor: int) -> Curve:
    """`factor` values made into one."""

    def points(row: list[int]) -> Iterator[tuple[int, ...]]:
        return zip(*[iter(row)] * factor, strict=True)

    covered = [tenths / 10 for tenths in map(sum, points(columns.covered))]
    rx, tx = (
        [amount / time if time else None for amount, time in zip(map(sum, points(row)), covered, strict=True)]
        for row in (columns.rx, columns.tx)
    )
    rx_peak, tx_peak = (
        [float(peak) if time else None for peak, time in zip(map(max, points(row)), covered, strict=True)]
        for row in (columns.rx_peak, columns.tx_peak)
    )
    at = [float(first + (place + 1) * factor * step) for place in range(len(covered))]
    return Curve(step * factor, at, rx, tx, rx_peak, tx_peak)

"""The rows of the app table, joined from the agent's apps of this moment and the amounts in the history."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QCoreApplication

from netwatch_tray import wording
from netwatch_tray.feed.protocol import AppsMessage
from netwatch_tray.history.usage import Days, period_of
from netwatch_tray.model import App
from netwatch_tray.window.chart.series import Point

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader

translate = QCoreApplication.translate

_REMAINDER, _UNMEASURED = "", " "
"""Keys of the rows that belong to no app."""

_Rates = tuple[float | None, float | None]


class Moved(NamedTuple):
    """Bytes."""

    rx: int
    tx: int


_NOTHING = Moved(0, 0)


class AppRow(NamedTuple):
    """An app, or bytes that belong to no app (`is_rest`)."""

    key: str
    name: str
    app: App | None
    """None: only the history has it."""
    rx_rate: float | None
    """Bytes/s."""
    tx_rate: float | None
    today: Moved | None
    """None: unknown."""
    month: Moved | None
    is_rest: bool = False

    @property
    def is_unmeasured(self) -> bool:
        """Whether these bytes were carried while NetWatch was not measuring."""
        return self.key == _UNMEASURED


class _Span(NamedTuple):
    """Amounts of some days."""

    apps: dict[str, Moved]
    """By name."""
    rest: Moved
    """Counted by the interfaces beyond the apps."""
    unmeasured: Moved
    """Counted by the interfaces while NetWatch was not measuring."""


class AppAmounts(NamedTuple):
    """What the history holds."""

    days: Days
    """The billing month."""
    today: _Span
    month: _Span


def query_amounts(reader: HistoryReader, today: date, billing_day: int) -> AppAmounts:
    """Read the amounts of `today` (a local date) and of its billing month."""
    month = period_of(today, "billing", billing_day)
    return AppAmounts(month, _query_span(reader, today, today), _query_span(reader, *month))


def live_rows(message: AppsMessage | None) -> Iterator[AppRow]:
    """Yield the apps that the agent reports, then the remainder; None: nothing."""
    if message is None:
        return
    for app in message.apps:
        yield AppRow(app.key, wording.app_name(app.name), app, app.rx_rate, app.tx_rate, None, None)
    interval = message.interval_s
    rates: _Rates = (message.other[0] / interval, message.other[1] / interval) if interval else (None, None)
    yield AppRow(_REMAINDER, remainder_name(), None, *rates, None, None, is_rest=True)


def app_rows(message: AppsMessage | None, stored: AppAmounts | None) -> Iterator[AppRow]:
    """Yield the live rows with their amounts, then the rows that only the history has; None: unknown."""
    if stored is None:
        yield from live_rows(message)
        return
    # The history adds up apps of one name; of several live ones the first shows the sum.
    today, month = dict(stored.today.apps), dict(stored.month.apps)
    for row in live_rows(message):
        if row.app is None:
            yield row._replace(today=stored.today.rest, month=stored.month.rest)
        else:
            yield row._replace(today=today.pop(row.app.name, _NOTHING), month=month.pop(row.app.name, _NOTHING))
    unmeasured = stored.today.unmeasured, stored.month.unmeasured
    if any(map(any, unmeasured)):
        name = translate("Apps", "While NetWatch was not measuring")
        yield AppRow(_UNMEASURED, name, None, None, None, *unmeasured, is_rest=True)
    rate = None if message is None else 0.0
    for name, moved in month.items():
        yield AppRow(f"{name} (ended)", wording.app_name(name), None, rate, rate, today.get(name, _NOTHING), moved)


def remainder_name() -> str:
    return translate("Apps", "UDP, QUIC and other")


class RecentRates:
    """Rates of the apps over the last `keep` seconds."""

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._readings: deque[tuple[float, dict[str, _Rates]]] = deque()

    @property
    def newest(self) -> float | None:
        """Unix time of the last reading."""
        return self._readings[-1][0] if self._readings else None

    def add(self, at: float, message: AppsMessage) -> None:
        if message.interval_s:  # else these are the first counters, without rates
            rates = {row.key: (row.rx_rate, row.tx_rate) for row in live_rows(message) if row.rx_rate or row.tx_rate}
            self._readings.append((at, rates))
        while self._readings and self._readings[0][0] < at - self._keep:
            self._readings.popleft()

    def clear(self) -> None:
        self._readings.clear()

    def points(self, key: str, since: float) -> list[Point]:
        """Return the rates of one row since this Unix time."""
        nothing: _Rates = (0.0, 0.0)
        return [Point(at, *rates.get(key, nothing)) for at, rates in self._readings if at >= since]


def _query_span(reader: HistoryReader, first: date, last: date) -> _Span:
    apps = {name: Moved(used.rx, used.tx) for name, used in reader.by_name("app", first, last).items()}
    remainder = reader.remainder(first, last)
    other, unmeasured = (Moved(each.rx, each.tx) for each in (remainder.other, remainder.unmeasured))
    return _Span(apps, other, unmeasured)

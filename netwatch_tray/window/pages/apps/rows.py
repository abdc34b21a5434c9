"""The rows of the app table: the agent's current apps, joined with the amounts in the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QCoreApplication

from netwatch_tray.feed.protocol import AppsMessage
from netwatch_tray.model import App, Traffic

if TYPE_CHECKING:
    from netwatch_tray.window.pages.apps.queries import AppAmounts

translate = QCoreApplication.translate

REMAINDER, _UNMEASURED = "", " "
"""Keys of the two rows that stand for bytes without an app: measured ones, and those of gaps."""

Rates = tuple[float | None, float | None]


class Moved(NamedTuple):
    """Bytes received and sent."""

    rx: int
    tx: int

    @property
    def both(self) -> int:
        return self.rx + self.tx

    def plus(self, more: Traffic) -> Moved:
        return Moved(self.rx + more.rx, self.tx + more.tx)


_NOTHING = Moved(0, 0)


class AppRow(NamedTuple):
    """A row of the table: an app, or bytes that belong to no app (`is_rest`)."""

    key: str
    name: str
    """Name of the app in agent and history, by which its connections are found. The table may show another one."""
    app: App | None
    """The app as the agent reports it; None if only the history has it."""
    rx_rate: float | None
    """Current rate received, bytes/s; None if unknown."""
    tx_rate: float | None
    today: Moved | None
    """Bytes of today, or of the day that the user chose; None if unknown."""
    month: Moved | None
    is_rest: bool = False
    app_key: str = ""
    """Key of the app; empty if it has none, or the history has only its name."""

    @property
    def is_unmeasured(self) -> bool:
        """Return whether this is the row for bytes that passed while NetWatch was not measuring."""
        return self.key == _UNMEASURED


def live_rows(message: AppsMessage | None) -> Iterator[AppRow]:
    """Yield a row for each app that the agent reports, with current rates but no amounts, and one for the bytes that
    belong to no app. Yield nothing if `message` is None."""
    if message is None:
        return
    for app in message.apps:
        yield AppRow(app.key, app.name, app, app.rx_rate, app.tx_rate, None, None, app_key=app.key)
    interval = message.interval_s
    rates: Rates = (message.other[0] / interval, message.other[1] / interval) if interval else (None, None)
    yield AppRow(REMAINDER, remainder_name(), None, *rates, None, None, is_rest=True)


def app_rows(
    message: AppsMessage | None, stored: AppAmounts | None, unwritten: Mapping[str, Traffic]
) -> Iterator[AppRow]:
    """Yield all rows of the table: those of `live_rows` with amounts, and one for each app that only the history has.

    `stored`: amounts from the history; None: unknown. `unwritten`: traffic by name of the app that is not in the
    history yet.
    """
    if stored is None:
        yield from live_rows(message)
        return
    # The history has one sum for all apps of a name; of several live ones the first shows it.
    today, month = dict(stored.today.apps), dict(stored.month.apps)
    for name, more in unwritten.items():
        month[name] = month.get(name, _NOTHING).plus(more)
        if stored.is_today:
            today[name] = today.get(name, _NOTHING).plus(more)
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
        key = stored.keys.get(name, "")
        yield AppRow(f"{name} (ended)", name, None, rate, rate, today.get(name, _NOTHING), moved, app_key=key)


def remainder_name() -> str:
    return translate("Apps", "Not of any app")

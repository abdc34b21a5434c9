"""The latest data received from the agent, and the rows of the lists made from it. Pure: no terminal, no I/O."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from netwatch_tray import desktop_entries, event_words, wording
from netwatch_tray.event import Event
from netwatch_tray.feed.protocol import AppsMessage, HostsMessage
from netwatch_tray.feed.unwritten import Unwritten
from netwatch_tray.kinds import TcpState
from netwatch_tray.language import translate
from netwatch_tray.model import Connection, Tick
from netwatch_tray.tui.chart import EMPTY, Curve
from netwatch_tray.tui.rates import RecentRates
from netwatch_tray.tui.stored import Stored
from netwatch_tray.units import Units

_LEFT_OUT = (TcpState.LISTEN, TcpState.TIME_WAIT, TcpState.CLOSED)
"""States of sockets that are not open connections."""


@dataclasses.dataclass(frozen=True)
class AppRow:
    """A row of the list of apps: an app, or with `is_rest` the bytes that belong to no app."""

    key: str
    name: str
    down: float | None
    """Download rate in bytes/s; None if unknown."""
    up: float | None
    today: int | None
    """Bytes received and sent today; None if unknown."""
    month: int | None
    is_rest: bool = False


@dataclasses.dataclass
class Data:
    """The latest data that was received."""

    recent: RecentRates = dataclasses.field(default_factory=RecentRates)
    tick: Tick | None = None
    apps: AppsMessage | None = None
    unwritten: Unwritten = dataclasses.field(default_factory=Unwritten)
    hosts: HostsMessage | None = None
    """Hosts of the app whose details were opened last."""
    connections: dict[str, Connection] = dataclasses.field(default_factory=dict)
    events: dict[int, Event] = dataclasses.field(default_factory=dict)
    """The events by their ID."""
    unseen: int = 0
    """Number of alerts that the user has not seen."""
    stored: Stored | None = None
    curve: Curve = EMPTY
    """Rates from the history for the shown range. Unused for the shortest range, which `recent` covers."""

    def copy(self) -> Data:
        return dataclasses.replace(
            self,
            recent=self.recent.copy(),
            unwritten=self.unwritten.copy(),
            connections=dict(self.connections),
            events=dict(self.events),
        )


def app_rows(data: Data, words: str, column: str) -> list[AppRow]:
    """Return the apps that have `words` (the filter) in their name or in that of their desktop entry, sorted by a
    column. The rows of bytes that belong to no app are last."""
    wanted = words.casefold()
    rows = [row for row in _app_rows(data) if wanted in row.name.casefold() or _has_entry_named(row.key, wanted)]
    if column == "name":
        rows.sort(key=lambda row: (row.is_rest, row.name.casefold()))
    else:
        rows.sort(key=lambda row: (row.is_rest, -(getattr(row, column) or 0), -(row.month or 0), row.name))
    return rows


def _app_rows(data: Data) -> Iterable[AppRow]:
    message, stored = data.apps, data.stored
    today = dict(stored.today.apps) if stored else None
    month = dict(stored.month.apps) if stored else None
    for name, moved in data.unwritten.since(stored.written).items() if stored else ():
        for amounts in (today, month):
            if amounts is not None:
                amounts[name] = amounts.get(name, 0) + sum(moved)
    if message is not None:
        for app in message.apps:
            # The history has one sum for all apps of a name; of several live ones the first shows it.
            of_today = None if today is None else today.pop(app.name, 0)
            of_month = None if month is None else month.pop(app.name, 0)
            yield AppRow(app.key, wording.app_name(app.name), app.rx_rate, app.tx_rate, of_today, of_month)
    rate = None if message is None else 0.0
    for name, amount in (month or {}).items():
        of_today = None if today is None else today.get(name, 0)
        yield AppRow(f"{name} (ended)", wording.app_name(name), rate, rate, of_today, amount)
    seconds = message.interval_s if message else None
    down, up = (part / seconds for part in message.other) if message and seconds else (None, None)
    if message is not None or stored is not None:
        of_today, of_month = (stored.today.rest, stored.month.rest) if stored else (None, None)
        yield AppRow("", translate("Terminal", "Not of any app"), down, up, of_today, of_month, is_rest=True)
    if stored is not None and stored.month.unmeasured:
        name = translate("Terminal", "While NetWatch was not measuring")
        yield AppRow(" ", name, None, None, stored.today.unmeasured, stored.month.unmeasured, is_rest=True)


def connection_rows(data: Data, words: str, column: str, app: str | None) -> list[Connection]:
    """Return the open connections whose owner or remote end contains `words` (the filter); of one app if `app`, its
    key, is not None."""
    wanted = words.casefold()
    rows = [
        row
        for row in data.connections.values()
        if row.remote_port is not None
        and row.state not in _LEFT_OUT
        and (app is None or row.app == app)
        and (
            not wanted
            or wanted in f"{_owner(row)} {row.host or ''} {row.remote}".casefold()
            or _has_entry_named(row.app, wanted)
        )
    ]
    if column == "app":
        rows.sort(key=lambda row: (_owner(row), row.remote or ""))
    elif column == "remote":
        rows.sort(key=lambda row: ((row.host or row.remote or "").casefold(), row.key))
    else:
        name = "rx_rate" if column == "down" else "tx_rate"
        rows.sort(key=lambda row: (-(getattr(row, name) or 0), -(row.rx_bytes or 0), _owner(row), row.key))
    return rows


def event_rows(data: Data, words: str, in_units: Units) -> list[Event]:
    """Return the events whose sentence contains `words` (the filter), latest first."""
    wanted = words.casefold()
    rows = sorted(data.events.values(), key=lambda event: (-event.last, -event.id))
    if not wanted:
        return rows
    return [row for row in rows if wanted in event_words.sentence(row, in_units).casefold()]


def _has_entry_named(app: str | None, wanted: str) -> bool:
    """Return whether the desktop entry of an app has this text in its name."""
    return app is not None and wanted in desktop_entries.name_of(app).casefold()


def _owner(row: Connection) -> str:
    return (wording.owner(row) or "").casefold()

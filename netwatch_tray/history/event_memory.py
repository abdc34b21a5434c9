"""Reads from the history what the detectors of the agent need of earlier runs: events, apps, and bytes sent by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from netwatch_tray.engine.detectors.upload import MOST_DAYS
from netwatch_tray.event import Event
from netwatch_tray.history import event_rows
from netwatch_tray.history.codes import SERIES_KINDS
from netwatch_tray.history.rows import Rows
from netwatch_tray.history.series import TOTAL
from netwatch_tray.history.tiers import Tiers


class EventMemory(NamedTuple):
    """Events, apps and bytes sent, as of the last commit of the history."""

    events: tuple[Event, ...] = ()
    """The latest events, oldest first."""
    begun: float | None = None
    """Unix time of the first measurement, rounded down to the hour; `None` if there is none."""
    apps: frozenset[str] | None = None
    """Keys of all apps in the history; `None` if there is no history."""
    sent: Mapping[str, tuple[int, ...]] = {}
    """Bytes that each app sent on each measured day before today, oldest first; by key of the app. The first day is the
    first one with traffic of the app within the last MOST_DAYS days."""
    sent_today: Mapping[str, int] = {}
    last_at: float | None = None
    """Unix time of the last measurement of the previous run; `None` if the system was started since then."""


def read(rows: Rows, now: float, most_events: int) -> EventMemory:
    """Read what the detectors need: stored events, known apps and the bytes sent by day. `now`: Unix time.
    `most_events`: return only the latest ones. Raise HistoryError."""
    oldest, _newest = Tiers(rows).extent()
    keys = dict(rows.typed("series", (int, str), "SELECT id, key FROM series WHERE kind = ?", SERIES_KINDS["app"]))
    today = date.fromtimestamp(now)  # noqa: DTZ012  the user's own days
    days = _sent_by_day(rows, keys, today)
    sent_today = days.pop(today.isoformat(), {})
    sent: dict[str, tuple[int, ...]] = {}
    for key in {key for amounts in days.values() for key in amounts}:
        amounts = [each.get(key) for _day, each in sorted(days.items())]
        first = next(place for place, amount in enumerate(amounts) if amount is not None)
        sent[key] = tuple(amount or 0 for amount in amounts[first:])
    return EventMemory(
        events=tuple(event_rows.select(rows, 0, now + event_rows.KEPT_S, most=most_events)),
        begun=float(oldest) or None,
        apps=frozenset(keys.values()),
        sent=sent,
        sent_today=sent_today,
    )


def _sent_by_day(rows: Rows, keys: Mapping[int, str], today: date) -> dict[str, dict[str, int]]:
    """Return the bytes that each app sent, by local day (ISO date), then key of the app. Days without any measurement
    are missing. `keys`: keys of the apps by ID of their series."""
    (total,) = rows.one("SELECT max(id) FROM series WHERE kind = ?", SERIES_KINDS[TOTAL.kind])
    first = today - timedelta(days=MOST_DAYS)
    query = "SELECT day, data FROM usage WHERE day BETWEEN ? AND ?"
    found: dict[str, dict[str, int]] = {}
    for day, data in rows.query(query, first.isoformat(), today.isoformat()):
        ledger = rows.ledger(day, data)
        if total not in ledger or not isinstance(day, str):
            continue
        amounts = found.setdefault(day, defaultdict(int))
        for series, entry in ledger.items():
            if series in keys:
                amounts[keys[series]] += entry[1]
    return found

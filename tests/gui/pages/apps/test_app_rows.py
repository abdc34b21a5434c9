from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from windows import FakeReader

from netwatch_tray.feed.protocol import AppRates, AppsMessage
from netwatch_tray.history.results import Used
from netwatch_tray.model import App, Traffic
from netwatch_tray.settings import DataPlan
from netwatch_tray.window.pages.apps.queries import query_amounts, query_facts
from netwatch_tray.window.pages.apps.recent import RecentRates
from netwatch_tray.window.pages.apps.rows import Moved, app_rows

_TODAY = date(2026, 11, 27)


def _app(name: str, rx: float | None) -> App:
    return App(
        key=name.lower(), name=name, processes=1, connections=2, rx_bytes=0, tx_bytes=0, rx_rate=rx, tx_rate=rx,
        local_rx_bytes=0, local_tx_bytes=0,
    )  # fmt: skip


def _message(*apps: App, interval_s: float = 2.0, recent: tuple[AppRates, ...] = ()) -> AppsMessage:
    return AppsMessage(
        apps=apps, interval_s=interval_s, uplink=(4000, 2), tcp=(3000, 2), other=(1000, 0), recent=recent
    )


def _used(rx: int) -> Used:
    return Used(rx, 0, 0, 0, 60.0)


def _reader(**apps: int) -> Any:
    reader = FakeReader()
    reader.names["app"] = {name: (_used(moved), _used(10 * moved)) for name, moved in apps.items()}
    total = sum(apps.values()) + 7
    reader.names["total"] = {"total": (_used(total), _used(10 * total))}
    return reader


def test_amounts_and_remainder_add_up_to_the_total() -> None:
    stored = query_amounts(_reader(curl=5, Steam=8), _TODAY, DataPlan(billing_day=15))
    assert stored.days.first == date(2026, 11, 15)
    rows = list(app_rows(_message(_app("curl", 1.0)), stored, {}))
    assert [(row.name, row.today) for row in rows] == [
        ("curl", Moved(5, 0)),
        ("Not of any app", Moved(7, 0)),
        ("Steam", Moved(8, 0)),
    ]
    assert sum(row.month.rx for row in rows if row.month) == 200
    assert [row.rx_rate for row in rows] == [1.0, 500.0, 0.0]


def test_traffic_not_yet_in_the_history_is_in_the_amounts() -> None:
    stored = query_amounts(_reader(curl=5, Steam=8), _TODAY, DataPlan())
    moved = {"curl": Traffic(3, 1), "new": Traffic(10, 20), "Steam": Traffic(0, 1)}
    rows = {row.name: row for row in app_rows(_message(_app("curl", 1.0), _app("new", 1.0)), stored, moved)}
    assert (rows["curl"].today, rows["curl"].month) == (Moved(8, 1), Moved(53, 1))
    assert (rows["new"].today, rows["new"].month) == (Moved(10, 20), Moved(10, 20)), "the history has not seen it"
    assert (rows["Steam"].today, rows["Steam"].month) == (Moved(8, 1), Moved(80, 1)), "it has ended meanwhile"


class _NewApp(FakeReader):
    """A history with many days of the total, and only some of the app."""

    def __init__(self, days: int) -> None:
        super().__init__()
        self._first = _TODAY - timedelta(days=days)

    def days(self, _kind: str, _name: str | None, first: date, last: date, **_how: str | None) -> dict[date, Used]:
        first = max(first, self._first) if _kind == "app" else first
        return {first + timedelta(days=number): _used(9) for number in range((last - first).days + 1)}


@pytest.mark.parametrize(("known", "usual", "count"), [(0, None, 0), (6, None, 6), (7, 9, 7), (90, 9, 28)])
def test_the_usual_day_of_a_new_app_is_not_known_yet(known: int, usual: int | None, count: int) -> None:
    reader: Any = _NewApp(known)
    facts = query_facts(reader, "curl", _TODAY, DataPlan(), 0)
    assert (facts.usual, facts.usual_days) == (usual, count)


def test_last_week_is_the_week_before_this_one() -> None:
    reader: Any = _NewApp(90)
    facts = query_facts(reader, "curl", date(2026, 11, 26), DataPlan(), 0)
    assert (facts.week, facts.last_week) == (Moved(4 * 9, 0), Moved(7 * 9, 0)), (
        "it is a Thursday, weeks begin on Monday"
    )


def test_two_live_apps_of_one_name_show_its_amount_once() -> None:
    stored = query_amounts(_reader(curl=5), _TODAY, DataPlan())
    rows = list(app_rows(_message(_app("curl", 1.0), _app("curl", 2.0)), stored, {}))
    assert [row.today for row in rows if row.name == "curl"] == [Moved(5, 0), Moved(0, 0)]


def test_without_the_agent_the_rates_are_unknown() -> None:
    rows = list(app_rows(None, query_amounts(_reader(curl=5), _TODAY, DataPlan()), {}))
    assert [(row.name, row.rx_rate) for row in rows] == [("curl", None)]
    assert not list(app_rows(None, None, {}))


def test_recent_rates_are_kept_for_a_while_and_idle_apps_have_none() -> None:
    recent = RecentRates(10)
    recent.add(100.0, _message(_app("curl", 1.0), interval_s=0))
    assert recent.newest is None, "the first counters give no rate"
    for at in (102.0, 104.0, 113.0):
        recent.add(at, _message(_app("curl", at)))
    assert [(point.at, point.rx) for point in recent.points("curl", 0)] == [(104.0, 104.0), (113.0, 113.0)]
    assert [point.rx for point in recent.points("other", 110)] == [0.0]


def test_ticks_kept_by_the_agent_precede_those_the_window_received() -> None:
    recent = RecentRates(300)
    kept = tuple(AppRates(100.0 + 10 * number, 10.0, (50, 5), {"curl": (number, 0)}) for number in range(4))
    recent.add(133.0, _message(_app("curl", 9.0), recent=kept))
    recent.add(135.0, _message(_app("curl", 8.0), recent=kept))
    assert [(point.at, point.rx) for point in recent.points("curl", 0)] == [
        (100.0, 0.0),
        (110.0, 1),
        (120.0, 2),
        (130.0, 3),
        (133.0, 9.0),
        (135.0, 8.0),
    ]
    assert recent.points("", 0)[1].rx == 49, "what no app accounts for"
    stack = recent.stack(0)
    assert [layer.name for layer in stack.layers] == ["curl"]
    assert stack.tops[1] == 55
    assert [round(each.end - each.start) for each in stack.bins] == [10, 10, 10, 10, 3, 2]


def test_the_stack_of_the_last_minutes_is_broken_where_nothing_was_read() -> None:
    recent = RecentRates(300)
    for at in (102.0, 104.0, 164.0):
        recent.add(at, _message(_app("curl", 9.0)))
    stack = recent.stack(0)
    assert [(gap.start, gap.end) for gap in stack.gaps] == [(104.0, 162.0)]


class _Begun(_NewApp):
    """A history that begins with the app."""

    def days(self, _kind: str, _name: str | None, first: date, last: date, **_how: str | None) -> dict[date, Used]:
        return super().days("app", _name, first, last)


@pytest.mark.parametrize(("days", "last_week"), [(4, None), (5, Moved(9, 0))])
def test_last_week_is_unknown_if_nothing_was_measured_then(days: int, last_week: Moved | None) -> None:
    reader: Any = _Begun(days)
    assert query_facts(reader, "curl", date(2026, 11, 26), DataPlan(), 0).last_week == last_week

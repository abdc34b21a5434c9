"""The contents of the menu, independent of the backend that draws it."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bare_agent import tick
from hypothesis import given, strategies as st
from managed import managed_file
from msgspec.structs import replace
from surroundings import no_actions

from netwatch_tray import autostart
from netwatch_tray.errors import Message, NetWatchError
from netwatch_tray.event import Event, NewListener, Severity
from netwatch_tray.model import App
from netwatch_tray.settings import Settings, TrayIcon
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.tray.menu import TrayMenu
from netwatch_tray.tray.presenter import APP_WIDTH, MOST_EVENT, Amounts, Presenter, amounts_row, event_row
from netwatch_tray.units import FIGURE_SPACE, Units

rates = st.none() | st.floats(0, 12.5e9)


class Opened:
    """A menu, with the actions that were called by it."""

    def __init__(self, settings: Settings) -> None:
        self.asked: list[Any] = []
        self.upload: Message | None = None
        self.apps: list[App] = []
        self.amounts: Amounts | None = None
        self.event: Event | None = None
        actions = no_actions(
            upload_state=lambda: self.upload,
            apps=lambda: self.apps,
            amounts=lambda: self.amounts,
            last_event=lambda: self.event,
            **{
                name: partial(self._ask, name)
                for name in ("open_window", "open_settings", "show_events", "quit", "pause", "choose", "show_doctor")
            },
        )
        self.menu = TrayMenu(actions, settings)
        self.menu.view = Presenter(settings).present(tick(1e3, 1e3))

    def _ask(self, name: str, *arguments: Any) -> None:
        self.asked.append((name, *arguments))

    def find(self, *path: str) -> MenuItem:
        rows: Any = self.menu.build()
        item = None
        for text in path:
            item = next(row for row in rows if row.text == text)
            rows = item.submenu
        return item

    def pick(self, *path: str) -> Any:
        """Click a row, in the submenus before it. Return the action that was called."""
        self.find(*path)(None)
        return self.asked.pop()

    def checked(self, *path: str) -> list[str]:
        return [row.text for row in self.find(*path).submenu if row.checked and row.radio]


def test_live_rows_are_first_and_open_the_window() -> None:
    opened = Opened(Settings())
    rows = list(opened.menu.build())
    texts = [row.text for row in rows]
    live = texts[: texts.index("Busiest apps")]
    rows_of_view = opened.menu.view.rows.texts()
    assert [text.rstrip(FIGURE_SPACE) for text in live] == [row.rstrip(FIGURE_SPACE) for row in rows_of_view]
    assert len({len(text) for text in live}) == 1, "panels that use GTK cut what is longer than what was there before"
    rows[0](None)
    assert opened.asked == [("open_window",)]
    assert [row.text for row in rows if row.default] == ["Open NetWatch"]


def test_rows_have_the_rates_of_the_moment_when_they_are_read() -> None:
    opened = Opened(Settings())
    presenter = Presenter(Settings())
    rows = list(opened.menu.build())
    shape = opened.menu.shape
    for rate, text in ((2e3, "2.00 kB/s"), (3e6, "3.00 MB/s"), (3e6, "3.00 MB/s"), (4.0, "4 B/s")):
        opened.menu.view = presenter.present(tick(rate, 0.0))
        assert opened.menu.shape == shape
        assert f"↓ {text}" in rows[0].text.replace(FIGURE_SPACE, "")
        assert next(iter(opened.menu.build())) is rows[0], "an open menu keeps its rows"


def test_menu_has_the_new_rows_when_a_rate_is_longer_than_all_before() -> None:
    settings = Settings(units=Units(bits=True, prefix="k"))
    opened = Opened(settings)
    before = next(iter(opened.menu.build()))
    opened.menu.view = Presenter(settings).present(tick(125e15, 125e15))
    row = next(iter(opened.menu.build()))
    assert row.text.count("1000000000000000 kbit/s") == 2
    assert row is not before, "hosts measure new rows only"
    assert next(iter(opened.menu.build())) is row


def test_menu_has_at_most_14_rows() -> None:
    opened = Opened(Settings())
    opened.amounts, opened.upload = Amounts(1, 2, 3, date(2026, 11, 1)), Message("all sent")
    opened.menu.view = Presenter(Settings()).present(tick(1e3, 1e3, ("eth0", "wlan0", "wwan0", "tun0", "br0", "lxc0")))
    rows = [row for row in opened.menu.build() if row is not Menu.SEPARATOR]
    assert len(rows) == 13
    assert len(list(opened.find("More").submenu)) <= 14


def test_amounts_have_a_row_while_history_is_kept() -> None:
    opened = Opened(Settings())
    before = opened.menu.shape
    opened.amounts = Amounts(2_100_000_000, 43_000_000_000, 500_000_000_000, date(2026, 11, 1))
    view = opened.menu.view
    opened.menu.view = view
    assert opened.menu.shape != before, "the menu is built anew"
    texts = [row.text.rstrip(FIGURE_SPACE) for row in opened.menu.build()]
    assert texts[2] == "Today 2.10 GB · November 43.0 of 500 GB"


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (Amounts(0, 999, None, date(2026, 11, 1)), "Today 0 B · November 999 B"),
        (
            Amounts(5_000, 43_000_000_000, 500_000_000_000, date(2026, 11, 15)),
            "Today 5.00 kB · since 15 November 43.0 of 500 GB",
        ),
        (Amounts(5_000, 43_000_000, 500_000_000_000, date(2026, 11, 1)), "Today 5.00 kB · November 43.0 MB of 500 GB"),
        (Amounts(None, None, None, None), "Today – · this month –"),
    ],
)
def test_amounts_are_formatted_as_text(amounts: Amounts, expected: str) -> None:
    assert amounts_row(amounts, Units()).rstrip(FIGURE_SPACE) == expected


_ALL_SIZES = [
    0,
    *(min(round(part * step**power), 999 * 10**15) for step in (1000, 1024) for power in range(6) for part in (1, 1.5)),
    *(
        round(part * step**power)
        for step in (1000, 1024)
        for power in range(6)
        for part in (9.994, 9.995, 99.94, 99.96)
    ),
    *(round(part * step**power) for step in (1000, 1024) for power in range(5) for part in (999, 999.4, 999.6, 1023.4)),
    999 * 10**15,
]
"""Bytes up to 999 PB, on both sides of each change of the unit or of the number of decimals."""


@pytest.mark.parametrize("in_units", [Units(), Units(binary=True)])
@pytest.mark.parametrize("cap", [None, 500 * 10**9])
@pytest.mark.parametrize("since", [None, date(2026, 11, 1), date(2026, 11, 15)])
def test_row_of_amounts_has_one_length_for_every_amount(in_units: Units, cap: int | None, since: date | None) -> None:
    """Panels that measure rows when they open the menu truncate a row that grows later."""
    rows = [amounts_row(Amounts(size, other, cap, since), in_units) for size in _ALL_SIZES for other in (size, 5, None)]
    assert len({len(row) for row in rows}) == 1
    assert all(row.endswith(2 * FIGURE_SPACE) for row in rows), "an M is wider than a k"


def test_menu_is_not_built_anew_while_amounts_grow() -> None:
    opened = Opened(Settings())
    opened.event = event(time.time())
    shapes = set()
    for size in _ALL_SIZES:
        opened.amounts = Amounts(size, size, 500 * 10**9, date(2026, 11, 15))
        opened.menu.view = opened.menu.view
        shapes.add(opened.menu.shape)
    assert len(shapes) == 1


@given(
    st.lists(st.tuples(rates, rates, st.sampled_from([("eth0",), ("eth0", "wlan0"), ("e" * 15, "tun0")])), max_size=9)
)
def test_rows_never_grow_wider_than_measured_by_hosts(
    ticks: list[tuple[float | None, float | None, tuple[str, ...]]],
) -> None:
    """Hosts measure a row when its object is new to them."""
    opened = Opened(Settings())
    measured: dict[int, int] = {}
    kept = []
    for rx_rate, tx_rate, names in ticks:
        opened.menu.view = Presenter(Settings()).present(tick(rx_rate, tx_rate, names))
        for row in opened.menu.build():
            if row is not Menu.SEPARATOR and row.submenu is None:
                kept.append(row)  # so that no other object gets its id
                assert len(row.text) <= measured.setdefault(id(row), len(row.text))


def test_each_row_runs_its_action() -> None:
    opened = Opened(Settings())
    assert opened.pick("Pause") == ("pause", True)
    opened.menu.view = replace(opened.menu.view, is_paused=True)
    assert opened.pick("Pause") == ("pause", False)
    assert opened.find("Pause").checked is True
    assert opened.pick("More", "Diagnose…") == ("show_doctor",)
    assert opened.pick("Settings…") == ("open_settings",)
    assert opened.pick("Quit NetWatch") == ("quit",)
    assert opened.pick("More", "Text beside the icon") == ("choose", Settings(tray=TrayIcon(text=False)))


def test_upload_state_has_a_short_row_only_while_upload_is_on() -> None:
    opened = Opened(Settings())
    assert not [row for row in opened.find("More").submenu if row.text.startswith("Upload")]
    opened.upload = Message("3 snapshots wait: " + "the server does not answer " * 9)
    (row,) = (row for row in opened.find("More").submenu if row.text.startswith("Upload: 3 snapshots wait"))
    assert len(row.text) <= 70
    row(None)
    assert opened.asked == [("open_window",)]


def app(name: str, rx_rate: float | None, *, is_tunnel_process: bool = False) -> App:
    return App(
        key=name,
        name=name,
        processes=1,
        connections=1,
        rx_bytes=0,
        tx_bytes=0,
        rx_rate=rx_rate,
        tx_rate=0.0,
        local_rx_bytes=0,
        local_tx_bytes=0,
        is_tunnel_process=is_tunnel_process,
    )


def test_busiest_apps_have_rows_from_the_start() -> None:
    opened = Opened(Settings())
    empty = [row.text.rstrip(FIGURE_SPACE) for row in opened.find("Busiest apps").submenu]
    assert empty == ["No app with measured traffic", "–", "–", "–", "–"]
    opened.apps = [app("calm", 0.0), app("busy", 3e6), app("new", None), app("less", 2e3)]
    opened.apps.append(app("tunnel", 9e9, is_tunnel_process=True))
    rows = list(opened.find("Busiest apps").submenu)
    assert [row.text.replace(FIGURE_SPACE, "").rstrip() for row in rows[:3]] == [
        "busy   ↓ 3.00 MB/s  ↑ 0 B/s",
        "less   ↓ 2.00 kB/s  ↑ 0 B/s",
        "–",
    ]
    assert {len(row.text) for row in rows} == {APP_WIDTH}
    opened.apps = [app(f"app{number}", number) for number in range(1, 9)]
    again = list(opened.find("Busiest apps").submenu)
    assert all(new is old for new, old in zip(again, rows, strict=True)), "they can change while they are shown"
    assert [row.text.split()[0] for row in again] == ["app8", "app7", "app6", "app5", "app4"]


def test_choosing_a_unit_keeps_the_fixed_prefix() -> None:
    before = Settings(units=Units(prefix="M"), total={"eth0": True})
    opened = Opened(before)
    assert opened.checked("More") == ["Bytes per second (kB/s, MB/s)"]
    _, chosen = opened.pick("More", "Bits in steps of 1024 (Kibit/s, Mibit/s)")
    assert chosen == Settings(units=Units(bits=True, binary=True, prefix="M"), total={"eth0": True})
    opened.menu.settings = chosen
    assert opened.checked("More") == ["Bits in steps of 1024 (Kibit/s, Mibit/s)"]


def test_one_interface_or_the_total_is_checked() -> None:
    opened = Opened(Settings())
    assert [row.text for row in opened.find("Rates of").submenu] == ["All uplinks (automatic)", "eth0", "wlan0"]
    assert opened.checked("Rates of") == ["All uplinks (automatic)"]
    _, opened.menu.settings = opened.pick("Rates of", "wlan0")
    assert opened.menu.settings.tray.interface == "wlan0"
    assert opened.checked("Rates of") == ["wlan0"]
    items = list(opened.find("Rates of").submenu)
    opened.menu.view = replace(opened.menu.view, interfaces=("eth0",))
    assert opened.checked("Rates of") == ["wlan0"], "it is removed for now, but still chosen"
    assert all(new is old for new, old in zip(opened.find("Rates of").submenu, items, strict=True))


def test_start_at_login_follows_the_autostart_file(monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]) -> None:
    state = [False]
    monkeypatch.setattr(autostart, "is_on", lambda: state[0])
    monkeypatch.setattr(autostart, "turn", lambda *, on: state.__setitem__(0, on))
    opened = Opened(Settings())
    for wanted in (True, False):
        opened.find("More", "Start at login")(None)
        assert state == [wanted]
        assert opened.find("More", "Start at login").checked is wanted

    def fail(*, on: bool) -> None:
        raise NetWatchError(f"cannot be turned to {on}")

    monkeypatch.setattr(autostart, "turn", fail)
    expected_logs.append("cannot be turned to True")
    opened.find("More", "Start at login")(None)


def live_rows(opened: Opened) -> list[str]:
    texts = [row.text for row in opened.menu.build()]
    return texts[: texts.index("Busiest apps")]


def event(last: float, name: str = "Syncthing") -> Event:
    evidence = NewListener(protocol="TCP", address="*", port=22000)
    return Event(
        id=1, first=last, last=last, severity=Severity.NOTICE, key="", evidence=evidence, app="a", app_name=name
    )


def test_last_event_is_a_row_that_opens_the_events() -> None:
    opened = Opened(Settings())
    before = opened.menu.shape
    assert opened.pick(live_rows(opened)[0]) == ("open_window",)
    opened.event = event(time.time())
    opened.menu.view = opened.menu.view
    assert opened.menu.shape != before, "a host must build the menu anew"
    row = live_rows(opened)[-1]
    assert "Syncthing now listens on TCP 22000" in row
    assert opened.pick(row) == ("show_events",)
    shape = opened.menu.shape
    opened.event = event(time.time(), name="An app with a name that is much longer than any row of the menu may be")
    opened.menu.view = opened.menu.view
    assert len(live_rows(opened)[-1]) <= max(MOST_EVENT, shape[1])  # type: ignore[index]


def test_event_of_another_day_has_its_date() -> None:
    at = datetime(2026, 11, 26, 14, 21)  # noqa: DTZ001  the user's own time
    assert event_row(event(at.timestamp()), Units(), at.date()).startswith("14:21 Syncthing ")
    assert event_row(event(at.timestamp()), Units(), at.date() + timedelta(days=1)).startswith("26 November Syncthing")


def test_an_event_adds_no_row_to_a_full_menu() -> None:
    opened = Opened(Settings())
    opened.amounts = Amounts(1, 2, None, date(2026, 11, 1))
    opened.menu.view = Presenter(Settings()).present(tick(1.0, 1.0, tuple(f"eth{number}" for number in range(9))))
    most = len(live_rows(opened))
    opened.event = event(time.time())
    opened.menu.view = opened.menu.view
    assert len(live_rows(opened)) == most


def test_settings_of_the_administrator_are_greyed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'tray.text = false\ntray.interface = "eth0"\nunits.bits = true\n'
    managed = managed_file(tmp_path, monkeypatch, text)
    chosen = Settings(tray=TrayIcon(text=False, interface="eth0"), units=Units(bits=True))
    opened = Opened(chosen)
    reason = " · set by your administrator"
    more = {row.text: row for row in opened.find("More").submenu if row is not Menu.SEPARATOR}
    assert not more[f"Text beside the icon{reason}"].enabled
    assert {text: row.enabled for text, row in more.items() if row.radio} == {
        f"Bytes per second (kB/s, MB/s){reason}": False,
        "Bits per second (kbit/s, Mbit/s)": True,
        f"Bytes in steps of 1024 (KiB/s, MiB/s){reason}": False,
        "Bits in steps of 1024 (Kibit/s, Mibit/s)": True,
    }
    assert {row.text: row.enabled for row in opened.find("Rates of").submenu} == {
        f"All uplinks (automatic){reason}": False,
        "eth0": True,
        f"wlan0{reason}": False,
    }
    assert more["Mini window"].enabled
    managed.unlink()
    opened.menu.settings = chosen
    assert opened.find("More", "Text beside the icon").enabled, "the file is deleted"

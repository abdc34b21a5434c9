"""The menu itself, whoever draws it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from bare_agent import tick
from surroundings import no_actions

from netwatch_tray import autostart
from netwatch_tray.errors import NetWatchError
from netwatch_tray.model import App
from netwatch_tray.settings import Settings, TrayIcon
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.tray.menu import TrayMenu
from netwatch_tray.tray.presenter import Presenter
from netwatch_tray.units import Units


class Opened:
    """A menu with what was asked by it."""

    def __init__(self, settings: Settings) -> None:
        self.asked: list[Any] = []
        self.upload = ""
        self.apps: list[App] = []
        actions = no_actions(
            upload_state=lambda: self.upload,
            apps=lambda: self.apps,
            **{name: partial(self._ask, name) for name in ("open_window", "quit", "pause", "choose", "show_doctor")},
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
        """What the agent was asked by a click on it."""
        self.find(*path)(None)
        return self.asked.pop()

    def checked(self, *path: str) -> list[str]:
        return [row.text for row in self.find(*path).submenu if row.checked and row.radio]


def test_rows_come_first_and_open_the_window() -> None:
    opened = Opened(Settings())
    rows = list(opened.menu.build())
    texts = [row.text for row in rows]
    assert texts[: texts.index("Busiest apps")] == list(opened.menu.view.rows)
    assert len([row for row in rows if row is not Menu.SEPARATOR]) <= 14
    rows[0](None)
    assert opened.asked == [("open_window",)]
    assert [row.text for row in rows if row.default] == ["Open NetWatch"]


def test_each_row_asks_for_what_it_says() -> None:
    opened = Opened(Settings())
    assert opened.pick("Pause") == ("pause", True)
    opened.menu.view = opened.menu.view._replace(is_paused=True)
    assert opened.pick("Pause") == ("pause", False)
    assert opened.find("Pause").checked is True
    assert opened.pick("Doctor…") == ("show_doctor",)
    assert opened.pick("Quit NetWatch") == ("quit",)
    assert opened.pick("Units", "Text beside the icon") == ("choose", Settings(tray=TrayIcon(text=False)))


def test_the_upload_is_told_when_it_is_on() -> None:
    opened = Opened(Settings())
    assert not [row for row in opened.menu.build() if row.text.startswith("Upload")]
    opened.upload = "3 snapshots wait: " + "the server does not answer " * 9
    (row,) = (row for row in opened.menu.build() if row.text.startswith("Upload: 3 snapshots wait"))
    assert len(row.text) <= 70
    row(None)
    assert opened.asked == [("open_window",)]


def app(name: str, rx_rate: float | None, *, is_carrier: bool = False) -> App:
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
        is_carrier=is_carrier,
    )


def test_the_busiest_apps_have_their_rows_from_the_start() -> None:
    opened = Opened(Settings())
    empty = [row.text for row in opened.find("Busiest apps").submenu]
    assert empty == ["No app moves anything", "–", "–", "–", "–"]
    opened.apps = [app("calm", 0.0), app("busy", 3e6), app("new", None), app("less", 2e3)]
    opened.apps.append(app("tunnel", 9e9, is_carrier=True))
    rows = list(opened.find("Busiest apps").submenu)
    assert [row.text for row in rows[:3]] == ["busy   ↓ 3.00 MB/s  ↑ 0 B/s", "less   ↓ 2.00 kB/s  ↑ 0 B/s", "–"]
    opened.apps = [app(f"app{number}", number) for number in range(1, 9)]
    again = list(opened.find("Busiest apps").submenu)
    assert all(new is old for new, old in zip(again, rows, strict=True)), "they can change while they are shown"
    assert [row.text.split()[0] for row in again] == ["app8", "app7", "app6", "app5", "app4"]


def test_one_unit_is_chosen_and_the_fixed_prefix_stays() -> None:
    before = Settings(units=Units(prefix="M"), total={"eth0": True})
    opened = Opened(before)
    assert opened.checked("Units") == ["Bytes per second (kB/s, MB/s)"]
    _, chosen = opened.pick("Units", "Bits in steps of 1024 (Kibit/s, Mibit/s)")
    assert chosen == Settings(units=Units(bits=True, binary=True, prefix="M"), total={"eth0": True})
    opened.menu.settings = chosen
    assert opened.checked("Units") == ["Bits in steps of 1024 (Kibit/s, Mibit/s)"]


def test_one_interface_or_the_total_is_chosen() -> None:
    opened = Opened(Settings())
    assert [row.text for row in opened.find("Rates of").submenu] == ["All that lead out (automatic)", "eth0", "wlan0"]
    assert opened.checked("Rates of") == ["All that lead out (automatic)"]
    _, opened.menu.settings = opened.pick("Rates of", "wlan0")
    assert opened.menu.settings.tray.interface == "wlan0"
    assert opened.checked("Rates of") == ["wlan0"]
    items = list(opened.find("Rates of").submenu)
    opened.menu.view = opened.menu.view._replace(interfaces=("eth0",))
    assert opened.checked("Rates of") == ["wlan0"], "it is gone for now, and still the choice"
    assert all(new is old for new, old in zip(opened.find("Rates of").submenu, items, strict=True))


def test_start_at_login_is_what_the_file_says(monkeypatch: pytest.MonkeyPatch, expected_logs: list[str]) -> None:
    state = [False]
    monkeypatch.setattr(autostart, "is_on", lambda: state[0])
    monkeypatch.setattr(autostart, "turn", lambda *, on: state.__setitem__(0, on))
    opened = Opened(Settings())
    for wanted in (True, False):
        opened.find("Start at login")(None)
        assert state == [wanted]
        assert opened.find("Start at login").checked is wanted

    def fail(*, on: bool) -> None:
        raise NetWatchError(f"cannot be turned to {on}")

    monkeypatch.setattr(autostart, "turn", fail)
    expected_logs.append("cannot be turned to True")
    opened.find("Start at login")(None)

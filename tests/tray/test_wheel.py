"""The wheel over the icon cycles through the total and the interfaces, and the middle button pauses."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from bare_agent import tick
from desktop import ITEM, PATIENCE, BusClient, Session, wait_for
from surroundings import Loop, Watcher, no_actions

from netwatch_tray import tray as tray_module
from netwatch_tray.model import GapReason
from netwatch_tray.settings import Settings, TrayIcon
from netwatch_tray.tray import Tray, open_tray

PATH = "/StatusNotifierItem"
UP, DOWN = 120, -120


class Icon:
    """A tray, with the settings that it has requested, and a client that reads the item as a panel does."""

    def __init__(self, bus: Session, loop: Loop, watcher: Watcher, settings: Settings) -> None:
        self.loop = loop
        self.chosen: list[str] = []
        self.paused: list[bool] = []
        actions = no_actions(choose=self._choose, pause=self.paused.append)
        self.tray: Tray = loop.do(lambda: open_tray(loop.scheduler, actions, settings))
        self.name = watcher.registered.get(timeout=PATIENCE)
        self.client = BusClient(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
        self.settings = settings
        self.show(1000.0)

    def show(self, rate: float) -> None:
        self.loop.do(lambda: self.tray.show(tick(rate, 0.0)))

    def scroll(self, delta: int) -> None:
        self.client.call(self.name, PATH, ITEM, "Scroll", "is", (delta, "vertical"))
        self.loop.do(lambda: None)  # it is done when this is

    @property
    def tells(self) -> str:
        return str(self.client.property(self.name, PATH, ITEM, "ToolTip")[3])

    def close(self) -> None:
        self.loop.do(self.tray.close)
        self.client.close()

    def _choose(self, settings: Settings) -> None:
        """Save the settings, and apply those in the file, as the agent does."""
        self.chosen.append(settings.tray.interface)
        self.settings = settings
        self.tray.apply(settings)


@pytest.fixture
def icon(bus: Session, loop: Loop, watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> Iterator[Icon]:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    monkeypatch.setattr(tray_module, "_STEP_EVERY", 0.0)
    icon = Icon(bus, loop, watcher, Settings())
    yield icon
    icon.close()


def test_wheel_cycles_interfaces_both_ways(icon: Icon) -> None:
    seen = [icon.tells]
    for _ in range(3):
        icon.scroll(DOWN)
        seen.append(icon.tells)
    assert [each.split()[0] for each in seen] == ["eth0", "eth0", "wlan0", "eth0"]
    assert ["as chosen" in each for each in seen] == [False, True, True, False], "total, eth0, wlan0, total again"
    icon.scroll(UP)
    assert icon.tells.startswith("wlan0 only, as chosen")


def test_choice_is_saved_once_when_wheel_rests(icon: Icon) -> None:
    for _ in range(2):
        icon.scroll(DOWN)
    assert icon.chosen == []
    wait_for(lambda: icon.chosen, PATIENCE, "it is saved")
    assert icon.chosen == ["wlan0"]
    assert icon.tells.startswith("wlan0 only, as chosen")
    assert icon.tray._saving is None


def test_change_of_other_settings_keeps_pending_choice(icon: Icon) -> None:
    icon.scroll(DOWN)
    units = msgspec.structs.replace(icon.settings.units, bits=True)
    icon.loop.do(lambda: icon.tray.apply(msgspec.structs.replace(icon.settings, units=units)))
    assert icon.tells.startswith("eth0 only, as chosen")
    wait_for(lambda: icon.chosen, PATIENCE, "it is saved")
    assert icon.chosen == ["eth0"]
    assert icon.settings.units.bits


def test_choice_in_menu_overrides_pending_choice(icon: Icon) -> None:
    icon.scroll(DOWN)
    chosen = msgspec.structs.replace(icon.settings, tray=TrayIcon(interface="wlan0"))
    icon.loop.do(lambda: icon.tray._menu._choose(chosen))
    assert icon.tells.startswith("wlan0 only, as chosen")
    assert icon.tray._saving is None
    assert icon.chosen == ["wlan0"]


def test_touchpad_burst_counts_as_one_step(icon: Icon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tray_module, "_STEP_EVERY", 3600.0)
    for _ in range(40):
        icon.scroll(DOWN)
    assert icon.tells.startswith("eth0 only, as chosen")


def test_wheel_starts_at_total_after_interface_was_removed(icon: Icon) -> None:
    gone = msgspec.structs.replace(icon.settings, tray=TrayIcon(interface="ppp0"))
    icon.loop.do(lambda: icon.tray.apply(gone))
    assert "ppp0" in icon.tells
    icon.scroll(DOWN)
    assert icon.tells.startswith("eth0 only, as chosen")


def test_middle_button_pauses_and_resumes(icon: Icon) -> None:
    icon.client.call(icon.name, PATH, ITEM, "SecondaryActivate", "ii", (0, 0))
    wait_for(lambda: icon.paused == [True], PATIENCE, "it pauses")
    paused = msgspec.structs.replace(tick(None, None), gap=GapReason.PAUSED)
    icon.loop.do(lambda: icon.tray.show(paused))
    icon.client.call(icon.name, PATH, ITEM, "SecondaryActivate", "ii", (0, 0))
    wait_for(lambda: icon.paused == [True, False], PATIENCE, "it resumes")


def test_digits_icon_has_no_theme_name(icon: Icon) -> None:
    """A panel prefers an icon's name to its pixels."""

    def get(name: str) -> object:
        return icon.client.property(icon.name, PATH, ITEM, name)

    assert get("IconName") != ""
    icon.loop.do(lambda: icon.tray.apply(Settings(tray=TrayIcon(digits=True))))
    assert get("IconName") == ""
    before = get("IconPixmap")
    icon.show(2_000_000.0)
    assert get("IconPixmap") != before
    icon.loop.do(lambda: icon.tray.apply(Settings()))
    assert get("IconName") != ""


def test_longer_period_changes_tray_less_often(icon: Icon) -> None:
    icon.loop.do(lambda: icon.tray.apply(Settings(tray=TrayIcon(period=5))))

    def told() -> str:
        return str(icon.client.property(icon.name, PATH, ITEM, "ToolTip")[2])

    shown = []
    for number in range(1, 11):
        icon.show(number * 1000.0)
        shown.append(told())
    assert len(dict.fromkeys(shown)) == 3, "as it was, and two means"
    assert "↓ 3.00 kB/s" in shown[4]
    assert "↓ 8.00 kB/s" in shown[9]

"""The mini window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from painted import drawn
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from windows import FakeAgent, application, past_tick, tick, until, uplink

from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import AppsMessage, Goodbye, SettingsMessage, Subscribe, TickMessage
from netwatch_tray.model import App
from netwatch_tray.settings import Settings
from netwatch_tray.units import Units
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.shell.mini_window import MiniWindow
from netwatch_tray.window.widgets.theme import Theme

_Open = Callable[[], MiniWindow]


@pytest.fixture
def theme() -> Iterator[Theme]:
    made = Theme(application(), Qt.ColorScheme.Light)
    yield made
    made.deleteLater()


@pytest.fixture
def memory(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def open_mini(agent: FakeAgent, theme: Theme, memory: QSettings) -> Iterator[_Open]:
    opened: list[MiniWindow] = []

    def open_one() -> MiniWindow:
        mini = MiniWindow(theme, AgentLink(partial(FeedClient, agent.path)), memory, AppLooks.none())
        opened.append(mini)
        mini.open()
        return mini

    yield open_one
    for mini in opened:
        mini.close()
        mini.deleteLater()


def _app(name: str, rx: float) -> App:
    return App(
        key=f"executable:/usr/bin/{name}", name=name, processes=1, connections=1, rx_bytes=0, tx_bytes=0, rx_rate=rx,
        tx_rate=0.0, local_rx_bytes=0, local_tx_bytes=0, is_tunnel_process=name == "openvpn",
    )  # fmt: skip


def test_mini_window_shows_rates_and_busiest_app_and_omits_unknown_values(agent: FakeAgent, open_mini: _Open) -> None:
    mini = open_mini()
    assert "–" in drawn(mini)
    agent.greet(past_tick(2.0, 1.0, 1.0))
    wanted = Subscribe(frozenset({"interfaces", "apps"}))
    until(lambda: wanted in agent.heard(), "it subscribes")
    apps = (_app("curl", 5e6), _app("openvpn", 9e9), _app("wget", 1.0))
    agent.say(TickMessage(tick(uplink(2, "eth0", 7.42e6, 341e3))), AppsMessage(apps=apps, interval_s=2.0))
    until(lambda: "curl" in drawn(mini), "the apps are shown")
    shown = drawn(mini)
    for text in ("7.42", "341", "MB/s", "kB/s", "5.00 MB/s"):
        assert text in shown
    assert "openvpn" not in shown, "a tunnel carries the traffic of the others"
    assert mini.accessibleName() == "Download 7.42 MB/s, upload 341 kB/s"
    agent.say(SettingsMessage(Settings(units=Units(bits=True))))
    until(lambda: "59.4" in drawn(mini), "the units follow the settings")
    agent.stop()
    until(lambda: "59.4" not in drawn(mini), "nothing is known any more")
    assert "curl" not in drawn(mini)


def test_changing_rates_do_not_move_the_numbers(agent: FakeAgent, open_mini: _Open) -> None:
    mini = open_mini()
    agent.greet()
    places = []
    for rate in (1.0, 999e6):
        agent.say(TickMessage(tick(uplink(2, "eth0", rate, rate))))
        until(lambda rate=rate: mini._rates[0] == rate, "the tick is there")
        image = mini.grab().toImage()
        row = [image.pixelColor(x, 22).name() for x in range(12, 34)]
        places.append(row)
    assert places[0] == places[1], "the arrow does not move"


def test_keys_and_clicks_open_window_settings_and_menu(agent: FakeAgent, open_mini: _Open) -> None:
    mini = open_mini()
    agent.greet()
    asked: list[str] = []
    mini.window_requested.connect(lambda: asked.append("window"))
    mini.settings_requested.connect(lambda: asked.append("settings"))
    QTest.mouseDClick(mini, Qt.MouseButton.LeftButton)
    QTest.keyClick(mini, Qt.Key.Key_Return)
    menu = mini.make_menu()
    for action in menu.actions()[:2]:
        action.trigger()
    menu.close()
    assert asked == ["window", "window", "window", "settings"]
    QTest.keyClick(mini, Qt.Key.Key_Escape)
    assert not mini.isVisible()


def test_window_position_is_restored_if_it_is_on_a_screen(open_mini: _Open, memory: QSettings) -> None:
    mini = open_mini()
    corner = QGuiApplication.primaryScreen().availableGeometry().bottomRight()
    assert QGuiApplication.primaryScreen().availableGeometry().contains(mini.geometry())
    assert mini.geometry().bottomRight() != corner, "not in the very corner"
    mini.move(40, 50)
    mini.close()
    again = open_mini()
    assert again.pos() == QPoint(40, 50)
    again.close()
    memory.setValue("mini/x", 99_000)
    assert open_mini().pos().x() < 99_000
    memory.setValue("mini/x", "no number")
    assert open_mini().isVisible()


def test_drag_moves_the_mini_window(open_mini: _Open) -> None:
    mini = open_mini()
    mini.move(10, 10)
    QTest.mousePress(mini, Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    QTest.mouseMove(mini, QPoint(90, 60))
    QTest.mouseRelease(mini, Qt.MouseButton.LeftButton, pos=QPoint(90, 60))
    assert mini.pos() == QPoint(80, 50)


def test_mini_window_closes_when_the_agent_quits(agent: FakeAgent, open_mini: _Open) -> None:
    mini = open_mini()
    agent.greet()
    agent.say(Goodbye())
    until(lambda: not mini.isVisible(), "it is closed")

"""Qt without a screen. Exceptions in slots and warnings of Qt fail the test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

_QT = {"QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": "1", "QT_STYLE_OVERRIDE": "", "QT_QPA_PLATFORMTHEME": ""}
_before = {name: os.environ.get(name) for name in _QT}
os.environ.update(_QT)

# ruff: noqa: E402  Qt reads the environment when it starts
from PySide6.QtCore import QEvent, QMessageLogContext, QSettings, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QCursor, QFont
from PySide6.QtWidgets import QApplication
from windows import FakeAgent, FakeHistory, FakeReader, Open, Opened, past_tick

from netwatch_tray.feed.protocol import RecentTick
from netwatch_tray.units import Units

_OFFSCREEN_CANNOT = "This plugin does not support"

_application = QApplication([])
_font = QFont("DejaVu Sans")
_font.setPixelSize(13)
_application.setFont(_font)
for _name, _value in _before.items():  # other tests start programs on real screens
    if _value is None:
        del os.environ[_name]
    else:
        os.environ[_name] = _value


@pytest.fixture
def application() -> QApplication:
    return _application


@pytest.fixture(autouse=True)
def nothing_goes_wrong_in_qt() -> Iterator[None]:
    """Make the test fail after an exception in a slot or a warning of Qt, which Qt itself only prints."""
    wrong: list[str] = []

    def said(kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and not text.startswith(_OFFSCREEN_CANNOT):
            wrong.append(text)

    before = sys.excepthook

    def raised(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        wrong.append(repr(error))
        before(kind, error, trace)

    sys.excepthook = raised
    qInstallMessageHandler(said)
    yield
    # Python may collect a forgotten widget while Qt walks through all of them to change the style, which crashes.
    for widget in _application.topLevelWidgets():
        widget.deleteLater()
    QCursor.setPos(0, 0)  # away from where the next window opens: tables keep their order under the pointer
    _application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    _application.processEvents()
    qInstallMessageHandler(None)
    sys.excepthook = before
    assert not wrong


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[FakeAgent]:
    agent = FakeAgent(tmp_path / "feed")
    yield agent
    agent.stop()


@pytest.fixture
def open_window(agent: FakeAgent, tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens windows, connected by default. They are closed after the test."""
    opened: list[Opened] = []

    def open_one(
        scheme: Qt.ColorScheme = Qt.ColorScheme.Light,
        size: tuple[int, int] = (960, 640),
        *recent: RecentTick,
        connected: bool = True,
        units: Units | None = None,
        history: FakeHistory | None = None,
    ) -> Opened:
        memory = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
        one = Opened(agent, memory, scheme, history)
        opened.append(one)
        one.window.resize(*size)
        if connected:
            one.connect(*recent, units=units)
        _application.processEvents()
        return one

    yield open_one
    for one in opened:
        one.window.close()
        one.window.deleteLater()
        one.theme.deleteLater()
    _application.processEvents()


@pytest.fixture
def opened(agent: FakeAgent, tmp_path: Path) -> Iterator[Opened]:
    """Return a connected window with a history and a settings file."""
    memory = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    one = Opened(
        agent, memory, Qt.ColorScheme.Light, history=FakeHistory(FakeReader()), settings_file=tmp_path / "settings.toml"
    )
    one.window.resize(1280, 800)
    one.connect(past_tick(2, 1e6, 1e5), past_tick(1, 1e6, 1e5))
    _application.processEvents()
    yield one
    one.window.close()
    one.window.deleteLater()
    one.theme.deleteLater()
    _application.processEvents()

"""The window's process: one window and its connection to the agent."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings, QSocketNotifier, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from netwatch_tray import launch, paths, settings
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import Hello, ServerMessage, SettingsMessage
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.data.history_queries import HistoryThread
from netwatch_tray.window.shell import language
from netwatch_tray.window.shell.appearance import Appearance
from netwatch_tray.window.shell.main_window import MainWindow
from netwatch_tray.window.shell.single_instance import SingleInstance
from netwatch_tray.window.widgets.icons import application_icon
from netwatch_tray.window.widgets.theme import Theme


def run(feed_path: Path, *, at_settings: bool = False) -> int:
    """Open the window, and return the exit code when it is closed.

    `feed_path`: the agent's socket; without an agent the window waits for one. `at_settings`: show the settings instead
    of the page of the last time.

    If a window is already open, bring it to the front and return 0. Without a display Qt ends the process: call
    `require_display` first.
    """
    QGuiApplication.setDesktopFileName("netwatch-tray")  # task bars read icon and name from its desktop file
    application = QApplication(sys.argv[:1])
    application.setApplicationName("netwatch-tray")
    application.setApplicationDisplayName("NetWatch")
    application.setWindowIcon(application_icon())
    language.install(application, settings.read(paths.settings_file())[0].language)
    if sys.platform == "darwin":
        from netwatch_tray.window.shell.mac_menu import become_regular  # noqa: PLC0415  macOS alone

        become_regular()
    instance = SingleInstance(feed_path.parent, at_settings=at_settings)
    if not instance.claim():
        return 0
    try:
        return _show(application, instance, feed_path, at_settings=at_settings)
    finally:
        instance.release()


def _show(application: QApplication, instance: SingleInstance, feed_path: Path, *, at_settings: bool) -> int:
    shown = _Shown(application, feed_path)
    instance.requested.connect(shown.bring_up)
    with _closed_by_signals(shown.close):
        shown.show(at_settings=at_settings)
        code = application.exec()
    shown.history.close()
    shown.looks.close()
    return code


class _Shown:
    """The window and what it is made from.

    A change of the desktop's font replaces the window, because all its heights follow from the font.
    """

    def __init__(self, application: QApplication, feed_path: Path) -> None:
        self._application = application
        self._feed_path = feed_path
        memory_file = paths.state_directory() / "window.ini"
        self._memory = QSettings(str(memory_file), QSettings.Format.IniFormat)
        self.history = HistoryThread(paths.history_file())
        self.looks = AppLooks.of_system()
        chosen, _fault = settings.read(paths.settings_file())  # without waiting for the agent
        self._theme = Theme(application)
        self._appearance = Appearance(application, self._theme, chosen.window.theme)
        self._make()

    def show(self, *, at_settings: bool = False) -> None:
        if at_settings:
            self._window.turn_to_settings()
        self._window.show()
        self._link.try_now()

    def bring_up(self, at_settings: bool) -> None:
        if at_settings:
            self._window.turn_to_settings()
        self._window.bring_up()

    def close(self) -> None:
        self._window.close()

    def _make(self) -> None:
        self._link = AgentLink(partial(FeedClient, self._feed_path))
        self._window = MainWindow(
            self._theme,
            self._link,
            self._memory,
            self.history,
            paths.settings_file(),
            paths.history_file(),
            launch.start_agent,
            self.looks,
        )
        self._link.received.connect(self._receive)
        # Queued: Qt has passed the change on to every widget by then.
        self._window.font_changed.connect(self._follow_font, Qt.ConnectionType.QueuedConnection)

    def _receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._appearance.choose(message.settings.window.theme)

    def _follow_font(self) -> None:
        if not self._theme.read_font():
            return
        before = self._window
        self._application.setQuitOnLastWindowClosed(False)
        before.close()  # saves what the next one restores
        before.deleteLater()
        self._make()
        self.show()
        self._application.setQuitOnLastWindowClosed(True)


@contextlib.contextmanager
def _closed_by_signals(close: Callable[[], object]) -> Iterator[None]:
    """Close the window on SIGTERM and SIGINT; the wake-up socket makes that immediate, without a polling timer."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    notifier = QSocketNotifier(receiver.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(close)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    wakeup = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        notifier.setEnabled(False)
        receiver.close()
        sender.close()

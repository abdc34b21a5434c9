"""The window's process: one display, one window, one line to the agent."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import platformdirs
from PySide6.QtCore import QSettings, QSocketNotifier, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from netwatch_tray import launch, paths, settings
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import Hello, ServerMessage, SettingsMessage
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.data.history_queries import HistoryPast
from netwatch_tray.window.shell import language
from netwatch_tray.window.shell.appearance import Appearance
from netwatch_tray.window.shell.main_window import MainWindow
from netwatch_tray.window.shell.single_instance import OnlyOne
from netwatch_tray.window.widgets.icons import application_icon
from netwatch_tray.window.widgets.theme import Theme


def run(feed_path: Path, *, at_settings: bool = False) -> int:
    """Opens the window on the feed at this path and returns the exit code once it is closed.

    `at_settings`: it shows its settings first, not the page that it was closed on.

    Where a window is open already, brings that one to the front and returns 0. An agent that does not run is no error:
    the window waits for it. A display that does not answer ends the process: see `require_display`.
    """
    QGuiApplication.setDesktopFileName("netwatch-tray")  # the task bar takes icon and name from there
    application = QApplication(sys.argv[:1])
    application.setApplicationName("netwatch-tray")
    application.setApplicationDisplayName("NetWatch")
    application.setWindowIcon(application_icon())
    language.follow_system(application)
    if sys.platform == "darwin":
        from netwatch_tray.window.shell.mac_menu import become_regular  # noqa: PLC0415  macOS alone

        become_regular()
    only_one = OnlyOne(feed_path.parent, at_settings=at_settings)
    if not only_one.claim():
        return 0
    try:
        return _show(application, only_one, feed_path, at_settings=at_settings)
    finally:
        only_one.release()


def _show(application: QApplication, only_one: OnlyOne, feed_path: Path, *, at_settings: bool) -> int:
    shown = _Shown(application, feed_path)
    only_one.asked.connect(shown.bring_up)
    with _closed_by_signals(shown.close):
        shown.show(at_settings=at_settings)
        code = application.exec()
    shown.past.close()
    return code


class _Shown:
    """The window and what it is made of; made anew when the desktop's font changes, because all its heights follow
    from the font."""

    def __init__(self, application: QApplication, feed_path: Path) -> None:
        self._application = application
        self._feed_path = feed_path
        memory_file = platformdirs.user_state_path("netwatch-tray") / "window.ini"
        self._memory = QSettings(str(memory_file), QSettings.Format.IniFormat)
        self.past = HistoryPast(paths.history_file())
        chosen, _fault = settings.read(paths.settings_file())  # at once, the agent's answer comes later
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
            self.past,
            paths.settings_file(),
            paths.history_file(),
            launch.start_agent,
        )
        self._link.received.connect(self._receive)
        # When Qt has passed the change on to every widget.
        self._window.font_changed.connect(self._follow_font, Qt.ConnectionType.QueuedConnection)

    def _receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._appearance.choose(message.settings.window.theme)

    def _follow_font(self) -> None:
        if not self._theme.read_font():
            return
        before = self._window
        self._application.setQuitOnLastWindowClosed(False)
        before.close()  # it saves what the next one restores
        before.deleteLater()
        self._make()
        self.show()
        self._application.setQuitOnLastWindowClosed(True)


@contextlib.contextmanager
def _closed_by_signals(close: Callable[[], object]) -> Iterator[None]:
    """SIGTERM and SIGINT close the window as its button does, at once and without a timer that polls for them."""
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

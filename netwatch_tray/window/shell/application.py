"""The window's process: one window and its connection to the agent."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, QSocketNotifier, Qt, QTimer
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
from netwatch_tray.window.shell.single_instance import Request, SingleInstance
from netwatch_tray.window.widgets.icons import application_icon
from netwatch_tray.window.widgets.theme import Theme

if TYPE_CHECKING:
    from netwatch_tray.window.shell.mini_window import MiniWindow

_STARTED_AFTER_MS = 1000


def run(feed_path: Path, request: Request = "window") -> int:
    """Open the window, and return the exit code when all windows are closed.

    `feed_path`: the agent's socket; without an agent the window waits for one. `request`: what to show: `window` (with
    the page that was open last), `settings`, `events`, or only the mini window (`mini`).

    If a window process is running already, pass the request to it and return 0. Call `require_display` before, because
    Qt ends the process if there is no display.
    """
    # Qt fills more than a hundred lines of an area in several threads; waking them takes longer than filling ours.
    os.environ.setdefault("QT_NO_GUI_THREADPOOL", "1")
    QGuiApplication.setDesktopFileName("netwatch-tray")  # task bars read icon and name from its desktop file
    application = QApplication(sys.argv[:1])
    application.setApplicationName("netwatch-tray")
    application.setApplicationDisplayName("NetWatch")
    application.setWindowIcon(application_icon())
    language.install(application, settings.read(paths.settings_file())[0].language)
    if sys.platform == "darwin":
        from netwatch_tray.window.shell.mac_menu import become_regular  # noqa: PLC0415  macOS alone

        become_regular()
    instance = SingleInstance(feed_path.parent, request)
    if not instance.claim():
        return 0
    with _notified_of_signals() as ended:  # to the end: the agent's goodbye comes first and its SIGTERM may come late
        try:
            return _show(application, instance, ended, feed_path, request)
        finally:
            instance.release()


def _show(
    application: QApplication, instance: SingleInstance, ended: QSocketNotifier, feed_path: Path, request: Request
) -> int:
    shown = _Shown(application, feed_path)
    instance.requested.connect(shown.show)
    ended.activated.connect(shown.close)
    shown.show(request)
    QTimer.singleShot(_STARTED_AFTER_MS, keep_what_is_loaded)
    code = application.exec()
    ended.setEnabled(False)
    shown.history.close()
    shown.looks.close()
    return code


def keep_what_is_loaded() -> None:
    """Turn garbage collection on, but exclude all objects that exist now.

    These are mostly modules and types, fifty thousand objects that are never garbage. Going through them takes longer
    than a frame, and may happen at any time, such as while a table is scrolled.
    """
    gc.freeze()
    gc.enable()


def free_closed_windows() -> None:
    """Free the memory of closed windows, whose objects refer to each other, then exclude all remaining objects from
    garbage collection again."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class _Shown:
    """The main window and the mini window, and what both need. They are independent of each other.

    When the desktop's font changes, the main window is replaced by a new one, because all its heights depend on the
    font.
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
        self._window: MainWindow | None = None
        self._mini: MiniWindow | None = None

    def show(self, request: Request) -> None:
        """Open the requested window, or bring it to the front if it is open."""
        if request == "mini":
            self._show_mini()
            return
        window, is_new = self._window, False
        if window is None or window.isHidden():  # hidden: it was closed, and the mini window was not
            window, is_new = self._make(), True
        if request == "settings":
            window.turn_to_settings()
        elif request == "events":
            window.turn_to_page("events")
        if is_new:
            window.show()
            self._link.try_now()
        else:
            window.bring_up()

    def close(self) -> None:
        for each in (self._window, self._mini):
            if each is not None:
                each.close()

    def _make(self) -> MainWindow:
        before = self._window
        if before is not None:
            before.deleteLater()
            QTimer.singleShot(_STARTED_AFTER_MS, free_closed_windows)
        self._link = AgentLink(partial(FeedClient, self._feed_path))
        window = self._window = MainWindow(
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
        window.mini_requested.connect(self._show_mini)
        # Queued: Qt has passed the change on to every widget by then.
        window.font_changed.connect(self._follow_font, Qt.ConnectionType.QueuedConnection)
        return window

    def _show_mini(self) -> None:
        from netwatch_tray.window.shell.mini_window import MiniWindow  # noqa: PLC0415  most sessions never need it

        if self._mini is None or self._mini.isHidden():
            if self._mini is not None:
                self._mini.deleteLater()
            link = AgentLink(partial(FeedClient, self._feed_path))
            self._mini = MiniWindow(self._theme, link, self._memory, self.looks)
            link.received.connect(self._receive)
            self._mini.window_requested.connect(lambda: self.show("window"))
            self._mini.settings_requested.connect(lambda: self.show("settings"))
        self._mini.open()

    def _receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._appearance.choose(message.settings.window.theme)

    def _follow_font(self) -> None:
        before = self._window
        if before is None or not self._theme.read_font():
            return
        self._application.setQuitOnLastWindowClosed(False)
        before.close()  # saves what the next one restores
        self.show("window")
        self._application.setQuitOnLastWindowClosed(True)


@contextlib.contextmanager
def _notified_of_signals() -> Iterator[QSocketNotifier]:
    """Within the block, SIGTERM and SIGINT do not end the process, but activate the notifier that is yielded.

    Python writes a signal to a socket at once (signal.set_wakeup_fd), which the notifier watches.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    notifier = QSocketNotifier(receiver.fileno(), QSocketNotifier.Type.Read)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    wakeup = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield notifier
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        notifier.setEnabled(False)
        receiver.close()
        sender.close()

"""The window's process: one display, one window, one line to the agent."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import platformdirs
from PySide6.QtCore import QSettings, QSocketNotifier
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from netwatch_tray import launch, paths
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.window import language
from netwatch_tray.window.agent_link import AgentLink
from netwatch_tray.window.icons import application_icon
from netwatch_tray.window.main_window import MainWindow
from netwatch_tray.window.only_one import OnlyOne
from netwatch_tray.window.past import HistoryPast
from netwatch_tray.window.theme import Theme


def run(feed_path: Path) -> int:
    """Opens the window on the feed at this path and returns the exit code once it is closed.

    Where a window is open already, brings that one to the front and returns 0. An agent that does not run is no error:
    the window waits for it. A display that does not answer ends the process: see `require_display`.
    """
    QGuiApplication.setDesktopFileName("netwatch-tray")  # the task bar takes icon and name from there
    application = QApplication(sys.argv[:1])
    application.setApplicationName("netwatch-tray")
    application.setApplicationDisplayName("NetWatch")
    application.setWindowIcon(application_icon())
    language.follow_system(application)
    only_one = OnlyOne(feed_path.parent)
    if not only_one.claim():
        return 0
    try:
        return _show(application, only_one, feed_path)
    finally:
        only_one.release()


def _show(application: QApplication, only_one: OnlyOne, feed_path: Path) -> int:
    memory_file = platformdirs.user_state_path("netwatch-tray") / "window.ini"
    memory = QSettings(str(memory_file), QSettings.Format.IniFormat)
    link = AgentLink(partial(FeedClient, feed_path))
    past = HistoryPast(paths.history_file())
    window = MainWindow(
        Theme(application), link, memory, past, paths.settings_file(), paths.history_file(), launch.start_agent
    )
    only_one.asked.connect(window.bring_up)
    with _closed_by_signals(window):
        window.show()
        link.try_now()
        code = application.exec()
    past.close()
    return code


@contextlib.contextmanager
def _closed_by_signals(window: MainWindow) -> Iterator[None]:
    """SIGTERM and SIGINT close the window as its button does, at once and without a timer that polls for them."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    notifier = QSocketNotifier(receiver.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(window.close)
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

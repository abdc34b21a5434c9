"""The process of the XEmbed icon: shows the agent's ticks, and sends the user's choices to the agent.

It exits when the connection to the agent closes. The agent starts it, restarts it and terminates it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["DBUS_SESSION_BUS_ADDRESS"] = "disabled:"  # with a session bus Qt would not use the XEmbed tray

from PySide6.QtCore import QPointF, QRect, QSize, QSocketNotifier, Qt
from PySide6.QtGui import QAction, QActionGroup, QIcon, QIconEngine, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from netwatch_tray import language, paths, settings
from netwatch_tray.errors import AgentUnreachableError, NetWatchError, ParseError, message
from netwatch_tray.event import Event
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import (
    AppsMessage,
    ClientMessage,
    Command,
    EventsMessage,
    Goodbye,
    Hello,
    SettingsMessage,
    Status,
    Subscribe,
    TickMessage,
    Topic,
)
from netwatch_tray.model import App, Tick
from netwatch_tray.settings import Settings
from netwatch_tray.text import qt_label, qt_tool_tip
from netwatch_tray.tray import presenter
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.tray.icon import SIZES, draw
from netwatch_tray.tray.menu import Actions, TrayMenu
from netwatch_tray.tray.pace import Pace
from netwatch_tray.tray.presenter import Amounts, Glyph, Presenter


def run(feed_path: Path) -> int:
    """Show the icon until the agent exits; return Qt's exit code. Raise AgentUnreachableError if there is no agent."""
    application = QApplication(sys.argv[:1])
    language.use(settings.read(paths.settings_file())[0].language)
    application.setApplicationName("netwatch-tray")
    application.setQuitOnLastWindowClosed(False)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing has to be cleaned up
    icon = Icon(FeedClient(feed_path), application.quit)
    icon.show()
    return application.exec()


class Icon:
    """The icon, its tooltip and its menu."""

    def __init__(self, client: FeedClient, leave: Callable[[], None]) -> None:
        self._client = client
        self._leave = leave
        self._actions = Actions(
            open_window=lambda: self._command("open-window"),
            open_settings=lambda: self._command("open-settings"),
            open_mini=lambda: self._command("open-mini"),
            quit=lambda: self._command("quit"),
            pause=lambda on: self._command("pause" if on else "resume"),
            choose=self._choose,
            show_doctor=lambda: self._command("show-doctor"),
            upload_state=lambda: self._status.upload if self._status else None,
            apps=lambda: self._apps,
            amounts=self._amounts,
            last_event=lambda: self._last_event,
            show_events=lambda: self._command("open-events"),
        )
        self._status: Status | None = None
        self._settings = Settings()
        self._apps: tuple[App, ...] = ()
        self._last_event: Event | None = None
        self._presenter = Presenter(Settings())
        self._pace = Pace(Settings().tray.period)
        self._tick: Tick | None = None
        """The latest tick."""
        self._menu = TrayMenu(self._actions, Settings())
        self._drawn = _DrawnMenu()
        self._native = QSystemTrayIcon(_picture(presenter.waiting().glyph))
        self._native.setContextMenu(self._drawn.widget)
        self._native.activated.connect(self._clicked)
        self._drawn.widget.aboutToShow.connect(self._about_to_show)
        self._drawn.widget.aboutToHide.connect(lambda: self._subscribe("interfaces", "events"))
        self._notifier = QSocketNotifier(client.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._read)
        self._tell(presenter.waiting())

    def show(self) -> None:
        self._native.show()
        self._read()

    def _read(self) -> None:
        try:
            for message in self._client.receive():
                self._hear(message)
        except (AgentUnreachableError, ParseError):
            self._notifier.setEnabled(False)
            self._leave()

    def _hear(self, message: object) -> None:
        match message:
            case Hello(settings=chosen):
                self._apply(chosen)
                self._subscribe("interfaces", "events")
                self._command("status")
            case SettingsMessage(settings=chosen):
                self._apply(chosen)
            case Status():
                self._status = message
            case AppsMessage(apps=apps):
                self._apps = apps
            case EventsMessage(events=(*_, event)):
                self._last_event = event
            case TickMessage(tick=tick):
                self._tick = tick
                self._follow(tick)
            case Goodbye():
                self._leave()

    def _apply(self, chosen: Settings) -> None:
        self._presenter, self._pace = Presenter(chosen), Pace(chosen.tray.period)
        self._menu.settings = self._settings = chosen
        if self._tick is not None:
            self._follow(self._tick)

    def _follow(self, tick: Tick) -> None:
        passed = self._pace.take(tick)
        if passed is not None:
            self._show(self._presenter.present(passed))

    def _show(self, view: presenter.View) -> None:
        old, self._menu.view = self._menu.view, view
        if view.glyph != old.glyph:
            self._native.setIcon(_picture(view.glyph))
        if view.tooltip != old.tooltip:
            self._tell(view)
        if view != old and self._drawn.widget.isVisible():
            self._drawn.update()

    def _about_to_show(self) -> None:
        self._command("status")  # the menu does not wait; it shows the response the next time
        self._subscribe("interfaces", "events", "apps")
        self._drawn.draw(self._menu.build())

    def _tell(self, view: presenter.View) -> None:
        self._native.setToolTip(qt_tool_tip("\n".join(view.tooltip)))

    def _clicked(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self._actions.open_window()
        elif reason == QSystemTrayIcon.ActivationReason.MiddleClick:
            self._actions.pause(not self._menu.view.is_paused)

    def _choose(self, chosen: Settings) -> None:
        from netwatch_tray import settings_writer  # noqa: PLC0415  2 MB with tomlkit, and hardly ever needed

        try:
            changes = settings.changes(self._menu.settings, chosen)
            settings_writer.change(paths.settings_file(), lambda before: settings.changed(before, changes))
        except NetWatchError as error:
            heading = language.said(message("The settings were not changed"))
            text = language.said(error.message)
            self._native.showMessage(heading, text, QSystemTrayIcon.MessageIcon.Warning)
        else:
            self._command("reload")

    def _amounts(self) -> Amounts | None:
        chosen, status = self._settings, self._status
        if not chosen.history.on:
            return None
        if status is None:
            return Amounts(None, None, chosen.plan.cap_bytes, None)
        return Amounts(status.today_bytes, status.month_bytes, chosen.plan.cap_bytes, status.month_since)

    def _subscribe(self, *topics: Topic) -> None:
        self._send(Subscribe(frozenset(topics)))

    def _command(self, name: str) -> None:
        self._send(Command(name))  # type: ignore[arg-type]  # the callers' literals are the protocol's

    def _send(self, message: ClientMessage) -> None:
        try:
            self._client.send(message)
        except AgentUnreachableError:
            self._leave()


class _DrawnMenu:
    """A pystray menu as a QMenu. It is made when it is opened; texts are changed in place while it is open."""

    def __init__(self) -> None:
        self.widget = QMenu()
        self._rows: list[tuple[QAction, MenuItem]] = []
        self._groups: list[QActionGroup] = []

    def draw(self, menu: Menu) -> None:
        self.widget.clear()
        self._rows, self._groups = [], []
        self._fill(self.widget, menu)

    def update(self) -> None:
        for action, item in self._rows:
            action.setText(qt_label(item.text))
            action.setEnabled(item.enabled)
            if item.checked is not None:
                action.setChecked(item.checked)

    def _fill(self, widget: QMenu, menu: Menu) -> None:
        group: QActionGroup | None = None
        for item in menu:
            if item is Menu.SEPARATOR:
                widget.addSeparator()
            elif item.submenu is not None:
                self._fill(widget.addMenu(qt_label(item.text)), item.submenu)
            else:
                action = widget.addAction(qt_label(item.text))
                action.setEnabled(item.enabled)
                if item.checked is not None:
                    action.setCheckable(True)
                    action.setChecked(item.checked)
                if item.radio:
                    if group is None:
                        group = QActionGroup(widget)
                        self._groups.append(group)
                    group.addAction(action)
                action.triggered.connect(lambda _checked=False, item=item: item(self))
                self._rows.append((action, item))


class _Drawing(QIconEngine):
    """One glyph at any size. Trays need sizes such as 17 or 20 pixels, and scaled pictures are not sharp, so the
    largest picture that fits is drawn in the middle."""

    def __init__(self, glyph: Glyph) -> None:
        super().__init__()
        self._glyph = glyph

    def clone(self) -> _Drawing:
        return _Drawing(self._glyph)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, pixmap.rect(), mode, state)
        painter.end()
        return pixmap

    def paint(self, painter: QPainter, rect: QRect, _mode: QIcon.Mode, _state: QIcon.State) -> None:
        ratio = painter.device().devicePixelRatioF()
        room = round(min(rect.width(), rect.height()) * ratio)
        size = max((size for size in SIZES if size <= room), default=SIZES[0])
        drawn = draw(self._glyph, size, "unknown").rgba()
        image = QImage(drawn, size, size, 4 * size, QImage.Format.Format_RGBA8888)
        image.setDevicePixelRatio(ratio)
        left, top = (int((length * ratio - size) / 2) / ratio for length in (rect.width(), rect.height()))
        painter.drawImage(QPointF(rect.x() + left, rect.y() + top), image)


def _picture(glyph: Glyph) -> QIcon:
    return QIcon(_Drawing(glyph))

"""The mini window: current rates, the last minute, the busiest app and today's amount, above all other windows."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPoint, QRect, QRectF, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QShowEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from netwatch_tray import units, wording
from netwatch_tray.feed.protocol import (
    AppsMessage,
    Goodbye,
    Hello,
    ServerMessage,
    SettingsMessage,
    Status,
    TickMessage,
)
from netwatch_tray.model import App
from netwatch_tray.text import printable
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart.curve import DOWN_SHARE
from netwatch_tray.window.chart.sparkline import draw_flat_line, draw_sparkline
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.data.recent_ticks import RecentTicks
from netwatch_tray.window.widgets.painting import hair_line, text_painter
from netwatch_tray.window.widgets.theme import POPOVER_RADIUS, Theme

_WIDTH, _HEIGHT = 320, 120
_EDGE = 12
_RATES, _PLOT, _BOTTOM = QRect(12, 6, 296, 32), QRect(12, 44, 296, 44), QRect(12, 92, 296, 22)
_ARROW, _NUMBER, _UP_AT = 22, 56, 146
_ICON = 14
_SPAN_S = 60.0
_STATUS_EVERY_MS = 30_000
_TOLD_FOR_MS = 20_000
_FROM_CORNER = 24


class MiniWindow(QWidget):
    """A small window without a frame, which the user can drag anywhere. It closes on Escape, and when the agent quits.

    Signals: `window_requested`: the user wants to open the main window. `settings_requested`: the user wants to see the
    settings.
    """

    window_requested = Signal()
    settings_requested = Signal()

    def __init__(self, theme: Theme, link: AgentLink, memory: QSettings, looks: AppLooks) -> None:
        """`link`: a connection to the agent that only this window uses. `memory`: stores its position."""
        super().__init__(
            None,
            Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint,
        )
        self._theme, self._link, self._memory, self._looks = theme, link, memory, looks
        self._units = Units()
        self._ticks = RecentTicks(2 * _SPAN_S)
        self._interval = 1.0
        self._rates: tuple[float | None, float | None] = (None, None)
        self._busiest: App | None = None
        self._today: int | None = None
        self._notice = ""
        self._pressed: QPoint | None = None
        """Position in the window at which the mouse button was pressed; None if it is not pressed."""
        self.setWindowTitle(self.tr("NetWatch mini window"))
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose)  # tool windows do not by default
        self.setAttribute(Qt.WidgetAttribute.WA_MacAlwaysShowToolWindow)
        self._scale = theme.height(100) / 100
        self.setFixedSize(round(_WIDTH * self._scale), round(_HEIGHT * self._scale))
        self._status = QTimer(self, interval=_STATUS_EVERY_MS)
        self._status.timeout.connect(link.request_status)
        link.subscribe(frozenset({"interfaces", "apps"}))
        link.received.connect(self.receive)
        link.changed.connect(self._follow_link)
        looks.changed.connect(self.update)
        theme.changed.connect(self.update)

    def open(self) -> None:
        """Show the window at its last position, or bring it to the front."""
        if not self.isVisible():
            self._place()
            self.show()
            self._link.try_now()
        self.raise_()

    def receive(self, message: ServerMessage) -> None:
        match message:
            case Goodbye():
                self.close()
                return
            case Hello():
                self._interval = message.interval_s
                self._ticks.merge(message.recent)
                self._units = message.settings.units
                self._link.request_status()
            case SettingsMessage():
                self._units = message.settings.units
            case TickMessage():
                self._ticks.add(message.tick)
                self._rates = message.tick.total.rx_rate, message.tick.total.tx_rate
            case AppsMessage():
                busy = [app for app in message.apps if not app.is_tunnel_process and _rate(app)]
                self._busiest = max(busy, key=_rate, default=None)
            case Status():
                self._today = message.today_bytes
            case _:
                return
        self._describe()
        self.update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._status.start()
        is_wayland = QGuiApplication.platformName().startswith("wayland")
        if is_wayland and str(self._memory.value("mini/told", "")) != "1":
            self._memory.setValue("mini/told", 1)
            self._notice = self.tr("Your desktop decides whether it stays on top.")
            QTimer.singleShot(_TOLD_FOR_MS, self._forget_notice)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._memory.setValue("mini/x", self.x())
        self._memory.setValue("mini/y", self.y())
        self._memory.sync()
        self._status.stop()
        self._link.close()
        super().closeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.window_requested.emit()
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        self._pressed = None
        self.window_requested.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        pressed = self._pressed
        if pressed is None:
            return
        moved = (event.position().toPoint() - pressed).manhattanLength()
        if moved < QGuiApplication.styleHints().startDragDistance():
            return
        # The desktop moves the window, because on Wayland a window does not know its position.
        window = self.windowHandle()
        if window.startSystemMove():
            self._pressed = None
        else:
            self.move(event.globalPosition().toPoint() - pressed)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._pressed = None

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.make_menu().popup(event.globalPos())

    def make_menu(self) -> QMenu:
        """Return a new menu, which deletes itself when it is closed."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Open NetWatch")).triggered.connect(self.window_requested)
        menu.addAction(self.tr("Settings…")).triggered.connect(self.settings_requested)
        menu.addSeparator()
        menu.addAction(self.tr("Close")).triggered.connect(self.close)
        return menu

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        painter = text_painter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(tokens.ctl, 1))
        painter.setBrush(tokens.surface)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), POPOVER_RADIUS, POPOVER_RADIUS)
        self._draw_rate(painter, _RATES.left(), DOWN, self._rates[0])
        self._draw_rate(painter, _RATES.left() + _UP_AT, UP, self._rates[1])
        self._draw_plot(painter, QRectF(self._scaled(_PLOT)))
        self._draw_bottom(painter, self._scaled(_BOTTOM))

    def _scaled(self, box: QRect) -> QRect:
        return QRect(*(round(each * self._scale) for each in (box.left(), box.top(), box.width(), box.height())))

    def _draw_rate(self, painter: QPainter, left: int, arrow: str, rate: float | None) -> None:
        """Draw arrow, number and unit of a rate (bytes/s) at fixed positions from the x coordinate `left` on, so that
        nothing moves when the number changes."""
        fonts = self._theme.fonts
        quantity = units.rate(rate, self._units)
        row = self._scaled(QRect(left, _RATES.top(), _ARROW, _RATES.height()))
        middle = Qt.AlignmentFlag.AlignVCenter
        self._text(painter, row, arrow, fonts.screen_title, "down" if arrow == DOWN else "up", middle)
        row.setLeft(row.left() + round(_ARROW * self._scale))
        row.setWidth(round(_NUMBER * self._scale))
        ink = "ink" if rate else "ink3"
        self._text(painter, row, quantity.value, fonts.screen_title, ink, middle | Qt.AlignmentFlag.AlignRight)
        metrics, small = QFontMetrics(fonts.screen_title), QFontMetrics(fonts.base)
        lower = (metrics.ascent() - metrics.descent() - small.ascent() + small.descent()) // 2  # on one base line
        row = row.translated(row.width() + round(4 * self._scale), lower)
        self._text(painter, row, quantity.unit, fonts.base, "ink2", middle)

    def _draw_plot(self, painter: QPainter, box: QRectF) -> None:
        end = self._ticks.newest
        if end is None or not self._link.connected:
            draw_flat_line(painter, box, self._theme.tokens)
            return
        points = self._ticks.points(None, end - _SPAN_S)
        draw_sparkline(painter, box, points, (end - _SPAN_S, end), self._interval, self._theme.tokens)
        painter.setPen(hair_line(self._theme.tokens.ink3))
        y = round(box.top() + box.height() * DOWN_SHARE) + 0.5
        painter.drawLine(QLineF(box.left(), y, box.right(), y))

    def _draw_bottom(self, painter: QPainter, box: QRect) -> None:
        fonts, middle = self._theme.fonts, Qt.AlignmentFlag.AlignVCenter
        metrics = QFontMetrics(fonts.small)
        if self._notice:
            self._text(painter, box, self._notice, fonts.small, "ink2", middle)
            return
        today = self.tr("Today {amount}").format(amount=units.size(self._today, self._units))
        self._text(painter, box, today, fonts.small, "ink2", middle | Qt.AlignmentFlag.AlignRight)
        app = self._busiest
        if app is None or not self._link.connected:
            return
        box = box.adjusted(0, 0, -metrics.horizontalAdvance(today) - _EDGE, 0)
        size = round(_ICON * self._scale)
        icon = QRect(box.left(), box.center().y() - size // 2, size, size)
        self._looks.draw(painter, icon, app.key, self._theme)
        rate = str(units.rate(_rate(app), self._units))
        reserved = metrics.horizontalAdvance(rate) + 6
        box.setLeft(box.left() + size + 6)
        name = printable(self._looks.name(app.key, wording.app_name(app.name)))
        name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, max(0, box.width() - reserved))
        self._text(painter, box, name, fonts.small, "ink", middle)
        box.setLeft(box.left() + metrics.horizontalAdvance(name) + 6)
        self._text(painter, box, rate, fonts.small, "ink2", middle)

    def _text(self, painter: QPainter, box: QRect, text: str, font: QFont, ink: str, align: Qt.AlignmentFlag) -> None:
        """Draw a line of text. The window is not mirrored in right-to-left languages, as charts are not."""
        painter.setFont(font)
        painter.setPen(getattr(self._theme.tokens, ink))
        painter.drawText(box, align, text)

    def _place(self) -> None:
        """Move the window to its last position. If that is on no screen now, move it near the lower corner of the
        screen."""
        x, y = (_number(self._memory.value(f"mini/{axis}")) for axis in "xy")
        if x is not None and y is not None:
            middle = QPoint(x + self.width() // 2, y + self.height() // 2)
            if QGuiApplication.screenAt(middle) is not None:
                self.move(x, y)
                return
        screen = QGuiApplication.primaryScreen().availableGeometry()
        away = QPoint(self.width() + _FROM_CORNER, self.height() + _FROM_CORNER)
        self.move(screen.bottomRight() - away)

    def _follow_link(self) -> None:
        if not self._link.connected:
            self._rates, self._busiest = (None, None), None
            self._describe()
            self.update()

    def _forget_notice(self) -> None:
        self._notice = ""
        self.update()

    def _describe(self) -> None:
        down, up = (units.rate(rate, self._units) for rate in self._rates)
        self.setAccessibleName(self.tr("Download {down}, upload {up}").format(down=down, up=up))


def _rate(app: App) -> float:
    return (app.rx_rate or 0.0) + (app.tx_rate or 0.0)


def _number(stored: object) -> int | None:
    text = str(stored)
    return int(text) if text.lstrip("-").isdigit() and text.isascii() and len(text) < 7 else None

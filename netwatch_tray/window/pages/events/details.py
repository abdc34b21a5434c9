"""The details pane of one event: what happened, why it is an alert, and which mutes would silence it."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from netwatch_tray import event_words
from netwatch_tray.event import Event, SentMuch, Severity, mutes_for
from netwatch_tray.text import printable, qt_tool_tip
from netwatch_tray.units import Units
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.history_range import HistoryRange
from netwatch_tray.window.pages.events.actions import action_in_words, is_serious, jumps_of
from netwatch_tray.window.pages.events.rows import Row, local_day
from netwatch_tray.window.pages.events.upload_chart import DAYS, UploadChart
from netwatch_tray.window.pages.events.words import level_in_words, who
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.event_glyphs import glyph_of
from netwatch_tray.window.widgets.formatting import unbroken
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.layout import clear
from netwatch_tray.window.widgets.painting import hair_line, paint_pane
from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.text import Paragraph, Text
from netwatch_tray.window.widgets.theme import GAP, ICON_GAP, MARGIN, Theme

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader

_STALE_AFTER_S = 60.0
"""Seconds after which a result of the history is queried again: the agent writes once a minute."""
_WIDTH = 304
_PADDING = 12
_ICON, _APP_ICON = 16, 18


class EventDetails(QWidget):
    """The details of one event. Signals: `close_requested`: the user clicked the close button. `acted` carries the
    action that the user chose. `mute_requested` carries a mute and whether to set it (False: remove it)."""

    close_requested = Signal()
    acted = Signal(object, object)
    mute_requested = Signal(object, bool)

    def __init__(self, theme: Theme, history: HistoryQueries | None, looks: AppLooks) -> None:
        super().__init__()
        self._theme = theme
        self._icon = _AppIcon(theme, looks)
        self._shown: tuple[object, ...] = ()
        """The arguments of the last `show_row`, so that nothing is done if they are the same."""
        self._units = Units()
        self._sent: HistoryRange[dict[date, int]] = HistoryRange(history, self)
        """Query for the bytes that the event's app sent on each of the last days."""
        self.setAccessibleName(self.tr("Details"))
        self.setFixedWidth(theme.height(_WIDTH))
        self._symbol = _Symbol(theme)
        self._title = Text(theme, theme.fonts.title)
        close = FlatButton(theme, "", symbol="close")
        close.setToolTip(self.tr("Close the details (Escape)"))
        close.setAccessibleName(self.tr("Close the details"))
        self._who = Text(theme, theme.fonts.strong)
        self._when = Paragraph(theme, theme.fonts.small)
        self.chart = UploadChart(theme)
        self._sentence = Paragraph(theme, theme.fonts.base, "ink")
        self._detail = Paragraph(theme, theme.fonts.small)
        self._why_title = Text(theme, theme.fonts.small_strong, "ink")
        self._why = Paragraph(theme, theme.fonts.small)
        self._note = Paragraph(theme, theme.fonts.small, "ink3")
        self._note.show_text(self.tr("Muted events are still recorded and counted here. They never notify."))
        self._buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._buttons.setSpacing(GAP)
        self._mutes = QVBoxLayout()
        self._mutes.setSpacing(2)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        named = QHBoxLayout()
        named.setSpacing(ICON_GAP)
        named.addWidget(self._icon)
        named.addWidget(self._who, 1)
        column.addLayout(named)
        for widget in (self._when, self.chart, self._sentence, self._detail):
            column.addWidget(widget)
        column.addSpacing(4)
        column.addWidget(self._why_title)
        column.addWidget(self._why)
        column.addLayout(self._buttons)
        column.addSpacing(4)
        self._rule = _Rule(theme)
        column.addWidget(self._rule)
        column.addLayout(self._mutes)
        column.addWidget(self._note)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        scroll.viewport().setAutoFillBackground(False)
        body.setAutoFillBackground(False)
        self._scroll_bar = SlimScrollBar(theme)
        scroll.setVerticalScrollBar(self._scroll_bar)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(self._symbol)
        head.addWidget(self._title, 1)
        head.addWidget(close)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN + 1, _PADDING, MARGIN, _PADDING)
        outer.setSpacing(GAP)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)
        close.clicked.connect(self.close_requested)
        self._sent.loaded.connect(self._show_days)
        self.show_row(None, Units(), ())

    def show_row(self, row: Row | None, units: Units, muted: Collection[str]) -> None:
        """Show an event; None: none. `muted`: codes of the mutes in the settings."""
        if (row, units, muted) == self._shown:
            return
        self._shown, self._units = (row, units, muted), units
        for widget in (self._who, self._when, self._sentence, self._detail, self._why_title, self._why, self._note):
            widget.setVisible(row is not None)
        self._rule.setVisible(row is not None)
        self.chart.hide()
        self._symbol.show_event(row.event if row else None)
        self._icon.show_app(None)
        clear(self._buttons)
        clear(self._mutes)
        if row is None:
            self._title.show_text(self.tr("Nothing selected"))
            return
        event = row.event
        self._title.show_text(event_words.title(event))
        name, detail = who(event)
        self._who.show_text(name)
        self._who.setVisible(bool(name))
        self._icon.show_app(event.app)
        self._show(self._when, self._moments(event, detail))
        self._show(self._sentence, event_words.sentence(event, units))
        self._show(self._detail, event_words.detail(event, units))
        self._detail.setVisible(bool(self._detail.text()))
        is_alert = event.severity is Severity.ALERT
        self._why_title.show_text(self.tr("Why this is an alert") if is_alert else self.tr("Why this is recorded"))
        self._show(self._why, event_words.explain(event, units))
        self._add_buttons(row)
        self._add_mutes(event, muted)
        self._request_days(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        paint_pane(self, self._theme)

    def _show(self, paragraph: Paragraph, text: str) -> None:
        """Set the text of a paragraph. Words that are wider than the pane are elided: names of hosts and apps can be
        long."""
        metrics = QFontMetricsF(paragraph.font())
        text = unbroken(printable(text))
        words = [metrics.elidedText(word, Qt.TextElideMode.ElideMiddle, self._room) for word in text.split(" ")]
        paragraph.show_text(" ".join(words))
        paragraph.setToolTip(qt_tool_tip(text) if paragraph.text() != text else "")

    def _moments(self, event: Event, detail: str) -> str:
        last = f"{datetime.fromtimestamp(event.last).astimezone():%H:%M}"
        parts = [self.tr("{level} at {time}").format(level=level_in_words(event), time=last)]
        if event.count > 1:
            first = f"{datetime.fromtimestamp(event.first).astimezone():%H:%M}"
            parts.append(self.tr("{count} times since {time}").format(count=event.count, time=first))
        return ", ".join([*parts, detail] if detail else parts)

    def _add_buttons(self, row: Row) -> None:
        width = 0
        for action in jumps_of(row):
            button = FlatButton(self._theme, action_in_words(action, row))
            button.clicked.connect(lambda _checked, action=action: self.acted.emit(row, action))
            self._buttons.addWidget(button)
            width += button.sizeHint().width() + GAP
        fits = width - GAP <= self._room
        self._buttons.setDirection(QBoxLayout.Direction.LeftToRight if fits else QBoxLayout.Direction.TopToBottom)
        if fits:
            self._buttons.addStretch(1)

    def _add_mutes(self, event: Event, muted: Collection[str]) -> None:
        for mute in mutes_for(event):
            is_on = mute.code in muted
            text = event_words.unmute(mute, event) if is_on else event_words.mute(mute, event)
            link = _MuteLink(self._theme, text, "bell" if is_on else "bell-muted", self._room)
            link.clicked.connect(lambda _checked, mute=mute, is_on=is_on: self.mute_requested.emit(mute, not is_on))
            self._mutes.addWidget(link)

    def _request_days(self, event: Event) -> None:
        """Query the bytes that the app sent on each of the last days, if the event is about unusual uploads."""
        if isinstance(event.evidence, SentMuch) and event.app_name:
            name, last = event.app_name, local_day(event.last)

            def query(reader: HistoryReader) -> dict[date, int]:
                days = reader.days("app", name, last - timedelta(days=DAYS - 1), last)
                return {day: used.tx for day, used in days.items()}

            self._sent.request(event.id, query, _STALE_AFTER_S)
            self._show_days()

    def _show_days(self) -> None:
        row = self._shown[0] if self._shown else None
        if isinstance(row, Row) and isinstance(row.event.evidence, SentMuch):
            sent = self._sent.result(row.event.id)
            if sent:
                # The day of the event by its own evidence: the history may not have its last minute yet.
                today = {local_day(row.event.last): row.event.evidence.sent}
                self.chart.show_days(sent | today, max(today), row.event.evidence.usual, self._units)

    @property
    def _room(self) -> int:
        """Return the width of the content without the scroll bar, in dip."""
        return self.width() - 2 * MARGIN - 1 - self._scroll_bar.sizeHint().width()


class _Symbol(QWidget):
    """The glyph of the event in the colour of its severity."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._event: Event | None = None
        self.setFixedSize(theme.height(_ICON), theme.height(_ICON))

    def show_event(self, event: Event | None) -> None:
        self._event = event
        self.setVisible(event is not None)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._event is None:
            return
        tokens = self._theme.tokens
        colour = tokens.ink2
        if self._event.severity is Severity.ALERT and not self._event.is_muted:
            colour = tokens.err if is_serious(self._event) else tokens.warn
        symbol = icon(glyph_of(self._event.kind), self.width(), colour, self.devicePixelRatioF())
        QPainter(self).drawPixmap(0, 0, symbol)


class _AppIcon(QWidget):
    """The icon of the app, if the event has one."""

    def __init__(self, theme: Theme, looks: AppLooks) -> None:
        super().__init__()
        self._theme = theme
        self._looks = looks
        self._app: str | None = None
        self.setFixedSize(theme.height(_APP_ICON), theme.height(_APP_ICON))
        looks.changed.connect(self.update)

    def show_app(self, app: str | None) -> None:
        """Show the icon of the app with this key."""
        self._app = app
        self.setVisible(app is not None)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._app is not None:
            self._looks.draw(QPainter(self), self.rect(), self._app, self._theme)


class _Rule(QWidget):
    """A line across the pane."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedHeight(1)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(hair_line(self._theme.tokens.line))
        painter.drawLine(0, 0, self.width(), 0)


class _MuteLink(FlatButton):
    """An underlined text behind a bell. A text that is too long is elided and has a tooltip."""

    _height = 26
    _padding = 0

    def __init__(self, theme: Theme, text: str, symbol: str, room: int) -> None:
        shown, _width = theme.metrics(theme.fonts.base).fit(
            text, room - _ICON - ICON_GAP - 4, Qt.TextElideMode.ElideMiddle
        )
        super().__init__(theme, shown, symbol)
        self.setAccessibleName(text)
        if shown != text:
            self.setToolTip(qt_tool_tip(text))

    def sizeHint(self) -> QSize:
        width = self._theme.metrics(self._theme.fonts.base).width(self.text())
        return QSize(math.ceil(width) + _ICON + ICON_GAP, self._theme.height(self._height))

    def _draw_background(self, painter: QPainter, _box: object) -> None:
        tokens, metrics = self._theme.tokens, self._theme.metrics(self._theme.fonts.base)
        y = (self.height() - metrics.height) / 2 + metrics.ascent + 2.5
        start = 0 if self.layoutDirection() == Qt.LayoutDirection.RightToLeft else _ICON + ICON_GAP
        painter.setPen(QPen(tokens.ink if self.underMouse() else tokens.ctl, 1))
        painter.drawLine(QPointF(start, y), QPointF(start + self.width() - _ICON - ICON_GAP, y))

    def _colour_and_font(self) -> tuple[QColor, QFont]:
        return self._theme.tokens.ink2, self._theme.fonts.base

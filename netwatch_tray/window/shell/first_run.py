"""The page that is shown once, at the first start, if the user has to do something: what was found, and what to do."""

from __future__ import annotations

from typing import Literal, NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from netwatch_tray.feed.protocol import Status
from netwatch_tray.language import said
from netwatch_tray.model import Tick
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.text import Paragraph
from netwatch_tray.window.widgets.theme import GAP, Theme

_WIDTH = 560
_ICON = 16
_MOST_LINES = 6


class _Finding(NamedTuple):
    symbol: Literal["check", "warning", "search"]
    title: str
    detail: str


class FirstRun(QWidget):
    """The page of the first start. Signals: `done`: the user wants to see the Interfaces page. `settings_requested`:
    the user wants to see the settings."""

    done = Signal()
    settings_requested = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        title = Paragraph(theme, theme.fonts.rate, "ink")
        title.show_text(self.tr("NetWatch is measuring"))
        sentence = Paragraph(theme, theme.fonts.base)
        sentence.show_text(self.tr("It keeps its history on this computer. Nothing is sent anywhere unless you ask."))
        self._lines = [_Line(theme) for _ in range(_MOST_LINES)]
        self._missed_tray = False
        """Whether the page has shown that a tray is missing. Then it also shows that the icon has appeared."""
        self._show = show = FlatButton(theme, self.tr("Show interfaces"))
        show.clicked.connect(self.done)
        settings = FlatButton(theme, self.tr("Settings"))
        settings.clicked.connect(self.settings_requested)
        inside = QWidget()
        inside.setMaximumWidth(theme.height(_WIDTH))
        column = QVBoxLayout(inside)
        column.setContentsMargins(24, 40, 24, 24)
        column.setSpacing(12)
        column.addWidget(title)
        column.addWidget(sentence)
        column.addSpacing(GAP)
        for line in self._lines:
            column.addWidget(line)
        column.addSpacing(GAP)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addStretch(1)
        buttons.addWidget(settings)
        buttons.addWidget(show)
        column.addLayout(buttons)
        column.addStretch(1)
        row = QHBoxLayout(self)
        row.addStretch(1)
        row.addWidget(inside, 4)
        row.addStretch(1)

    def show_findings(self, status: Status, tick: Tick | None) -> None:
        findings = self._findings(status, tick)
        for line in self._lines:
            line.setVisible(bool(findings))
            if findings:
                line.show_finding(findings.pop(0))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show.setFocus()

    def paintEvent(self, _event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), self._theme.tokens.surface)

    def _findings(self, status: Status, tick: Tick | None) -> list[_Finding]:
        findings = []
        if tick is not None:
            count, names = len(tick.interfaces), ", ".join(tick.total.uplinks)
            findings.append(
                _Finding(
                    "check" if names else "warning",
                    self.tr("Interfaces found: {count}. The total is {names}").format(count=count, names=names)
                    if names
                    else self.tr("Interfaces found: {count}. None leads out of this computer").format(count=count),
                    self.tr("Tunnels and bridges whose traffic passes another interface are not counted twice."),
                )
            )
        findings.append(
            _Finding(
                "check",
                self.tr("All users' connections, with program names for your own"),
                self.tr("Programs of other users are shown by their service or user."),
            )
        )
        if (tray := self._tray(status)) is not None:
            findings.append(tray)
        if status.settings_fault:
            findings.append(_Finding("warning", self.tr("Fault in the settings"), said(status.settings_fault)))
        if status.faults:
            findings.append(
                _Finding("warning", self.tr("Something cannot be measured"), " ".join(map(said, status.faults)))
            )
        return findings

    def _tray(self, status: Status) -> _Finding | None:
        if status.is_looking:
            self._missed_tray = True
            waiting = self.tr("The icon appears by itself as soon as a panel shows it.")
            return _Finding("search", self.tr("Looking for a tray …"), waiting)
        if status.no_tray:
            self._missed_tray = True
            return _Finding("warning", self.tr("No system tray found"), said(status.no_tray))
        if self._missed_tray:
            clicked = self.tr("A click on it opens this window.")
            return _Finding("check", self.tr("The icon is in the tray"), clicked)
        return None


class _Line(QWidget):
    """A line of the page: a mark (done or to do), what was found, and a sentence about it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._symbol = "check"
        self._title = Paragraph(theme, theme.fonts.base, "ink")
        self._detail = Paragraph(theme, theme.fonts.small)
        self._detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)  # it may hold a command
        column = QVBoxLayout(self)
        column.setContentsMargins(_ICON + 12, 0, _ICON + 12, 0)
        column.setSpacing(1)
        column.addWidget(self._title)
        column.addWidget(self._detail)

    def show_finding(self, finding: _Finding) -> None:
        self._symbol = finding.symbol
        self._title.show_text(finding.title)
        self._detail.show_text(finding.detail)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens = self._theme.tokens
        colour = tokens.warn if self._symbol == "warning" else tokens.ink
        right_to_left = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        painter = QPainter(self)
        pixmap = icon(self._symbol, _ICON, colour, self.devicePixelRatioF())
        painter.drawPixmap(self.width() - _ICON if right_to_left else 0, self._title.y(), pixmap)

"""The page Settings: every change applies at once, is written to the settings file and told to the agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QScrollArea, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from netwatch_tray import autostart, settings as settings_file, units
from netwatch_tray.errors import NetWatchError, SettingsError
from netwatch_tray.feed.protocol import Hello, ServerMessage, SettingsMessage, Status, TickMessage
from netwatch_tray.model import InterfaceTick
from netwatch_tray.settings import Settings
from netwatch_tray.window.controls import FlatButton, Segments, Tab, Text, draw_ring, hair_line
from netwatch_tray.window.interface_table import describe
from netwatch_tray.window.page import Page
from netwatch_tray.window.theme import MARGIN, Theme

_SECTIONS_WIDTH = 216
_COLUMN_WIDTH = 680
_SECTIONS_FROM = 840
_ROW = 38
_AUTOMATIC, _IN, _OUT = range(3)


class Switch(QAbstractButton):
    """On or off."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self._theme.height(36), self._theme.height(20))

    def paintEvent(self, _event: QPaintEvent) -> None:
        tokens, box = self._theme.tokens, self.rect()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.accent if on else tokens.ctl)
        radius = box.height() / 2
        painter.drawRoundedRect(box, radius, radius)
        painter.setBrush(tokens.surface)
        knob = box.height() - 6
        at_end = on != (self.layoutDirection() == Qt.LayoutDirection.RightToLeft)
        painter.drawEllipse(box.right() - 2 - knob if at_end else 3, 3, knob, knob)
        if self.hasFocus():
            draw_ring(painter, self._theme, box.toRectF(), radius)


class _SettingRow(QWidget):
    """Label and help at the leading side, the control at the trailing one."""

    def __init__(self, theme: Theme, label: str, help_text: str, control: QWidget) -> None:
        super().__init__()
        self._theme = theme
        self.control = control
        self.name = Text(theme, theme.fonts.base)
        self.name.show_text(label)
        self.help = Text(theme, theme.fonts.small, "ink2")
        self.help.show_text(help_text)
        if not help_text:
            self.help.hide()
        said = QVBoxLayout()
        said.setSpacing(1)
        said.addStretch(1)
        said.addWidget(self.name)
        said.addWidget(self.help)
        said.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 5, 0, 6)
        row.setSpacing(MARGIN)
        row.addLayout(said, 1)
        row.addWidget(control)
        self.setMinimumHeight(theme.height(_ROW))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(hair_line(self._theme.tokens.line))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)


class SettingsPage(Page):
    """`saved`: the file holds other settings now."""

    saved = Signal()

    def __init__(self, theme: Theme, file: Path | None) -> None:
        """`file` None: nothing is written; for pictures."""
        super().__init__()
        self._theme = theme
        self._file = file
        self._settings = Settings()
        self._interfaces: dict[str, InterfaceTick] = {}
        self._interface_rows: dict[str, _SettingRow] = {}
        self._unsaved: str | None = None
        self._showing = False
        self._status: Status | None = None
        self._cpu = ""

        self._column = QWidget()
        self._inside = QVBoxLayout(self._column)
        self._inside.setContentsMargins(24, MARGIN, 24, 24)
        self._inside.setSpacing(0)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._column)
        self._scroll.viewport().setAutoFillBackground(False)
        self._column.setAutoFillBackground(False)
        theme.changed.connect(lambda: theme.slim(self._scroll.verticalScrollBar()))
        theme.slim(self._scroll.verticalScrollBar())
        self._sections = QWidget()
        self._sections.setFixedWidth(theme.height(_SECTIONS_WIDTH))
        self._section_list = QVBoxLayout(self._sections)
        self._section_list.setContentsMargins(12, MARGIN, 12, MARGIN)
        self._section_list.setSpacing(2)

        self._rates = self._segments((self.tr("Bytes"), self.tr("Bits")), self.tr("Rates in"), self._choose_bits)
        self._steps = self._segments(("1000", "1024"), self.tr("Multiples of"), self._choose_binary)
        self._text = Switch(theme, self.tr("Rates beside the icon"))
        self._text.toggled.connect(self._choose_text)
        self._login = Switch(theme, self.tr("Open at login"))
        self._login.toggled.connect(self._choose_login)
        self._history = Switch(theme, self.tr("Keep a history"))
        self._history.toggled.connect(self._choose_history)
        self._cap = self._number(self.tr("Data plan, GB a month"), 0, 1_000_000, " GB", self._choose_cap)
        self._cap.setSpecialValueText(self.tr("No cap"))
        self._day = self._number(self.tr("Day the plan begins on"), 1, 31, "", self._choose_day)
        self._copy = FlatButton(theme, self.tr("Copy report"))
        self._copy.clicked.connect(self._copy_report)
        self._version = Text(theme, theme.fonts.base)
        self._own = Text(theme, theme.fonts.base)
        self._lay_out()

    def receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._show_settings(message.settings)
        if isinstance(message, Hello):
            self._version.show_text(f"NetWatch Tray {message.version}")
        elif isinstance(message, TickMessage):
            self._show_interfaces(message.tick.interfaces)
        elif isinstance(message, Status):
            self._status = message

    def lose_agent(self) -> None:
        self._status = None

    def show_own_cost(self, cost: str) -> None:
        """What the agent uses, in words."""
        self._cpu = cost
        self._own.show_text(cost)

    def status(self) -> list[str]:
        return [self.tr("Changes apply at once"), str(self._file or "")]

    def fault(self) -> tuple[str, str] | None:
        return (self.tr("The settings were not saved"), self._unsaved) if self._unsaved else None

    def take_focus(self) -> None:
        self.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_interfaces(tuple(self._interfaces.values()))
        self._show_login()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        if self._sections.isVisible():
            painter.fillRect(self._sections.geometry(), self._theme.tokens.window)

    def set_width(self, width: int) -> None:
        """Of the window: a narrow one has no list of sections."""
        self._sections.setVisible(width >= _SECTIONS_FROM)

    def _segments(self, names: Sequence[str], name: str, choose: Callable[[int], None]) -> Segments:
        segments = Segments(self._theme, names, name)
        segments.chosen.connect(choose)
        return segments

    def _number(self, name: str, least: int, most: int, suffix: str, choose: Callable[[int], None]) -> QSpinBox:
        number = QSpinBox()
        number.setRange(least, most)
        number.setSuffix(suffix)
        number.setAccessibleName(name)
        number.setFont(self._theme.fonts.base)
        number.setKeyboardTracking(False)  # a number is chosen when it is whole
        number.setMinimumHeight(self._theme.height(28))
        number.setMinimumWidth(self._theme.height(110))
        number.valueChanged.connect(choose)
        return number

    def _lay_out(self) -> None:
        self._add_section(
            self.tr("Tray"),
            (self.tr("Open at login"), self.tr("The agent with its icon, not this window."), self._login),
            (self.tr("Rates beside the icon"), self.tr("Where the bar has room for text."), self._text),
        )
        self._add_section(
            self.tr("Units"),
            (self.tr("Rates in"), self.tr("Amounts are always in bytes."), self._rates),
            (self.tr("Multiples of"), self.tr("1000: kB, MB. 1024: KiB, MiB."), self._steps),
        )
        self._add_section(self.tr("Interfaces in the total"))
        hint = Text(self._theme, self._theme.fonts.small, "ink2")
        hint.show_text(self.tr("Automatic counts each byte once: what passes through another interface is left out."))
        self._inside.addWidget(hint)
        self._interface_list = QVBoxLayout()
        self._interface_list.setSpacing(0)
        self._inside.addLayout(self._interface_list)
        self._add_section(
            self.tr("History and data plan"),
            (self.tr("Keep a history"), self.tr("On this computer alone."), self._history),
            (self.tr("Data plan"), self.tr("Download and upload together; you are told at 80 and 100 %."), self._cap),
            (self.tr("The month begins on day"), self.tr("As on your bill."), self._day),
        )
        about = QWidget()
        line = QHBoxLayout(about)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self._copy)
        self._add_section(self.tr("About"), ("NetWatch Tray", "", about), (self.tr("The agent now"), "", self._own))
        self._inside.addStretch(1)
        self._section_list.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._sections)
        row.addWidget(self._scroll, 1)
        self._column.setMaximumWidth(self._theme.height(_COLUMN_WIDTH) + 48)

    def _add_section(self, title: str, *rows: tuple[str, str, QWidget]) -> None:
        heading = Text(self._theme, self._theme.fonts.title)
        heading.show_text(title)
        heading.setContentsMargins(0, 20 if self._inside.count() else 0, 0, 6)
        self._inside.addWidget(heading)
        link = Tab(self._theme, title, None)
        link.setCheckable(False)
        link.clicked.connect(lambda: self._scroll.verticalScrollBar().setValue(heading.y()))
        self._section_list.addWidget(link)
        for label, help_text, control in rows:
            row = _SettingRow(self._theme, label, help_text, control)
            if label == "NetWatch Tray":
                self._version = row.name
            self._inside.addWidget(row)

    def _show_settings(self, settings: Settings) -> None:
        self._showing = True
        self._settings = settings
        self._rates.choose(int(settings.units.bits))
        self._steps.choose(int(settings.units.binary))
        self._text.setChecked(settings.tray.text)
        self._history.setChecked(settings.history.on)
        self._cap.setValue(round(settings.plan.cap_gb or 0))
        self._day.setValue(settings.plan.billing_day)
        for name in self._interface_rows:
            self._show_choice(name)
        self._showing = False

    def _show_interfaces(self, interfaces: Sequence[InterfaceTick]) -> None:
        self._interfaces = {each.name: each for each in interfaces}
        if not self.isVisible():
            return
        listed = sorted({*self._interfaces, *self._settings.total}, key=self._place)
        if listed != list(self._interface_rows):
            while (item := self._interface_list.takeAt(0)) is not None:
                item.widget().deleteLater()
            self._interface_rows = {name: self._interface_row(name) for name in listed}
        for name, row in self._interface_rows.items():
            there = self._interfaces.get(name)
            row.help.show_text(f"{describe(there)}; {there.why}" if there else self.tr("Not there at this moment"))

    def _place(self, name: str) -> tuple[bool, bool, str]:
        there = self._interfaces.get(name)
        return (there is None or not there.is_uplink, there is None or not there.is_up, name)

    def _interface_row(self, name: str) -> _SettingRow:
        choices = (self.tr("Automatic"), self.tr("Count"), self.tr("Leave out"))
        segments = Segments(self._theme, choices, self.tr("{name} in the total").format(name=name))
        row = _SettingRow(self._theme, name, " ", segments)
        self._interface_rows[name] = row
        self._show_choice(name)
        segments.chosen.connect(lambda choice: self._choose_interface(name, choice))
        self._interface_list.addWidget(row)
        return row

    def _show_choice(self, name: str) -> None:
        chosen = self._settings.total.get(name)
        segments = self._interface_rows[name].control
        if isinstance(segments, Segments):
            segments.choose(_AUTOMATIC if chosen is None else _IN if chosen else _OUT)

    def _choose_bits(self, choice: int) -> None:
        self._change(lambda before: {"units": msgspec.structs.replace(before.units, bits=choice == 1)})

    def _choose_binary(self, choice: int) -> None:
        self._change(lambda before: {"units": msgspec.structs.replace(before.units, binary=choice == 1)})

    def _choose_text(self, on: bool) -> None:
        self._change(lambda before: {"tray": msgspec.structs.replace(before.tray, text=on)})

    def _choose_history(self, on: bool) -> None:
        self._change(lambda before: {"history": msgspec.structs.replace(before.history, on=on)})

    def _choose_cap(self, gigabytes: int) -> None:
        cap = float(gigabytes) if gigabytes else None
        self._change(lambda before: {"plan": msgspec.structs.replace(before.plan, cap_gb=cap)})

    def _choose_day(self, day: int) -> None:
        self._change(lambda before: {"plan": msgspec.structs.replace(before.plan, billing_day=day)})

    def _choose_login(self, on: bool) -> None:
        if self._showing or self._file is None:
            return
        try:
            autostart.turn(on=on)
        except NetWatchError as error:
            self._unsaved = str(error)
            self._show_login()
        else:
            self._unsaved = None
        self.changed.emit()

    def _show_login(self) -> None:
        self._showing = True
        self._login.setChecked(autostart.is_on())
        self._showing = False

    def _choose_interface(self, name: str, choice: int) -> None:
        def change(before: Settings) -> dict[str, object]:
            total = {other: counted for other, counted in before.total.items() if other != name}
            return {"total": total if choice == _AUTOMATIC else {**total, name: choice == _IN}}

        self._change(change)

    def _change(self, change: Callable[[Settings], dict[str, object]]) -> None:
        """To what the file holds now, which somebody may have edited meanwhile."""
        if self._showing or self._file is None:
            return
        try:
            before = settings_file.load(self._file)
            after = msgspec.structs.replace(before, **change(before))
            if after != before:
                settings_file.save(self._file, after)
        except SettingsError as error:
            self._unsaved = str(error)
            self._show_settings(self._settings)
        else:
            self._unsaved = None
            self._settings = after
            self.saved.emit()
        self.changed.emit()

    def _copy_report(self) -> None:
        """What helps to help, without addresses or names of programs."""
        lines = [self._version.text(), self._cpu]
        if self._status:
            lines += [
                f"interfaces: {self._status.interfaces}",
                f"connections: {self._status.connections}",
                f"tray: {self._status.tray}",
                f"uptime: {self._status.uptime_s:.0f} s, memory: {units.size(self._status.rss_bytes)}",
                *self._status.faults,
            ]
        QGuiApplication.clipboard().setText("\n".join(lines))

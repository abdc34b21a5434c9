"""The page Settings: every change applies at once, is written to the settings file and told to the agent."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QActionGroup, QDesktopServices, QGuiApplication, QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from netwatch_tray import autostart, units, wording
from netwatch_tray.errors import NetWatchError, SettingsError
from netwatch_tray.feed.protocol import Hello, ServerMessage, SettingsMessage, Status, TickMessage
from netwatch_tray.model import InterfaceTick
from netwatch_tray.settings import ColourScheme, Period, Settings
from netwatch_tray.text import qt_label
from netwatch_tray.window.data.cli_process import CliProcess
from netwatch_tray.window.data.process_cost import ProcessCost
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.pages.settings.upload import UploadSettings
from netwatch_tray.window.widgets.buttons import FlatButton, Segments, Tab
from netwatch_tray.window.widgets.interface_words import describe
from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.setting_controls import Number, SettingRow, Switch, beside
from netwatch_tray.window.widgets.text import Paragraph, Text
from netwatch_tray.window.widgets.theme import MARGIN, Theme

_SECTIONS_WIDTH = 216
_COLUMN_WIDTH = 680
_SECTIONS_FROM = 840
_EVERY_MS = 10_000
_BEGINNING = "2000-01-01"
"""Before anything was measured."""
_SCHEMES: tuple[ColourScheme, ...] = ("system", "light", "dark")
_PERIODS: tuple[Period, ...] = (1, 2, 5)
_AUTOMATIC, _IN, _OUT = range(3)


class SettingsPage(Page):
    """`saved`: the file holds other settings now."""

    saved = Signal()

    def __init__(self, theme: Theme, file: Path | None, history_file: Path | None) -> None:
        """`file` None: nothing is written; for pictures."""
        super().__init__()
        self._theme = theme
        self._file = file
        self._history_file = history_file
        self._settings = Settings()
        self._interfaces: dict[str, InterfaceTick] = {}
        self._interface_rows: dict[str, SettingRow] = {}
        self._unsaved: str | None = None
        self._showing = False
        self._status: Status | None = None
        self._cost = ""
        self._own_cost = ProcessCost()

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
        self._scroll.setVerticalScrollBar(SlimScrollBar(theme))
        self._sections = QWidget()
        self._sections.setFixedWidth(theme.height(_SECTIONS_WIDTH))
        self._section_list = QVBoxLayout(self._sections)
        self._section_list.setContentsMargins(12, MARGIN, 12, MARGIN)
        self._section_list.setSpacing(2)
        self._links = QButtonGroup(self)
        self._headings: list[Text] = []

        self._login = self._switch(self.tr("Start at login"), self._choose_login)
        schemes = (self.tr("System"), self.tr("Light"), self.tr("Dark"))
        self._scheme = self._segments(schemes, self.tr("Colour scheme"), self._choose_scheme)
        self._text = self._switch(self.tr("Rates beside the icon"), self._choose_text)
        self._digits = self._switch(self.tr("Rates in the icon"), self._choose_digits)
        periods = [self.tr("{seconds} s").format(seconds=each) for each in _PERIODS]
        self._period = self._segments(periods, self.tr("New rates every"), self._choose_period)
        self._shown = FlatButton(theme, "", trailing="chevron")
        self._shown.clicked.connect(self._open_shown)
        self._rates = self._segments((self.tr("Bytes"), self.tr("Bits")), self.tr("Rates in"), self._choose_bits)
        self._steps = self._segments(("1000", "1024"), self.tr("Multiples of"), self._choose_binary)
        self._history = self._switch(self.tr("Keep a history"), self._choose_history)
        self._size = Number(theme, self.tr("At most"), 20, 100_000, suffix=" MB")
        self._size.valueChanged.connect(self._choose_size)
        self._folder = FlatButton(theme, self.tr("Open folder"))
        self._folder.clicked.connect(self._open_folder)
        self._export = FlatButton(theme, self.tr("Export …"))
        self._export.setToolTip(self.tr("The total by the hour since the beginning, as CSV"))
        self._export.clicked.connect(self._export_history)
        self._on_disk = SettingRow(theme, self.tr("On disk"), "", beside(self._export, self._folder))
        self._exporting = CliProcess(self)
        self._exporting.done.connect(self._save_export)
        self._exporting.failed.connect(lambda why: self._on_disk.say(why, "err"))
        self._export_to: Path | None = None
        self._cap = Number(theme, self.tr("Data plan, GB a month"), 0, 1_000_000, suffix=" GB", decimals=2)
        self._cap.setSpecialValueText(self.tr("No cap"))
        self._cap.valueChanged.connect(self._choose_cap)
        self._day = Number(theme, self.tr("Day the plan begins on"), 1, 31)
        self._day.valueChanged.connect(self._choose_day)
        self._copy = FlatButton(theme, self.tr("Copy report"))
        self._copy.clicked.connect(self._copy_report)
        self._version = SettingRow(theme, "NetWatch Tray", "", self._copy)
        self._agent_cost = SettingRow(theme, self.tr("The agent, always there"), "", Text(theme, theme.fonts.base))
        self._window_cost = SettingRow(theme, self.tr("This window, while open"), "", Text(theme, theme.fonts.base))
        self._interface_list = QVBoxLayout()
        self._interface_list.setSpacing(0)
        self._lay_out()

        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(self._show_present)
        self._scroll.verticalScrollBar().valueChanged.connect(self._mark_section)
        self._show_settings(self._settings)

    @property
    def is_live(self) -> bool:
        return False

    def receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._show_settings(message.settings)
        if isinstance(message, Hello):
            self._version.name.show_text(f"NetWatch Tray {message.version}")
        elif isinstance(message, TickMessage):
            self._show_interfaces(message.tick.interfaces)
        elif isinstance(message, Status):
            self._status = message
            self._upload.show_status(message.upload)

    def lose_agent(self) -> None:
        self._status = None
        self._upload.show_status(None)
        self.show_agent_cost("")

    def show_agent_cost(self, cost: str) -> None:
        """In words; empty: it is not known."""
        self._cost = cost
        self._say_cost(self._agent_cost, cost)

    def go_to(self, section: int) -> None:
        """To a section by its place, such as `data_plan`."""
        QTimer.singleShot(0, self, lambda: self._go_to(section))  # when the page is laid out

    def stop(self) -> None:
        """Before the window closes."""
        self._upload.stop()
        self._exporting.stop()

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
        self._timer.start()
        self._show_present()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isVisible():
            self._show_login()  # the menu of the icon may have turned it meanwhile

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
        self._own_cost.forget()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        if self._sections.isVisible():
            painter.fillRect(self._sections.geometry(), self._theme.tokens.window)

    def set_width(self, width: int) -> None:
        """Of the window: a narrow one has no list of sections."""
        self._sections.setVisible(width >= _SECTIONS_FROM)

    def _switch(self, name: str, choose: Callable[[bool], None]) -> Switch:
        switch = Switch(self._theme, name)
        switch.toggled.connect(choose)
        return switch

    def _segments(self, names: Sequence[str], name: str, choose: Callable[[int], None]) -> Segments:
        segments = Segments(self._theme, names, name)
        segments.chosen.connect(choose)
        return segments

    def _lay_out(self) -> None:
        self._add_section(self.tr("General"))
        self._add_row(self.tr("Start at login"), self.tr("The agent with its icon, not this window."), self._login)
        self._add_row(self.tr("Colour scheme"), self.tr("Of this window. The icon follows its panel."), self._scheme)
        self._add_section(self.tr("Tray"))
        self._add_row(self.tr("Rates of"), self.tr("What icon, tooltip and text tell."), self._shown)
        self._add_row(self.tr("Rates beside the icon"), self.tr("Where the bar has room for text."), self._text)
        help_text = self.tr("As digits, for trays without text beside it (KDE, LXQt, older trays).")
        self._add_row(self.tr("Rates in the icon"), help_text, self._digits)
        help_text = self.tr("What the tray shows are means of that time; measuring goes on each second.")
        self._add_row(self.tr("New rates every"), help_text, self._period)
        self._add_section(self.tr("Units"))
        self._add_row(self.tr("Rates in"), self.tr("Amounts are always in bytes."), self._rates)
        self._add_row(self.tr("Multiples of"), self.tr("1000: kB, MB. 1024: KiB, MiB."), self._steps)
        self.counted = self._add_section(self.tr("Interfaces in the total"))
        hint = Paragraph(self._theme, self._theme.fonts.small)
        hint.show_text(self.tr("Automatic counts each byte once: what passes through another interface is left out."))
        self._inside.addWidget(hint)
        self._inside.addLayout(self._interface_list)
        self._add_section(self.tr("History"))
        self._add_row(self.tr("Keep a history"), self.tr("On this computer alone."), self._history)
        help_text = self.tr("Beyond it the oldest hours are given up, never the days.")
        self._add_row(self.tr("At most"), help_text, self._size)
        self._inside.addWidget(self._on_disk)
        self.data_plan = self._add_section(self.tr("Data plan"))
        help_text = self.tr("Download and upload together, in 10⁹ bytes; you are told at 80 and 100 %.")
        self._add_row(self.tr("Allowed in a month"), help_text, self._cap)
        self._add_row(self.tr("The month begins on day"), self.tr("As on your bill."), self._day)
        self._add_section(self.tr("Upload"))
        self._upload = UploadSettings(self._theme, self._inside.addWidget, self._change)
        self._add_section(self.tr("About"))
        for widget in (self._version, self._agent_cost, self._window_cost):
            self._inside.addWidget(widget)
        self._inside.addStretch(1)
        self._section_list.addStretch(1)
        self._links.buttons()[0].setChecked(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._sections)
        row.addWidget(self._scroll, 1)
        self._column.setMaximumWidth(self._theme.height(_COLUMN_WIDTH) + 48)

    def _add_section(self, title: str) -> int:
        """Its place."""
        heading = Text(self._theme, self._theme.fonts.title)
        heading.show_text(title)
        heading.setContentsMargins(0, 20 if self._headings else 0, 0, 6)
        self._inside.addWidget(heading)
        link = Tab(self._theme, title, None)
        link.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        link.clicked.connect(partial(self._go_to, len(self._headings)))
        self._links.addButton(link, len(self._headings))
        self._headings.append(heading)
        self._section_list.addWidget(link)
        return len(self._headings) - 1

    def _add_row(self, label: str, help_text: str, control: QWidget) -> None:
        self._inside.addWidget(SettingRow(self._theme, label, help_text, control))

    def _go_to(self, section: int) -> None:
        self._scroll.verticalScrollBar().setValue(self._headings[section].y())
        self._links.button(section).setChecked(True)  # also of the last ones, which cannot come to the top

    def _mark_section(self, top: int) -> None:
        passed = [place for place, heading in enumerate(self._headings) if heading.y() <= top + MARGIN]
        self._links.button(passed[-1] if passed else 0).setChecked(True)

    def _show_settings(self, settings: Settings) -> None:
        self._showing = True
        self._settings = settings
        self._rates.choose(int(settings.units.bits))
        self._steps.choose(int(settings.units.binary))
        self._scheme.choose(_SCHEMES.index(settings.window.theme))
        self._text.setChecked(settings.tray.text)
        self._digits.setChecked(settings.tray.digits)
        self._period.choose(_PERIODS.index(settings.tray.period))
        self._shown.setText(settings.tray.interface or self.tr("The total"))
        self._shown.updateGeometry()
        self._history.setChecked(settings.history.on)
        self._size.setValue(settings.history.size_mb)
        self._cap.setValue(settings.plan.cap_gb or 0)
        self._day.setValue(settings.plan.billing_day)
        self._upload.show_settings(settings.upload)
        for name in self._interface_rows:
            self._show_choice(name)
        self._showing = False

    def _show_present(self) -> None:
        """What changes while nobody does anything."""
        file = self._history_file
        size = _size_with_log(file) if file else 0
        written = self.tr("{size} in {file}").format(size=units.size(size), file=file)
        if self._export_to is None:  # else it says what became of that
            self._on_disk.say(written if size else self.tr("Nothing is written yet"))
        self._export.setEnabled(bool(size))
        self._folder.setEnabled(bool(file and file.parent.is_dir()))
        memory = units.size(_own_memory())
        self._own_cost.add(0, time.monotonic(), time.process_time())
        self._say_cost(self._window_cost, cost_in_words(self._own_cost.percent, str(memory)))

    def _say_cost(self, row: SettingRow, cost: str) -> None:
        if isinstance(row.control, Text):
            row.control.show_text(cost or units.UNKNOWN)

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
            row.say(f"{describe(there)}; {wording.why(there)}" if there else self.tr("Not there at this moment"))

    def _place(self, name: str) -> tuple[bool, bool, str]:
        there = self._interfaces.get(name)
        return (there is None or not there.is_uplink, there is None or not there.is_up, name)

    def _interface_row(self, name: str) -> SettingRow:
        choices = (self.tr("Automatic"), self.tr("Count"), self.tr("Leave out"))
        segments = Segments(self._theme, choices, self.tr("{name} in the total").format(name=name))
        row = SettingRow(self._theme, name, " ", segments)
        self._interface_rows[name] = row
        self._show_choice(name)
        segments.chosen.connect(lambda choice: self._choose_interface(name, choice))
        self._interface_list.addWidget(row)
        row.show()  # now, so that the rows below make room at once
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

    def _choose_scheme(self, choice: int) -> None:
        scheme = _SCHEMES[choice]
        self._change(lambda before: {"window": msgspec.structs.replace(before.window, theme=scheme)})

    def _choose_text(self, on: bool) -> None:
        self._change(lambda before: {"tray": msgspec.structs.replace(before.tray, text=on)})

    def _choose_digits(self, on: bool) -> None:
        self._change(lambda before: {"tray": msgspec.structs.replace(before.tray, digits=on)})

    def _choose_period(self, choice: int) -> None:
        period = _PERIODS[choice]
        self._change(lambda before: {"tray": msgspec.structs.replace(before.tray, period=period)})

    def _choose_history(self, on: bool) -> None:
        self._change(lambda before: {"history": msgspec.structs.replace(before.history, on=on)})

    def _choose_size(self, megabytes: float) -> None:
        size = round(megabytes)
        self._change(lambda before: {"history": msgspec.structs.replace(before.history, size_mb=size)})

    def _choose_cap(self, gigabytes: float) -> None:
        cap = gigabytes or None
        self._change(lambda before: {"plan": msgspec.structs.replace(before.plan, cap_gb=cap)})

    def _choose_day(self, day: float) -> None:
        self._change(lambda before: {"plan": msgspec.structs.replace(before.plan, billing_day=round(day))})

    def _open_shown(self) -> None:
        """The total, or one of the interfaces."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        one_of = QActionGroup(menu)
        chosen = self._settings.tray.interface
        for name in ("", *sorted({*self._interfaces, chosen} - {""}, key=self._place)):
            action = one_of.addAction(qt_label(name) or self.tr("The total"))
            action.setCheckable(True)
            action.setChecked(name == chosen)
            action.triggered.connect(partial(self._choose_shown, name))
            menu.addAction(action)
        menu.popup(self._shown.mapToGlobal(QPoint(0, self._shown.height() + 2)))

    def _choose_shown(self, interface: str) -> None:
        self._change(lambda before: {"tray": msgspec.structs.replace(before.tray, interface=interface)})
        self._show_settings(self._settings)

    def _export_history(self) -> None:
        name, _chosen = QFileDialog.getSaveFileName(self, self.tr("Export the history"), "network-history.csv")
        if name:
            self._export_to = Path(name)
            self._on_disk.say(self.tr("Exporting …"))
            self._exporting.run("export", "--from", _BEGINNING)

    def _save_export(self, printed: bytes) -> None:
        file = self._export_to
        if file is None:
            return
        try:
            file.write_bytes(printed)
        except OSError as error:
            self._on_disk.say(f"{error.strerror}: {file}", "err")
        else:
            self._on_disk.say(self.tr("{size} saved in {file}").format(size=units.size(len(printed)), file=file))

    def _open_folder(self) -> None:
        if self._history_file:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._history_file.parent)))

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
        """Apply a change to the current contents of the file, and save it."""
        if self._showing or self._file is None:
            return
        from netwatch_tray import settings_writer  # noqa: PLC0415  2 MB with tomlkit, and most windows change nothing

        try:
            after = settings_writer.change(self._file, lambda before: msgspec.structs.replace(before, **change(before)))
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
        lines = [self._version.name.text(), self._cost]
        if self._status:
            lines += [
                f"interfaces: {self._status.interfaces}",
                f"connections: {self._status.connections}",
                f"tray: {self._status.tray}",
                f"uptime: {self._status.uptime_s:.0f} s, memory: {units.size(self._status.rss_bytes)}",
                *self._status.faults,
            ]
        QGuiApplication.clipboard().setText("\n".join(lines))


def cost_in_words(percent: float | None, memory: str) -> str:
    if percent is None:
        return QCoreApplication.translate("Cost", "memory {memory}").format(memory=memory)
    words = QCoreApplication.translate("Cost", "CPU {percent:.1f} %, memory {memory}")
    return words.format(percent=percent, memory=memory)


def _own_memory() -> int:
    """Bytes resident."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        import psutil  # noqa: PLC0415  costs 3 MB

        return int(psutil.Process().memory_info().rss)


def _size_with_log(file: Path) -> int:
    """Bytes of a database with what is not yet merged into it; 0: there is none."""
    size = 0
    for each in file.parent.glob(f"{file.name}*"):
        with contextlib.suppress(OSError):  # the log comes and goes
            size += each.stat().st_size
    return size

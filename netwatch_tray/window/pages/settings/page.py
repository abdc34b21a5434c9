"""The Settings page. Every change is saved at once, and the agent is requested to read the file again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from netwatch_tray import autostart, settings as settings_file
from netwatch_tray.errors import NetWatchError, SettingsError
from netwatch_tray.feed.protocol import Hello, ServerMessage, SettingsMessage, Status, TickMessage
from netwatch_tray.language import said
from netwatch_tray.settings import Settings
from netwatch_tray.window.data.process_cost import ProcessCost
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.pages.settings.about import About
from netwatch_tray.window.pages.settings.counted import CountedInterfaces
from netwatch_tray.window.pages.settings.helper import HelperSettings
from netwatch_tray.window.pages.settings.history_file import HistoryActionsRow, HistoryFileRow
from netwatch_tray.window.pages.settings.muted import MutedEvents
from netwatch_tray.window.pages.settings.rows import BoundRows, setting_rows
from netwatch_tray.window.pages.settings.sections import SectionedForm
from netwatch_tray.window.pages.settings.upload import UploadSettings
from netwatch_tray.window.widgets.setting_controls import FormRow, Switch
from netwatch_tray.window.widgets.text import Paragraph
from netwatch_tray.window.widgets.theme import Theme

_REFRESH_MS = 10_000


class SettingsPage(Page):
    """The Settings page. Signal `saved`: the settings file was changed, so the agent must read it again."""

    saved = Signal()

    def __init__(self, theme: Theme, file: Path | None, history_file: Path | None, agent_cost: ProcessCost) -> None:
        """`file`: the settings file; None: changes are not saved. `history_file`: the file that the page shows; None:
        there is none. `agent_cost`: CPU usage of the agent."""
        super().__init__()
        self._theme = theme
        self._file = file
        self._settings = Settings()
        self._not_saved: str | None = None
        """Message why the last change could not be saved; None if it was."""
        self.form = SectionedForm(theme)
        self._bound = BoundRows(theme, self._change)
        self._login = Switch(theme, self.tr("Start at login"))
        self._login.clicked.connect(self._choose_login)
        self._counted = CountedInterfaces(theme, self._change)
        self._muted = MutedEvents(theme, self._change)
        self.history_file = HistoryFileRow(theme, history_file)
        self.history_actions = (
            HistoryActionsRow(theme, self.tr("Backup"), ("backup", "restore")),
            HistoryActionsRow(theme, self.tr("Other histories"), ("merge", "import")),
            HistoryActionsRow(theme, self.tr("Delete history"), ("delete",)),
        )
        self.helper = HelperSettings(theme) if sys.platform == "linux" else None
        self.upload = UploadSettings(theme, self._change)
        self.about = About(theme, agent_cost)
        self._fill()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)

        self._timer = QTimer(self, interval=_REFRESH_MS)
        self._timer.timeout.connect(self._refresh)
        self._show_settings(self._settings)

    @property
    def is_live(self) -> bool:
        return False

    def receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._show_settings(message.settings)
        if isinstance(message, Hello):
            self.about.show_version(message.version)
        elif isinstance(message, TickMessage):
            self._counted.show_interfaces(message.tick.interfaces)
        elif isinstance(message, Status):
            self.about.show_status(message)
            self.upload.show_status(*(said(each) if each else None for each in (message.upload, message.otlp)))
            if self.helper:
                self.helper.show_status(message)

    def lose_agent(self) -> None:
        self.about.show_status(None)
        self.upload.show_status(None, None)
        if self.helper:
            self.helper.show_status(None)

    def stop(self) -> None:
        self.upload.stop()
        self.history_file.process.stop()
        for row in self.history_actions:
            row.process.stop()

    def status(self) -> list[str]:
        return [self.tr("Changes apply at once"), str(self._file or "")]

    def fault(self) -> tuple[str, str] | None:
        return (self.tr("The settings were not saved"), self._not_saved) if self._not_saved else None

    def take_focus(self) -> None:
        self.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._login.setChecked(autostart.is_on())
        self._timer.start()
        self._refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isVisible():
            self._login.setChecked(autostart.is_on())  # the icon's menu changes it, too

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
        self.about.forget_cost()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.form.set_width(self.window().width())

    def _fill(self) -> None:
        """Create all sections with their rows. Called once."""
        form, theme = self.form, self._theme
        rows = {
            section: [self._bound.make(row) for row in rows]
            for section, rows in setting_rows(self._counted.names).items()
        }

        def add(title: str, *widgets: QWidget) -> int:
            section = form.add_section(title)
            for widget in widgets:
                form.add(widget)
            return section

        login_help = self.tr("The agent with its icon, not this window.")
        hint = Paragraph(theme, theme.fonts.small)
        hint.show_text(self.tr("Automatic counts each byte once: what passes through another interface is left out."))
        add(
            self.tr("General"),
            FormRow(theme, self.tr("Start at login"), login_help, self._login),
            *rows["general"],
        )
        add(self.tr("Tray"), *rows["tray"])
        add(self.tr("Units"), *rows["units"])
        self.counted_section = add(self.tr("Interfaces in the total"), hint, self._counted)
        add(self.tr("History"), *rows["history"], self.history_file, *self.history_actions)
        self.events_section = add(self.tr("Events"), *rows["events"], self._muted)
        self.plan_section = add(self.tr("Data plan"), *rows["plan"])
        self.helper_section = add(self.tr("Names and UDP"), *self.helper.rows) if self.helper else 0
        upload = self.upload
        add(self.tr("Upload"), *upload.rows_before, *rows["upload"], *upload.rows_after, *rows["metrics"])
        add(self.tr("About"), *self.about.rows)
        form.finish()

    def _show_settings(self, settings: Settings) -> None:
        self._settings = settings
        managed = settings_file.managed()
        self._bound.show(settings, managed)
        self._counted.show_settings(settings, managed)
        self._muted.show_settings(settings, managed)
        self.upload.show_settings(settings, managed)

    def _refresh(self) -> None:
        """Update the texts that change without a message of the agent: size of the history, CPU usage, commands."""
        self.history_file.refresh()
        if self.helper:
            self.helper.refresh()
        self.about.refresh()

    def _choose_login(self, on: bool) -> None:
        try:
            if self._file is not None:
                autostart.turn(on=on)
        except NetWatchError as error:
            self._not_saved = said(error.message)
            self._login.setChecked(autostart.is_on())
        else:
            self._not_saved = None
        self.changed.emit()

    def _change(self, change: Callable[[Settings], Settings]) -> None:
        """Apply a change to the settings in the file, and save them. `change`: returns the changed settings."""
        if self._file is None:
            return
        from netwatch_tray import settings_writer  # noqa: PLC0415  2 MB with tomlkit, and most windows change nothing

        try:
            after = settings_writer.change(self._file, change)
        except SettingsError as error:
            self._not_saved = said(error.message)
            self._show_settings(self._settings)
        else:
            self._not_saved = None
            self._show_settings(after)
            self.saved.emit()
        self.changed.emit()

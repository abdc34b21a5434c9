"""The Upload section of the settings: whether snapshots are sent, to which server, how much of them, and an exact
preview; and the export to an OpenTelemetry collector."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, get_args

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QFontDatabase, QPalette
from PySide6.QtWidgets import QFrame, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from netwatch_tray import units
from netwatch_tray.settings import Metrics, Otlp, Settings, Upload, UploadLevel
from netwatch_tray.window.data.cli_process import CliProcess
from netwatch_tray.window.pages.settings.rows import Change, with_values
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.line_edit import LineEdit
from netwatch_tray.window.widgets.scroll_bar import SlimScrollBar
from netwatch_tray.window.widgets.setting_controls import Choice, FormRow, Switch, beside, disable, managed_words
from netwatch_tray.window.widgets.text import Paragraph
from netwatch_tray.window.widgets.theme import GAP, Theme

_LEVELS: tuple[UploadLevel, ...] = get_args(UploadLevel)
_BODY_HEIGHT = 260


class UploadSettings(QObject):
    """Creates those rows of the Upload section that do more than choose a value: `rows_before` and `rows_after`.
    Between them are the rows that `rows.py` declares."""

    def __init__(self, theme: Theme, change: Change) -> None:
        super().__init__()
        self._change = change
        self._upload, self._otlp, self._metrics = Upload(), Otlp(), Metrics()
        self._managed: Collection[str] = ()
        self._status: str | None = None
        self._otlp_status: str | None = None
        self.snapshot, self.setup = CliProcess(self), CliProcess(self)
        self.on = Switch(theme, self.tr("Send measurements"))
        self.on.clicked.connect(lambda on: self._choose(on=on))
        self._state = FormRow(theme, self.tr("Send measurements"), "", self.on)
        self.server = LineEdit(theme, self.tr("Server"))
        self.server.setMinimumWidth(theme.height(320))
        self.server.editingFinished.connect(self._choose_server)
        self.key = LineEdit(theme, self.tr("API key"))
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setMinimumWidth(theme.height(220))
        self.key.setPlaceholderText(self.tr("paste it here"))
        self.key.returnPressed.connect(self._save_key)
        self._save = FlatButton(theme, self.tr("Save key"))
        self._save.clicked.connect(self._save_key)
        self._save.setEnabled(False)
        self.key.textChanged.connect(lambda text: self._save.setEnabled(bool(text.strip())))
        self._key_row = FormRow(theme, self.tr("API key"), self._about_key(), beside(self.key, self._save))
        self.show_button = FlatButton(theme, self.tr("Show"))
        self.show_button.clicked.connect(self._show_or_hide)
        self._sent_row = FormRow(theme, self.tr("Exactly what is sent"), self._about_sent(), self.show_button)
        self.body = QPlainTextEdit()
        self.body.setReadOnly(True)
        self.body.setVerticalScrollBar(SlimScrollBar(theme))
        self.body.setHorizontalScrollBar(SlimScrollBar(theme, Qt.Orientation.Horizontal))
        self.body.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.body.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.body.setFixedHeight(theme.height(_BODY_HEIGHT))
        self.body.setTabChangesFocus(True)
        self.body.setFrameShape(QFrame.Shape.NoFrame)
        self.body.document().setDocumentMargin(GAP)
        self.body.setAccessibleName(self.tr("Exactly what is sent"))
        self.body.hide()
        self.otlp = Switch(theme, self.tr("Send to an OpenTelemetry collector"))
        self.otlp.clicked.connect(lambda on: self._choose_otlp(on=on))
        self._otlp_state = FormRow(theme, self.tr("Send to an OpenTelemetry collector"), "", self.otlp)
        self.collector = LineEdit(theme, self.tr("Collector"))
        self.collector.setMinimumWidth(theme.height(320))
        self.collector.editingFinished.connect(self._choose_collector)
        self._collector_row = FormRow(
            theme,
            self.tr("Collector"),
            self.tr("For OTLP over HTTP. Level, headers and certificates are in the settings file."),
            self.collector,
        )
        self._theme = theme
        theme.changed.connect(self._colour)
        self._colour()

        self.snapshot.done.connect(self._show_body)
        self.snapshot.failed.connect(lambda why: self._sent_row.show_help(why, "err"))
        self.setup.done.connect(self._confirm_key)
        self.setup.failed.connect(lambda why: self._key_row.show_help(why, "err"))

        levels = QWidget()
        column = QVBoxLayout(levels)
        column.setContentsMargins(0, GAP, 0, GAP)
        column.setSpacing(2)
        self._why_level = Paragraph(theme, theme.fonts.small)
        self._why_level.hide()
        column.addWidget(self._why_level)
        self.levels: list[Choice] = []
        for level, (name, help_text) in zip(_LEVELS, self._level_texts(), strict=True):
            choice = Choice(theme, name, help_text)
            choice.clicked.connect(lambda _on, level=level: self._choose(level=level))
            self.levels.append(choice)
            column.addWidget(choice)
        self._server_row = FormRow(
            theme, self.tr("Server"), self.tr("NetWatch Cloud, or one of your own."), self.server
        )
        self.rows_before: tuple[QWidget, ...] = (
            self._state,
            self._server_row,
            self._key_row,
            levels,
        )
        self.rows_after: tuple[QWidget, ...] = (self._sent_row, self.body, self._otlp_state, self._collector_row)

    def show_settings(self, settings: Settings, managed: Collection[str]) -> None:
        """Show these settings. `managed`: keys of the settings that only the administrator can change."""
        upload, otlp = settings.upload, settings.otlp
        is_other = upload != self._upload
        self._upload, self._otlp, self._metrics, self._managed = upload, otlp, settings.metrics, managed
        self._state.show_managed("upload.on" in managed)
        self._server_row.show_managed("upload.endpoint" in managed)
        self._otlp_state.show_managed("otlp.on" in managed)
        self._collector_row.show_managed("otlp.endpoint" in managed)
        self._why_level.show_text(managed_words())
        self._why_level.setVisible("upload.level" in managed)
        for choice in self.levels:
            if choice.isEnabled() == ("upload.level" in managed):
                disable(choice, "upload.level" in managed)
        self.on.setChecked(upload.on)
        if not self.server.hasFocus():
            self.server.setText(upload.endpoint)
            self.server.setCursorPosition(0)
        self.levels[_LEVELS.index(upload.level)].setChecked(True)
        self.otlp.setChecked(otlp.on)
        if not self.collector.hasFocus():
            self.collector.setText(otlp.endpoint)
            self.collector.setCursorPosition(0)
        self._show_state()
        if is_other and not self.body.isHidden():
            self._measure()

    def show_status(self, status: str | None, otlp_status: str | None) -> None:
        """Show the state of uploading, and of the export to OpenTelemetry, as the agent reports them; None: unknown."""
        self._status, self._otlp_status = status, otlp_status
        self._show_state()

    def stop(self) -> None:
        """Stop the child processes that run subcommands."""
        self.snapshot.stop()
        self.setup.stop()

    def _colour(self) -> None:
        palette = QPalette(self.body.palette())
        palette.setColor(QPalette.ColorRole.Base, self._theme.tokens.window)
        palette.setColor(QPalette.ColorRole.Text, self._theme.tokens.ink)
        self.body.setPalette(palette)

    def _show_state(self) -> None:
        unknown = self.tr("On; its state is not known at the moment.")
        if self._upload.on:
            self._state.show_help(self._status or unknown)
        elif self._otlp.on or self._metrics.on:
            self._state.show_help(self.tr("Off: nothing is sent to a NetWatch server."))
        else:
            self._state.show_help(self.tr("Off: nothing leaves this computer."))
        if self._otlp.on:
            self._otlp_state.show_help(self._otlp_status or unknown)
        else:
            self._otlp_state.show_help(self.tr("Off. Metrics and, at its level, events as log records."))

    def _choose(self, **chosen: Any) -> None:
        """Save these fields of the settings `Upload`, given by name."""
        self._change(lambda before: with_values(before, {f"upload.{name}": value for name, value in chosen.items()}))

    def _choose_otlp(self, **chosen: Any) -> None:
        """Save these fields of the settings `Otlp`, given by name."""
        self._change(lambda before: with_values(before, {f"otlp.{name}": value for name, value in chosen.items()}))

    def _choose_collector(self) -> None:
        address = self.collector.text().strip()
        if address and address != self._otlp.endpoint:
            self._choose_otlp(endpoint=address)

    def _choose_server(self) -> None:
        address = self.server.text().strip()
        if address and address != self._upload.endpoint:
            # Off, because the key belongs to the previous server.
            self._choose(endpoint=address, **({} if "upload.on" in self._managed else {"on": False}))

    def _save_key(self) -> None:
        """Store the API key that the user has typed, by a subcommand, which puts it into the keyring or else a file."""
        typed = self.key.text().strip()
        if typed and not self.setup.is_running:
            self._key_row.show_help(self.tr("Saving …"))
            self.setup.run("upload", "setup", "--endpoint", self._upload.endpoint, stdin=typed.encode() + b"\n")

    def _confirm_key(self, _printed: bytes) -> None:
        self.key.clear()
        if self._upload.on:
            self._key_row.show_help(self.tr("The key is saved."))
        else:
            self._key_row.show_help(self.tr("The key is saved. Nothing is sent until you turn sending on above."))

    def _show_or_hide(self) -> None:
        if self.body.isHidden():
            self._measure()
        else:
            self.snapshot.stop()
            self.body.hide()
            self.show_button.setText(self.tr("Show"))
            self._sent_row.show_help(self._about_sent())

    def _measure(self) -> None:
        self._sent_row.show_help(self.tr("Measuring for 2 seconds …"))
        self.snapshot.run("snapshot", "--pretty")

    def _show_body(self, printed: bytes) -> None:
        self.body.setPlainText(printed.decode(errors="replace"))
        self.body.show()
        self.show_button.setText(self.tr("Hide"))
        self._sent_row.show_help(
            self.tr("{size}, measured just now as it is for sending; nothing was sent.").format(
                size=units.size(len(printed))
            )
        )

    def _about_key(self) -> str:
        return self.tr("Kept in the system's keyring or in a file that only you may read.")

    def _about_sent(self) -> str:
        return self.tr("Measures for 2 seconds and shows the exact text; nothing is sent.")

    def _level_texts(self) -> tuple[tuple[str, str], ...]:
        return (
            (
                self.tr("Rates only"),
                self.tr(
                    "Counters and rates of the counted interfaces, with name, system and processor of this computer. "
                    "No app, no address of others."
                ),
            ),
            (
                self.tr("Rates and system"),
                self.tr(
                    "Adds connection counts, processor, memory and disks, and round trips to gateway and DNS server."
                ),
            ),
            (self.tr("Rates, system and apps"), self.tr("Adds the processes that use the network, with their users.")),
            (self.tr("Rates, system, apps and connections"), self.tr("Adds the connections with both addresses.")),
            (
                self.tr("Everything"),
                self.tr("Adds alerts with the app and its numbers, and counts of DNS. No names of hosts."),
            ),
        )

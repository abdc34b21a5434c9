"""Rows of the settings about the history file: its size and path, and buttons to export, back up, delete …"""

from __future__ import annotations

import contextlib
from datetime import date, datetime
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QMessageBox

from netwatch_tray import paths, units
from netwatch_tray.errors import reason_of
from netwatch_tray.window.data.cli_process import CliProcess
from netwatch_tray.window.pages.settings.history_dialogs import DeleteDialog, ExportDialog
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.setting_controls import FormRow, beside
from netwatch_tray.window.widgets.theme import Theme


class HistoryFileRow(FormRow):
    """The row with size and path of the history file, and buttons to export data and to open its folder."""

    def __init__(self, theme: Theme, file: Path | None) -> None:
        """`file`: None if there is no history."""
        self.export_button = FlatButton(theme, self.tr("Export …"))
        self._folder = FlatButton(theme, self.tr("Open folder"))
        super().__init__(theme, self.tr("On disk"), "", beside(self.export_button, self._folder))
        self._file = file
        self._export_to: Path | None = None
        self.process = CliProcess(self)
        self.export_button.setToolTip(self.tr("The total, interfaces or apps as CSV or JSON"))
        self.export_button.clicked.connect(self._export)
        self._folder.clicked.connect(self._open_folder)
        self.process.done.connect(self._save)
        self.process.failed.connect(lambda why: self.show_help(why, "err"))

    def refresh(self) -> None:
        """Show the current size of the file, unless the result of an export is shown in its place."""
        file = self._file
        size = _size_with_log(file) if file else 0
        if self._export_to is None:
            written = self.tr("{size} in {file}").format(size=units.size(size), file=file)
            self.show_help(written if size else self.tr("Nothing is written yet"))
        self.export_button.setEnabled(bool(size))
        self._folder.setEnabled(bool(file and paths.exists(file.parent)))

    def _export(self) -> None:
        dialog = ExportDialog(self._theme, self.window())
        if dialog.exec() != QDialog.DialogCode.Accepted:
            return
        name, _filter = QFileDialog.getSaveFileName(
            self, self.tr("Export the history"), "network-history.json" if dialog.is_json else "network-history.csv"
        )
        if name:
            self._export_to = Path(name)
            self.show_help(self.tr("Exporting …"))
            self.process.run(*dialog.arguments(_today()))

    def _save(self, exported: bytes) -> None:
        file = self._export_to
        if file is None:
            return
        try:
            file.write_bytes(exported)
        except OSError as error:
            self.show_help(f"{reason_of(error)}: {file}", "err")
        else:
            self.show_help(self.tr("{size} saved in {file}").format(size=units.size(len(exported)), file=file))

    def _open_folder(self) -> None:
        if self._file:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._file.parent)))


class HistoryActionsRow(FormRow):
    """A row with buttons that run subcommands on the whole history. The result is shown below the label of the row."""

    def __init__(self, theme: Theme, label: str, actions: tuple[str, ...]) -> None:
        """`actions`: any of `backup`, `restore`, `merge`, `import` and `delete`."""
        known = {
            "backup": (self.tr("Back up …"), "", self._back_up),
            "restore": (self.tr("Restore …"), "", self._restore),
            "merge": (self.tr("Merge …"), self.tr("Add the history of another machine"), self._merge),
            "import": (
                self.tr("Import …"),
                self.tr("What vnStat measured before, as vnstat --json printed it"),
                self._import,
            ),
            "delete": (self.tr("Delete …"), "", self._delete),
        }
        self.buttons = {action: FlatButton(theme, known[action][0]) for action in actions}
        super().__init__(theme, label, "", beside(*self.buttons.values()))
        self.process = CliProcess(self)
        for action, button in self.buttons.items():
            _name, tip, act = known[action]
            button.setToolTip(tip)
            button.clicked.connect(act)
        self.process.done.connect(self._show_outcome)
        self.process.failed.connect(self._show_failure)

    def _run(self, *arguments: str) -> None:
        for button in self.buttons.values():
            button.setEnabled(False)
        self.show_help(self.tr("Working …"))
        self.process.run(*arguments)

    def _back_up(self) -> None:
        name, _filter = QFileDialog.getSaveFileName(self, self.tr("Back up the history"), "network-history.sqlite3")
        if name:
            self._run("history", "backup", name)

    def _restore(self) -> None:
        name, _filter = QFileDialog.getOpenFileName(self, self.tr("Restore a backup"))
        question = self.tr("Replace the whole history by {file}? This cannot be undone.").format(file=Path(name).name)
        if name and QMessageBox.question(self, self.tr("Restore a backup"), question) == QMessageBox.StandardButton.Yes:
            self._run("history", "restore", name, "--yes")

    def _merge(self) -> None:
        self._take_file(self.tr("Merge a history"), "history", "merge")

    def _import(self) -> None:
        self._take_file(self.tr("Import from vnStat"), "import")

    def _take_file(self, title: str, *subcommand: str) -> None:
        name, _filter = QFileDialog.getOpenFileName(self, title)
        if name:
            self._run(*subcommand, name)

    def _delete(self) -> None:
        dialog = DeleteDialog(self._theme, self.window(), _today())
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self._run(*dialog.arguments())

    def _show_outcome(self, printed: bytes) -> None:
        self._show(printed.decode(errors="replace").strip(), "ink2")

    def _show_failure(self, why: str) -> None:
        self._show(why, "err")

    def _show(self, text: str, ink: str) -> None:
        for button in self.buttons.values():
            button.setEnabled(True)
        self.show_help(text, ink)


def _today() -> date:
    return datetime.now().astimezone().date()


def _size_with_log(file: Path) -> int:
    """Return the size in bytes of the history file and of its write-ahead log; 0 if there is no file."""
    size = 0
    for each in file.parent.glob(f"{file.name}*"):
        with contextlib.suppress(OSError):  # the log may be removed meanwhile
            size += each.stat().st_size
    return size

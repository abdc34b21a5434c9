"""The row of the history's file: its size, and what can be done with it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from netwatch_tray import units
from netwatch_tray.window.data.cli_process import CliProcess
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.setting_controls import FormRow, beside
from netwatch_tray.window.widgets.theme import Theme

_BEGINNING = "2000-01-01"
"""Before any record."""


class HistoryFileRow(FormRow):
    """Exports the history as CSV, and opens its folder."""

    def __init__(self, theme: Theme, file: Path | None) -> None:
        """`file` None: there is no history."""
        self.export_button = FlatButton(theme, self.tr("Export …"))
        self._folder = FlatButton(theme, self.tr("Open folder"))
        super().__init__(theme, self.tr("On disk"), "", beside(self.export_button, self._folder))
        self._file = file
        self._export_to: Path | None = None
        self.process = CliProcess(self)
        self.export_button.setToolTip(self.tr("The total by the hour since the beginning, as CSV"))
        self.export_button.clicked.connect(self._export)
        self._folder.clicked.connect(self._open_folder)
        self.process.done.connect(self._save)
        self.process.failed.connect(lambda why: self.show_help(why, "err"))

    def refresh(self) -> None:
        """Show the size of the file; after an export, its outcome stays."""
        file = self._file
        size = _size_with_log(file) if file else 0
        if self._export_to is None:
            written = self.tr("{size} in {file}").format(size=units.size(size), file=file)
            self.show_help(written if size else self.tr("Nothing is written yet"))
        self.export_button.setEnabled(bool(size))
        self._folder.setEnabled(bool(file and file.parent.is_dir()))

    def _export(self) -> None:
        name, _filter = QFileDialog.getSaveFileName(self, self.tr("Export the history"), "network-history.csv")
        if name:
            self._export_to = Path(name)
            self.show_help(self.tr("Exporting …"))
            self.process.run("export", "--from", _BEGINNING)

    def _save(self, csv: bytes) -> None:
        file = self._export_to
        if file is None:
            return
        try:
            file.write_bytes(csv)
        except OSError as error:
            self.show_help(f"{error.strerror}: {file}", "err")
        else:
            self.show_help(self.tr("{size} saved in {file}").format(size=units.size(len(csv)), file=file))

    def _open_folder(self) -> None:
        if self._file:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._file.parent)))


def _size_with_log(file: Path) -> int:
    """Return the bytes of a database and its write-ahead log; 0 without a file."""
    size = 0
    for each in file.parent.glob(f"{file.name}*"):
        with contextlib.suppress(OSError):  # the log may be removed meanwhile
            size += each.stat().st_size
    return size

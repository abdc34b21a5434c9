from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox, QWidget
from windows import control, until

from netwatch_tray.window.pages.settings.history_dialogs import DeleteDialog, ExportDialog
from netwatch_tray.window.pages.settings.history_file import HistoryActionsRow, HistoryFileRow
from netwatch_tray.window.widgets.buttons import Segments
from netwatch_tray.window.widgets.theme import Theme

_ECHO = "import sys; print(','.join(sys.argv[1:]))"


@pytest.fixture
def theme(application: QApplication) -> Iterator[Theme]:
    theme = Theme(application, Qt.ColorScheme.Light)
    yield theme
    theme.deleteLater()


def test_without_a_file_there_is_nothing_to_export(theme: Theme, tmp_path: Path) -> None:
    row = HistoryFileRow(theme, tmp_path / "history.sqlite3")
    row.refresh()
    assert row.help.text() == "Nothing is written yet"
    assert not row.export_button.isEnabled()
    row.deleteLater()


def test_shown_size_of_the_history_includes_its_write_ahead_log(theme: Theme, tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite3"
    file.write_bytes(b"x" * 3000)
    (tmp_path / "history.sqlite3-wal").write_bytes(b"x" * 2000)
    row = HistoryFileRow(theme, file)
    row.refresh()
    assert row.help.text().replace("\u00a0", " ") == f"5.00 kB in {file}"
    row.deleteLater()


def test_export_runs_the_subcommand(theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history, saved = tmp_path / "history.sqlite3", tmp_path / "saved.csv"
    history.write_bytes(b"x")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), ""))
    monkeypatch.setattr(ExportDialog, "exec", lambda _dialog: QDialog.DialogCode.Accepted)
    row = HistoryFileRow(theme, history)
    row.process._command = lambda: (sys.executable, "-c", _ECHO)  # else the real program would run
    row.refresh()
    row.export_button.click()
    until(lambda: "saved in" in row.help.text(), "the file is saved")
    assert saved.read_text() == "export,--from,2000-01-01,--step,hour\n"
    row.refresh()
    assert "saved in" in row.help.text(), "the outcome stays"
    saved.unlink()
    saved.mkdir()
    row.export_button.click()
    until(lambda: "Is a directory" in row.help.text(), "the error is shown")
    row.deleteLater()


_TODAY = date(2026, 11, 27)
_ACTIONS = ("backup", "restore", "merge", "import", "delete")


def test_every_choice_of_an_export_is_an_option(theme: Theme) -> None:
    parent = QWidget()
    dialog = ExportDialog(theme, parent)
    assert dialog.arguments(_TODAY) == ["export", "--from", "2000-01-01", "--step", "hour"]
    for name, index in (("Amounts of", 2), ("Days", 1), ("A row for each", 0), ("Format", 1)):
        control(dialog, name, Segments).choose(index)
    assert dialog.arguments(_TODAY) == ["export", "--apps", "--from", "2026-11-21", "--step", "day", "--json"]
    assert dialog.is_json
    parent.deleteLater()


def test_the_delete_dialog_names_what_is_deleted(theme: Theme) -> None:
    parent = QWidget()
    dialog = DeleteDialog(theme, parent, _TODAY)
    assert "from 27 November 2026 to 27 November 2026" in dialog.sentence.text()
    control(dialog, "Days", Segments).choose(2)
    assert "from 29 October 2026" in dialog.sentence.text()
    assert dialog.arguments() == ["history", "delete", "--from", "2026-10-29", "--to", "2026-11-27", "--yes"]
    control(dialog, "Days", Segments).choose(3)
    assert "Everything that was ever recorded" in dialog.sentence.text()
    assert dialog.arguments() == ["history", "delete", "--all", "--yes"]
    parent.deleteLater()


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("backup", "history,backup,{file}"),
        ("restore", "history,restore,{file},--yes"),
        ("merge", "history,merge,{file}"),
        ("import", "import,{file}"),
    ],
)
def test_each_button_of_the_history_runs_its_subcommand(
    theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, arguments: str
) -> None:
    file = tmp_path / "chosen"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    row = HistoryActionsRow(theme, "Whole history", _ACTIONS)
    row.process._command = lambda: (sys.executable, "-c", _ECHO)  # else the real program would run
    row.buttons[action].click()
    assert not row.buttons["delete"].isEnabled(), "one at a time"
    until(lambda: row.help.text() == arguments.format(file=file), "the outcome is shown")
    assert row.buttons["delete"].isEnabled()
    row.deleteLater()


def test_restore_requires_confirmation(theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "chosen"), ""))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    row = HistoryActionsRow(theme, "Whole history", _ACTIONS)
    row.buttons["restore"].click()
    assert not row.process.is_running
    row.deleteLater()

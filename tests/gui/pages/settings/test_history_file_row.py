from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog
from windows import until

from netwatch_tray.window.pages.settings.history_file import HistoryFileRow
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


def test_the_size_includes_the_log(theme: Theme, tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite3"
    file.write_bytes(b"x" * 3000)
    (tmp_path / "history.sqlite3-wal").write_bytes(b"x" * 2000)
    row = HistoryFileRow(theme, file)
    row.refresh()
    assert row.help.text() == f"5.00 kB in {file}"
    row.deleteLater()


def test_the_export_is_that_of_the_subcommand(theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history, saved = tmp_path / "history.sqlite3", tmp_path / "saved.csv"
    history.write_bytes(b"x")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), ""))
    row = HistoryFileRow(theme, history)
    row.process._command = lambda: (sys.executable, "-c", _ECHO)  # else the real program would run
    row.refresh()
    row.export_button.click()
    until(lambda: "saved in" in row.help.text(), "the file is saved")
    assert saved.read_text() == "export,--from,2000-01-01\n"
    row.refresh()
    assert "saved in" in row.help.text(), "the outcome stays"
    saved.unlink()
    saved.mkdir()
    row.export_button.click()
    until(lambda: "Is a directory" in row.help.text(), "the error is shown")
    row.deleteLater()

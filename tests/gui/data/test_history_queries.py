"""Queries on a thread."""

from __future__ import annotations

from pathlib import Path

import pytest
from windows import until

from netwatch_tray.errors import HistoryError
from netwatch_tray.window.data.history_queries import HistoryThread


def test_an_error_arrives_on_the_gui_thread(tmp_path: Path) -> None:
    history = HistoryThread(tmp_path / "history.sqlite3")
    failed: list[HistoryError] = []
    history.submit(lambda reader: reader.names("total"), lambda names: pytest.fail(str(names)), failed.append)
    until(lambda: failed, "the missing file is reported")
    history.close()

"""Runs queries of the history in another thread than the GUI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from PySide6.QtCore import QObject, Signal

from netwatch_tray.errors import HistoryError
from netwatch_tray.worker import Worker

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader

Result = TypeVar("Result")


class HistoryQueries(Protocol):
    """Runs queries of the history without blocking the window."""

    def submit(
        self,
        query: Callable[[HistoryReader], Result],
        on_result: Callable[[Result], None],
        on_error: Callable[[HistoryError], None],
    ) -> None:
        """Queue a query. When it has run, `on_result` or `on_error` is called in the GUI thread."""


class HistoryThread(QObject):
    """Runs queries one after the other in a thread, which the first query starts."""

    _done = Signal(object)

    def __init__(self, file: Path) -> None:
        """`file`: the history file. It is opened by the first query, and again after one that failed."""
        super().__init__()
        self._file = file
        self._reader: HistoryReader | None = None
        """The open history file; used in the thread only."""
        self._worker = Worker("history", self._done.emit)
        self._done.connect(_call)

    def submit(
        self,
        query: Callable[[HistoryReader], Result],
        on_result: Callable[[Result], None],
        on_error: Callable[[HistoryError], None],
    ) -> None:
        def failed(error: Exception) -> None:
            on_error(
                error
                if isinstance(error, HistoryError)
                else HistoryError("The history cannot be read: {error}", error=error)
            )

        self._worker.submit(lambda: self._run(query), on_result, failed)

    def close(self) -> None:
        """Wait for the running query and end the thread. No callback is called afterwards."""
        self._done.disconnect(_call)
        self._worker.close(finish=self._close_reader)

    def _run(self, query: Callable[[HistoryReader], Result]) -> Result:
        # Here, so that a window without queries does not load SQLite.
        from netwatch_tray.history.reader import HistoryReader  # noqa: PLC0415

        try:
            self._reader = self._reader or HistoryReader(self._file)
            return query(self._reader)
        except HistoryError:
            self._close_reader()  # the file may be replaced before the next query
            raise

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


def _call(callback: Callable[[], None]) -> None:
    callback()

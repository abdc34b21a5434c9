"""Queries of the history, run off the GUI thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from PySide6.QtCore import QObject, Signal

from netwatch_tray.errors import HistoryError

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
        """Queue `query`, and later call `on_result` or `on_error` on the GUI thread."""


class HistoryThread(QObject):
    """Runs queries in order on one thread, which the first query starts."""

    _done = Signal(object)

    def __init__(self, file: Path) -> None:
        """`file`: the agent's database; opened for each query that finds it closed."""
        super().__init__()
        self._file = file
        self._queries: queue.SimpleQueue[tuple[Any, Any, Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._done.connect(_call)

    def submit(
        self,
        query: Callable[[HistoryReader], Result],
        on_result: Callable[[Result], None],
        on_error: Callable[[HistoryError], None],
    ) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="history", daemon=True)
            self._thread.start()
        self._queries.put((query, on_result, on_error))

    def close(self) -> None:
        """Wait for the running query, then end the thread; no callback is called afterwards."""
        self._done.disconnect(_call)
        if self._thread is not None:
            self._queries.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        # Here, so that a window without queries does not load SQLite.
        from netwatch_tray.history.reader import HistoryReader  # noqa: PLC0415

        reader: HistoryReader | None = None
        while (submitted := self._queries.get()) is not None:
            query, on_result, on_error = submitted
            try:
                reader = reader or HistoryReader(self._file)
                result = query(reader)
            except HistoryError as error:
                if reader is not None:  # the file may be replaced before the next query
                    reader.close()
                    reader = None
                self._done.emit(lambda on_error=on_error, error=error: on_error(error))
            else:
                self._done.emit(lambda on_result=on_result, result=result: on_result(result))
        if reader is not None:
            reader.close()


def _call(callback: Callable[[], None]) -> None:
    callback()

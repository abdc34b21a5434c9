"""Questions to the history, answered off the thread that paints."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from PySide6.QtCore import QCoreApplication, QObject, Signal

from netwatch_tray.errors import HistoryError, NoHistoryYetError

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader

Answer = TypeVar("Answer")
translate = QCoreApplication.translate


class Past(Protocol):
    """What the pages ask."""

    def ask(
        self,
        question: Callable[[HistoryReader], Answer],
        answer: Callable[[Answer], None],
        fail: Callable[[HistoryError], None],
    ) -> None:
        """Calls `question` elsewhere, then `answer` or `fail` in the thread that paints."""


def why_no_history(error: HistoryError, keeps: bool | None) -> str:
    """`keeps`: whether the agent records; None: there is no agent."""
    if isinstance(error, NoHistoryYetError) and keeps is not None:
        if keeps:
            return translate("Past", "The first minute is being recorded.")
        return translate("Past", "The history is off: turn it on in the settings.")
    return str(error)


class HistoryPast(QObject):
    """One thread, started by the first question, reads the file of the agent."""

    _done = Signal(object)

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._questions: queue.SimpleQueue[tuple[Any, Any, Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._done.connect(_call)

    def ask(
        self,
        question: Callable[[HistoryReader], Answer],
        answer: Callable[[Answer], None],
        fail: Callable[[HistoryError], None],
    ) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="history", daemon=True)
            self._thread.start()
        self._questions.put((question, answer, fail))

    def close(self) -> None:
        """Waits for the question under way; nothing is answered after this."""
        self._done.disconnect(_call)
        if self._thread is not None:
            self._questions.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        # Here, so that a window that asks nothing does not load SQLite.
        from netwatch_tray.history.reader import HistoryReader  # noqa: PLC0415

        reader: HistoryReader | None = None
        while (asked := self._questions.get()) is not None:
            question, answer, fail = asked
            try:
                reader = reader or HistoryReader(self._file)
                found = question(reader)
            except HistoryError as error:
                if reader is not None:  # another file may lie there by the next time
                    reader.close()
                    reader = None
                self._done.emit(lambda fail=fail, error=error: fail(error))
            else:
                self._done.emit(lambda answer=answer, found=found: answer(found))
        if reader is not None:
            reader.close()


def _call(what: Callable[[], None]) -> None:
    what()

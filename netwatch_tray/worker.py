"""One thread for work that may block; results are delivered in the loop that submitted the work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from netwatch_tray.errors import Message, NetWatchError, message

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Worker:
    """Runs tasks one after another in a daemon thread, which starts with the first task.

    `submit` and `close` must be called in the loop's thread.
    """

    def __init__(self, name: str, call_soon: Callable[[Callable[[], None]], None]) -> None:
        """`name`: name of the thread. `call_soon`: runs a callback in the loop; callable from any thread."""
        self._name = name
        self._call_soon = call_soon
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.pending = 0
        """Number of submitted tasks whose result has not arrived."""

    def submit(
        self,
        task: Callable[[], Result],
        done: Callable[[Result], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Run `task` in the thread, then `done` with its result, or `failed`, in the loop.

        An error that is no NetWatchError is logged with its traceback.
        """
        self.pending += 1
        self._tasks.put(partial(self._run, task, done, failed))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def close(self, timeout: float | None = None, *, finish: Callable[[], None] | None = None) -> bool:
        """Let the thread end after the tasks submitted so far; return whether it did within `timeout` seconds.

        `finish`: called in the thread at last, if it was started. No result arrives in the loop after this. Call it
        again, from any thread, to wait longer.
        """
        self._is_closed = True
        if self._thread is None:
            return True
        if finish is not None:
            self._tasks.put(finish)
        self._tasks.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            del task  # so that objects of the task are not kept until the next one

    def _run(
        self, task: Callable[[], Result], done: Callable[[Result], None], failed: Callable[[Exception], None]
    ) -> None:
        try:
            deliver: Callable[[], None] = partial(done, task())
        except NetWatchError as error:
            deliver = partial(failed, error)
        except Exception as error:  # noqa: BLE001  the guard of the thread: a bug in one task must not end the others
            _log.exception("Unexpected error in the thread %s; the agent goes on", self._name)
            deliver = partial(failed, error)
        if not self._is_closed:
            self._call_soon(partial(self._finish, deliver))

    def _finish(self, deliver: Callable[[], None]) -> None:
        self.pending -= 1
        if not self._is_closed:
            deliver()


def fault_of(error: Exception) -> Message:
    """Return the text of an error for the user. An unexpected error becomes a general text, because it was logged."""
    if isinstance(error, NetWatchError):
        return error.message
    return message("An unexpected error occurred; see the log.")

"""A thread for work that may block. Results are delivered in the event loop from which the work was submitted."""

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
    """Runs tasks one after another in a daemon thread, which is started by the first task.

    Call `submit` and `close` in the event loop's thread.
    """

    def __init__(self, name: str, call_soon: Callable[[Callable[[], None]], None]) -> None:
        """`name`: name of the thread. `call_soon`: makes the event loop run a callback; the worker's
        thread calls it."""
        self._name = name
        self._call_soon = call_soon
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.pending = 0
        """Number of submitted tasks whose result was not delivered yet."""

    def submit(
        self,
        task: Callable[[], Result],
        done: Callable[[Result], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Run `task` in the thread. Then, in the event loop, call `done` with its result, or `failed` with the error
        that it raised.

        An error that is no NetWatchError is also logged with its traceback.
        """
        self.pending += 1
        self._tasks.put(partial(self._run, task, done, failed))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def close(self, timeout: float | None = None, *, finish: Callable[[], None] | None = None) -> bool:
        """Let the thread end after the tasks submitted so far, and wait up to `timeout` seconds. Return whether it has
        ended.

        `finish`: run by the thread as its last task, if it was started. No result is delivered after this call. To wait
        longer, call it again, from any thread.
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
    """Return the text of an error for the user. For an unexpected error it is a general text, as the details were
    logged."""
    if isinstance(error, NetWatchError):
        return error.message
    return message("An unexpected error occurred; see the log.")

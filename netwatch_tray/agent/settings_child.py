"""Writes settings that the user chose in the tray's menu, in a short-lived child process: tomlkit, which edits the
file, would stay in the agent's memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from netwatch_tray import launch
from netwatch_tray.engine.scheduler import READ, Scheduler
from netwatch_tray.errors import Message, message
from netwatch_tray.settings import Changes, merge

if TYPE_CHECKING:
    from subprocess import Popen


_MOST_WORDS = 1 << 13
"""Most bytes that are kept of what the child writes to stderr; the last ones, which have its error message."""


class SettingsChild:
    """Starts the child processes that write settings, one at a time; changes that are chosen meanwhile are written
    together by the next one. Use it in the scheduler's thread only."""

    def __init__(self, scheduler: Scheduler, done: Callable[[Message | None], None]) -> None:
        """`done`: called when a child has exited, with None if it wrote the changes, else with a message why it
        failed."""
        self._scheduler = scheduler
        self._done = done
        self._waiting: Changes = {}
        self._child: Popen[bytes] | None = None
        self._words = b""

    def write(self, changes: Changes) -> None:
        """Write these changes in a child process: now, or when the running one has exited."""
        merge(self._waiting, changes)
        if self._child is None:
            self._start()

    def close(self) -> None:
        """Stop waiting for the child. It still writes its changes; those that have not been started are dropped."""
        self._waiting.clear()
        if self._child is not None:
            self._forget(self._child)

    def _start(self) -> None:
        import subprocess  # noqa: PLC0415  costs 1 MB, and the agent may run for days without a choice

        changes, self._waiting = self._waiting, {}
        try:
            child = subprocess.Popen(
                launch.command("--change-settings"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self._done(
                message(
                    "The process that writes the settings cannot be started: {reason}. Try again.",
                    reason=error,
                )
            )
            return
        self._child, self._words = child, b""
        if child.stdin is None or child.stderr is None:
            raise AssertionError  # both are pipes
        with contextlib.suppress(BrokenPipeError), child.stdin as to_child:  # of a child that has failed already
            to_child.write(msgspec.json.encode(changes))  # a few bytes; a pipe holds 4096 at least
        self._scheduler.watch(child.stderr.fileno(), READ, lambda _events: self._read(child))

    def _read(self, child: Popen[bytes]) -> None:
        if child.stderr is None:
            raise AssertionError  # it is a pipe
        words = os.read(child.stderr.fileno(), 1 << 12)
        self._words = (self._words + words)[-_MOST_WORDS:]
        if words:
            return
        self._forget(child)
        code = child.wait()  # it has closed its end of the pipe, so it has all but exited
        said = self._words.decode(errors="replace").strip().rpartition("\n")[2].removeprefix("netwatch-tray: ")
        if code:
            failed = message("The process that writes the settings exited with code {code}.", code=code)
            self._done(Message(said) if said else failed)
        else:
            self._done(None)
        if self._waiting and self._child is None:
            self._start()

    def _forget(self, child: Popen[bytes]) -> None:
        self._child = None
        if child.stderr is not None:
            self._scheduler.unwatch(child.stderr.fileno())
            child.stderr.close()

"""Ensures that one agent runs per user, by two locks.

The state directory is locked, because two agents must not write one history or upload the same data. The file `lock` in
the runtime directory is locked, because two agents must not serve one socket. Each is an flock, which the kernel
releases when the process exits. With two, the removal of one directory never releases both.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Callable
from pathlib import Path

from netwatch_tray import paths
from netwatch_tray.errors import AlreadyRunningError, NetWatchError, reason_of

_log = logging.getLogger(__name__)


class Instance:
    """Both locks of this agent, held until `close` or the end of the process."""

    def __init__(self, state_directory: Path, lock_file: Callable[[], Path]) -> None:
        """Take both locks. Raise AlreadyRunningError if another agent has one, NetWatchError if one cannot be created.

        `lock_file`: creates the directory of the lock file and returns the path of the file.
        """
        self._state_directory = state_directory
        self._lock_file = lock_file
        self._state = _lock_directory(state_directory)
        try:
            self._runtime: _Held = _lock_file(lock_file())
        except BaseException:
            self._release_state()
            raise

    def check(self) -> None:
        """Take a lock again whose file or directory was deleted or replaced. Call this regularly.

        Raise AlreadyRunningError if another agent has it by now, NetWatchError if it cannot be created.
        """
        if self._state is not None and not self._state.is_in_place():
            lost, self._state = self._state, None
            lost.close()
            self._state = _lock_directory(self._state_directory)
        if not self._runtime.is_in_place():
            lost, self._runtime = self._runtime, _lock_file(self._lock_file())
            lost.close()

    def close(self) -> None:
        """Release both locks, and delete the lock file unless another agent has created a new one."""
        if self._runtime.is_in_place():
            self._runtime.path.unlink(missing_ok=True)
        self._runtime.close()
        self._release_state()

    def _release_state(self) -> None:
        if self._state is not None:
            self._state.close()
            self._state = None


class _Held:
    """A file or directory with an exclusive flock on it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._name = str(path)
        self._descriptor = descriptor
        found = os.fstat(descriptor)
        self._identity = found.st_dev, found.st_ino

    def is_in_place(self) -> bool:
        """Return whether the locked file or directory is still at its path, neither deleted nor replaced."""
        return paths.identity(self._name) == self._identity

    def close(self) -> None:
        os.close(self._descriptor)


def _lock_file(path: Path) -> _Held:
    """Create and lock a file. Raise AlreadyRunningError if it is locked, NetWatchError if it cannot be opened."""
    try:
        return _lock(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise NetWatchError(
            "The agent cannot lock {path}: {reason}. Free some space there, or set XDG_RUNTIME_DIR "
            "to another directory of your own with mode 0700.",
            path=path,
            reason=error,
        ) from error


def _lock_directory(path: Path) -> _Held | None:
    """Lock the directory itself, because no file can be created on a full or read-only file system. Return None where
    directories cannot be locked, as on NFS; then only the other lock ensures that one agent runs."""
    with contextlib.suppress(OSError):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _lock(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        _log.warning("%s cannot be locked (%s). Do not start a second agent with it.", path, reason_of(error))
        return None


def _lock(path: Path, flags: int) -> _Held:
    while True:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunningError("The agent is running already.") from None
        except OSError:
            os.close(descriptor)
            raise
        held = _Held(path, descriptor)
        if held.is_in_place():
            return held
        held.close()  # an agent that was just ending has removed the file since it was opened

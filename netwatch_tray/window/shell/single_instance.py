"""One window only: the first one holds a lock and listens; a later one asks it to come up and ends."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, QSocketNotifier, Signal

from netwatch_tray.errors import NetWatchError

_ANSWER_WITHIN_S = 2.0
_LONGEST_TOKEN = 4096
_ACTIVATION = "XDG_ACTIVATION_TOKEN"
"""What lets a window come to the front under Wayland: the token of the click that started the second program."""
_SETTINGS = b"settings"
"""A datagram is the token and what is wanted, with a NUL between them, which no environment variable contains."""
_LONGEST_DATAGRAM = _LONGEST_TOKEN + 1 + len(_SETTINGS)


class OnlyOne(QObject):
    """Being the only window. `asked`: another start wants this one to come up; True: at its settings."""

    asked = Signal(bool)

    def __init__(self, directory: Path, *, at_settings: bool = False) -> None:
        """`directory` is private to the user and lasts as long as the session.

        `at_settings`: what a window that is open already has to show.
        """
        super().__init__()
        self._wanted = _SETTINGS if at_settings else b""
        self._path = directory / "window"
        self._lock = QLockFile(str(directory / "window.lock"))
        # Only the death of its holder makes the lock stale, however long the window is open.
        self._lock.setStaleLockTime(0)
        # Python's socket: Qt's network library would cost 3 MB for these few bytes. Datagrams, because each is whole.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._notifier: QSocketNotifier | None = None

    def claim(self) -> bool:
        """True: this is the only window from now on. False: the other one was asked to come up.

        Raises NetWatchError when the other one does not answer.
        """
        if not self._lock.tryLock(0):
            self._ask()
            return False
        try:
            self._path.unlink(missing_ok=True)  # left by one that was killed: the lock says nobody listens there
            self._socket.bind(str(self._path))
        except OSError as error:
            raise NetWatchError(
                f"No window can open: {self._path} cannot be made ({error.strerror or error}). "
                "The tray and the terminal verbs still work."
            ) from error
        self._notifier = QSocketNotifier(self._socket.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)
        return True

    def release(self) -> None:
        if self._notifier is not None:
            self._notifier.setEnabled(False)
            self._path.unlink(missing_ok=True)
        self._socket.close()
        self._lock.unlock()

    def _ask(self) -> None:
        token = os.environ.get(_ACTIVATION, "").encode(errors="replace")
        if len(token) > _LONGEST_TOKEN:  # none of a compositor's
            token = b""
        deadline = time.monotonic() + _ANSWER_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self._socket.sendto(token + b"\0" + self._wanted, str(self._path))
                self._socket.close()
                return
            time.sleep(0.05)  # it holds the lock already and will listen in a moment
        raise NetWatchError(
            "The window is open already, but does not answer. Close it, or end its process, and try again."
        )

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            token, _, wanted = self._socket.recv(_LONGEST_DATAGRAM).partition(b"\0")
            if token:
                os.environ[_ACTIVATION] = token.decode(errors="replace")  # Qt's Wayland plugin takes it from there
            self.asked.emit(wanted == _SETTINGS)

"""Ensures that each user has one window process. The first holds a lock and listens on a socket. A later one sends it
what to show, and exits."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QLockFile, QObject, QSocketNotifier, Signal

from netwatch_tray.errors import NetWatchError

_TIMEOUT_S = 2.0
_LONGEST_TOKEN = 4096
_ACTIVATION = "XDG_ACTIVATION_TOKEN"
"""Environment variable with the token of the user's click, which a program needs on Wayland to bring its window to the
front. The second process passes it to the first."""
Request = Literal["window", "settings", "events", "mini"]
_REQUESTS: tuple[Request, ...] = ("window", "settings", "events", "mini")
"""The requests. A message on the socket is the token, a NUL, and one of these."""
_LONGEST_DATAGRAM = _LONGEST_TOKEN + 1 + max(map(len, _REQUESTS))


class SingleInstance(QObject):
    """The lock and the socket of the only window process.

    Signal `requested`: another start of the program wants this process to show something; carries the request.
    """

    requested = Signal(str)

    def __init__(self, directory: Path, request: Request = "window") -> None:
        """Lock and send nothing before `claim`. `directory`: a directory that only this user can access, and that is
        removed at the end of the session.

        `request`: what to request from the other process if there is one.
        """
        super().__init__()
        self._wanted = request.encode()
        self._path = directory / "window"
        self._lock = QLockFile(str(directory / "window.lock"))
        # Without a limit of age: only the end of the process that holds it makes the lock stale.
        self._lock.setStaleLockTime(0)
        # Python's socket, because Qt's network library takes 3 MB. Datagrams, because each arrives whole.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._notifier: QSocketNotifier | None = None

    def claim(self) -> bool:
        """Take the lock and listen. Return True if that succeeds. If another window process has the lock, send it the
        request and return False.

        Raise NetWatchError if the other process does not listen.
        """
        if not self._lock.tryLock(0):
            self._send_request()
            return False
        try:
            self._path.unlink(missing_ok=True)  # left by a killed process, which holds no lock
            self._socket.bind(str(self._path))
        except OSError as error:
            raise NetWatchError(
                "No window can open: {path} cannot be made ({reason}). The tray and the terminal commands still work.",
                path=self._path,
                reason=error,
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

    def _send_request(self) -> None:
        token = os.environ.get(_ACTIVATION, "").encode(errors="replace")
        if len(token) > _LONGEST_TOKEN:  # not from a compositor
            token = b""
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self._socket.sendto(token + b"\0" + self._wanted, str(self._path))
                self._socket.close()
                return
            time.sleep(0.05)  # the process that holds the lock is about to listen
        raise NetWatchError(
            "The window is open already, but does not answer. Close it, or end its process, and try again."
        )

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            token, _, wanted = self._socket.recv(_LONGEST_DATAGRAM).partition(b"\0")
            if token:
                os.environ[_ACTIVATION] = token.decode(errors="replace")  # where Qt's Wayland plugin reads it
            known = [request for request in _REQUESTS if request.encode() == wanted]
            self.requested.emit(known[0] if known else "window")

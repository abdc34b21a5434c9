"""One window only: the first one holds a lock and listens; a later one asks it to come up and ends."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QLockFile, QObject, QThread, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from netwatch_tray.errors import NetWatchError

_ANSWER_WITHIN_MS = 2000
_ACTIVATION = "XDG_ACTIVATION_TOKEN"
"""What lets a window come to the front under Wayland: the token of the click that started the second program."""


class OnlyOne(QObject):
    """Being the only window. `asked`: another start wants this one to come up."""

    asked = Signal()

    def __init__(self, directory: Path) -> None:
        """`directory` is private to the person and lasts as long as the session."""
        super().__init__()
        self._path = str(directory / "window")
        self._lock = QLockFile(str(directory / "window.lock"))
        # Only the death of its holder makes the lock stale, however long the window is open.
        self._lock.setStaleLockTime(0)
        self._server = QLocalServer(self)
        self._server.newConnection.connect(self._answer)

    def claim(self) -> bool:
        """True: this is the only window from now on. False: the other one was asked to come up.

        Raises NetWatchError when the other one does not answer.
        """
        if not self._lock.tryLock(0):
            self._ask()
            return False
        QLocalServer.removeServer(self._path)  # left by one that was killed: the lock says nobody listens there
        if not self._server.listen(self._path):
            raise NetWatchError(
                f"No window can open: {self._path} cannot be made ({self._server.errorString()}). "
                "The tray and the terminal verbs still work."
            )
        return True

    def release(self) -> None:
        self._server.close()
        self._lock.unlock()

    def _ask(self) -> None:
        deadline = QDeadlineTimer(_ANSWER_WITHIN_MS)
        socket = QLocalSocket()
        while not deadline.hasExpired():
            socket.connectToServer(self._path)
            if socket.waitForConnected(deadline.remainingTime()):
                socket.write(os.environ.get(_ACTIVATION, "").encode() + b"\n")
                socket.waitForBytesWritten(deadline.remainingTime())
                socket.disconnectFromServer()
                return
            QThread.msleep(50)  # it holds the lock already and will listen in a moment
        raise NetWatchError(
            "The window is open already, but does not answer. Close it, or end its process, and try again."
        )

    def _answer(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(self._come_up)
            socket.disconnected.connect(socket.deleteLater)
            if socket.canReadLine():
                self._read(socket)

    def _come_up(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket) and socket.canReadLine():
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        token = bytes(socket.readLine(4096).data()).decode(errors="replace").strip()
        if token:
            os.environ[_ACTIVATION] = token  # Qt's Wayland plugin takes it from there
        self.asked.emit()

"""A verb of this program, run in a process of its own: what the terminal does, the window does in the same way."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QProcess, Signal

from netwatch_tray import launch

_LONGEST_END_MS = 1000


class Verb(QObject):
    """One run at a time, off the thread that paints. `done` carries what it printed, `failed` what it complained of."""

    done = Signal(bytes)
    failed = Signal(str)

    def __init__(self, parent: QObject, command: Callable[..., tuple[str, ...]] = launch.command) -> None:
        super().__init__(parent)
        self._command = command
        self._process: QProcess | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def run(self, *arguments: str, typed: bytes = b"") -> None:
        """Instead of the run before, if that is not over. `typed`: what the verb reads from its input, and nobody
        sees in a list of processes."""
        self.stop()
        program, *before = self._command()
        process = self._process = QProcess(self)
        process.finished.connect(self._finish)
        process.errorOccurred.connect(self._fail_to_start)
        process.start(program, [*before, *arguments])
        process.write(typed)
        process.closeWriteChannel()

    def stop(self) -> None:
        """Ends a run that is not over; nothing is told of it."""
        process, self._process = self._process, None
        if process is not None:
            process.finished.disconnect(self._finish)
            process.errorOccurred.disconnect(self._fail_to_start)
            process.kill()
            process.waitForFinished(_LONGEST_END_MS)
            process.deleteLater()

    def _finish(self, code: int, status: QProcess.ExitStatus) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        printed, complaint = process.readAllStandardOutput().data(), process.readAllStandardError().data()
        process.deleteLater()
        if code == 0 and status == QProcess.ExitStatus.NormalExit:
            self.done.emit(bytes(printed))
        else:
            said = bytes(complaint).decode(errors="replace").strip().rpartition("\n")[2]
            self.failed.emit(said.removeprefix("netwatch-tray: ") or self.tr("It ended without a word."))

    def _fail_to_start(self, error: QProcess.ProcessError) -> None:
        process = self._process
        if error == QProcess.ProcessError.FailedToStart and process is not None:
            self._process = None
            self.failed.emit(process.errorString())
            process.deleteLater()

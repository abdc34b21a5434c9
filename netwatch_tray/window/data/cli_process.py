"""Runs subcommands of this program in a child process, so that window and terminal use the same code."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QProcess, Signal

from netwatch_tray import launch

_KILL_TIMEOUT_MS = 1000


class CliProcess(QObject):
    """Runs one subcommand at a time without blocking the window.

    Signals: `done` carries its stdout if it exits with 0; `failed` carries the last line of its stderr if not.
    """

    done = Signal(bytes)
    failed = Signal(str)

    def __init__(self, parent: QObject, command: Callable[..., tuple[str, ...]] = launch.command) -> None:
        """`command`: returns the command line of this program with the given subcommand and arguments."""
        super().__init__(parent)
        self._command = command
        self._process: QProcess | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def run(self, *arguments: str, stdin: bytes = b"") -> None:
        """Start a subcommand with these arguments; one that still runs is killed.

        Pass secrets by `stdin`, because every user of the system can read the arguments of a process.
        """
        self.stop()
        program, *before = self._command()
        process = self._process = QProcess(self)
        process.finished.connect(self._finish)
        process.errorOccurred.connect(self._fail_to_start)
        process.start(program, [*before, *arguments])
        process.write(stdin)
        process.closeWriteChannel()

    def stop(self) -> None:
        """Kill the process if one runs; no signal is emitted for it."""
        process, self._process = self._process, None
        if process is not None:
            process.finished.disconnect(self._finish)
            process.errorOccurred.disconnect(self._fail_to_start)
            process.kill()
            process.waitForFinished(_KILL_TIMEOUT_MS)
            process.deleteLater()

    def _finish(self, code: int, status: QProcess.ExitStatus) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        stdout, stderr = process.readAllStandardOutput().data(), process.readAllStandardError().data()
        process.deleteLater()
        if code == 0 and status == QProcess.ExitStatus.NormalExit:
            self.done.emit(bytes(stdout))
        else:
            last_line = bytes(stderr).decode(errors="replace").strip().rpartition("\n")[2]
            self.failed.emit(last_line.removeprefix("netwatch-tray: ") or self.tr("It ended without a message."))

    def _fail_to_start(self, error: QProcess.ProcessError) -> None:
        process = self._process
        if error == QProcess.ProcessError.FailedToStart and process is not None:
            self._process = None
            self.failed.emit(process.errorString())
            process.deleteLater()

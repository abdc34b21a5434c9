"""The agent's settings: reads their file, reads it again when it changes, and writes what the user chose in the
menu."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from netwatch_tray import paths, settings as settings_file
from netwatch_tray.agent.settings_child import SettingsChild
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message, message
from netwatch_tray.settings import Settings


class SettingsKeeper:
    """The settings in use. A fault in the file does not stop the agent: valid settings are used, and the user is
    notified of the fault."""

    def __init__(
        self,
        scheduler: Scheduler,
        apply: Callable[[Settings, Settings], None],
        complain: Callable[[str, Message, Message], None],
    ) -> None:
        """`apply`: called with the previous and the current settings after the file was read again. `complain`:
        notifies the user, called with a key (the same key replaces the notification), a heading and a text."""
        self._apply, self._complain = apply, complain
        self._file = paths.settings_file()
        self._names = str(self._file), str(paths.managed_settings_file())
        self._state = self._found()
        self.current, self.fault = _read(self._file, message("Faulty settings have their defaults."))
        """The settings in use, and a message about the fault in the file; None if it has none."""
        self._child = SettingsChild(scheduler, self._written)

    def report_fault(self) -> None:
        """Notify the user of the fault in the file, if it has one."""
        if self.fault:
            self._complain("settings", message("Fault in the settings"), self.fault)

    def choose(self, settings: Settings) -> None:
        """Write what differs between these settings and the current ones to the file, then read it again."""
        self._child.write(settings_file.changes(self.current, settings))

    def check(self) -> None:
        """Read the settings again if the user's file or the administrator's has changed. Call this regularly."""
        if self._found() != self._state:
            self.reload()

    def reload(self) -> None:
        """Read the settings again. If the file has a fault, the previous ones stay in use, but uploading is turned
        off."""
        self._state = self._found()
        settings, self.fault = _read(self._file, message("The previous settings stay in use."))
        self.report_fault()
        before, self.current = self.current, settings_file.silent(self.current) if self.fault else settings
        self._apply(before, self.current)

    def close(self) -> None:
        """Stop waiting for a child process that writes settings. It still writes them."""
        self._child.close()

    def _found(self) -> tuple[tuple[int, ...], ...]:
        own, managed = self._names
        return _state(own), _state(managed)

    def _written(self, fault: Message | None) -> None:
        if fault:
            self._complain("choice", message("The settings were not changed"), fault)
        self.reload()


def _read(file: Path, in_use: Message) -> tuple[Settings, Message | None]:
    """Read a settings file. Return the settings, and a message about its fault or None. `in_use`: sentence of that
    message about which settings are used instead."""
    settings, error = settings_file.read(file)
    if error is None:
        return settings, None
    return settings, message(
        "{fault} {in_use} Nothing is uploaded until the file is fixed.", fault=error, in_use=in_use
    )


def _state(name: str) -> tuple[int, ...]:
    """Return a value that changes whenever the file is written, replaced, deleted, or gets other permissions."""
    try:
        found = os.stat(name)  # noqa: PTH116  see paths.identity
    except OSError as error:
        return (error.errno or 0,)
    return found.st_dev, found.st_ino, found.st_ctime_ns, found.st_size

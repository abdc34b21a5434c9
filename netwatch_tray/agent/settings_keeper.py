"""The settings in use: read from their file, read again when it changes, and changed by choices in the menu."""

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
    """The settings file of the agent. A fault in the file does not stop the agent: valid settings are used, and the
    fault is reported."""

    def __init__(
        self,
        scheduler: Scheduler,
        apply: Callable[[Settings, Settings], None],
        complain: Callable[[str, Message, Message], None],
    ) -> None:
        """`apply`: called with the previous and the current settings after the file was read again. `complain`: called
        with a key, a heading and a text for the user."""
        self._apply, self._complain = apply, complain
        self._file = paths.settings_file()
        self._names = str(self._file), str(paths.managed_settings_file())
        self._state = self._found()
        self.current, self.fault = _read(self._file, message("Faulty settings have their defaults."))
        """The settings in use, and what is wrong with the file."""
        self._child = SettingsChild(scheduler, self._written)

    def report_fault(self) -> None:
        """Report the fault of the file, if it has one."""
        if self.fault:
            self._complain("settings", message("Fault in the settings"), self.fault)

    def choose(self, settings: Settings) -> None:
        """Write the differences between these settings and the current ones to the file, then read it again."""
        self._child.write(settings_file.changes(self.current, settings))

    def check(self) -> None:
        """Read the files again if the user's or the administrator's was changed."""
        if self._found() != self._state:
            self.reload()

    def reload(self) -> None:
        """Read the file again. If it is faulty, the previous settings stay in use, but without uploading."""
        self._state = self._found()
        settings, self.fault = _read(self._file, message("The previous settings stay in use."))
        self.report_fault()
        before, self.current = self.current, settings_file.silent(self.current) if self.fault else settings
        self._apply(before, self.current)

    def close(self) -> None:
        """Stop reporting. A change that is being written is still written."""
        self._child.close()

    def _found(self) -> tuple[tuple[int, ...], ...]:
        own, managed = self._names
        return _state(own), _state(managed)

    def _written(self, fault: Message | None) -> None:
        if fault:
            self._complain("choice", message("The settings were not changed"), fault)
        self.reload()


def _read(file: Path, in_use: Message) -> tuple[Settings, Message | None]:
    """Return the settings, and a description of the fault in the file if there is one. `in_use`: settings to use in
    place of faulty ones."""
    settings, error = settings_file.read(file)
    if error is None:
        return settings, None
    return settings, message(
        "{fault} {in_use} Nothing is uploaded until the file is fixed.", fault=error, in_use=in_use
    )


def _state(name: str) -> tuple[int, ...]:
    """Return a value that changes when the file is written or replaced, or gets another mode."""
    try:
        found = os.stat(name)  # noqa: PTH116  see paths.identity
    except OSError as error:
        return (error.errno or 0,)
    return found.st_dev, found.st_ino, found.st_ctime_ns, found.st_size

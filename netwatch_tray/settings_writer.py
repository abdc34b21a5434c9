"""Changes the settings file: only the keys that change, with comments and order kept, one writer at a time.

Every process but the agent uses it. The agent starts a child process for it (`netwatch-tray --change-settings`),
because the library tomlkit would take 2.3 MB of the agent's memory permanently.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from netwatch_tray import paths, settings as settings_file, settings_text
from netwatch_tray.errors import SettingsError
from netwatch_tray.settings import Changes, Settings

_PATIENCE = 5.0
"""Seconds to wait while another process changes the file, which takes it some milliseconds."""
_LOOK_AGAIN = 0.005


def change(file: Path, modify: Callable[[Settings], Settings]) -> Settings:
    """Call `modify` with the settings in the file, save the settings that it returns, and return them.

    They are durable on return. A lock is held from reading to writing, so that no change of another process is lost. A
    crash or a full disk leaves the old file. Raise SettingsError, which names the file, if it cannot be written; if it
    is invalid, which the user has to fix first; or if a changed key is managed by the administrator.
    """
    try:
        target = file.resolve()  # a symbolic link stays one
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(target.with_name(f".{target.name}.lock")):
            before = settings_file.load(file)
            after = modify(before)
            if changes := settings_file.changes(before, after):
                settings_file.refuse_managed(changes)
                paths.replace_private(target, _edited(file, changes))
    except (OSError, RuntimeError) as error:  # RuntimeError: a symbolic link to itself, before Python 3.13
        raise SettingsError("The settings cannot be saved in {file}: {reason}.", file=file, reason=error) from error
    return after


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[None]:
    """Context manager: hold the lock file. It is never deleted, because two processes could then lock two files with
    the same name."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SettingsError(
                        "The settings were not changed: another program has been writing them for {patience:.0f} "
                        "s ({file} is locked). Try again.",
                        patience=_PATIENCE,
                        file=file,
                    ) from None
                time.sleep(_LOOK_AGAIN)
        yield
    finally:
        os.close(descriptor)


def _edited(file: Path, changes: Changes) -> bytes:
    """Return the text of the file with the changes applied."""
    text = settings_text.read(file)
    after = settings_file.changed(settings_file.parse(text)[0], changes)
    try:
        document = tomlkit.parse(text)
        _merge(document, changes)
        content = tomlkit.dumps(document).encode()
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise SettingsError(
            "The settings in {file} cannot be changed: {error}. Edit the file by hand.", file=file, error=error
        ) from error
    # A file that the next reader would refuse or read differently must not replace a readable one.
    if len(content) > settings_text.MOST_BYTES or settings_file.parse(content.decode()) != (after, None):
        raise SettingsError(
            "The settings in {file} cannot be changed without losing others. Edit the file by hand.", file=file
        )
    return content


def _merge(table: MutableMapping[str, Any], changes: Changes) -> None:
    """Apply changes to a table of tomlkit. Existing keys are changed in place, so that their comments and
    order stay."""
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        elif isinstance(value, dict):
            if key not in table:
                table[key] = tomlkit.table()
            _merge(table[key], value)
        else:
            table[key] = value

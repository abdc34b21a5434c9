"""Reads the text of a settings file. The path may lead to any kind of file; for the administrator's file it checks that
only root can have written it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from netwatch_tray.errors import Message, SettingsError, message, reason_of

MOST_BYTES = 1 << 16
"""Most bytes of a settings file. The names of 2 000 interfaces fit into it."""
_LONGEST_LINE = 1 << 12
"""Most bytes of a line. tomllib needs 9 s for one dotted key of 64 KiB, but less than 1 s for 64 KiB in lines of this
length."""
_ROOT = 0
"""UID that the administrator's file must have."""


def read(file: Path, *, is_managed: bool = False) -> str:
    """Return the content of the file; empty if there is none. Never blocks on a FIFO or device.

    Raise SettingsError unless it is a readable regular file of UTF-8 text within the limits above; with `is_managed`
    also if a user other than root can change it.
    """
    try:
        with open(file, "rb", opener=_without_waiting) as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                fault = message("not a regular file")
            elif is_managed and not (_is_roots(found) and _is_roots(file.parent.stat())):
                fault = message("file and directory must belong to root and be writable by root alone")
            elif len(content := opened.read(MOST_BYTES + 1)) > MOST_BYTES:
                fault = message("the file is larger than {limit} KiB", limit=MOST_BYTES >> 10)
            elif max(map(len, content.split(b"\n"))) > _LONGEST_LINE:
                fault = message("a line is longer than {limit} bytes", limit=_LONGEST_LINE)
            else:
                return content.decode()
    except FileNotFoundError:
        return ""
    except OSError as error:
        fault = Message(reason_of(error))
    except UnicodeDecodeError:
        fault = message("not text in UTF-8")
    except MemoryError:
        fault = message("out of memory")
    raise SettingsError("The settings file {file} cannot be read: {fault}.", file=file, fault=fault)


def _is_roots(found: os.stat_result) -> bool:
    """Return whether only root can change the file or directory."""
    return found.st_uid == _ROOT and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file without blocking, even if it is a FIFO without a writer. An `opener` for open()."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)

"""Names of apps from their desktop entries (Desktop Entry Specification, XDG Base Directory Specification)."""

from __future__ import annotations

import os
from functools import lru_cache

from netwatch_tray.text import decoded

_MOST_BYTES = 64 << 10
_MOST_NAMES = 256


@lru_cache(_MOST_NAMES)
def name_of(app_id: str) -> str | None:
    """Return the untranslated name in an app's desktop entry, which is the same in every language, or `None` if there
    is no entry. Each entry is read once per process, in about 50 µs."""
    if not app_id or "/" in app_id or "\0" in app_id:
        return None
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")  # noqa: PTH111  text, as below
    directories = [home, *(os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")]
    for directory in filter(os.path.isabs, directories):
        try:
            with open(f"{directory}/applications/{app_id}.desktop", "rb") as file:  # noqa: PTH123  without pathlib
                return parse(file.read(_MOST_BYTES))
        except (OSError, ValueError):  # ValueError: a name that no file can have in this locale
            continue
    return None


def parse(content: bytes) -> str | None:
    """Return the value of `Name` in the group `Desktop Entry`, or `None` if there is none."""
    is_entry = False
    for line in content.split(b"\n"):
        if line.startswith(b"["):
            is_entry = line.strip() == b"[Desktop Entry]"
        key, equals, value = line.partition(b"=")
        if is_entry and equals and key.strip() == b"Name":
            return decoded(value).strip() or None
    return None

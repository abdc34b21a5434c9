"""Parses names of systemd's units (systemd.unit(5), systemd-escape(1))."""

from __future__ import annotations

import re

from netwatch_tray.text import decoded

# Compiled when the first such name is read: a server has none.
_ESCAPE = rb"\\x([0-9a-fA-F]{2})"
_DESKTOP_APP = r"app-(?:(?P<launcher>[^-]+)-)?(?P<id>[^-@]+)(?:-[^-]+\.scope|-[^-]+\.slice|(?:@[^@]*)?\.service)"
"""Pattern of the unit of a desktop app, by https://systemd.io/DESKTOP_ENVIRONMENTS. A `-` inside one of its parts is
escaped."""


def unescaped(name: str) -> str:
    r"""Return a unit's name without escapes: each `\xHH` is a byte of UTF-8."""
    return decoded(re.sub(_ESCAPE, _byte, name.encode())) if "\\" in name else name


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


def desktop_app(unit: str | None) -> tuple[str | None, str] | None:
    r"""Return the launcher and the app ID in the name of a desktop app's unit; None if it is another unit.

    `unit`: the name with systemd's escapes. `app-gnome-org.gnome.Foo\x2dBar-77.scope` → `gnome`, `org.gnome.Foo-Bar`.
    """
    if unit is None or not unit.startswith("app-"):
        return None
    found = re.fullmatch(_DESKTOP_APP, unit)
    if found is None:
        return None
    launcher = found["launcher"]
    return (None if launcher is None else unescaped(launcher)), unescaped(found["id"]).removesuffix(".desktop")


def short_name(app_id: str) -> str:
    """Return the last part of an app ID, as a short name for the app: `Foo` for `org.gnome.Foo`."""
    return app_id.rpartition(".")[2] if app_id.count(".") > 1 else app_id

"""Starting the program at login, by a file in a directory that the desktop reads. It is on if the file exists.

Linux: the Desktop Application Autostart Specification (freedesktop.org), `$XDG_CONFIG_HOME/autostart/*.desktop`; GNOME,
KDE, XFCE and the others read it, and systemd makes units of it where the desktop leaves that to systemd. macOS: a
LaunchAgent (launchd.plist(5)) in `~/Library/LaunchAgents`.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from netwatch_tray import desktop_files, launch, paths
from netwatch_tray.errors import NetWatchError, message

_log = logging.getLogger(__name__)

_NAME = "netwatch-tray"
_LABEL = "io.netwatch.tray"


def file() -> Path:
    """Return the path of the file that turns starting at login on, whether it exists or not."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "LaunchAgents" / f"{_LABEL}.plist"
    return paths.base_directory("XDG_CONFIG_HOME", ".config") / "autostart" / f"{_NAME}.desktop"


def is_on() -> bool:
    """Return whether the desktop will start the program at the next login. False also if the file exists, but another
    program has marked it as disabled."""
    try:
        text = file().read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    if sys.platform == "darwin":
        return "<key>Disabled</key><true/>" not in "".join(text.split())
    lines = {line.strip().replace(" ", "").lower() for line in text.splitlines()}
    return not lines & {"hidden=true", "x-gnome-autostart-enabled=false"}


def turn(*, on: bool) -> None:
    """Turn starting at login on or off. Raise NetWatchError, which names the file, if the file cannot be written or
    deleted.

    Turning it on also installs the desktop files on Linux, so that panels and notifications show the program's icon.
    """
    path = file()
    try:
        if not on:
            path.unlink(missing_ok=True)
            return
        content = _launch_agent(command()) if sys.platform == "darwin" else _desktop_entry(command())
        desktop_files.write(path, content.encode())
    except OSError as error:
        failed = (
            message("Start at login cannot be turned on: {path}: {reason}.", path=path, reason=error)
            if on
            else message("Start at login cannot be turned off: {path}: {reason}.", path=path, reason=error)
        )
        raise NetWatchError(failed) from error
    if sys.platform == "linux":
        try:
            desktop_files.install()
        except NetWatchError as error:  # the program starts without them, too
            _log.warning("%s", error)


def command() -> tuple[str, ...]:
    """Return the command that runs at login. It is not the bare program, because a session that restores its programs
    may start it as well, and the second start of the bare program opens the window."""
    return launch.command("agent")


def _desktop_entry(words: tuple[str, ...]) -> str:
    lines = (
        "[Desktop Entry]",
        "Type=Application",
        "Name=NetWatch Tray",
        "Comment=Live network rates in the tray",
        f"Exec={desktop_files.exec_line(words)}",
        f"Icon={_NAME}",
        "Terminal=false",
        "Categories=Network;Monitor;",
        "StartupNotify=false",
        "X-GNOME-Autostart-enabled=true",
        "X-KDE-autostart-after=panel",
    )
    return "\n".join(lines) + "\n"


def _launch_agent(words: tuple[str, ...]) -> str:
    import plistlib  # noqa: PLC0415  not worth its memory in an agent that never writes one

    properties = {
        "Label": _LABEL,
        "ProgramArguments": list(words),
        "RunAtLoad": True,
        # Back after a crash, not after Quit; nor after code 1, with which an agent ends that finds another one running:
        # launchd would start it every 10 s, for ever.
        "KeepAlive": {"Crashed": True},
        "LimitLoadToSessionType": "Aqua",
        "ProcessType": "Interactive",
    }
    return plistlib.dumps(properties).decode()

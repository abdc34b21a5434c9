"""The commands that start other processes of this program: the window, an agent, the program at the next login.

A checkout and a wheel are run by their interpreter; a frozen program is its own interpreter. An AppImage and a macOS
bundle must be started by their wrapper instead; it sets an environment variable to its path.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

WRAPPER = "NETWATCH_TRAY_WRAPPER"
"""Environment variable with the path of the wrapper; set by packaging/appimage/AppRun and
packaging/macos/launcher.c."""


def command(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs this program with these arguments. It stays valid in later sessions, unless the
    program is moved."""
    if wrapper := os.environ.get(WRAPPER):
        return wrapper, *arguments
    if getattr(sys, "frozen", False):
        return sys.executable, *arguments
    script = Path(sys.executable).with_name("netwatch-tray")
    if script.is_file():
        return str(script), *arguments
    return sys.executable, "-m", "netwatch_tray", *arguments


def start_agent() -> bool:
    """Start an agent in a session of its own. Return whether the process could be started. The agent outlives this
    process, so it shares no pipes with it."""
    import subprocess  # noqa: PLC0415  costs 1 MB, and the agent never starts another

    nothing = subprocess.DEVNULL
    try:
        subprocess.Popen(command("agent"), stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
    except OSError:
        return False
    return True

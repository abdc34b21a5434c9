"""Starts child processes of the agent: the window, the report of `doctor`, and the icon for XEmbed trays."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from netwatch_tray import clock, launch
from netwatch_tray.errors import Message, NetWatchError

if TYPE_CHECKING:
    from subprocess import Popen

_LONGEST_TOKEN = 4096
"""Most bytes of an activation token (what Wayland requires of a program to raise its window). Real ones have about 50;
execve(2) refuses 128 KiB in one variable."""
_LONGEST_START = 30.0
"""Seconds after which a window that has not connected no longer counts as starting. If a wrapper script starts it, its
PID is never seen on the feed."""


class Children:
    """Starts the child processes of the agent, and ends them with it. At most one of each kind is starting at a time.
    Use it in the scheduler's thread only."""

    def __init__(
        self,
        subscribers: Callable[[], frozenset[int]],
        activation_token: Callable[[], str | None],
        failed: Callable[[Message], None],
    ) -> None:
        """`subscribers`: returns the PIDs that are connected to the feed, so their start is complete.
        `activation_token`: returns the token of the user's click (Wayland), or None. `failed`: called with the reason
        if a window or the report cannot start."""
        self._subscribers, self._activation_token, self._failed = subscribers, activation_token, failed
        self._windows: list[tuple[Popen[bytes], float, tuple[str, ...]]] = []
        """Window processes that run, each with the boot-time clock of its start and its options."""
        self._others: list[Popen[bytes]] = []
        self._doctor: Popen[bytes] | None = None

    def open_window(self) -> None:
        """Start the subcommand `window`. If a window is open already, it is raised."""
        self._start_window()

    def open_settings(self) -> None:
        """Start `window --settings`. If a window is open already, it shows the settings."""
        self._start_window("--settings")

    def open_mini(self) -> None:
        """Start `window --mini`. If a window process runs already, it opens the mini window."""
        self._start_window("--mini")

    def open_events(self) -> None:
        """Start `window --events`. If a window is open already, it shows the events."""
        self._start_window("--events")

    def show_doctor(self) -> None:
        """Start `doctor --show`, which opens the diagnostic report, unless it is running already."""
        self.reap()
        if self._doctor is None:
            self._doctor = self._try_to_start("doctor", "--show")

    def _start_window(self, *options: str) -> None:
        """Start a window process, unless one with the same options is still starting."""
        self.reap()
        now, connected = clock.boottime(), self._subscribers()
        starting = (
            each for child, at, each in self._windows if child.pid not in connected and now - at < _LONGEST_START
        )
        if options in starting:
            return
        token = self._activation_token() or ""
        is_usable = token and len(token.encode(errors="replace")) <= _LONGEST_TOKEN and "\0" not in token
        # Wayland gives the focus to the program that the click was meant for.
        environment = {"XDG_ACTIVATION_TOKEN": token} if is_usable else {}
        if child := self._try_to_start("window", *options, **environment):
            self._windows.append((child, now, options))

    def _try_to_start(self, *arguments: str, **environment: str) -> Popen[bytes] | None:
        try:
            return _start(*arguments, **environment)
        except NetWatchError as error:
            self._failed(error.message)
            return None

    def start_icon(self) -> Popen[bytes]:
        """Start the process that shows the icon in an XEmbed tray. Raise NetWatchError if it cannot start."""
        child = _start("--xembed-icon")
        self._others.append(child)
        return child

    def reap(self) -> None:
        """Collect the exit status of children that have exited, and forget them. Call it regularly."""
        if self._windows:
            self._windows = [each for each in self._windows if each[0].poll() is None]
        if self._others:
            self._others = [child for child in self._others if child.poll() is None]
        if self._doctor is not None and self._doctor.poll() is not None:
            self._doctor = None

    def terminate(self) -> None:
        """Terminate all children. Most have exited by the feed's goodbye, but not one that is still starting."""
        for child in (*(child for child, *_ in self._windows), *self._others, *filter(None, [self._doctor])):
            child.terminate()


def _start(*arguments: str, **environment: str) -> Popen[bytes]:
    """Start this program in another process. `arguments`: its command line. `environment`: additional variables. Raise
    NetWatchError."""
    import subprocess  # noqa: PLC0415  costs 1 MB, and the agent may run for days without a window

    try:
        return subprocess.Popen(
            launch.command(*arguments),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    except OSError as error:
        raise NetWatchError(
            "netwatch-tray {arguments} cannot be started: {reason}. Try again.",
            arguments=arguments[0],
            reason=error,
        ) from error

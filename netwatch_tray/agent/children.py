"""The processes that the agent starts: the window, the report of `doctor`, the icon for XEmbed trays."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from netwatch_tray import clock, launch
from netwatch_tray.errors import Message, NetWatchError

if TYPE_CHECKING:
    from subprocess import Popen

_LONGEST_TOKEN = 4096
"""Bytes of an activation token. Real ones have about 50; execve(2) refuses 128 KiB in one variable."""
_LONGEST_START = 30.0
"""Seconds after which a window that has not connected is no longer waited for: a wrapper may hide its process id."""


class Children:
    """The processes that the agent starts. At most one of each kind is starting at a time. Use it in the scheduler's
    thread only."""

    def __init__(
        self,
        subscribers: Callable[[], frozenset[int]],
        activation_token: Callable[[], str | None],
        failed: Callable[[Message], None],
    ) -> None:
        """`subscribers`: PIDs of the processes that are connected to the feed, and so have started. `activation_token`:
        returns the token of the click that opens the window, on Wayland. `failed`: called with why a window or the
        report cannot start.
        """
        self._subscribers, self._activation_token, self._failed = subscribers, activation_token, failed
        self._windows: list[tuple[Popen[bytes], float, tuple[str, ...]]] = []
        """Running windows, each with its start time in seconds since boot and its options."""
        self._others: list[Popen[bytes]] = []
        self._doctor: Popen[bytes] | None = None

    def open_window(self) -> None:
        """Start `window`, which raises a window that is already open."""
        self._start_window()

    def open_settings(self) -> None:
        """Start `window --settings`, which shows the settings, in a window that is already open if there is one."""
        self._start_window("--settings")

    def open_mini(self) -> None:
        """Start `window --mini`, which shows the mini window, in the window process that already runs if there is
        one."""
        self._start_window("--mini")

    def open_events(self) -> None:
        """Start `window --events`, which shows the events, in a window that is already open if there is one."""
        self._start_window("--events")

    def show_doctor(self) -> None:
        """Start `doctor --show`, unless it is running already."""
        self.reap()
        if self._doctor is None:
            self._doctor = self._try_to_start("doctor", "--show")

    def _start_window(self, *options: str) -> None:
        """Start a window, unless one with the same options is starting; that one serves this request as well."""
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
        """Start the process of the XEmbed icon. Raise NetWatchError if it cannot start."""
        child = _start("--xembed-icon")
        self._others.append(child)
        return child

    def reap(self) -> None:
        """Forget the processes that have exited."""
        if self._windows:
            self._windows = [each for each in self._windows if each[0].poll() is None]
        if self._others:
            self._others = [child for child in self._others if child.poll() is None]
        if self._doctor is not None and self._doctor.poll() is not None:
            self._doctor = None

    def terminate(self) -> None:
        """Terminate all processes; one that is still starting has not received the goodbye of the feed."""
        for child in (*(child for child, *_ in self._windows), *self._others, *filter(None, [self._doctor])):
            child.terminate()


def _start(*arguments: str, **environment: str) -> Popen[bytes]:
    """Start another process of this program. Raise NetWatchError."""
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
            reason=error.strerror,
        ) from error

"""Detects an app that uses the network and is not in the history."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netwatch_tray.engine.apps import OTHERS_KEY, SEARCHING_KEY, UNSEEN_KEY
from netwatch_tray.engine.detectors import Moment, SocketsSeen
from netwatch_tray.event import Finding, NewApp, Severity
from netwatch_tray.model import Connection

_MOST_KNOWN = 8192
"""Most apps that are remembered. If the history has more, no app is reported as new, because it may be a forgotten
one."""
_MOST_WAITING = 64
"""Most apps that are stored until the apps of the history are known."""
_NO_APPS = frozenset({OTHERS_KEY, SEARCHING_KEY, UNSEEN_KEY})
_ONE_RUN = re.compile(
    r"^unit:(?:(?:docker|libpod|crio|cri-containerd|nerdctl|containerd|container) [0-9a-f]{12}|run-.*)$"
)
"""Keys of containers and transient systemd units. They are not reported, because each run has another name."""


class NewAppWatch:
    """Finds apps that are not in the history. Until `know` has set those, it stores the apps that it sees."""

    def __init__(self) -> None:
        self._known: set[str] | None = None
        self._waiting: dict[str, Finding] = {}
        """Findings by key of the app, stored until `know` decides which are new."""

    def know(self, apps: Iterable[str]) -> list[Finding]:
        """Set the keys of all apps in the history. Return findings for the apps seen so far that are not among them."""
        self._known = set(apps)
        waiting, self._waiting = self._waiting, {}
        return [finding for app, finding in waiting.items() if self._is_new(app)]

    def take(self, seen: SocketsSeen, now: Moment, /) -> Iterator[Finding]:
        for row in seen.rows:
            if row.remote_address is not None and row.scope != "machine" and row.app is not None:
                yield from self._see(row.app, row.pid, seen.name_of(row.app), row, now)
        for ended in seen.ended:
            if ended.crosses_uplink and not ended.is_own:
                yield from self._see(ended.app.key, ended.pid, ended.app.name, None, now)

    def _see(
        self, app: str, pid: int | None, name: str | None, row: Connection | None, now: Moment
    ) -> Iterator[Finding]:
        if (self._known is not None and app in self._known) or app in self._waiting or not _is_app(app, pid):
            return
        finding = Finding(
            evidence=NewApp(
                program=app.removeprefix("executable:") if app.startswith("executable:") else None,
                remote=None if row is None else row.remote_address,
                port=None if row is None else row.remote_port,
            ),
            severity=Severity.NOTICE,
            key=app,
            at=now.at,
            app=app,
            app_name=name,
            host=None if row is None else row.host or row.remote_address,
            pid=pid,
        )
        if self._known is not None:
            if self._is_new(app):
                yield finding
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting[app] = finding

    def _is_new(self, app: str) -> bool:
        if self._known is None or app in self._known or len(self._known) >= _MOST_KNOWN:
            return False
        self._known.add(app)
        return True


def _is_app(app: str, pid: int | None) -> bool:
    """Return whether a key stands for one app: not for a user or another presumed owner of a socket without a process,
    and not for one run of a container. `pid`: None if no process was found."""
    if app in _NO_APPS or app.startswith("user:"):
        return False
    return (pid is not None or app.startswith("unit:")) and _ONE_RUN.match(app) is None

"""The resident process: wires collectors, engine, feed and tray, starts them in order and stops them in reverse."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import resource
import signal
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import netwatch_tray
from netwatch_tray import clock, paths
from netwatch_tray.agent.connections import TOPICS, ConnectionWatch
from netwatch_tray.collect.interfaces import open_interfaces
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import AlreadyRunningError, TrayUnavailableError
from netwatch_tray.feed import protocol
from netwatch_tray.feed.protocol import Command, Goodbye, Hello, RecentTick, ServerMessage, Status, TickMessage, Topic
from netwatch_tray.feed.server import FeedServer
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings
from netwatch_tray.tray import Actions, Tray, open_tray

if TYPE_CHECKING:
    from subprocess import Popen

_log = logging.getLogger(__name__)

PERIOD = 1.0
"""Seconds between ticks."""
_RECENT_TICKS = 300
"""Kept for the next window that opens: five minutes."""


class Agent:
    """One per user and machine; `run` returns when the person quits or the system ends it."""

    def __init__(self, settings: Settings, *, headless: bool) -> None:
        """Takes the lock. Raises AlreadyRunningError, or NetWatchError when nothing can be measured or served."""
        self._settings = settings
        self._started = clock.boottime()
        self._recent: deque[RecentTick] = deque(maxlen=_RECENT_TICKS)
        self._windows: list[Popen[bytes]] = []
        self._tray: Tray | None = None
        self._tray_report = "none: started with --headless"
        with contextlib.ExitStack() as undo:
            undo.enter_context(_lock(paths.lock_file()))
            self._interfaces = open_interfaces()
            undo.callback(self._interfaces.source.close)
            self._monitor = Monitor(self._interfaces.source, PERIOD, settings.total)
            self._scheduler = Scheduler()
            undo.callback(self._scheduler.close)
            self._connections = ConnectionWatch(self._scheduler, self._monitor)
            undo.callback(self._connections.stop)
            self._feed = FeedServer(
                self._scheduler,
                paths.feed_socket(),
                hello=self._hello,
                resync=self._resync,
                command=self._execute,
                topics_changed=self._topics_changed,
            )
            undo.callback(self._feed.close)
            if not headless:
                self._open_tray()
                undo.callback(self._close_tray)
            self._undo = undo.pop_all()

    def run(self) -> None:
        """Measures, shows and serves until told to stop, by `quit`, SIGTERM or SIGINT; then leaves nothing behind."""
        with self._undo:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._scheduler.stop())
            self._scheduler.every(PERIOD, self._tick)
            self._tick()
            self._connections.start(self._feed)
            if self._tray:
                self._tray.run()
            else:
                self._scheduler.run()

    def _tick(self) -> None:
        fault = self._monitor.fault
        tick = self._monitor.tick()
        if self._monitor.fault and self._monitor.fault != fault:
            _log.warning("%s", self._monitor.fault)
        self._recent.append(_recent(tick))
        self._connections.count(tick)
        if self._tray:
            self._tray.show(tick)
        if self._feed.wants("interfaces"):
            self._feed.publish("interfaces", TickMessage(tick))
        self._windows = [window for window in self._windows if window.poll() is None]

    def _hello(self) -> Hello:
        return Hello(
            protocol=protocol.VERSION,
            version=netwatch_tray.__version__,
            pid=os.getpid(),
            interval_s=PERIOD,
            settings=self._settings,
            recent=tuple(self._recent),
        )

    def _resync(self, topic: Topic) -> ServerMessage | None:
        # A late reader of ticks needs only the next one.
        return None if topic == "interfaces" else self._connections.everything(topic)

    def _topics_changed(self, topics: frozenset[Topic]) -> None:
        self._connections.set_watched(bool(topics & TOPICS))

    def _execute(self, command: Command) -> ServerMessage | None:
        match command.name:
            case "open-window":
                self._open_window()
            case "quit":
                self._quit()
            case "status":
                return self._status()
        return None

    def _open_tray(self) -> None:
        try:
            self._tray = open_tray(self._scheduler, Actions(self._open_window, self._quit), self._settings.units)
        except TrayUnavailableError as error:
            self._tray_report = f"none: {error}"
            _log.warning("%s The window opens instead.", error)
            self._scheduler.after(0, self._open_window)

    def _close_tray(self) -> None:
        if self._tray:
            self._tray.close()

    def _open_window(self) -> None:
        """Starts the window's process; it raises the one that is open already, if there is one."""
        import subprocess  # noqa: PLC0415  costs 1 MB, and the agent may run for days without a window

        environment = dict(os.environ)
        if self._tray and (token := self._tray.activation_token):
            environment["XDG_ACTIVATION_TOKEN"] = token  # Wayland gives the focus to whom the click was meant for
        command = [sys.executable, "-m", "netwatch_tray", "window"]
        window = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, env=environment)
        self._windows.append(window)

    def _quit(self) -> None:
        self._feed.tell_all(Goodbye())
        for window in self._windows:  # one that is only starting has not heard it
            window.terminate()
        self._scheduler.stop()

    def _status(self) -> Status:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return Status(
            version=netwatch_tray.__version__,
            pid=os.getpid(),
            uptime_s=clock.boottime() - self._started,
            cpu_s=usage.ru_utime + usage.ru_stime,
            rss_bytes=_resident_bytes(),
            interfaces=self._interfaces.source.name,
            connections=self._connections.source_name,
            tray=f"{self._tray.backend}: {self._tray.state}" if self._tray else self._tray_report,
            clients=self._feed.clients,
            faults=tuple(filter(None, [self._monitor.fault, self._interfaces.source.note])),
        )


def _recent(tick: Tick) -> RecentTick:
    return RecentTick(
        at=tick.at.timestamp(),
        gap=tick.gap,
        total=(tick.total.rx_rate, tick.total.tx_rate),
        rates={each.index: (each.rx_rate, each.tx_rate) for each in tick.interfaces},
    )


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[None]:
    """Held while the agent lives, and by the kernel's word not a moment longer. Raises AlreadyRunningError."""
    while True:
        with file.open("a") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError("The agent is running already.") from None
            # An agent that just ended may have removed the file between our two steps: then this lock guards nothing.
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_ino == os.fstat(held.fileno()).st_ino:
                    try:
                        yield
                    finally:
                        file.unlink(missing_ok=True)
                    return


def _resident_bytes() -> int | None:
    """Memory in use now; None where only psutil could tell, which is not worth its memory here."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()

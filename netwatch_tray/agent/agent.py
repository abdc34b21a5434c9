"""The resident process: wires collectors, engine, feed and tray, starts them in order and stops them in reverse."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import netwatch_tray
from netwatch_tray import clock, desktop_files, language, paths, settings as settings_file, units
from netwatch_tray.agent.children import Children
from netwatch_tray.agent.connections import TOPICS, ConnectionWatch
from netwatch_tray.agent.history import HistoryKeeper
from netwatch_tray.agent.instance import Instance
from netwatch_tray.agent.settings_child import SettingsChild
from netwatch_tray.collect import odd_rows
from netwatch_tray.collect.sources import Sources
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import AlreadyRunningError, Message, NetWatchError, message
from netwatch_tray.feed import protocol
from netwatch_tray.feed.protocol import (
    Command,
    Goodbye,
    Hello,
    RecentTick,
    ServerMessage,
    SettingsMessage,
    Status,
    TickMessage,
    Topic,
)
from netwatch_tray.feed.server import FeedServer
from netwatch_tray.model import Tick
from netwatch_tray.settings import Settings
from netwatch_tray.tray import Actions, Amounts, Notification
from netwatch_tray.tray.presence import Presence
from netwatch_tray.wording import MONTHS

if TYPE_CHECKING:
    from netwatch_tray.cloud.upload_service import UploadService
    from netwatch_tray.history.usage import PlanAlert

_log = logging.getLogger(__name__)

PERIOD = 1.0
"""Seconds between ticks."""
_FILES_PERIOD = 10.0
"""Seconds between checks of the settings file, which the user may edit by hand, and of the locks."""
_CONTEXTS = ("Facts", "Messages", "Tray")
"""Of the translations that the agent shows; the others would only take memory."""
_RECENT_TICKS = 300
"""Kept for the next window that opens: five minutes."""


class Agent:
    """One per user and machine; `run` returns when the user quits or the system ends it."""

    def __init__(self, *, headless: bool, by_hand: bool = False, sources: Sources | None = None) -> None:
        """Take the lock. Raises AlreadyRunningError, or NetWatchError when nothing can be measured or served.

        `by_hand`: the user has started it, not the login; see Presence. `sources`: of a recording in place of this
        machine; then nothing is sent. A fault in the settings stops nothing: what can
        be used of them is, and the fault is reported.
        """
        self._settings_file = paths.settings_file()
        self._settings_state = _state(self._settings_file)
        settings, self._settings_fault = _read_settings(
            self._settings_file, message("Faulty settings have their defaults.")
        )
        self._settings = settings
        language.use(settings.language, _CONTEXTS)
        self._started = clock.boottime()
        self._recent: deque[RecentTick] = deque(maxlen=_RECENT_TICKS)
        self._presence: Presence | None = None
        self._tray_reported: tuple[Message | None, bool] = (None, False)
        self._upload_service: UploadService | None = None
        self._unreachable: Message | None = None
        """Why no new client can connect."""
        self._successor: AlreadyRunningError | None = None
        # No child of the agent needs it.
        key = os.environ.pop("NETWATCH_API_KEY", None)
        self._secrets = {"NETWATCH_API_KEY": key} if key else {}
        with contextlib.ExitStack() as undo:
            self._instance = Instance(paths.state_directory(), paths.lock_file)
            undo.callback(self._instance.close)
            self._sources = sources or Sources()
            self._interfaces = self._sources.interfaces()
            undo.callback(self._interfaces.source.close)
            self._monitor = Monitor(self._interfaces.source, PERIOD, settings.total)
            self._scheduler = Scheduler()
            undo.callback(self._scheduler.close)
            self._settings_child = SettingsChild(self._scheduler, self._settings_written)
            undo.callback(self._settings_child.close)
            self._connections = ConnectionWatch(self._scheduler, self._monitor, self._sources)
            undo.callback(self._connections.stop)
            undo.callback(self._end_uploading)
            self._history = HistoryKeeper(self._scheduler, paths.history_file(), settings, self._warn_of_data_plan)
            undo.callback(self._history.stop)
            undo.callback(self._take_last)
            self._feed = FeedServer(
                self._scheduler,
                paths.feed_socket(),
                hello=self._hello,
                resync=self._resync,
                command=self._execute,
                topics_changed=self._topics_changed,
            )
            undo.callback(self._feed.close)
            self._children = Children(lambda: self._feed.subscribers)
            if not headless:
                self._presence = Presence(
                    self._scheduler, self._actions(), settings, self._children.start_icon, by_hand=by_hand
                )
                undo.callback(self._presence.close)
            self._undo = undo.pop_all()

    def run(self) -> None:
        """Measure, show and serve until `quit`, SIGTERM, SIGINT or SIGHUP; then leave nothing behind.

        Raise AlreadyRunningError if another agent took over, after the locks of this one had been removed.
        """
        with self._undo:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup(1) ignores it
                    signal.signal(number, lambda *_: self._scheduler.stop())
            self._scheduler.every(PERIOD / self._sources.speed, self._tick)
            self._scheduler.every(_FILES_PERIOD, self._check_files)
            self._tick()
            if self._presence and self._sources.is_live:
                self._refresh_desktop_files()
            if self._settings_fault:
                self._complain("settings", message("Fault in the settings"), self._settings_fault)
            self._connections.start(self._feed)
            self._start_uploading()
            if self._presence:
                self._presence.run(self._undo.close)
            else:
                self._scheduler.run()
        if self._successor:
            raise self._successor

    def _tick(self) -> None:
        fault = self._monitor.fault
        tick = self._monitor.tick()
        if self._monitor.fault and self._monitor.fault != fault:
            _log.warning("%s", self._monitor.fault)
        elif self._monitor.fault:  # not for one reading that failed
            self._notify("counters", message("NetWatch cannot measure"), self._monitor.fault)
        if tick is None:  # the machine was busy, and this one came too soon after the one before
            self._connections.skip_tick()
            return
        self._recent.append(_recent(tick))
        self._history.take(tick, self._connections.count(tick))
        if self._upload_service:
            self._upload_service.tick(tick)
        if self._presence:
            self._presence.show(tick)
            self._report_tray()
        if self._feed.wants("interfaces"):
            self._feed.publish("interfaces", TickMessage(tick))
        self._children.reap()
        if not self._feed.is_in_place:
            self._stay_reachable()

    def _stay_reachable(self) -> None:
        """Restore locks and socket after the runtime or state directory was cleaned up."""
        try:
            self._instance.check()
            self._feed.check()
            self._unreachable = None
        except AlreadyRunningError as error:
            _log.error("Another agent runs with this one's files, so this one ends.")
            self._successor = error
            self._scheduler.stop()
        except NetWatchError as error:
            if error.message != self._unreachable:
                _log.warning("New windows and commands cannot reach the agent. %s", error)
            self._unreachable = error.message

    def _report_tray(self) -> None:
        """Send the status when the state of the tray changed."""
        if self._presence and (found := (self._presence.no_tray, self._presence.is_looking)) != self._tray_reported:
            self._tray_reported = found
            self._feed.tell_all(self._status())

    def _refresh_desktop_files(self) -> None:
        try:
            desktop_files.refresh()
        except NetWatchError as error:
            _log.warning("%s", error)

    def _take_last(self) -> None:
        """Measure once more, so that the history has all bytes and their owners up to now."""
        self._connections.read_last()
        tick = self._monitor.tick(is_last=True)
        if tick is not None:
            self._history.take(tick, self._connections.count(tick))

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
            case "open-settings":
                self._open_settings()
            case "quit":
                self._quit()
            case "status":
                return self._status()
            case "pause":
                self._monitor.pause()
            case "resume":
                self._monitor.resume()
            case "reload":
                self._reload()
            case "show-doctor":
                self._show_doctor()
        return None

    def _actions(self) -> Actions:
        return Actions(
            open_window=self._open_window,
            open_settings=self._open_settings,
            quit=self._quit,
            pause=lambda on: self._monitor.pause() if on else self._monitor.resume(),
            choose=self._choose,
            show_doctor=self._show_doctor,
            upload_state=lambda: self._upload_service.status if self._upload_service else None,
            apps=lambda: self._connections.table.apps() if self._connections.table else (),
            amounts=self._amounts,
        )

    def _amounts(self) -> Amounts | None:
        if not self._settings.history.on:
            return None
        cap, moved = self._settings.plan.cap_bytes, self._history.moved
        return Amounts(moved.today, moved.month, cap, moved.since) if moved else Amounts(None, None, cap, None)

    def _choose(self, settings: Settings) -> None:
        self._settings_child.write(settings_file.changes(self._settings, settings))

    def _settings_written(self, fault: Message | None) -> None:
        if fault:
            self._complain("choice", message("The settings were not changed"), fault)
        self._reload()

    def _check_files(self) -> None:
        """Restore locks and socket if they were removed, and reload the settings file if it was changed."""
        self._stay_reachable()
        if _state(self._settings_file) != self._settings_state:
            self._reload()

    def _reload(self) -> None:
        """Keep the previous settings if the file is faulty, but stop uploading."""
        self._settings_state = _state(self._settings_file)
        settings, self._settings_fault = _read_settings(
            self._settings_file, message("The previous settings stay in use.")
        )
        if self._settings_fault:
            self._complain("settings", message("Fault in the settings"), self._settings_fault)
            settings = settings_file.silent(self._settings)
        self._apply(settings)

    def _apply(self, settings: Settings) -> None:
        before, self._settings = self._settings, settings
        language.use(settings.language, _CONTEXTS)
        if settings.upload != before.upload:
            self._start_uploading()
        self._history.apply(settings)
        self._monitor.choose(settings.total)
        if self._presence:
            self._presence.apply(settings)
        self._feed.tell_all(SettingsMessage(settings))

    def _complain(self, key: str, heading: Message, text: Message) -> None:
        _log.warning("%s: %s", heading, text)
        self._notify(key, heading, text)

    def _notify(self, key: str, heading: Message, text: Message) -> None:
        """Notify the user, where there is a desktop that shows it."""
        if self._presence:
            self._presence.notify(Notification(key, language.said(heading), language.said(text)))

    def _start_uploading(self) -> None:
        """Upload by the settings; a second call replaces the service."""
        before, self._upload_service, self._connections.on_reading = self._upload_service, None, None
        if before:
            before.stop(drain=False)
        if self._settings.upload.on and self._sources.is_live:
            from netwatch_tray.cloud.upload_service import UploadService  # noqa: PLC0415  6 MB with TLS and SQLite

            self._upload_service = UploadService(
                self._scheduler,
                self._settings.upload,
                {**os.environ, **self._secrets},
                self._connections.read_with_tick,
                partial(self._notify, "upload", message("Nothing is uploaded")),
                after=before,
            )
            self._connections.on_reading = self._upload_service.connections_read

    def _end_uploading(self) -> None:
        if self._upload_service:
            self._upload_service.stop(drain=True)
            self._upload_service.wait()

    def _warn_of_data_plan(self, alert: PlanAlert) -> None:
        used, cap = (units.size(amount, self._settings.units) for amount in (alert.used, alert.cap))
        heading = message("{percent} % of the data plan used", percent=alert.percent)
        last = alert.cycle.last
        text = message(
            "{used} of {cap} used; the billing month ends on {day} {month}.",
            used=used,
            cap=cap,
            day=last.day,
            month=Message(MONTHS[last.month - 1]),
        )
        _log.info("Data plan: %s", text)
        self._notify(f"data plan {alert.percent}", heading, text)

    def _open_window(self) -> None:
        self._start_window()

    def _open_settings(self) -> None:
        self._start_window("--settings")

    def _start_window(self, *options: str) -> None:
        token = self._presence.activation_token if self._presence else None
        self._try_to_start(lambda: self._children.open_window(token, *options))

    def _show_doctor(self) -> None:
        self._try_to_start(self._children.show_doctor)

    def _try_to_start(self, start: Callable[[], None]) -> None:
        try:
            start()
        except NetWatchError as error:
            self._complain("start", message("NetWatch cannot open a window"), error.message)

    def _quit(self) -> None:
        self._feed.tell_all(Goodbye())
        self._children.terminate()
        self._scheduler.stop()

    def _status(self) -> Status:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        moved = self._history.moved
        return Status(
            version=netwatch_tray.__version__,
            pid=os.getpid(),
            uptime_s=clock.boottime() - self._started,
            cpu_s=usage.ru_utime + usage.ru_stime,
            rss_bytes=_resident_bytes(),
            interfaces=self._interfaces.source.name,
            connections=self._connections.state,
            helper=self._connections.helper,
            offers_helper=self._connections.offers_helper,
            tray=self._presence.state if self._presence else message("none: started with --headless"),
            no_tray=self._presence.no_tray if self._presence else None,
            is_looking=self._presence is not None and self._presence.is_looking,
            upload=self._upload_service.status if self._upload_service else None,
            upload_fault=self._upload_service.fault if self._upload_service else None,
            settings_fault=self._settings_fault,
            clients=self._feed.clients,
            faults=(
                *filter(None, [self._monitor.fault, self._interfaces.source.note, self._unreachable]),
                *self._history.faults,
                *odd_rows.faults(),
            ),
            today_bytes=moved and moved.today,
            month_bytes=moved and moved.month,
            month_since=moved and moved.since,
        )


def _read_settings(file: Path, in_use: Message) -> tuple[Settings, Message | None]:
    """Return the settings and a description of the fault in the file. `in_use`: what applies in place of the fault."""
    settings, error = settings_file.read(file)
    if error is None:
        return settings, None
    return settings, message(
        "{fault} {in_use} Nothing is uploaded until the file is fixed.", fault=error, in_use=in_use
    )


def _state(file: Path) -> tuple[int, ...]:
    """Return what differs once the file was written, replaced, or given another mode."""
    try:
        found = file.stat()
    except OSError as error:
        return (error.errno or 0,)
    return found.st_dev, found.st_ino, found.st_ctime_ns, found.st_size


def _recent(tick: Tick) -> RecentTick:
    return RecentTick(
        at=tick.at.timestamp(),
        gap=tick.gap or tick.total.gap,
        total=(tick.total.rx_rate, tick.total.tx_rate),
        rates={each.index: (each.rx_rate, each.tx_rate) for each in tick.interfaces},
    )


def _resident_bytes() -> int | None:
    """Memory in use now; `None` where only psutil reports it, which costs too much memory here."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()

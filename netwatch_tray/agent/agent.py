"""The resident process: creates and connects collectors, engine, feed, history and tray, and stops them in reverse
order."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
from collections.abc import Callable
from functools import partial

import msgspec

import netwatch_tray
from netwatch_tray import clock, desktop_files, language, own_memory, paths
from netwatch_tray.agent import helper_link
from netwatch_tray.agent.children import Children
from netwatch_tray.agent.connections import TOPICS, ConnectionWatch
from netwatch_tray.agent.events import EventKeeper
from netwatch_tray.agent.history import HistoryKeeper
from netwatch_tray.agent.host_keeper import HostKeeper
from netwatch_tray.agent.instance import Instance
from netwatch_tray.agent.metrics import Metrics
from netwatch_tray.agent.probes import Probes
from netwatch_tray.agent.recent_ticks import RecentTicks
from netwatch_tray.agent.settings_keeper import SettingsKeeper
from netwatch_tray.agent.uploading import Uploading
from netwatch_tray.collect import odd_rows
from netwatch_tray.collect.sources import Sources
from netwatch_tray.engine.app_hosts import AppHosts
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import AlreadyRunningError, Message, NetWatchError, message
from netwatch_tray.event import Event, mutes_for
from netwatch_tray.feed import protocol
from netwatch_tray.feed.protocol import (
    ChangeMute,
    Command,
    Goodbye,
    Hello,
    HostsMessage,
    HostsRequest,
    MarkSeen,
    Request,
    ServerMessage,
    SettingsMessage,
    Status,
    TickMessage,
    Topic,
)
from netwatch_tray.feed.server import FeedServer
from netwatch_tray.settings import Settings
from netwatch_tray.tray import Actions, Amounts, Notification, NotificationAction
from netwatch_tray.tray.presence import Presence

_log = logging.getLogger(__name__)

PERIOD = 1.0
"""Seconds between ticks."""
_CHECK_PERIOD = 10.0
"""Seconds between two calls of `Agent._check`."""
_CONTEXTS = ("EventWords", "Facts", "Messages", "Tray")
"""Contexts (groups) of the translated texts that the agent loads. Others are for the window, and would take memory."""


class Agent:
    """The resident process, one per user and machine. `run` returns when the user quits or the system ends it."""

    def __init__(self, *, headless: bool, by_hand: bool = False, sources: Sources | None = None) -> None:
        """Take the locks of the one agent of this user. Raise AlreadyRunningError if another one runs, NetWatchError if
        nothing can be measured or no client can connect.

        `headless`: show no icon. `by_hand`: whether the user started it, not the login. `sources`: a recording to
        replay instead of this machine's sources; then nothing is uploaded.
        """
        self._started = clock.boottime()
        self._recent = RecentTicks()
        self._presence: Presence | None = None
        self._tray_reported: tuple[Message | None, bool] = (None, False)
        self._unreachable: Message | None = None
        """Message why no new client can connect; None if clients can."""
        self._successor: AlreadyRunningError | None = None
        with contextlib.ExitStack() as undo:
            self._scheduler = Scheduler()
            undo.callback(self._scheduler.close)
            self._settings = SettingsKeeper(self._scheduler, self._apply, self._complain)
            undo.callback(self._settings.close)
            settings = self._settings.current
            language.use(settings.language, _CONTEXTS)
            self._instance = Instance(paths.state_directory(), paths.lock_file)
            undo.callback(self._instance.close)
            self._stop_on_signals()  # from now on, there are files to remove
            self._sources = sources or Sources()
            self._sources.countries().is_on = settings.countries
            self._interfaces = self._sources.interfaces()
            undo.callback(self._interfaces.source.close)
            self._monitor = Monitor(self._interfaces.source, PERIOD, settings.total)
            self._app_hosts = AppHosts(self._sources.now)
            self._host_keeper: HostKeeper | None = None
            if self._sources.is_live:
                self._host_keeper = HostKeeper(
                    self._scheduler,
                    paths.hosts_directory(),
                    self._app_hosts,
                    lambda: self._connections.names,
                    settings.history.hosts_days,
                )
                undo.callback(self._host_keeper.stop)
            kept_names = self._host_keeper.kept_names if self._host_keeper else None
            self._connections = ConnectionWatch(
                self._scheduler, self._monitor, self._sources, self._app_hosts, kept_names
            )
            undo.callback(self._connections.stop)
            self._uploading = Uploading(
                self._scheduler,
                self._connections,
                self._notify,
                is_allowed=self._sources.is_live,
            )
            undo.callback(self._uploading.stop)
            self._metrics = Metrics(self._scheduler, self._connections, is_allowed=self._sources.is_live)
            undo.callback(self._metrics.stop)
            self._history = HistoryKeeper(
                self._scheduler,
                paths.history_file(),
                settings,
                lambda alert: self._events.plan_used(alert),  # noqa: PLW0108  made below
            )
            undo.callback(self._history.stop)
            self._events = EventKeeper(
                self._history,
                settings.events,
                self._sources,
                publish=lambda message: self._feed.publish("events", message),
                notify=self._notify_of_event,
                set_mute=self._set_mute,
                on_outcome=(self._metrics.take, self._uploading.take),
            )
            self._uploading.dns = lambda: self._events.dns
            undo.callback(self._events.close)
            on_health = self._metrics.health, self._events.health, self._uploading.health
            self._probes = Probes(self._scheduler, on_health, self._uploading.health_failed)
            undo.callback(self._probes.stop)
            self._services = self._probes, self._uploading, self._metrics
            self._connections.on_changes, self._connections.on_helper = self._events.sockets, self._events.reading
            undo.callback(self._take_last)
            self._feed = FeedServer(
                self._scheduler,
                paths.feed_socket(),
                hello=self._hello,
                resync=self._resync,
                command=self._answer,
                topics_changed=self._topics_changed,
            )
            undo.callback(self._feed.close)
            self._children = Children(
                lambda: self._feed.subscribers,
                lambda: self._presence.activation_token if self._presence else None,
                partial(self._complain, "start", message("NetWatch cannot open a window")),
            )
            if not headless:
                self._presence = Presence(
                    self._scheduler, self._actions(), settings, self._children.start_icon, by_hand=by_hand
                )
                undo.callback(self._presence.close)
            self._undo = undo.pop_all()

    def run(self) -> None:
        """Run the loop until `quit`, SIGTERM, SIGINT or SIGHUP; then remove sockets and locks.

        Raise AlreadyRunningError if the locks of this agent were deleted and another agent has taken them since.
        """
        with self._undo:
            self._scheduler.every(PERIOD / self._sources.speed, self._tick)
            self._scheduler.every(_CHECK_PERIOD, self._check)
            self._tick()
            if self._presence and self._sources.is_live:
                self._refresh_desktop_files()
            if self._presence and self._settings.current.window.mini:
                self._children.open_mini()
            self._settings.report_fault()
            self._connections.start(self._feed)
            self._uploading.apply(self._settings.current.upload)
            self._metrics.apply(self._settings.current)
            self._uploading.apply_otlp(self._settings.current.otlp)
            self._probe()
            if self._presence:
                self._presence.run(self._undo.close)
            else:
                self._scheduler.run()
        if self._successor:
            raise self._successor

    def _stop_on_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup(1) ignores it
                signal.signal(number, lambda *_: self._scheduler.stop())

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
        self._recent.add(tick)
        moved = self._connections.count(tick)
        self._events.tick(tick, moved, self._monitor.interfaces)
        self._history.take(tick, moved)
        for each in self._services:
            if each.is_on:
                each.tick(tick)
        if self._presence:
            self._presence.show(tick)
            self._report_tray()
        if self._feed.wants("interfaces"):
            self._feed.publish("interfaces", TickMessage(tick))
        self._children.reap()
        if not self._feed.is_in_place:
            self._stay_reachable()

    def _stay_reachable(self) -> None:
        """Create locks and socket again if somebody deleted them. End this agent if another one has them by now."""
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
        """Send the status to all clients if the state of the tray has changed since it was sent last."""
        if self._presence and (found := (self._presence.no_tray, self._presence.is_looking)) != self._tray_reported:
            self._tray_reported = found
            self._feed.tell_all(self._status())

    def _refresh_desktop_files(self) -> None:
        try:
            desktop_files.refresh()
        except NetWatchError as error:
            _log.warning("%s", error)

    def _take_last(self) -> None:
        """Read sockets and interfaces a last time before the end, so that the history has all bytes up to now."""
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
            settings=self._settings.current,
            recent=self._recent.ticks,
        )

    def _resync(self, topic: Topic) -> ServerMessage | None:
        # A client that fell behind needs only the next tick.
        if topic == "events":
            return self._events.everything()
        return self._connections.everything(topic) if topic in TOPICS else None

    def _topics_changed(self, topics: frozenset[Topic]) -> None:
        self._connections.set_watched(bool(topics & TOPICS))

    def _answer(self, request: Request) -> ServerMessage | None:
        match request:
            case HostsRequest(app=app):
                found = self._app_hosts
                return HostsMessage(app=app, since=found.since, hosts=found.of(app))
            case MarkSeen() | ChangeMute():
                self._events.answer(request)
            case Command():
                return self._execute(request)
        return None

    def _execute(self, command: Command) -> ServerMessage | None:
        if command.name == "status":
            return self._status()
        children, monitor = self._children, self._monitor
        commands: dict[str, Callable[[], None]] = {
            "open-window": children.open_window,
            "open-settings": children.open_settings,
            "open-mini": children.open_mini,
            "open-events": children.open_events,
            "show-doctor": children.show_doctor,
            "quit": self._quit,
            "pause": monitor.pause,
            "resume": monitor.resume,
            "reload": self._settings.reload,
        }
        commands[command.name]()
        return None

    def _actions(self) -> Actions:
        return Actions(
            open_window=self._children.open_window,
            open_settings=self._children.open_settings,
            open_mini=self._children.open_mini,
            quit=self._quit,
            pause=lambda on: self._monitor.pause() if on else self._monitor.resume(),
            choose=self._settings.choose,
            show_doctor=self._children.show_doctor,
            upload_state=lambda: self._uploading.status,
            apps=lambda: self._connections.table.apps() if self._connections.table else (),
            amounts=self._amounts,
            last_event=lambda: self._events.last,
            show_events=self._children.open_events,
        )

    def _amounts(self) -> Amounts | None:
        settings = self._settings.current
        if not settings.history.on:
            return None
        cap, moved = settings.plan.cap_bytes, self._history.moved
        return Amounts(moved.today, moved.month, cap, moved.since) if moved else Amounts(None, None, cap, None)

    def _check(self) -> None:
        """Called every `_CHECK_PERIOD`: create locks and socket again if they were deleted, reload the settings if the
        file has changed, and turn the probes of gateway and DNS server on or off, as something uses them."""
        self._stay_reachable()
        self._settings.check()
        self._probe()

    def _apply(self, before: Settings, settings: Settings) -> None:
        language.use(settings.language, _CONTEXTS)
        if settings.upload != before.upload or self._uploading.has_new_key:
            self._uploading.apply(settings.upload)
        self._metrics.apply(settings)
        if settings.otlp != before.otlp:
            self._uploading.apply_otlp(settings.otlp)
        self._history.apply(settings)
        if self._host_keeper:
            self._host_keeper.apply(settings.history.hosts_days)
        self._events.apply(settings.events)
        self._probe()
        self._monitor.choose(settings.total)
        self._sources.countries().is_on = settings.countries
        if self._presence:
            self._presence.apply(settings)
        self._feed.tell_all(SettingsMessage(settings))

    def _probe(self) -> None:
        settings = self._settings.current
        is_wanted = settings.health and (settings.events.on or self._metrics.is_on) and self._sources.is_live
        self._probes.apply(is_wanted=is_wanted or self._uploading.wants_health)

    def _complain(self, key: str, heading: Message, text: Message) -> None:
        _log.warning("%s: %s", heading, text)
        self._notify(key, heading, text)

    def _notify(self, key: str, heading: Message, text: Message) -> None:
        """Show a notification on the desktop, if there is one. `key`: a notification with the same key is replaced."""
        if self._presence:
            self._presence.notify(Notification(key, language.said(heading), language.said(text)))

    def _notify_of_event(self, event: Event) -> None:
        if self._presence:
            from netwatch_tray import event_words  # noqa: PLC0415  most agents never notify

            in_units = self._settings.current.units
            lines = event_words.sentence(event, in_units), event_words.detail(event, in_units)
            show = NotificationAction(language.translate("Tray", "Show"), self._children.open_events)
            mute = NotificationAction(
                language.translate("Tray", "Mute"), lambda: self._set_mute(mutes_for(event)[0].code, True)
            )
            self._presence.notify(
                Notification(
                    f"event {event.id}", event_words.title(event), "\n".join(filter(None, lines)), (show, mute)
                )
            )

    def _set_mute(self, code: str, on: bool) -> None:
        settings = self._settings.current
        muted = {each: is_on for each, is_on in settings.events.muted.items() if each != code}
        if on:
            muted[code] = True
        events = msgspec.structs.replace(settings.events, muted=muted)
        self._settings.choose(msgspec.structs.replace(settings, events=events))

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
            pss_bytes=own_memory.pss(),
            interfaces=self._interfaces.source.name,
            connections=self._connections.state,
            helper=helper_link.status_of(self._connections.helper_link),
            offers_helper=helper_link.is_offered(self._connections.helper_link),
            tray=self._presence.state if self._presence else message("none: started with --headless"),
            no_tray=self._presence.no_tray if self._presence else None,
            is_looking=self._presence is not None and self._presence.is_looking,
            upload=self._uploading.status,
            upload_fault=self._uploading.fault,
            metrics=self._metrics.status,
            otlp=self._uploading.otlp_status,
            otlp_fault=self._uploading.otlp_fault,
            settings_fault=self._settings.fault,
            clients=self._feed.clients,
            faults=(
                *filter(None, [self._monitor.fault, self._interfaces.source.note, self._unreachable]),
                *self._history.faults,
                *self._metrics.faults,
                *odd_rows.faults(),
            ),
            today_bytes=moved and moved.today,
            month_bytes=moved and moved.month,
            month_since=moved and moved.since,
        )

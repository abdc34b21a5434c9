"""Decides when the agent reads the sockets, and passes the results to feed, detectors and uploads.

They are read every 10 s, or every 2 s while a client subscribes to them, and with the next tick after connections were
opened, because the owner of a socket can be found only while its process lives.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from netwatch_tray.agent.helper_link import HelperLink
from netwatch_tray.agent.open_source import OpenSource
from netwatch_tray.agent.recent_apps import RecentApps
from netwatch_tray.collect.sockets import SocketSample
from netwatch_tray.collect.sources import Sources
from netwatch_tray.engine.app_hosts import AppHosts
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.observation import Observation
from netwatch_tray.engine.rows import ConnectionChanges
from netwatch_tray.engine.scheduler import Scheduler, Timer
from netwatch_tray.errors import CollectError, Message, UnsupportedError, message
from netwatch_tray.feed.protocol import WATCHED_INTERVAL_S, AppsMessage, ConnectionsMessage, ServerMessage, Topic
from netwatch_tray.feed.server import FeedServer
from netwatch_tray.model import Tick
from netwatch_tray.worker import Worker

if TYPE_CHECKING:
    from netwatch_tray.collect.helper_readings import Reading

_log = logging.getLogger(__name__)

PERIOD_UNWATCHED = 10.0
"""Seconds between readings while no client shows connections. No bytes are missed: counters are cumulative, and the
kernel reports the final ones of connections that close in between."""
_SEARCH_SLICE = 0.005
"""Seconds that the search for the owners of sockets may block the loop at a time."""

TOPICS: frozenset[Topic] = frozenset({"connections", "apps"})


class ConnectionWatch:
    """Reads the sockets while the agent runs. A costly source (a tool such as `lsof`) is read in a thread, and only
    while a client shows connections ("is watched")."""

    def __init__(
        self,
        scheduler: Scheduler,
        monitor: Monitor,
        sources: Sources,
        app_hosts: AppHosts | None = None,
        kept_names: bytes | None = None,
    ) -> None:
        """`app_hosts`: stores the bytes of each app by remote host; None: they are not stored. `kept_names`: result of
        `names` in a previous run."""
        self._scheduler = scheduler
        self.helper_link: HelperLink | None = None
        """The connection to the helper. None if the source of the sockets reports no cookies, by which the helper
        identifies sockets."""
        self._sources = sources
        self._feed: FeedServer | None = None
        self._new_observation = partial(Observation, monitor, sources, app_hosts, kept_names)
        self._observation = self._new_observation()
        self._recent = RecentApps()
        self._worker = Worker("connections", scheduler.call_soon)
        self._open_source: OpenSource | None = None
        self.source_name: str | None = None
        """Name of the source in use; None if there is none."""
        self._fault: Message | None = None
        self._is_read = False
        """Whether the sockets were already read for the last tick."""
        self._has_tick = True
        """Whether the uplinks were read in this second. False if the tick was skipped (`skip_tick`)."""
        self._timer: Timer | None = None
        self._is_watched = False
        self._has_read = False
        self.on_reading: Callable[[ConnectionTable], None] | None = None
        """Called with the table after each reading of the sockets."""
        self.on_changes: Callable[[ConnectionChanges, ConnectionTable], None] | None = None
        """Called with the changes and the table after each reading of the sockets."""
        self.on_helper: Callable[[Reading, Observation], None] | None = None
        """Called with each reading of the helper, after `Observation.take_reading` has processed it."""

    @property
    def table(self) -> ConnectionTable | None:
        """Return the table of connections, or `None` if the sockets were not read yet or the last reading failed."""
        return self._observation.table if self._has_read and self._fault is None else None

    @property
    def state(self) -> Message:
        """Return the name of the source in use, or why there is none, for the subcommand `status`."""
        if self.source_name:
            return Message(self.source_name)
        return message("none: {fault}", fault=self._fault) if self._fault else message("none: not watched")

    @property
    def names(self) -> bytes | None:
        """Return the names of remote hosts encoded for the next run, or None if no helper has reported any."""
        hosts = self._observation.table.hosts
        return None if hosts is None else hosts.packed()

    def start(self, feed: FeedServer) -> None:
        """Open the best source. Begin to read it, unless it is costly. `feed`: gets the results."""
        self._feed = feed
        if self._open() and not self._is_costly:
            self._read_every(PERIOD_UNWATCHED)

    def stop(self) -> None:
        self._pause()
        self._worker.close(0)
        self._close()

    def read_last(self) -> None:
        """Read the sockets a last time before the agent ends, and book all bytes, even those without a known owner."""
        self._pause()
        if self._open_source is not None and not self._is_costly:
            self._read(is_last=True)

    def count(self, tick: Tick) -> AppInterval | None:
        """Add a tick, and read the sockets if connections were opened. Return the bytes of the apps since the last
        reading, or None if the sockets were not read since the previous tick."""
        self._observation.count(tick)
        moved = self._observation.take_moved()
        self._recent.add(tick, moved)
        self._is_read, self._has_tick = False, True
        if self.helper_link is not None:
            self.helper_link.tick()
        if self._timer is not None and self._open_source is not None and self._open_source.wants_reading(tick):
            self._read()
        return moved

    def read_with_tick(self) -> ConnectionTable | None:
        """Return the table as of the last tick. For that the sockets are read now, unless they were read with the tick
        or the source is costly."""
        if not self._is_read and not self._is_costly:
            self._read()
        return self.table

    def skip_tick(self) -> None:
        """Call this instead of `count` if a tick was skipped. Then the next reading is not compared with the bytes of
        the uplinks before the next tick."""
        self._has_tick = False

    def set_watched(self, is_watched: bool) -> None:
        """Set whether any client shows connections or apps (subscribes to one of `TOPICS`): then read more often."""
        if is_watched == self._is_watched:
            return
        self._is_watched = is_watched
        if is_watched:
            if self._open_source or self._open():
                self._read_every(WATCHED_INTERVAL_S)
        elif self._is_costly:
            self._pause()
            self._forget()
        elif self._open_source:
            self._read_every(PERIOD_UNWATCHED)

    def everything(self, topic: Topic) -> ServerMessage | None:
        """Return a message with the whole state of a topic, for a client that subscribes now. `None` before the first
        reading; that one sends the state to all subscribers."""
        if topic == "apps":
            return AppsMessage.of(self._observation, self._recent.rates) if self._has_read else None
        if not self._has_read and self._fault is None:
            return None
        rows = self._observation.table.rows()
        return ConnectionsMessage(reset=True, added=rows, source=self.source_name, fault=self._fault)

    @property
    def _is_costly(self) -> bool:
        return self._open_source is not None and self._open_source.source.is_costly

    def _open(self) -> bool:
        try:
            source = self._sources.connections()
        except UnsupportedError as error:
            self._failed(error.message)
            return False
        openings = None if source.is_costly else self._sources.openings()
        self._open_source = OpenSource(self._scheduler, source, openings, self._failed)
        self.source_name = source.name
        if source.name == "sock_diag":
            observation = self._observation

            def take(reading: Reading) -> None:
                observation.take_reading(reading)
                if self.on_helper is not None:
                    self.on_helper(reading, observation)

            self.helper_link = HelperLink(self._scheduler, self._sources.helper, take, observation.lose_helper)
        return True

    def _close(self) -> None:
        if self._open_source is not None and not self._worker.pending:
            self._open_source.close()
            self._open_source = self.source_name = None
            if self.helper_link is not None:
                self.helper_link.close()
                self.helper_link = None

    def _forget(self) -> None:
        """Close a costly source and drop all rows and amounts, because nothing updates them until a client
        subscribes."""
        self._close()
        self._observation, self._has_read = self._new_observation(), False

    def _read_every(self, period: float) -> None:
        self._pause()
        self._timer = self._scheduler.every(period / self._sources.speed, self._read_on_time)
        self._read(with_tick=False)

    def _pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _read_on_time(self) -> None:
        if not self._is_read:
            self._read(with_tick=self._has_tick)

    def _read(self, *, with_tick: bool = True, is_last: bool = False) -> None:
        """Read the sockets. `with_tick`: whether the interfaces were read at the same moment. `is_last`: whether this
        is the last reading before the agent ends."""
        opened = self._open_source
        if opened is None or self._worker.pending:  # the previous reading is still running; its result will serve
            return
        source = opened.source
        if source.is_costly:
            self._worker.submit(source.read, self._finish, self._finish_failed)
            return
        self._is_read = with_tick
        opened.begin_reading(with_tick=with_tick)
        began = time.thread_time()
        if self.helper_link is not None:
            self.helper_link.read()
        try:
            self._take(source.read(), with_tick=with_tick, is_last=is_last)
        except CollectError as error:
            self._failed(error.message)
        opened.spend(time.thread_time() - began)

    def _finish(self, sample: SocketSample) -> None:
        if self._is_watched:
            self._take(sample, with_tick=True)  # the thread reads a moment after the tick
        else:
            self._forget()

    def _finish_failed(self, error: Exception) -> None:
        if self._is_watched:
            self._failed(error.message if isinstance(error, CollectError) else Message(repr(error)))
        else:
            self._forget()

    def _take(self, sample: SocketSample, *, with_tick: bool, is_last: bool = False) -> None:
        is_first, self._has_read, self._fault = not self._has_read, True, None
        is_monotonic = self._open_source is not None and self._open_source.source.is_monotonic
        changes = self._observation.take(sample, is_monotonic=is_monotonic, with_tick=with_tick, is_last=is_last)
        if self.on_reading is not None:
            self.on_reading(self._observation.table)
        if self.on_changes is not None:
            self.on_changes(changes, self._observation.table)
        if self._observation.table.search(0.0):
            self._scheduler.after(0, self._search)
        if self._feed is None:
            return
        if self._feed.wants("connections"):
            self._feed.publish(
                "connections",
                ConnectionsMessage(
                    reset=is_first,
                    added=changes.added,
                    changed=changes.changed,
                    removed=changes.removed,
                    source=self.source_name,
                ),
            )
        if self._feed.wants("apps"):
            self._feed.publish("apps", AppsMessage.of(self._observation))

    def _search(self) -> None:
        """Continue the search for the owners of new sockets for `_SEARCH_SLICE`, and again until it is complete."""
        began = time.thread_time()
        if self._observation.table.search(_SEARCH_SLICE):
            self._scheduler.after(0, self._search)
        if self._open_source is not None:
            self._open_source.spend(time.thread_time() - began)

    def _failed(self, fault: Message) -> None:
        if fault != self._fault:
            self._fault = fault
            _log.warning("%s", fault)
            if self._feed is not None and self._feed.wants("connections"):
                self._feed.publish("connections", ConnectionsMessage(source=self.source_name, fault=fault))

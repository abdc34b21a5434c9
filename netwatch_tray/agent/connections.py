"""Follows the sockets of the machine and publishes them: who is connected, and which app moved how much.

The sockets are read every 10 s, or every 2 s while somebody looks; and with the next tick when connections were opened,
because the owner of a socket can be found only while its process lives.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from netwatch_tray import clock
from netwatch_tray.collect.connections import open_openings, open_source
from netwatch_tray.collect.sockets import ConnectionSource, SocketSample
from netwatch_tray.engine.apps import Reconciliation, reconcile
from netwatch_tray.engine.connections import ConnectionTable, Interval
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.routes import Routes
from netwatch_tray.engine.scheduler import READ, Scheduler, Timer
from netwatch_tray.errors import CollectError, UnsupportedError
from netwatch_tray.feed.protocol import AppsMessage, ConnectionsMessage, ServerMessage, Topic
from netwatch_tray.feed.server import FeedServer
from netwatch_tray.model import Tick, Traffic

if TYPE_CHECKING:
    from netwatch_tray.collect.linux.proc_net_snmp import TcpOpenings

_log = logging.getLogger(__name__)

PERIOD_WATCHED, PERIOD_UNWATCHED = 2.0, 10.0
"""Seconds between readings. The counters are cumulative, and the kernel tells the last bytes of what closes between."""
_PAUSE_AFTER_NEWS = 0.25
"""Seconds: how often at most the news of closed sockets wakes the agent. Its queue holds some 330 of them."""
_MOST_LOAD = 0.05
"""Of a processor, for readings because of new connections: a server that is called all the time is read less often."""
_SEARCH_SLICE = 0.005
"""Seconds the search for owners may hold up the loop at a time."""

TOPICS: frozenset[Topic] = frozenset({"connections", "apps"})


class ConnectionWatch:
    """Reads the sockets for as long as the agent runs; where that is costly, in a thread and while somebody looks."""

    def __init__(self, scheduler: Scheduler, monitor: Monitor) -> None:
        self._scheduler = scheduler
        self._monitor = monitor
        self._feed: FeedServer | None = None
        self._table = ConnectionTable()
        self._routes = Routes({}, {})
        self._routed: object = None
        self._uplink = Traffic()
        """Counted since the last reading."""
        self._unsettled: Interval | None = None
        """What the connections moved since they were last compared with the uplinks."""
        self._settled_s: float | None = None
        """How long that was, seconds."""
        self._untold: Interval | None = None
        self._reconciliation: Reconciliation | None = None
        self._held = Traffic()
        """Bytes without a known owner at the last reconciliation; they are in it, and not in the apps yet."""
        self._source: ConnectionSource | None = None
        self._fault: str | None = None
        self._openings: TcpOpenings | None = None
        self._opened: int | None = None
        """Connections opened until the last reading."""
        self._rest_until = 0.0
        """Boot-time clock: until then the readings so far would be more than `_MOST_LOAD`."""
        self._is_read = False
        """The sockets were read since the last tick, together with it."""
        self._has_tick = True
        """The uplinks were read at this moment; not where a tick was skipped."""
        self._timer: Timer | None = None
        self._is_watched = False
        self._is_reading = False
        self._has_read = False
        self.on_reading: Callable[[ConnectionTable], None] | None = None
        """Called with the table after each reading."""

    @property
    def table(self) -> ConnectionTable | None:
        """As of the last reading; None: none yet, or it failed."""
        return self._table if self._has_read and self._fault is None else None

    @property
    def source_name(self) -> str:
        """For `status`: the source in use, or why there is none."""
        return self._source.name if self._source else f"none: {self._fault or 'nobody looks'}"

    def start(self, feed: FeedServer) -> None:
        """Opens the best source; begins to read, unless reading is costly."""
        self._feed = feed
        if self._open() and not self._is_costly:
            self._read_every(PERIOD_UNWATCHED)

    def stop(self) -> None:
        self._pause()
        self._close()

    def read_last(self) -> None:
        """Read once more, for all bytes up to now; then nothing is left to an owner who may still be found."""
        self._pause()
        if self._source is not None and not self._is_costly:
            self._read(is_last=True)

    def count(self, tick: Tick) -> Interval | None:
        """Take the bytes of the uplinks, to compare them with those of the connections; return what the connections
        moved since the tick before, if they were read."""
        self._uplink = self._uplink.plus(Traffic(tick.total.rx_delta, tick.total.tx_delta))
        untold, self._untold = self._untold, None
        self._is_read, self._has_tick = False, True
        if self._timer is not None and not self._is_costly and self._were_opened():
            self._read()
        return untold

    def skip_tick(self) -> None:
        """Instead of `count`, where there was no tick to take: what is read now is compared at the next one."""
        self._has_tick = False

    def set_watched(self, is_watched: bool) -> None:
        """Whether anybody wants to know now."""
        if is_watched == self._is_watched:
            return
        self._is_watched = is_watched
        if is_watched:
            if self._source or self._open():
                self._read_every(PERIOD_WATCHED)
        elif self._is_costly:
            self._pause()
            self._forget()
        elif self._source:
            self._read_every(PERIOD_UNWATCHED)

    def everything(self, topic: Topic) -> ServerMessage | None:
        """What a fresh subscriber has to know; None: it is on its way."""
        if topic == "apps":
            return self._apps_message() if self._has_read else None
        if not self._has_read and self._fault is None:
            return None
        changes = self._table.reset()
        return ConnectionsMessage(reset=True, added=changes.added, source=self.source_name, fault=self._fault)

    @property
    def _is_costly(self) -> bool:
        return self._source is not None and self._source.is_costly

    def _open(self) -> bool:
        try:
            self._source = open_source()
        except UnsupportedError as error:
            self._failed(str(error))
            return False
        if self._source.descriptor is not None:
            self._scheduler.watch(self._source.descriptor, READ, self._hear)
        if not self._source.is_costly:
            self._openings = open_openings()
        return True

    def _close(self) -> None:
        if self._source is not None and not self._is_reading:
            if self._source.descriptor is not None:
                self._scheduler.unwatch(self._source.descriptor)
            self._source.close()
            self._source = None
            if self._openings is not None:
                self._openings.close()
                self._openings = None

    def _forget(self) -> None:
        """What is known now would be old when the next person looks."""
        self._close()
        self._table, self._has_read, self._reconciliation = ConnectionTable(), False, None
        self._unsettled = self._untold = None
        self._held = Traffic()

    def _read_every(self, period: float) -> None:
        self._pause()
        self._timer = self._scheduler.every(period, self._read_on_time)
        self._read(with_tick=False)

    def _pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hear(self, _events: int) -> None:
        """Sockets closed. They are taken note of now and then, so that a busy server does not wake us all the time."""
        if self._source is None or self._source.descriptor is None:
            return
        self._scheduler.unwatch(self._source.descriptor)
        self._scheduler.after(_PAUSE_AFTER_NEWS, self._listen)
        try:
            self._source.catch_up()
        except CollectError as error:
            self._failed(str(error))

    def _listen(self) -> None:
        if self._source is not None and self._source.descriptor is not None:
            self._scheduler.watch(self._source.descriptor, READ, self._hear)

    def _were_opened(self) -> bool:
        """Whether connections were opened since the last reading, and another one may be afforded."""
        if self._openings is None or clock.boottime() < self._rest_until:
            return False
        opened = self._openings.count()
        return opened is not None and opened != self._opened

    def _read_on_time(self) -> None:
        if not self._is_read:
            self._read(with_tick=self._has_tick)

    def _read(self, *, with_tick: bool = True, is_last: bool = False) -> None:
        """`with_tick`: the interfaces were read at this very moment as well."""
        source = self._source
        if source is None or self._is_reading:  # the reading before is late: its result is as good as this one's
            return
        if source.is_costly:
            self._is_reading = True
            threading.Thread(target=self._read_in_thread, args=(source,), name="connections", daemon=True).start()
            return
        self._is_read = with_tick
        if self._openings is not None:
            self._opened = self._openings.count()
        began = time.thread_time()
        try:
            self._take(source.read(), with_tick=with_tick, is_last=is_last)
        except CollectError as error:
            self._failed(str(error))
        self._spend(time.thread_time() - began)

    def _spend(self, cost_s: float) -> None:
        self._rest_until = max(self._rest_until, clock.boottime()) + cost_s / _MOST_LOAD

    def _read_in_thread(self, source: ConnectionSource) -> None:
        """Everything but the reading itself is handed back to the loop."""
        try:
            sample = source.read()
        except CollectError as error:
            message = str(error)
            self._scheduler.call_soon(lambda: self._finish(None, message))
        else:
            self._scheduler.call_soon(lambda: self._finish(sample, ""))

    def _finish(self, sample: SocketSample | None, fault: str) -> None:
        self._is_reading = False
        if not self._is_watched:  # nobody looks any more
            self._forget()
        elif sample is None:
            self._failed(fault)
        else:
            self._take(sample, with_tick=True)  # as nearly as can be

    def _take(self, sample: SocketSample, *, with_tick: bool, is_last: bool = False) -> None:
        if self._routed is not self._monitor.interfaces:
            self._routed = self._monitor.interfaces
            self._routes = Routes(self._monitor.interfaces, self._monitor.memberships)
        is_first, self._has_read, self._fault = not self._has_read, True, None
        is_monotonic = self._source is not None and self._source.is_monotonic
        changes = self._table.update(sample, self._routes, is_monotonic=is_monotonic, is_last=is_last)
        interval = self._table.interval
        self._untold = self._untold.plus(interval) if self._untold else interval
        self._unsettled = self._unsettled.plus(interval) if self._unsettled else interval
        # What the uplinks carried is known in whole ticks: between two of them nothing can be compared with it.
        if with_tick or interval.elapsed_s is None:
            self._reconcile(self._unsettled)
            self._unsettled = None
        if self.on_reading is not None:
            self.on_reading(self._table)
        if self._table.search(0.0):
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
            self._feed.publish("apps", self._apps_message())

    def _reconcile(self, interval: Interval) -> None:
        uplink, self._uplink = self._uplink, Traffic()
        held_before, self._held = self._held, interval.held
        self._settled_s = interval.elapsed_s
        if interval.elapsed_s is None:
            self._reconciliation = None
            return
        ahead = self._reconciliation.ahead if self._reconciliation else Traffic()
        self._reconciliation = reconcile(uplink, interval.amounts, interval.local, ahead, interval.held, held_before)

    def _search(self) -> None:
        """Looks on for the owners of new sockets, in slices."""
        began = time.thread_time()
        if self._table.search(_SEARCH_SLICE):
            self._scheduler.after(0, self._search)
        self._spend(time.thread_time() - began)

    def _apps_message(self) -> AppsMessage:
        sums = self._reconciliation
        if sums is None:
            return AppsMessage(apps=self._table.apps(), interval_s=None, states=self._table.states())
        return AppsMessage(
            apps=self._table.apps(),
            interval_s=self._settled_s,
            uplink=sums.uplink,
            tcp=sums.tcp,
            other=sums.other,
            local=sums.local,
            states=self._table.states(),
            overrun=self._table.interval.overrun,
        )

    def _failed(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            _log.warning("%s", fault)
            if self._feed is not None and self._feed.wants("connections"):
                self._feed.publish("connections", ConnectionsMessage(source=self.source_name, fault=fault))

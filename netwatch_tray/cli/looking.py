"""Reads the open connections and the traffic of apps: from the agent or, if none runs, by measuring in this process."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netwatch_tray.cli import record
from netwatch_tray.cli.session import connect, usable_settings
from netwatch_tray.errors import AgentUnreachableError, NetWatchError

if TYPE_CHECKING:
    from netwatch_tray.feed.client import FeedClient
    from netwatch_tray.feed.protocol import AppsMessage
    from netwatch_tray.model import Connection

_PATIENCE = 20.0
"""Seconds to wait for the agent's next message about connections. Tools like lsof need some of them."""
_BETWEEN_READINGS = 1.0


class Look(NamedTuple):
    """Connections and apps at one moment."""

    connections: list[Connection]
    apps: AppsMessage


def look(recording: Path | None) -> Look:
    """Return the connections and apps that the agent has measured since it started. If no agent runs, measure in this
    process, with two readings.

    `recording`: if not None, return those at the end of this recording, and measure nothing.
    """
    if recording is not None:
        return _replay(recording)
    try:
        client, _hello = connect()
    except AgentUnreachableError:
        return _read_twice()
    with closing(client):
        return next(_agents_looks(client))


def looks() -> Iterator[Look]:
    """Yield the connections and apps every two seconds, without end: from the agent as long as it runs, after that
    measured in this process."""
    with contextlib.suppress(AgentUnreachableError):
        client, _hello = connect()
        with closing(client):
            yield from _agents_looks(client)
    yield from _own_looks()


def _agents_looks(client: FeedClient) -> Iterator[Look]:
    """Yield the connections and apps that the agent reports. Raise AgentUnreachableError when it exits, NetWatchError
    if it cannot read connections."""
    from netwatch_tray.feed.protocol import AppsMessage, ConnectionsMessage, Subscribe

    client.send(Subscribe(frozenset({"connections", "apps"})))
    rows: dict[str, Connection] | None = None
    apps: AppsMessage | None = None
    is_new = False
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        for message in client.wait(deadline - time.monotonic()):
            if isinstance(message, ConnectionsMessage):
                if message.fault:
                    raise NetWatchError(message.fault)
                if message.reset and rows is None:
                    rows = {}
                if rows is not None:
                    message.apply(rows)
            elif isinstance(message, AppsMessage):
                apps, is_new = message, True
        if is_new and rows is not None and apps is not None:
            yield Look(list(rows.values()), apps)
            is_new, deadline = False, time.monotonic() + _PATIENCE
    raise NetWatchError("The agent did not send its connections in time. Try again.")


def _own_looks() -> Iterator[Look]:
    from netwatch_tray.feed.protocol import AppsMessage

    for number, (_tick, observation) in enumerate(record.measure_here(usable_settings())):
        if number % record.CONNECTIONS_EVERY == 0:
            yield Look(list(observation.table.rows()), AppsMessage.of(observation))


def _replay(recording: Path) -> Look:
    from netwatch_tray.feed.protocol import AppsMessage
    from netwatch_tray.recording.replay import Replay

    source = Replay(recording, keeps_time=True)
    with closing(source):
        *_, (_tick, observation) = record.replay(source)
        source.connections()  # raises UnsupportedError where there were none
    return Look(list(observation.table.rows()), AppsMessage.of(observation))


def _read_twice() -> Look:
    from netwatch_tray.collect.connections import open_source
    from netwatch_tray.collect.interfaces import open_interfaces
    from netwatch_tray.collect.sources import Sources
    from netwatch_tray.engine.monitor import Monitor
    from netwatch_tray.engine.observation import Observation
    from netwatch_tray.feed.protocol import AppsMessage

    interfaces = open_interfaces().source
    settings = usable_settings()
    monitor = Monitor(interfaces, _BETWEEN_READINGS, settings.total)
    sources = Sources()
    sources.countries().is_on = settings.countries
    observation = Observation(monitor, sources)
    with closing(interfaces), closing(open_source()) as sockets:
        for is_last in (False, True):
            tick = monitor.tick()
            if tick is not None:
                observation.count(tick)
            observation.take(sockets.read(), is_monotonic=sockets.is_monotonic, is_last=is_last)
            if not is_last:
                while observation.table.search(0.1):
                    pass
                time.sleep(_BETWEEN_READINGS)
    return Look(list(observation.table.rows()), AppsMessage.of(observation))

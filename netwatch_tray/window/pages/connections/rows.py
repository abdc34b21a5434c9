"""The rows of the connection table, and the list of all connections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection
from netwatch_tray.window.pages.connections.filter import ConnectionFilter


class Group(NamedTuple):
    """The heading of a group of connections, which is a line of the table."""

    key: str
    name: str
    connections: int
    rx_rate: float | None
    """Sum of the known download rates of the group, bytes/s; None if none is known."""
    tx_rate: float | None
    folded: bool


class ConnectionRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the table: a connection, whether it has closed (closed ones stay visible for a moment), and its group.

    The garbage collector does not track it (gc=False): there may be ten thousand, and none is part of a cycle.
    """

    connection: Connection
    closed: bool = False
    group: Group | None = None


Line = ConnectionRow | Group


class ConnectionList:
    """All connections by key, including those that closed a moment ago, with counts of them.

    Counts are updated with each change, not computed by going through all: of ten thousand connections, a hundred
    change every 2 s.
    """

    def __init__(self) -> None:
        self._rows: dict[str, ConnectionRow] = {}
        self._closed: dict[str, float] = {}
        """Monotonic clock at which connections closed, by key."""
        self._listening: set[str] = set()
        self._over: set[str] = set()
        self._named: set[str] = set()
        self._located: set[str] = set()
        self._rx: dict[str, float] = {}
        self._tx: dict[str, float] = {}

    def __len__(self) -> int:
        """Return the number of rows, closed ones included."""
        return len(self._rows)

    def __iter__(self) -> Iterator[ConnectionRow]:
        return iter(self._rows.values())

    def __getitem__(self, key: str) -> ConnectionRow:
        return self._rows[key]

    @property
    def open(self) -> int:
        return len(self._rows) - len(self._closed)

    @property
    def listening(self) -> int:
        return len(self._listening)

    def hidden(self, shown: ConnectionFilter) -> int:
        """Return how many connections a filter hides because of TIME_WAIT: all in this state, or 0 if the filter has a
        condition about the state."""
        return 0 if shown.names_state else len(self._over)

    @property
    def has_hosts(self) -> bool:
        """Return whether the host of any connection has a name."""
        return bool(self._named)

    @property
    def has_countries(self) -> bool:
        return bool(self._located)

    @property
    def most_rx(self) -> float:
        """Return the highest download rate of all connections, bytes/s."""
        return max(self._rx.values(), default=0.0)

    @property
    def most_tx(self) -> float:
        return max(self._tx.values(), default=0.0)

    def put(self, connections: Iterable[Connection]) -> None:
        """Add connections, or replace those with the same keys."""
        for connection in connections:
            key = connection.key
            self._rows[key] = ConnectionRow(connection)
            self._closed.pop(key, None)
            for keys, is_in in (
                (self._listening, is_listening(connection)),
                (self._over, connection.state == TcpState.TIME_WAIT),
                (self._named, connection.host is not None),
                (self._located, connection.country is not None),
            ):
                (keys.add if is_in else keys.discard)(key)
            for rates, rate in ((self._rx, connection.rx_rate), (self._tx, connection.tx_rate)):
                if rate:
                    rates[key] = rate
                else:
                    rates.pop(key, None)

    def close(self, keys: Iterable[str], now: float) -> list[str]:
        """Mark the connections with these keys as closed. Return the keys without unknown ones, which are ignored.
        `now`: seconds of a monotonic clock."""
        closed = [key for key in keys if key in self._rows]
        for key in closed:
            self._rows[key] = ConnectionRow(self._rows[key].connection, closed=True)
            self._closed[key] = now
            self._forget_rates(key)
        return closed

    def drop_closed(self, until: float) -> list[str]:
        """Remove the connections that closed at or before `until` (same clock as `close`). Return their keys."""
        gone = [key for key, closed in self._closed.items() if closed <= until]
        for key in gone:
            del self._closed[key], self._rows[key]
            self._forget_names(key)
        return gone

    def keep_only(self, keys: Iterable[str]) -> list[str]:
        """Remove all connections except those with these keys. Return the keys of the removed ones."""
        gone = list(self._rows.keys() - set(keys))
        for key in gone:
            del self._rows[key]
            self._closed.pop(key, None)
            self._forget_rates(key)
            self._forget_names(key)
        return gone

    def _forget_rates(self, key: str) -> None:
        self._listening.discard(key)
        self._over.discard(key)
        self._rx.pop(key, None)
        self._tx.pop(key, None)

    def _forget_names(self, key: str) -> None:
        self._named.discard(key)
        self._located.discard(key)


def key(line: Line) -> str:
    """Return the key of a row or heading, unique in the table."""
    return f"group {line.key}" if isinstance(line, Group) else line.connection.key


def heading(line: Line) -> Group | None:
    """Return the group heading above a row; None for a row without a group, and for a heading itself."""
    return None if isinstance(line, Group) else line.group


def is_listening(connection: Connection) -> bool:
    return connection.state == TcpState.LISTEN

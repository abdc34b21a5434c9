"""The connections that the agent told of, and what is asked about all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netwatch_tray.model import Connection
from netwatch_tray.window.pages.connections.columns import ConnectionRow, is_listening


class ConnectionList:
    """By key, with those that closed a moment ago. Counts and greatest rates are kept, not looked for: there may be
    ten thousand, and a hundred of them change every two seconds."""

    def __init__(self) -> None:
        self._rows: dict[str, ConnectionRow] = {}
        self._closed: dict[str, float] = {}
        """When."""
        self._listening: set[str] = set()
        self._rx: dict[str, float] = {}
        self._tx: dict[str, float] = {}

    def __len__(self) -> int:
        """With those that closed."""
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

    @property
    def most_rx(self) -> float:
        """The greatest rate there is, bytes/s."""
        return max(self._rx.values(), default=0.0)

    @property
    def most_tx(self) -> float:
        return max(self._tx.values(), default=0.0)

    def put(self, connections: Iterable[Connection]) -> None:
        """Adds or replaces."""
        for connection in connections:
            key = connection.key
            self._rows[key] = ConnectionRow(connection)
            self._closed.pop(key, None)
            (self._listening.add if is_listening(connection) else self._listening.discard)(key)
            for rates, rate in ((self._rx, connection.rx_rate), (self._tx, connection.tx_rate)):
                if rate:
                    rates[key] = rate
                else:
                    rates.pop(key, None)

    def close(self, keys: Iterable[str], now: float) -> list[str]:
        """Marks those as closed that are there, and returns their keys; `now`: seconds on a clock of the caller's."""
        closed = [key for key in keys if key in self._rows]
        for key in closed:
            self._rows[key] = self._rows[key]._replace(closed=True)
            self._closed[key] = now
            self._forget_rates(key)
        return closed

    def drop_closed(self, until: float) -> list[str]:
        """Removes those that closed up to then, and returns their keys."""
        gone = [key for key, closed in self._closed.items() if closed <= until]
        for key in gone:
            del self._closed[key], self._rows[key]
        return gone

    def keep_only(self, keys: Iterable[str]) -> list[str]:
        """Removes all others, and returns their keys."""
        gone = list(self._rows.keys() - set(keys))
        for key in gone:
            del self._rows[key]
            self._closed.pop(key, None)
            self._forget_rates(key)
        return gone

    def _forget_rates(self, key: str) -> None:
        self._listening.discard(key)
        self._rx.pop(key, None)
        self._tx.pop(key, None)

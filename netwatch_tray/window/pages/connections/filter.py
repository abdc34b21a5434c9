"""The filter of the connection list: `app:firefox,curl port:443 -state:listen rate>1M`.

A plain word is searched in app, addresses and state; an app is found by the name that the page shows and by that of its
program. All conditions must hold; a comma means "or"; `-` or `not` negates the condition after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from PySide6.QtCore import QT_TRANSLATE_NOOP

from netwatch_tray.errors import NetWatchError
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection

Test = Callable[[Connection], bool]
NameOf = Callable[[Connection], str | None]
"""Function that returns the name that the page shows for the app of a connection, or None."""

_TOKEN = re.compile(r'(?:"[^"]*"?|\S)+')
_FIELD = re.compile(r"([a-z]+)([:<>])(.*)", re.DOTALL)
_RATE = re.compile(r"(\d+(?:\.\d+)?)([kmg]?)(i?)b?(?:/s)?")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3}


class Problem(StrEnum):
    """What is wrong with a condition, as a sentence with placeholders, which is translated where it is shown."""

    UNKNOWN_FIELD = QT_TRANSLATE_NOOP(
        "Filter",
        "“{field}:” is not a filter. "
        "Use app:, pid:, port:, host:, origin:, scope:, country:, state:, unit:, proto: or if:",
    )
    NOTHING_AFTER = QT_TRANSLATE_NOOP("Filter", "Something is missing after “{field}”.")
    NO_PORT = QT_TRANSLATE_NOOP("Filter", "“{value}” is not a port. Write port:443 or port:8000-8080.")
    NO_PID = QT_TRANSLATE_NOOP("Filter", "“{value}” is not a PID. Write pid:4121.")
    NO_RATE = QT_TRANSLATE_NOOP("Filter", "“{value}” is not a rate. Write rate>1M or rate<20k, in bytes per second.")
    ONLY_RATE = QT_TRANSLATE_NOOP("Filter", "Only rates can be compared: rate>1M or rate<20k.")
    NOTHING_TO_NEGATE = QT_TRANSLATE_NOOP("Filter", "Write “not” before the condition that it negates.")


class FilterError(NetWatchError):
    """A condition of the filter is invalid. `token`: the text of this condition."""

    def __init__(self, problem: Problem, token: str, **values: str) -> None:
        super().__init__(problem.format(**values))
        self.problem = problem
        self.token = token
        self.values = values


class ConnectionFilter(NamedTuple):
    """Conditions that must all hold."""

    tests: tuple[Test, ...] = ()
    names_state: bool = False
    """Whether a condition is about the state. If not, connections in TIME_WAIT are left out."""

    def matches(self, connection: Connection) -> bool:
        if connection.state == TcpState.TIME_WAIT and not self.names_state:
            return False
        return all(test(connection) for test in self.tests)


def parse(text: str, name_of: NameOf = lambda _: None) -> ConnectionFilter:
    """Parse the text of a filter. `name_of`: returns the name that the page shows for an app. Raise FilterError for an
    invalid condition."""
    tests: list[Test] = []
    names_state = False
    negated: str | None = None
    for token in _TOKEN.findall(text.lower()):
        if token == "not":  # noqa: S105  a keyword of the filter
            negated = token
            continue
        word = token[1:] if token.startswith("-") and len(token) > 1 else token
        test = _test(word, name_of)
        names_state |= word.startswith("state:") or (len(word) > 3 and "time_wait".startswith(word))
        is_negated = (negated is not None) != (word is not token)
        tests.append(_not(test) if is_negated else test)
        negated = None
    if negated is not None:
        raise FilterError(Problem.NOTHING_TO_NEGATE, negated)
    return ConnectionFilter(tuple(tests), names_state)


def _test(token: str, name_of: NameOf) -> Test:
    found = _FIELD.fullmatch(token)
    if found is None:
        return _word(token.replace('"', ""), name_of)
    field, sign, rest = found.groups()
    if sign != ":":
        return _rate(field, sign, rest, token)
    make = partial(_app, name_of) if field == "app" else _FIELDS.get(field)
    if make is None:
        if ":" in rest and _HEXADECIMAL.fullmatch(field):  # an IPv6 address
            return _word(token, name_of)
        raise FilterError(Problem.UNKNOWN_FIELD, token, field=field)
    values = [value.replace('"', "") for value in rest.split(",")]
    if not all(values):
        raise FilterError(Problem.NOTHING_AFTER, token, field=f"{field}:")
    tests = [make(value, token) for value in values]
    return tests[0] if len(tests) == 1 else lambda connection: any(test(connection) for test in tests)


def _not(test: Test) -> Test:
    return lambda connection: not test(connection)


def _word(word: str, name_of: NameOf) -> Test:
    def test(connection: Connection) -> bool:
        places = (
            name_of(connection),
            connection.app_name,
            connection.process,
            connection.unit,
            connection.user,
            connection.protocol,
            connection.local,
            connection.remote,
            connection.host,
            connection.state,
        )
        return any(place is not None and word in place.lower() for place in places)

    return test


def _app(name_of: NameOf, value: str, _token: str) -> Test:
    def test(connection: Connection) -> bool:
        names = (name_of(connection), connection.app_name, connection.process, connection.app, connection.unit)
        return any(name is not None and value in name.lower() for name in names)

    return test


def _pid(value: str, token: str) -> Test:
    if not (value.isascii() and value.isdigit()):
        raise FilterError(Problem.NO_PID, token, value=value)
    pid = int(value)
    return lambda connection: connection.pid == pid


def _port(value: str, token: str) -> Test:
    found = _PORTS.fullmatch(value)
    if found is None:
        raise FilterError(Problem.NO_PORT, token, value=value)
    first = int(found[1])
    last = int(found[2] or first)
    if not first <= last <= 65535:
        raise FilterError(Problem.NO_PORT, token, value=value)
    return lambda connection: any(
        port is not None and first <= port <= last for port in (connection.local_port, connection.remote_port)
    )


def _host(value: str, _token: str) -> Test:
    def test(connection: Connection) -> bool:
        places = (connection.host, connection.remote_address, connection.local_address)
        return any(place is not None and value in place.lower() for place in places)

    return test


def _origin(value: str, _token: str) -> Test:
    return lambda connection: (connection.host_origin or "").lower() == value


def _scope(value: str, _token: str) -> Test:
    return lambda connection: connection.scope is not None and connection.scope.startswith(value)


def _country(value: str, _token: str) -> Test:
    return lambda connection: (connection.country or "").lower() == value


def _state(value: str, _token: str) -> Test:
    # As in the table, or as the kernel names it.
    wanted = value.replace(" ", "_").replace("-", "_")
    wanted = "listen" if wanted.startswith("listen") else wanted
    return lambda connection: (connection.state or "").lower().startswith(wanted)


def _unit(value: str, _token: str) -> Test:
    return lambda connection: any(value in (name or "").lower() for name in (connection.unit, connection.user))


def _proto(value: str, _token: str) -> Test:
    if value == "quic":  # QUIC only if its handshake was seen
        return lambda connection: connection.host_origin == "QUIC"
    return lambda connection: connection.protocol.lower() == value


def _interface(value: str, _token: str) -> Test:
    return lambda connection: connection.interface == value


_FIELDS: dict[str, Callable[[str, str], Test]] = {
    "pid": _pid,
    "port": _port,
    "host": _host,
    "origin": _origin,
    "scope": _scope,
    "country": _country,
    "state": _state,
    "unit": _unit,
    "proto": _proto,
    "if": _interface,
}


def _rate(field: str, sign: str, rest: str, token: str) -> Test:
    if field != "rate":
        raise FilterError(Problem.ONLY_RATE, token)
    if not rest:
        raise FilterError(Problem.NOTHING_AFTER, token, field=f"rate{sign}")
    found = _RATE.fullmatch(rest)
    if found is None:
        raise FilterError(Problem.NO_RATE, token, value=rest)
    number, prefix, binary = found.groups()
    limit = float(number) * float(1024 if binary else 1000) ** _POWERS[prefix]

    def test(connection: Connection) -> bool:
        if connection.rx_rate is None or connection.tx_rate is None:
            return False  # an unknown rate is neither above nor below
        rate: float = max(connection.rx_rate, connection.tx_rate)
        return rate > limit if sign == ">" else rate < limit

    return test

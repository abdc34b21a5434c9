"""Ended connections: their owner and the time of their end."""

from __future__ import annotations

from typing import Any

from synthetic_desktop import Finder

from netwatch_tray.collect.process import Process
from netwatch_tray.collect.sockets import Socket, SocketSample
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.entries import Ended
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Traffic


def tcp(state: TcpState = TcpState.ESTABLISHED, **fields: Any) -> Socket:
    known = {"local_address": "192.0.2.1", "local_port": 40000, "remote_address": "198.51.100.7", "remote_port": 443}
    return Socket(protocol="TCP", state=state, **{**known, "pid": 7, "process": "curl", **fields})


class Later(Finder):
    """A finder that finds no owner until the test permits it."""

    may_find = False

    def search(self, budget_s: float) -> dict[str, Process | None]:
        return dict(super().search(budget_s)) if self.may_find else {}


def sample(at: float, changed: dict[str, Socket], removed: dict[str, Socket], *ended: str) -> SocketSample:
    return SocketSample(at, changed, removed, ended=dict.fromkeys(ended, at - 0.5))


def test_connection_that_was_listed_ends_once() -> None:
    table = ConnectionTable(Finder())
    table.update(sample(1.0, {}, {}))
    table.update(sample(2.0, {"a": tcp(rx_bytes=10, tx_bytes=5)}, {}))
    assert table.ended == ()
    table.update(sample(3.0, {}, {"a": tcp(TcpState.CLOSED, rx_bytes=90, tx_bytes=7)}, "a"))
    (ended,) = table.ended
    assert isinstance(ended, Ended)
    assert (ended.app.name, ended.pid, ended.remote, ended.port) == ("curl", 7, "198.51.100.7", 443)
    assert (ended.moved, ended.boottime, ended.is_incoming) == (Traffic(90, 7), 2.5, False)
    table.update(sample(4.0, {}, {}))
    assert table.ended == ()


def test_connection_in_time_wait_has_ended_already() -> None:
    table = ConnectionTable(Finder())
    table.update(sample(1.0, {}, {}))
    table.update(sample(2.0, {"a": tcp()}, {}))
    table.update(sample(3.0, {"a": tcp(TcpState.TIME_WAIT)}, {}, "a"))
    assert [each.boottime for each in table.ended] == [2.5]
    table.update(sample(63.0, {}, {"a": tcp(TcpState.CLOSED)}))
    assert table.ended == ()


def test_connection_between_two_readings_has_the_presumed_owner() -> None:
    table = ConnectionTable(Finder())
    table.update(sample(1.0, {}, {}))
    table.update(sample(2.0, {}, {"a": tcp(TcpState.CLOSED, uid=1000, rx_bytes=9, tx_bytes=9)}, "a"))
    (ended,) = table.ended
    assert (ended.app.key, ended.pid, ended.is_incoming) == ("user:1000", None, False)


def test_connection_to_a_listener_is_incoming() -> None:
    table = ConnectionTable(Finder())
    listener = tcp(TcpState.LISTEN, remote_address=None, remote_port=None, local_port=80, process="httpd")
    table.update(sample(1.0, {"l": listener}, {}))
    table.update(sample(2.0, {}, {"a": tcp(TcpState.CLOSED, local_port=80, remote_port=50000)}, "a"))
    (ended,) = table.ended
    assert (ended.app.name, ended.is_incoming) == ("httpd", True)


def test_end_is_reported_once_the_owner_search_finishes() -> None:
    finder = Later()
    table = ConnectionTable(finder)
    table.update(sample(1.0, {}, {}))
    table.update(sample(2.0, {"a": tcp(TcpState.TIME_WAIT)}, {}, "a"))
    assert table.ended == ()
    finder.may_find = True
    table.update(sample(3.0, {}, {}))
    (ended,) = table.ended
    assert (ended.app.name, ended.boottime) == ("curl", 1.5)

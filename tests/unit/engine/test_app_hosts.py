"""Bytes by app and host: what is booked when, how long it is kept, and that it adds up."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, strategies as st
from test_connections import CURL
from test_datagrams import World, amount, flow, udp
from test_engine_hosts import ADDRESS, answer

from netwatch_tray.collect.helper_readings import UDP, Owner
from netwatch_tray.engine.app_hosts import AppHosts
from netwatch_tray.engine.entries import Peer
from netwatch_tray.engine.hosts import Hosts
from netwatch_tray.errors import ParseError
from netwatch_tray.model import HostAmount, Traffic

HOUR = 3600
BEGIN = 1.7e9 // HOUR * HOUR
KEY = "executable:/usr/bin/curl"


class Clock:
    def __init__(self) -> None:
        self.at = BEGIN
        self.ledger = AppHosts(lambda: self.at)

    def book(self, name: str | None, rx: int, address: str = ADDRESS, app: str = KEY) -> None:
        self.ledger.book(app, Peer(address, "internet", None, name, "TLS" if name else None), Traffic(rx, 1))

    def found(self, app: str = KEY) -> list[tuple[str | None, int]]:
        return [(each.host or each.address, each.rx_bytes) for each in self.ledger.of(app)]


def test_hosts_of_an_app_are_added_up_over_a_day() -> None:
    clock = Clock()
    clock.book("a.example", 10)
    clock.book(None, 5, "192.0.2.50")
    clock.book("b.example", 1, app="other")
    clock.at += 23 * HOUR + 60
    clock.book("a.example", 100, "192.0.2.77")
    first, second = clock.ledger.of(KEY)
    assert first == HostAmount(
        host="a.example",
        origin="TLS",
        address="192.0.2.77",
        scope="internet",
        rx_bytes=110,
        tx_bytes=2,
        last_at=clock.at,
    )
    assert (second.host, second.address, second.rx_bytes) == (None, "192.0.2.50", 5)
    assert clock.ledger.since == BEGIN
    clock.at += 2 * HOUR
    assert clock.found() == [("a.example", 100)]
    assert clock.ledger.since == BEGIN + HOUR
    clock.at += 48 * HOUR
    assert clock.found() == []


def test_traffic_within_the_machine_is_left_out() -> None:
    clock = Clock()
    clock.ledger.book(KEY, Peer("127.0.0.1", "machine", None, None, None), Traffic(5, 5))
    assert clock.found() == []


def test_hosts_beyond_the_limits_are_one_sum_and_come_last() -> None:
    clock = Clock()
    for number in range(300):
        clock.book(f"{number}.example", 1000 - number)
    found = clock.found()
    assert (len(found), found[0]) == (257, ("0.example", 1000))
    assert found[-1] == (None, sum(range(701, 745)))
    for number in range(2000):
        clock.book("x.example", 1, app=f"app {number}")
    assert clock.found("app 1999") == [(None, 1)]
    clock.at += HOUR
    for number in range(256):
        clock.book(f"{1000 + number}.example", 1)
    found = clock.found()
    assert (len(found), found[-1][0]) == (500, None)
    assert sum(rx for _, rx in found) == sum(range(701, 1001)) + 256


BOOKINGS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 600, 4000, -4000]),
        st.sampled_from(["a", "b"]),
        st.sampled_from([None, "x", "y"]),
        st.integers(0, 1 << 40),
    ),
    max_size=30,
)


@given(BOOKINGS, st.booleans())
def test_hosts_add_up_to_the_booked_bytes_at_any_clock_step(
    bookings: list[tuple[int, str, str | None, int]], restarts: bool
) -> None:
    clock, sums = Clock(), Counter[str]()
    for after, app, name, rx in bookings:
        clock.at += after
        clock.book(name, rx, app=app)
        sums[app] += rx
        if restarts:
            hours, clock.ledger = clock.ledger.hours(), AppHosts(lambda: clock.at)
            clock.ledger.restore(hours)
    if sum(abs(after) for after, *_ in bookings) < 23 * HOUR:
        assert {app: sum(rx for _, rx in clock.found(app)) for app in sums} == sums
    assert len(clock.ledger.hours()) <= 50


@pytest.mark.parametrize("damaged", [b"", b"\x81\xa1a", b"\x81\xa1a\x91\x98\xc0\xc0\xc0\xc0\xc0\xff\0\0", b"\xc1" * 9])
def test_damaged_hour_raises_parse_error(damaged: bytes) -> None:
    clock = Clock()
    with pytest.raises(ParseError):
        clock.ledger.restore({int(BEGIN // HOUR): damaged})
    clock.book("a.example", 1)
    assert clock.found() == [("a.example", 1)]


def test_bytes_wait_for_the_owner_and_for_the_name() -> None:
    world = World()
    world.table.hosts = told = Hosts(lambda: 1.7e9)
    world.count()
    world.update()
    world.count({flow(peer=(ADDRESS, 443)): amount(70)})
    world.update(a=udp((ADDRESS, 443)))
    assert hosts(world) == []
    world.finder.known["a"] = CURL
    world.update(a=udp((ADDRESS, 443)))
    assert hosts(world) == [], "a name may still come"
    told.take([answer("d.example", ADDRESS)], {0xD: Owner(CURL.pid, 0, 0, UDP, None)}, lambda _cookie: None)
    world.table.name_peers({0xA})
    world.update(a=udp((ADDRESS, 443)))
    assert hosts(world) == [("d.example", "DNS", 70)]
    world.count({flow(peer=(ADDRESS, 443)): amount(5)})
    world.update(a=udp((ADDRESS, 443)))
    assert hosts(world) == [("d.example", "DNS", 75)]


def test_bytes_are_booked_for_the_address_if_no_name_arrives_in_time() -> None:
    world = World()
    world.table.hosts = Hosts(lambda: 1.7e9)
    world.finder.known["a"] = CURL
    world.count()
    world.update()
    world.count({flow(peer=(ADDRESS, 443)): amount(70)})
    world.update(a=udp((ADDRESS, 443)))
    assert hosts(world) == []
    world.update(after=9.0, a=udp((ADDRESS, 443)))
    world.update(a=udp((ADDRESS, 443)))
    assert hosts(world) == [(None, None, 70)]


def test_connection_that_closes_is_booked_at_once() -> None:
    world = World()
    world.table.hosts = Hosts(lambda: 1.7e9)
    world.finder.known["a"] = CURL
    world.count()
    world.update()
    world.count({flow(peer=(ADDRESS, 443)): amount(70)})
    world.update(a=udp((ADDRESS, 443)))
    world.update()
    assert hosts(world) == [(None, None, 70)]


def hosts(world: World) -> list[tuple[Any, ...]]:
    return [(each.host, each.origin, each.rx_bytes) for each in world.app_hosts.of(KEY)]

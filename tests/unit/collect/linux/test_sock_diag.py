"""The kernel's socket dumps and messages about destroyed ones: constructed bytes, noise, and the real kernel."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st
from sock_diag_messages import (
    CGROUP,
    CLOSE_WAIT,
    CLOSED,
    DONE,
    ESTABLISHED,
    FIN_WAIT_2,
    LISTEN,
    MARK,
    TIME_WAIT,
    confirm,
    message,
    tcp_info,
)

from netwatch_tray.collect.linux.inet_diag import parse_socket
from netwatch_tray.collect.linux.sock_diag import SockDiagSource, SocketTable
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.errors import CollectError, ParseError
from netwatch_tray.kinds import TcpState


class Kernel:
    """Adds messages to a table as the source does."""

    def __init__(self) -> None:
        self.table = SocketTable()

    def reads(
        self, *messages: bytes, destroyed: tuple[bytes, ...] = (), states: Mapping[int, int] | None = None
    ) -> tuple[dict[int, Socket], dict[int, Socket]]:
        """Add a dump and messages about destroyed sockets. Return what changed and what was removed.

        `states`: those that the kernel reports after the dump, by cookie; by default those of the dump.
        """
        self.table.begin()
        assert self.table.take(memoryview(b"".join(messages) + DONE))
        if states is None:
            states = {int.from_bytes(each[60:68], "little"): each[17] for each in messages}
        confirm(self.table, states)
        for each in destroyed:
            self.table.take_destroyed(memoryview(each))
        return self.table.changes()


def test_every_field_of_a_connection_is_parsed() -> None:
    found = parse_socket(memoryview(message(1, info=tcp_info(500, 1300, again=300))))
    assert found == Socket(
        protocol="TCP",
        local_address="192.0.2.1",
        local_port=4000,
        remote_address="192.0.2.1",
        remote_port=443,
        state=TcpState.ESTABLISHED,
        rx_bytes=500,
        tx_bytes=1000,
        rtt_s=0.02,
        retransmits=3,
        is_incoming=False,
        uid=1000,
        inode=9,
        cgroup=77,
    )


def test_only_what_changed_is_reported() -> None:
    kernel = Kernel()
    changed, removed = kernel.reads(message(1, info=tcp_info(5)), message(2, info=tcp_info(6)))
    assert set(changed) == {1, 2}
    assert removed == {}
    changed, removed = kernel.reads(message(1, info=tcp_info(5)), message(2, info=tcp_info(7)))
    assert {cookie: found.rx_bytes for cookie, found in changed.items()} == {2: 7}
    assert removed == {}


def test_messages_of_different_layouts_in_one_datagram_are_parsed() -> None:
    """Root gets a mark in addition; listeners and IPv6 have more attributes, TIME_WAIT has fewer. Two messages of one
    length may differ inside."""
    rows = [
        message(1, info=tcp_info(1), before=(CGROUP,)),
        message(2, info=tcp_info(2), family=10, before=((11, b"\1"), MARK, CGROUP)),
        message(3, LISTEN, info=tcp_info(), ports=(80, 0), before=((8, b"\0"), MARK, CGROUP)),
        message(4, TIME_WAIT, before=(MARK,), inode=0),
        message(5, info=tcp_info(5), before=(MARK, CGROUP)),
        message(6, info=tcp_info(6), before=(CGROUP, (99, b"1234"))),  # as long as the one before
        message(7, kind=20, before=()),
    ]
    changed, _ = Kernel().reads(*rows, *reversed(rows[:3]))
    assert {cookie: (found.rx_bytes, found.cgroup) for cookie, found in changed.items()} == {
        1: (1, 77),
        2: (2, 77),
        3: (None, 77),
        4: (None, None),
        5: (5, 77),
        6: (6, 77),
        7: (None, None),
    }
    assert changed[3].remote_address is None
    assert changed[7].protocol == "UDP"


def test_an_old_kernels_short_tcp_info_means_unknown_not_zero() -> None:
    changed, _ = Kernel().reads(message(1, info=tcp_info(5)[:192]))
    assert (changed[1].rx_bytes, changed[1].tx_bytes) == (None, None)


def test_the_peers_fin_is_not_payload() -> None:
    kernel = Kernel()
    kernel.reads(message(1, info=tcp_info(100)))
    changed, _ = kernel.reads(message(1, CLOSE_WAIT, info=tcp_info(101)))
    assert changed[1].rx_bytes == 100
    _, removed = kernel.reads(destroyed=(message(1, CLOSED, kind=20, info=tcp_info(101), inode=0),))
    assert (removed[1].rx_bytes, removed[1].state) == (100, "CLOSED")


@pytest.mark.parametrize("before", [ESTABLISHED, FIN_WAIT_2])
@pytest.mark.parametrize("after", [{1: CLOSE_WAIT}, {1: TIME_WAIT}, {}])
def test_a_fin_between_state_and_counters_is_not_payload(before: int, after: dict[int, int]) -> None:
    kernel = Kernel()
    kernel.reads(message(1, before, info=tcp_info(13)))
    changed, _ = kernel.reads(message(1, before, info=tcp_info(1014)), states=after)
    assert changed[1].rx_bytes == 1013
    changed, removed = kernel.reads(destroyed=(message(1, CLOSED, kind=20, info=tcp_info(1014), inode=0),))
    assert removed[1].rx_bytes == 1013


def test_a_fin_leaves_confirmed_bytes_unchanged() -> None:
    kernel = Kernel()
    kernel.reads(message(1, info=tcp_info(1013)))
    changed, _ = kernel.reads(message(1, info=tcp_info(1014)), states={1: CLOSE_WAIT})
    assert changed[1].rx_bytes == 1013
    changed, _ = kernel.reads(message(1, CLOSE_WAIT, info=tcp_info(1014)))
    assert changed[1].rx_bytes == 1013


def test_a_connection_that_still_has_no_fin_is_exact() -> None:
    kernel = Kernel()
    kernel.reads(message(1, info=tcp_info(13)))
    changed, _ = kernel.reads(message(1, info=tcp_info(1014)), states={1: ESTABLISHED})
    assert changed[1].rx_bytes == 1014


def test_a_socket_that_is_closed_while_it_is_dumped_has_no_fin_in_its_bytes() -> None:
    kernel = Kernel()
    kernel.reads(message(1, info=tcp_info(13)), message(2, info=tcp_info(1014)))
    closed = (message(cookie, CLOSED, info=tcp_info(1014)) for cookie in (1, 2, 3))
    changed, _ = kernel.reads(*closed)
    assert {cookie: found.rx_bytes for cookie, found in changed.items()} == {1: 1013, 2: 1014, 3: 1013}


def test_bytes_unconfirmed_by_a_failed_reading_are_one_byte_low() -> None:
    kernel = Kernel()
    kernel.reads(message(1, info=tcp_info(13)))
    kernel.table.begin()
    kernel.table.take(memoryview(message(1, info=tcp_info(1014))))
    changed, _ = kernel.reads(message(1, TIME_WAIT, inode=0, before=()))
    assert changed[1].rx_bytes == 1013


@pytest.mark.parametrize(
    ("case", "received", "acked_more", "unread", "rest", "payload"),
    [
        ("the peer closed first, and we read to the end", 101, 2, 0, None, 100),
        ("we closed first; a TIME_WAIT socket took the peer's FIN", 100, 2, 0, TIME_WAIT, 100),
        ("we shut down, read to the peer's FIN and closed", 101, 2, 0, TIME_WAIT, 100),
        ("we closed first; the peer has not yet", 100, 2, 0, FIN_WAIT_2, 100),
        ("we closed first; the peer's FIN came at once", 101, 2, 1, TIME_WAIT, 100),
        ("reset: our FIN was never acknowledged", 100, 1, 0, None, 100),
        ("reset with unread data", 100, 1, 100, None, 100),
        ("reset after the peer's FIN", 101, 1, 1, None, 100),
        ("reset after the peer's FIN, read to the end", 101, 1, 0, None, 100),
        ("both closed at once, then a reset", 101, 1, 1, None, 100),
        ("data after our FIN: the TIME_WAIT socket is reset", 100, 2, 0, None, 100),
        ("the same, and nothing received before", 0, 2, 0, None, 0),
        ("refused", 0, 0, 0, None, 0),
    ],
)
def test_connection_that_no_dump_listed_is_exact_or_one_byte_low(
    case: str, received: int, acked_more: int, unread: int, rest: int | None, payload: int
) -> None:
    kernel = Kernel()
    kernel.reads()
    info = tcp_info(received, 50, acked=50 + acked_more)
    last = message(5, CLOSED, kind=20, info=info, unread=unread, inode=0, before=((10, b"\6"),))
    others = () if rest is None else (message(6, rest, inode=0, before=()),)
    _, removed = kernel.reads(*others, destroyed=(last,))
    assert removed[5].rx_bytes in {max(0, payload - 1), payload}, case
    assert removed[5].tx_bytes == 50


@pytest.mark.parametrize("received", [100, 101])
def test_bytes_confirmed_by_a_dump_are_not_taken_back_at_the_end(received: int) -> None:
    kernel = Kernel()
    kernel.reads(message(1, info=tcp_info(100, 50)))
    _, removed = kernel.reads(destroyed=(message(1, CLOSED, kind=20, info=tcp_info(received, 50), inode=0),))
    assert (removed[1].rx_bytes, removed[1].tx_bytes) == (100, 50)


def test_a_socket_that_was_closed_before_the_first_dump_is_not_counted() -> None:
    """A program may keep a socket for days after a reset. No dump lists it, and the message about its end has all its
    bytes."""
    kernel = Kernel()
    kernel.reads()
    old, new = (message(cookie, CLOSED, kind=20, info=tcp_info(10**9, quiet_ms=5000), inode=0) for cookie in (5, 6))
    kernel.table.take_destroyed(memoryview(old), 4.9)
    kernel.table.take_destroyed(memoryview(new), 5.1)
    _, removed = kernel.reads()
    assert set(removed) == {6}


def test_direction_is_known_once_no_data_is_in_flight() -> None:
    kernel = Kernel()
    changed, _ = kernel.reads(message(1, info=tcp_info(5, 50, acked=50), waiting=1))
    assert changed[1].is_incoming is None  # our SYN, and a byte on its way?
    changed, _ = kernel.reads(message(1, info=tcp_info(5, 51, acked=51)))
    assert changed[1].is_incoming
    changed, _ = kernel.reads(message(1, info=tcp_info(5, 90, acked=60), waiting=30))
    assert changed[1].is_incoming


def test_sockets_closed_before_the_first_reading_are_not_reported() -> None:
    kernel = Kernel()
    old = message(5, CLOSED, kind=20, info=tcp_info(1000, 1000), inode=0)
    assert kernel.reads(destroyed=(old,)) == ({}, {})


def test_time_wait_keeps_the_owner_and_takes_the_last_counters() -> None:
    kernel = Kernel()
    kernel.reads(message(1, info=tcp_info(5, 5)))
    destroyed = message(1, CLOSED, kind=20, info=tcp_info(9, 9, acked=11), inode=0, unread=0)
    changed, removed = kernel.reads(message(1, TIME_WAIT, uid=0, inode=0, before=()), destroyed=(destroyed,))
    assert removed == {}
    rest = changed[1]
    assert (rest.state, rest.rx_bytes, rest.tx_bytes, rest.uid, rest.inode) == ("TIME_WAIT", 8, 9, 1000, None)
    _, removed = kernel.reads()
    assert (removed[1].rx_bytes, removed[1].tx_bytes, removed[1].state) == (8, 9, "CLOSED")


def test_a_socket_that_one_dump_skips_is_not_counted_again() -> None:
    kernel = Kernel()
    kernel.reads(message(1, info=tcp_info(5)), message(2, info=tcp_info(5)))
    assert kernel.reads(message(2, info=tcp_info(5))) == ({}, {})
    assert kernel.reads(message(1, info=tcp_info(5)), message(2, info=tcp_info(5))) == ({}, {})
    kernel.reads(message(2, info=tcp_info(5)))
    _, removed = kernel.reads(message(2, info=tcp_info(5)))
    assert set(removed) == {1}
    assert removed[1].state == "ESTABLISHED", "closed, but maybe still held by a program: more may come"


def test_a_failed_dump_loses_nothing() -> None:
    kernel = Kernel()
    kernel.table.begin()
    kernel.table.take(memoryview(message(1, info=tcp_info(5))))
    with pytest.raises(CollectError, match="refused"):
        kernel.table.take(memoryview(struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -1)))
    changed, _ = kernel.reads(message(1, info=tcp_info(5)))
    assert set(changed) == {1}


PIECES = st.sampled_from(
    [
        message(1, info=tcp_info(5)),
        message(2, TIME_WAIT),
        message(3, 99, family=7),
        message(4, kind=20, before=()),
        DONE,
    ]
)
DATAGRAMS = st.one_of(
    st.binary(max_size=200),
    st.lists(PIECES, max_size=4).map(b"".join),
    st.builds(lambda whole, cut, more: whole[:cut] + more, PIECES, st.integers(0, 400), st.binary(max_size=120)),
    st.builds(
        lambda whole, at, value: whole[: at % len(whole)] + bytes([value]) + whole[at % len(whole) + 1 :],
        PIECES,
        st.integers(0, 500),
        st.integers(0, 255),
    ),
)


@given(st.lists(DATAGRAMS, max_size=4), st.lists(DATAGRAMS, max_size=2))
def test_any_bytes_are_parsed_or_raise_a_known_error(dumps: list[bytes], others: list[bytes]) -> None:
    table = SocketTable()
    for _ in range(2):
        table.begin()
        for datagram in dumps:
            try:
                table.take(memoryview(datagram))
            except CollectError:
                continue
        for datagram in others:
            for take in (table.take_destroyed, table.take_state):
                try:
                    take(memoryview(datagram))
                except ParseError:
                    continue
        changed, removed = table.changes()
        assert not changed.keys() & removed.keys()


@pytest.mark.skipif(sys.platform != "linux", reason="sock_diag is Linux's")
def test_real_kernel_reports_bytes_of_a_connection() -> None:
    source = SockDiagSource()
    try:
        assert source.note is None
        source.read()
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname()) as client,
            server.accept()[0] as peer,
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams,
        ):
            datagrams.bind(("::1", 0))
            client.sendall(b"x" * 1000)
            received = 0
            while received < 1000:
                received += len(peer.recv(4096))
            ports = {each.getsockname()[1] for each in (server, client, peer, datagrams)}
            mine = [row for row in source.read().changed.values() if row.local_port in ports]
            assert {(row.protocol, row.state, row.rx_bytes, row.tx_bytes) for row in mine} == {
                ("TCP", "LISTEN", None, None),
                ("TCP", "ESTABLISHED", 0, 1000),
                ("TCP", "ESTABLISHED", 1000, 0),
                ("UDP", None, None, None),
            }
            assert {row.uid for row in mine} == {os.getuid()}
            assert {row.inode for row in mine} == {
                os.fstat(each.fileno()).st_ino for each in (server, client, peer, datagrams)
            }
    finally:
        source.close()

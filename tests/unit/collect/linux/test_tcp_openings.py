"""The number of opened TCP connections from /proc/net/snmp."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect.linux.proc_net_snmp import Line, TcpOpenings, openings_line
from netwatch_tray.errors import ParseError, UnsupportedError

SNMP = b"""Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails
Tcp: 1 200 120000 -1 3563 1989 1308
Udp: InDatagrams NoPorts
Udp: 41 1
"""


def test_counters_of_inbound_and_outbound_openings_are_found_by_name() -> None:
    assert openings_line(SNMP).read(SNMP) == [3563, 1989]


@given(st.integers(0, len(SNMP)), st.binary(max_size=40))
def test_any_bytes_raise_only_parse_error(cut: int, more: bytes) -> None:
    content = SNMP[:cut] + more
    for line in (openings_line(SNMP), Line(b"Tcp:", (1, 0))):
        with contextlib.suppress(ParseError):
            assert all(isinstance(count, int) for count in line.read(content))
    with contextlib.suppress(ParseError):
        assert len(openings_line(content).read(content)) == 2


@given(st.lists(st.integers(0, 2**64 - 1), min_size=3, max_size=3), st.integers(0, 2**64 - 1))
def test_later_contents_are_read_at_the_positions_found_first(counts: list[int], other: int) -> None:
    tcp = b"Tcp: 1 200 120000 -1 %d %d %d" % tuple(counts)
    content = SNMP.replace(b"Tcp: 1 200 120000 -1 3563 1989 1308", tcp).replace(b"Ip: 2 64", b"Ip: 2 %d" % other)
    assert openings_line(SNMP).read(content) == counts[:2]


def test_each_count_is_that_of_the_present_content(tmp_path: Path) -> None:
    file = tmp_path / "snmp"
    file.write_bytes(SNMP)
    openings = TcpOpenings(str(file))
    assert openings.count() == 3563 + 1989

    @given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 120), st.integers(0, 2**64))
    def counts_present(outbound: int, inbound: int, failed: int, other: int) -> None:
        tcp = b"Tcp: 1 200 120000 -1 %d %d %d" % (outbound, inbound, failed)
        content = SNMP.replace(b"Tcp: 1 200 120000 -1 3563 1989 1308", tcp)
        file.write_bytes(content.replace(b"Ip: 2 64", b"Ip: 2 %d" % other))
        assert openings.count() == outbound + inbound

    counts_present()
    openings.close()


def test_a_file_without_the_counters_is_refused(tmp_path: Path) -> None:
    (tmp_path / "snmp").write_bytes(b"Ip: Forwarding\nIp: 2\n")
    for file in (tmp_path / "snmp", tmp_path / "missing"):
        with pytest.raises(UnsupportedError):
            TcpOpenings(str(file))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has the file")
def test_connection_within_this_machine_counts_as_two_openings() -> None:
    openings = TcpOpenings()
    before = openings.count()
    assert before is not None
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        after = openings.count()
    openings.close()
    assert after is not None
    assert after >= before + 2

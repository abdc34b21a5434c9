"""Counts of refused packets from /proc/net/snmp and /proc/net/netstat."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect.connections import open_refusals
from netwatch_tray.collect.linux.proc_net_snmp import RefusalCounters, parse_refusals
from netwatch_tray.collect.sockets import RefusalCounts
from netwatch_tray.errors import ParseError, UnsupportedError

SNMP = b"""Icmp: InMsgs OutDestUnreachs
Icmp: 9 7
IcmpMsg: InType3
IcmpMsg: 1
Tcp: ActiveOpens PassiveOpens AttemptFails OutRsts
Tcp: 3563 1989 20 300
Udp: InDatagrams NoPorts
Udp: 41 11
UdpLite: InDatagrams NoPorts
UdpLite: 0 0
"""
NETSTAT = b"""TcpExt: TW TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger
TcpExt: 49 100 50 2 7 3
IpExt: InNoRoutes
IpExt: 1
"""


def test_resets_of_this_machines_connections_are_explained() -> None:
    counts = parse_refusals(SNMP, NETSTAT)
    assert counts == RefusalCounts(resets=300, explained=175, datagrams=11, unreachables=7)
    assert counts.unexplained == 125


def test_counters_that_decreased_count_as_zero() -> None:
    counts = parse_refusals(SNMP, NETSTAT)
    assert RefusalCounts(1, 1, 1, 1).since(counts) == RefusalCounts(0, 0, 0, 0)


@given(st.integers(0, len(SNMP)), st.integers(0, len(NETSTAT)), st.binary(max_size=40))
def test_any_bytes_raise_only_parse_error(cut: int, other: int, more: bytes) -> None:
    try:
        assert isinstance(parse_refusals(SNMP[:cut] + more, NETSTAT[:other]), RefusalCounts)
    except ParseError:
        return


def test_files_without_the_counters_are_refused(tmp_path: Path) -> None:
    (tmp_path / "snmp").write_bytes(SNMP)
    (tmp_path / "netstat").write_bytes(b"TcpExt: TW\nTcpExt: 1\n")
    for netstat in (tmp_path / "netstat", tmp_path / "missing"):
        with pytest.raises(UnsupportedError):
            RefusalCounters(str(tmp_path / "snmp"), str(netstat))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has the files")
def test_connection_to_a_closed_port_of_this_machine_is_explained() -> None:
    refusals = open_refusals()
    assert refusals is not None
    before = refusals.read()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for _ in range(20):
            with socket.socket() as probe:
                assert probe.connect_ex(closed.getsockname())
    after = refusals.read()
    refusals.close()
    assert before is not None
    assert after is not None
    found = after.since(before)
    assert found.resets >= 20
    assert found.explained >= 20

"""The number of opened TCP connections from /proc/net/snmp."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect.linux.proc_net_snmp import TcpOpenings, parse_openings
from netwatch_tray.errors import ParseError, UnsupportedError

SNMP = b"""Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails
Tcp: 1 200 120000 -1 3563 1989 1308
Udp: InDatagrams NoPorts
Udp: 41 1
"""


def test_both_directions_are_summed() -> None:
    assert parse_openings(SNMP) == 3563 + 1989


@given(st.integers(0, len(SNMP)), st.binary(max_size=40))
def test_any_bytes_raise_only_parse_error(cut: int, more: bytes) -> None:
    try:
        assert isinstance(parse_openings(SNMP[:cut] + more), int)
    except ParseError:
        return


def test_a_file_without_the_counters_is_refused(tmp_path: Path) -> None:
    (tmp_path / "snmp").write_bytes(b"Ip: Forwarding\nIp: 2\n")
    for file in (tmp_path / "snmp", tmp_path / "missing"):
        with pytest.raises(UnsupportedError):
            TcpOpenings(str(file))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has the file")
def test_a_connection_counts_at_both_ends() -> None:
    openings = TcpOpenings()
    before = openings.count()
    assert before is not None
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        after = openings.count()
    openings.close()
    assert after is not None
    assert after >= before + 2

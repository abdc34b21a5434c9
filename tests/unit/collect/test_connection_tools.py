"""Sockets from /proc/net and ss, as recorded, cut, and noise; and tools that fail. macOS: test_darwin_sockets.py."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import needs
import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect.darwin import nettop
from netwatch_tray.collect.linux import proc_net_sockets, ss
from netwatch_tray.collect.linux.proc_net_sockets import ProcNetSource
from netwatch_tray.collect.lsof import LsofSource
from netwatch_tray.collect.portable.psutil_connections import PsutilSource
from netwatch_tray.collect.sockets import ConnectionSource, Socket
from netwatch_tray.errors import CollectError, ParseError, UnsupportedError

TCP = b"""\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 256732 1 0000000000000000 100
   1: 0100007F:DB22 0100007F:81BF 01 00000000:00000000 00:00000000 00000000  1000        0 256733 2 0000000000000000 20
   2: 0100007F:DB24 0100007F:81BF 06 00000000:00000000 03:0000176E 00000000     0        0 0 3 0000000000000000
"""
UDP6 = b"""\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
 112: B80D0120000000000000000001000000:8B20 00000000000000000000000000000000:0000 07 0:0 00:0 0  33  0 256735 2 0 0
 113: 0000000000000000FFFF00000100007F:0035 00000000000000000000000000000000:0000 07 0:0 00:0 0  33  0 256736 2 0 0
"""
SS = """\
udp   UNCONN     0 0       127.0.0.53%lo:53      0.0.0.0:*     users:(("systemd-resolve",pid=611,fd=13)) uid:101 ino:21 sk:1 cgroup:/system.slice <->
tcp   LISTEN     0 128             [::]:22          [::]:*     users:(("sshd",pid=702,fd=4)) ino:23 sk:3 v6only:1 <->
\t cubic cwnd:10
tcp   ESTAB      0 0        192.0.2.7:56098  192.0.2.9:443     users:(("Web Content",pid=900,fd=81),("b",pid=9,fd=3)) timer:(keepalive,9min,0) uid:1000 ino:24 sk:a7f <->
\t ts sack cubic wscale:7,7 rto:204 rtt:28.5/16 mss:1448 bytes_sent:1300 bytes_retrans:300 bytes_acked:1001 bytes_received:99 retrans:0/2 minrtt:7
tcp   CLOSE-WAIT 1 0   [2001:db8::7]:55100 [2001:db8::9]:80    uid:33 ino:25 sk:5 <->
\t rtt:1/1 bytes_received:100
tcp   TIME-WAIT  0 0        192.0.2.7:56100  192.0.2.9:443     timer:(timewait,59sec,0) ino:0 sk:6
"""  # noqa: E501  as ss writes it


def test_proc_net_tables_are_parsed() -> None:
    if sys.byteorder != "little":
        pytest.skip("recorded on a little-endian machine")
    listener, client, rest = proc_net_sockets.parse(TCP, "TCP").values()
    assert (listener.local_address, listener.local_port, listener.state) == ("127.0.0.1", 53, "LISTEN")
    assert (listener.remote_address, listener.uid, listener.inode) == (None, 101, 256732)
    assert (client.remote_address, client.remote_port, client.state) == ("127.0.0.1", 0x81BF, "ESTABLISHED")
    assert (rest.state, rest.uid, rest.inode) == ("TIME_WAIT", None, None)
    wide, mapped = proc_net_sockets.parse(UDP6, "UDP").values()
    assert (wide.local_address, wide.state, wide.protocol) == ("2001:db8::1", None, "UDP")
    assert mapped.local_address == "127.0.0.1"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/net")
def test_proc_net_lists_own_sockets() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        source = ProcNetSource()
        found = [row for row in source.read().changed.values() if row.inode == os.fstat(server.fileno()).st_ino]
        assert [(row.local_address, row.local_port, row.state, row.uid) for row in found] == [
            ("::1", server.getsockname()[1], "LISTEN", os.getuid())
        ]
        assert found[0] not in source.read().changed.values()  # nothing about it is new


def test_hidden_proc_net_is_unsupported(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="none of the tables"):
        ProcNetSource(tmp_path)


def test_ss_output_is_parsed() -> None:
    sockets = ss.parse(SS.encode())
    resolver, daemon, browser, closing, rest = sockets.values()
    assert (resolver.local_address, resolver.local_port, resolver.process) == ("127.0.0.53", 53, "systemd-resolve")
    assert (daemon.local_address, daemon.local_port, daemon.state, daemon.uid) == ("*", 22, "LISTEN", 0)
    assert (daemon.rx_bytes, daemon.tx_bytes) == (None, None)
    assert (browser.process, browser.pid, browser.uid, browser.inode) == ("Web Content", 900, 1000, 24)
    assert (browser.rx_bytes, browser.tx_bytes, browser.retransmits) == (99, 1000, 2)
    assert browser.rtt_s == pytest.approx(0.0285)
    assert sockets["a7f"] is browser
    assert (closing.state, closing.rx_bytes, closing.tx_bytes, closing.pid) == ("CLOSE_WAIT", 99, 0, None)
    assert (rest.state, rest.rx_bytes, rest.uid) == ("TIME_WAIT", None, None)


def test_a_name_that_looks_like_details_is_not_taken_for_them() -> None:
    line = 'tcp ESTAB 0 0 1.2.3.4:5 1.2.3.4:6 users:(("x ino:7 sk:9 ",pid=900,fd=81)) ino:24 sk:a7f <->\n'
    ((key, found),) = ss.parse(line.encode()).items()
    assert (key, found.inode, found.process) == ("a7f", 24, "x ino:7 sk:9 ")


@pytest.mark.skipif(sys.platform != "linux", reason="ss is Linux's")
def test_real_ss_lists_own_sockets() -> None:
    needs.programs("ss")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as peer,
    ):
        client.sendall(b"x" * 77)
        assert peer.recv(100)
        rows = [row for row in ss.SsSource().read().changed.values() if row.pid == os.getpid()]
        assert (77, 0) in {(row.rx_bytes, row.tx_bytes) for row in rows}
        assert (0, 77) in {(row.rx_bytes, row.tx_bytes) for row in rows}


def changed_somewhere(whole: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda at, removed, more: whole[:at] + more + whole[at + removed :],
        st.integers(0, len(whole)),
        st.integers(0, 40),
        st.binary(max_size=12),
    )


@pytest.mark.odd_rows
@pytest.mark.parametrize(
    ("parse", "whole"),
    [
        (lambda content: proc_net_sockets.parse(content, "TCP"), TCP),
        (ss.parse, SS.encode()),
    ],
    ids=["proc", "ss"],
)
def test_no_bytes_raise_anything_but_a_parse_error(
    parse: Callable[[bytes], Mapping[str, Socket]], whole: bytes
) -> None:
    @given(st.one_of(st.binary(), changed_somewhere(whole)))
    def check(content: bytes) -> None:
        try:
            rows = parse(content)
        except ParseError:
            return
        assert all(row.protocol in {"TCP", "UDP"} for row in rows.values())

    check()


def program(directory: Path, name: str, script: str) -> None:
    file = directory / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("kill -9 $$", "killed by signal 9"),
        ("echo denied >&2; exit 1", "denied"),
        ("echo nonsense", "instead of|not understood|not known"),
        ("echo p1; echo f1; echo PTCP; echo nnot:an:address", "not understood|not an address|not a port|not known"),
    ],
)
@pytest.mark.parametrize("source", [LsofSource, ss.SsSource, nettop.NettopSource])
def test_failing_tool_raises_with_the_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: Callable[[], ConnectionSource],
    script: str,
    complaint: str,
) -> None:
    monkeypatch.setattr("netwatch_tray.collect.tools._SYSTEM_PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("lsof", "ss", "nettop"):
        program(tmp_path, name, script)
    with pytest.raises((CollectError, UnsupportedError), match=complaint):
        source().read()


@pytest.mark.parametrize("source", [LsofSource, ss.SsSource, nettop.NettopSource])
def test_missing_tool_raises_unsupported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Callable[[], ConnectionSource]
) -> None:
    monkeypatch.setattr("netwatch_tray.collect.tools._SYSTEM_PATH", str(tmp_path))
    with pytest.raises(UnsupportedError, match="is not installed"):
        source()


@pytest.mark.skipif(sys.platform != "linux", reason="psutil is the last resort on Linux alone")
def test_psutil_lists_own_sockets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        rows = PsutilSource().read().changed.values()
        assert [(row.state, row.pid, row.protocol) for row in rows if row.local_port == server.getsockname()[1]] == [
            ("LISTEN", os.getpid(), "TCP")
        ]

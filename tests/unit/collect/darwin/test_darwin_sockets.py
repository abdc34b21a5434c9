"""macOS sockets on any system: nettop's output of several releases, and lists of sockets laid out by a compiler."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from structures import Layout, build, compiled

from netwatch_tray.collect import connections, lsof
from netwatch_tray.collect.darwin import nettop, pcblist
from netwatch_tray.collect.darwin.nettop import NettopSource
from netwatch_tray.collect.darwin.pcblist import PcblistSource
from netwatch_tray.collect.sockets import Changes, Socket
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.errors import CollectError, ParseError, UnsupportedError
from netwatch_tray.kinds import TcpState

NETTOP = """\
time,,interface,state,bytes_in,bytes_out,rx_dupe,rx_ooo,re-tx,rtt_avg,rcvsize,tx_win,tc_class,tc_mgt,cc_algo,P,C,R,W,arch,
18:18:38.3,Microsoft, Edge .772,,,13530917,11022,,,,,,,,,,,,,,,
18:18:38.3,tcp4 192.168.3.37:56241<->17.57.145.55:5223,en0,Established,27201,31090,0,3590,0,108.53 ms,131072,31872,RD,-,cubic,-,-,-,-,ch,
18:18:38.3,quic6 fe80::7ca2:20ff:fe4d:277%awdl0.52214<->fe80::13:faff:fe55:a839%awdl0.50386,awdl0,,1001065,136242,,,,,,,,,,,,,,,
18:18:38.3,mDNSResponder.501,,,,,,,,,,,,,,,,,,,
18:18:38.3,udp6 *.5353<->*.*,en0,,14431855,8190886,,,,,,,,,,,,,,,
18:18:38.3,tcp4 127.0.0.1:80<->*:*,lo0,Listen,,,,,,,,,,,,,,,,,
"""  # noqa: E501  as nettop writes it


MACOS_12 = b",bytes_in,bytes_out,\napsd.533,11417,23504,\ntcp4 1.2.3.4:5<->1.2.3.5:6,7,8,\ntcp4 1.2."
"""Without times, with two columns, cut."""
MACOS_27 = b"""\
,interface,state,bytes_in,bytes_out,
syncd.700,,,9000,4000,
udp6 *.50100<->*.*,,,5000,0,
quic6 .50100<->.50200,idx-21,,3000,2500,
quic4 .50101<->.443,idx-9,,400,100,
browser.701,,,10,20,
tcp4 192.0.2.5:50102<->198.51.100.7:443,en0,Established,10,20,
"""
"""Flows of Network.framework have no addresses."""
TWO_INTERFACES = b"""\
,interface,state,bytes_in,bytes_out,
responder.300,,,900,0,
udp6 *.5353<->*.*,en0,,800,0,
udp6 *.5353<->*.*,utun2,,100,0,
"""
TWO_INTERFACES_LATER = b"""\
,interface,state,bytes_in,bytes_out,
responder.300,,,920,0,
udp6 *.5353<->*.*,utun2,,110,0,
udp6 *.5353<->*.*,en0,,810,0,
"""
SHARED_PORT = b"""\
,interface,state,bytes_in,bytes_out,
responder.300,,,900,0,
udp6 *.5353<->*.*,en0,,200,0,
udp4 *:5353<->*:*,en0,,700,0,
browser.301,,,5,0,
udp4 *:5353<->*:*,en0,,5,0,
"""
SHARED_PORT_LSOF = b"""\
p300\ncresponder\nu65\nf7\ntIPv4\nd0xa1\nPUDP\nn*:5353\nf8\ntIPv6\nd0xa2\nPUDP\nn*:5353
p301\ncbrowser\nu501\nf9\ntIPv4\nd0xb1\nPUDP\nn*:5353
"""


def reversed_flows(written: bytes) -> bytes:
    """Return the same output with the rows below each process in the opposite order."""
    titles, *lines = written.splitlines(keepends=True)
    blocks: list[list[bytes]] = []
    for line in lines:
        if b"<->" in line:
            blocks[-1].insert(1, line)
        else:
            blocks.append([line])
    return titles + b"".join(line for block in reversed(blocks) for line in block)


class TestNettop:
    def test_every_nettop_column_is_parsed(self) -> None:
        edge, quic, multicast, listener = nettop.parse(NETTOP.encode()).values()
        assert (edge.process, edge.pid, edge.state) == ("Microsoft, Edge", 772, "ESTABLISHED")
        assert (edge.remote_address, edge.remote_port) == ("17.57.145.55", 5223)
        assert (edge.family, edge.rx_bytes, edge.tx_bytes) == (4, 27201, 31090)
        assert edge.rtt_s == pytest.approx(0.10853)
        assert (quic.protocol, quic.local_address, quic.local_port) == ("UDP", "fe80::7ca2:20ff:fe4d:277%awdl0", 52214)
        assert (multicast.process, multicast.pid, multicast.local_address) == ("mDNSResponder", 501, "*")
        assert (multicast.family, multicast.local_port, multicast.remote_address) == (6, 5353, None)
        assert (listener.state, listener.rx_bytes) == ("LISTEN", None)

    def test_nettop_columns_of_macos_12_are_parsed(self) -> None:
        (row,) = nettop.parse(MACOS_12).values()
        assert (row.process, row.pid, row.rx_bytes, row.tx_bytes, row.state) == ("apsd", 533, 7, 8, None)

    def test_flows_without_addresses_are_listed_with_bytes(self) -> None:
        found = list(nettop.parse(MACOS_27).values())
        assert [(each.pid, each.protocol, each.remote_address, each.rx_bytes) for each in found] == [
            (700, "UDP", None, 5000),
            (700, "UDP", None, 3000),
            (700, "UDP", None, 400),
            (701, "TCP", "198.51.100.7", 10),
        ]
        assert {each.process for each in found} == {"syncd", "browser"}

    @pytest.mark.odd_rows
    def test_only_the_malformed_flow_is_skipped(self) -> None:
        odd = MACOS_27.replace(b"quic6 .50100<->.50200", b"icmp4 192.0.2.1<->192.0.2.2.50")
        found = nettop.parse(odd).values()
        assert [each.pid for each in found] == [700, 700, 701], "nor is it taken for a process"

    def test_a_socket_on_two_interfaces_counts_once_with_all_its_bytes(self) -> None:
        table = ConnectionTable()
        changes = Changes()
        for boottime, written, expected in ((1.0, TWO_INTERFACES, 900), (3.0, TWO_INTERFACES_LATER, 920)):
            sockets = nettop.parse(written)
            assert [each.rx_bytes for each in sockets.values()] == [expected]
            table.update(changes.since_last(boottime, sockets), is_monotonic=False)
        (row,) = table.rows()
        assert row.rx_rate == 10.0

    @pytest.mark.parametrize("order", [lambda written: written, reversed_flows])
    def test_programs_and_families_that_share_a_port_keep_their_own_bytes(
        self, order: Callable[[bytes], bytes]
    ) -> None:
        joined = nettop.join(lsof.parse(SHARED_PORT_LSOF), nettop.parse(order(SHARED_PORT)))
        assert sorted((each.pid, each.family, each.uid, each.rx_bytes) for each in joined.values()) == [
            (300, 4, 65, 700),
            (300, 6, 65, 200),
            (301, 4, 501, 5),
        ]

    def test_a_connection_is_one_though_the_lists_differ_in_scope_family_and_process(self) -> None:
        ends: dict[str, Any] = {"protocol": "TCP", "local_port": 5, "remote_port": 6}
        listed = {
            "l": Socket(**ends, family=6, local_address="fe80::1%27", remote_address="fe80::2%27", pid=1, uid=501),
            "mapped": Socket(**ends, family=6, local_address="192.0.2.1", remote_address="192.0.2.2", pid=2),
            "own": Socket(protocol="TCP", local_address="*", local_port=22, state=TcpState.LISTEN, pid=2),
        }
        flows = {
            "n": Socket(**ends, family=6, local_address="fe80::1%en0", remote_address="fe80::2%en0", pid=9, rx_bytes=9),
            "m": Socket(**ends, family=4, local_address="192.0.2.1", remote_address="192.0.2.2", pid=2, rx_bytes=7),
            "others": Socket(protocol="UDP", local_address="*", local_port=53, rx_bytes=1),
        }
        joined = nettop.join(listed, flows)
        assert joined.keys() == {"n", "m", "own", "others"}
        assert (joined["n"].rx_bytes, joined["n"].pid, joined["n"].uid) == (9, 1, 501)
        assert joined["m"].rx_bytes == 7

    def test_socket_has_the_same_key_whether_lsof_lists_it_or_not(self) -> None:
        flows = nettop.parse(MACOS_27)
        listed = {"p": Socket(protocol="TCP", family=4, local_address="192.0.2.5", local_port=50102,
                              remote_address="198.51.100.7", remote_port=443, pid=701, uid=501)}  # fmt: skip
        assert nettop.join(listed, flows).keys() == nettop.join({}, flows).keys()

    def test_socket_without_a_nettop_flow_has_no_bytes(self) -> None:
        listed = {"p": Socket(protocol="TCP", local_address="*", local_port=1, rx_bytes=5, tx_bytes=6)}
        (found,) = nettop.join(listed, {}).values()
        assert (found.rx_bytes, found.tx_bytes) == (None, None)

    @given(st.permutations(SHARED_PORT.splitlines(keepends=True)[1:]))
    def test_joining_neither_loses_nor_doubles_a_byte(self, lines: list[bytes]) -> None:
        flows = nettop.parse(SHARED_PORT.splitlines(keepends=True)[0] + b"".join(lines))
        joined = nettop.join(lsof.parse(SHARED_PORT_LSOF), flows)
        assert sum(each.rx_bytes or 0 for each in joined.values()) == 905


# Lists of sockets of the kernel

SOCKET, RECEIVE, SEND, STATS, INPCB, TCPCB = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
V4 = bytes(12) + socket.inet_aton("192.0.2.7")
LINK_LOCAL = b"\xfe\x80\0\x1b" + bytes(11) + b"\1"
NOBODY = bytes(16)
RELEASES = {21: "xsocket_8019", 22: "xsocket_8792", 23: "xsocket_8792", 24: "xsocket_8792", 25: "xsocket_8792"}
"""The layout of xsocket_n, by Darwin release (macOS 12, 13, 14, 15, 26)."""


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return compiled("darwin_pcb", tmp_path_factory.mktemp("layout"))


class Kernel:
    """Makes tables in the layout of this kernel release."""

    def __init__(self, layout: Layout, release: int) -> None:
        self.layout = layout
        self.release = release
        self.generation = build(layout, "xinpgen", length=24, count=2)

    def item(self, structure: str, kind: int, **fields: int | bytes) -> bytes:
        length = self.layout[structure, "-"][1]
        content = build(self.layout, structure, length=length, kind=kind, **fields)
        return content.ljust((length + 7) & ~7, b"\0")

    def pcb(
        self,
        identity: int,
        family: int = 1,
        local: bytes = V4,
        remote: bytes = V4,
        ports: tuple[int, int] = (443, 5000),
    ) -> bytes:
        remote_port, local_port = (port.to_bytes(2, "big") for port in ports)
        return self.item(
            "xinpcb", INPCB, identity=identity, family=family, local=local, remote=remote,
            remote_port=remote_port, local_port=local_port,
        )  # fmt: skip

    def owner(self, number: int = 0xF00, uid: int = 501, last: int = 77, effective: int = 0) -> bytes:
        return self.item(RELEASES[self.release], SOCKET, socket=number, uid=uid, last_pid=last, effective_pid=effective)

    def stats(self) -> bytes:
        """Return counters whose sums are 304 and 32, and of which the first are 100 and 10."""
        received, sent = (100, 200, 0, 4), (10, 20, 0, 2)
        fields = {f"counters[{n}]__rx_bytes": received[n] for n in range(4)}
        fields |= {f"counters[{n}]__tx_bytes": sent[n] for n in range(4)}
        return self.item("xsockstat", STATS, **fields)

    def table(self, *items: bytes) -> bytes:
        return self.generation + b"".join(items) + self.generation

    def connection(self) -> bytes:
        """Return the items of a connection in the order of get_pcblist_n."""
        return b"".join(
            (
                self.pcb(0xABC),
                self.owner(last=77, effective=78),
                self.item("xsockbuf", RECEIVE),
                self.item("xsockbuf", 0),  # it has no send buffer
                self.stats(),
                self.item("xtcpcb", TCPCB, state=4, srtt=640),
            )
        )

    def parse(self, *items: bytes, protocol: str = "TCP") -> list[Socket]:
        return list(pcblist.parse(self.table(*items), protocol, self.release).values())


@pytest.fixture(params=RELEASES, ids=lambda release: f"Darwin {release}")
def kernel(layout: Layout, request: pytest.FixtureRequest) -> Kernel:
    return Kernel(layout, request.param)


class TestPcblist:
    def test_sizes_of_structures_match_the_compiler(self, layout: Layout) -> None:
        known = pcblist._LENGTHS
        assert known[SOCKET] == (layout["xsocket_8019", "-"][1], layout["xsocket_8792", "-"][1]) == (76, 104)
        for kind, structure in ((RECEIVE, "xsockbuf"), (STATS, "xsockstat"), (INPCB, "xinpcb"), (TCPCB, "xtcpcb")):
            assert known[kind] == (layout[structure, "-"][1],)

    def test_connection_and_listener_are_parsed(self, kernel: Kernel) -> None:
        listener = kernel.pcb(0xABD, 2, LINK_LOCAL, NOBODY, (0, 22)) + kernel.item("xtcpcb", TCPCB, state=1)
        connection, listening = kernel.parse(kernel.connection(), listener)
        # To Darwin 23 each traffic class counts apart; from 24 on the first counts data, and TCP nothing that is sent.
        rx_bytes, tx_bytes = (304, 32) if kernel.release < 24 else (100, None)
        assert connection == Socket(
            protocol="TCP",
            family=4,
            local_address="192.0.2.7",
            local_port=5000,
            remote_address="192.0.2.7",
            remote_port=443,
            state=TcpState.ESTABLISHED,
            rx_bytes=rx_bytes,
            tx_bytes=tx_bytes,
            rtt_s=0.02,
            uid=501,
            pid=78,
        )
        assert (listening.local_address, listening.remote_address, listening.state) == ("fe80::1%27", None, "LISTEN")
        assert (listening.family, listening.rx_bytes) == (6, None)

    def test_udp_counts_both_ways_in_every_release(self, kernel: Kernel) -> None:
        (found,) = kernel.parse(kernel.pcb(1), kernel.owner(), kernel.stats(), protocol="UDP")
        assert (found.rx_bytes, found.tx_bytes) == ((304, 32) if kernel.release < 24 else (100, 10))

    def test_flows_in_user_space_have_no_user_and_do_not_collide(self, kernel: Kernel) -> None:
        one, two, three = kernel.parse(
            kernel.pcb(0) + kernel.owner(number=0, uid=0, last=701),
            kernel.pcb(0) + kernel.owner(number=0, uid=0, last=702),
            kernel.pcb(0, local=LINK_LOCAL, family=2) + kernel.owner(number=0, uid=0, last=701),
        )
        assert [(each.pid, each.uid) for each in (one, two, three)] == [(701, None), (702, None), (701, None)]

    def test_socket_of_root_has_uid_0_and_not_none(self, kernel: Kernel) -> None:
        (found,) = kernel.parse(kernel.pcb(5), kernel.owner(uid=0))
        assert found.uid == 0

    @pytest.mark.parametrize(
        "change",
        [
            lambda _: b"",
            lambda kernel: kernel.generation[:10],
            lambda kernel: kernel.generation + kernel.pcb(1)[:50],
            lambda kernel: kernel.table(kernel.owner()),  # details of no socket
            lambda kernel: kernel.table((112).to_bytes(4, "little") + kernel.pcb(1)[4:] + bytes(8)),  # grown
            lambda kernel: kernel.table(kernel.pcb(1), bytes(8)),  # an item of no length
        ],
    )
    def test_an_unknown_layout_is_refused(self, kernel: Kernel, change: Callable[[Kernel], bytes]) -> None:
        with pytest.raises(ParseError):
            pcblist.parse(change(kernel), "TCP", kernel.release)

    def test_list_of_only_this_programs_sockets_raises_collect_error(self) -> None:
        """macOS 27 omits the sockets of all other programs without an error."""
        own = {"own": Socket(protocol="TCP", local_address="*", local_port=1, pid=os.getpid())}
        for hidden in ({}, own):
            with pytest.raises(CollectError, match="hides"):
                pcblist.require_other_programs(hidden)
        everything = {**own, "other": Socket(protocol="TCP", local_address="*", local_port=2, pid=1)}
        assert pcblist.require_other_programs(everything) == everything


# Which source


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with nettop and lsof, both of which write the recorded sockets."""
    monkeypatch.setattr("netwatch_tray.collect.tools._SYSTEM_PATH", f"{tmp_path}:/usr/bin:/bin")
    for name, written in (("nettop", SHARED_PORT), ("lsof", SHARED_PORT_LSOF)):
        (tmp_path / f"{name}.txt").write_bytes(written)
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\nexec cat '{tmp_path}/{name}.txt'\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return tmp_path


class Owners:
    """A stand-in for PcblistSource."""

    name = "sysctl pcblist_n"

    def __init__(self, sockets: Mapping[str, Socket]) -> None:
        self.listed: Mapping[str, Socket] | None = sockets

    def sockets(self) -> Mapping[str, Socket]:
        if self.listed is None:
            raise CollectError("macOS hides the sockets of other programs from this one.")
        return self.listed


def test_nettop_takes_owners_from_the_kernel_and_from_lsof_once_it_hides_them(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = Owners({"k": Socket(protocol="UDP", family=4, local_address="*", local_port=5353, uid=65, pid=300)})
    monkeypatch.setattr(nettop, "PcblistSource", lambda: owners)
    monkeypatch.setattr(nettop, "darwin_release", lambda: 24)
    (tools / "lsof").rename(tools / "away")
    source = NettopSource()
    assert source.name == "nettop + sysctl pcblist_n"
    assert source.note is not None
    assert "counts no bytes" in str(source.note)
    assert sorted((each.pid, each.uid, each.rx_bytes) for each in source.read().changed.values() if each.uid) == [
        (300, 65, 700)
    ]
    (tools / "away").rename(tools / "lsof")
    owners.listed = None
    assert {each.uid for each in source.read().changed.values()} == {65, 501}
    assert source.name == "nettop + lsof"
    assert source.note is not None
    assert "hides" in str(source.note)


@pytest.mark.parametrize(
    ("release", "first"),
    [(21, NettopSource), (22, PcblistSource), (23, PcblistSource), (24, NettopSource), (26, NettopSource)],
)
def test_macos_release_decides_which_source_is_tried_first(
    monkeypatch: pytest.MonkeyPatch, release: int, first: type
) -> None:
    monkeypatch.setattr(pcblist, "darwin_release", lambda: release)
    monkeypatch.setattr("sys.platform", "darwin")
    assert next(iter(connections._openers())) is first


def test_kernel_release_is_its_major_version(monkeypatch: pytest.MonkeyPatch) -> None:
    for release, number in (("24.6.0", 24), ("9.8.0", 9), ("next", 0)):
        monkeypatch.setattr(
            os, "uname", lambda release=release: os.uname_result(("Darwin", "m", release, "v", "arm64"))
        )
        assert pcblist.darwin_release() == number


def test_other_systems_have_no_pcblist() -> None:
    if os.uname().sysname != "Darwin":
        with pytest.raises(UnsupportedError):
            PcblistSource()


# Noise


def changed_somewhere(whole: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda at, removed, more: whole[:at] + more + whole[at + removed :],
        st.integers(0, len(whole)),
        st.integers(0, 40),
        st.binary(max_size=12),
    )


NOISY: dict[str, Callable[[bytes], Mapping[str, Socket]]] = {
    "nettop": nettop.parse,
    "pcblist of macOS 12": lambda content: pcblist.parse(content, "TCP", 21),
    "pcblist of macOS 15": lambda content: pcblist.parse(content, "UDP", 24),
}


@pytest.mark.odd_rows
@pytest.mark.parametrize("name", NOISY)
def test_no_bytes_raise_anything_but_a_parse_error(layout: Layout, name: str) -> None:
    kernel = Kernel(layout, 21 if name.endswith("12") else 24)
    whole = [NETTOP.encode(), MACOS_27] if name == "nettop" else [kernel.table(kernel.connection())]

    @given(st.one_of(st.binary(), *map(changed_somewhere, whole)))
    def check(content: bytes) -> None:
        try:
            rows = NOISY[name](content)
        except ParseError:
            return
        assert all(row.protocol in {"TCP", "UDP"} for row in rows.values())

    check()

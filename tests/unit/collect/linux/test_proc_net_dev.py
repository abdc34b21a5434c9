"""/proc/net/dev and the route tables beside it; test_interface_ladder reads them of real links."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect.linux import proc_net_dev
from netwatch_tray.collect.linux.proc import parse_routes, parse_routes6
from netwatch_tray.collect.linux.proc_net_dev import (
    ProcNetDevSource,
    default_metrics,
    parse_proc_net_dev,
    pinned_interfaces,
)
from netwatch_tray.errors import CollectError, ParseError, UnsupportedError

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")

HEADINGS = (
    b"Inter-|   Receive                                                |  Transmit\n"
    b" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier"
    b" compressed\n"
)
NUMBERS = b" 18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"
ROUTES = (
    b"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                     \n"
    b"eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0                  \n"
    b"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0                    \n"
    b"tun0\t00000000\t010200C0\t0003\t0\t0\t0\t00000080\t0\t0\t0                    \n"
    b"eth0\t00000000\t010200C0\t0003\t0\t0\t50\t00000000\t0\t0\t0                   \n"
    b"eth1\t00000000\t00000000\t0203\t0\t0\t7\t00000000\t0\t0\t0                    \n"
    b"eth2\t00000000\t00000000\t0002\t0\t0\t7\t00000000\t0\t0\t0                    \n"
)
NOWHERE6 = b"0" * 32
ROUTES6 = b"".join(
    (
        b"fd000000000000000000000000000000 40 %s 00 %s 00000100 00000001 00000000 00000001     eth0\n",
        b"00000000000000000000000000000000 00 %s 00 %s 00000400 00000002 00000000 00000003     eth0\n",
        b"00000000000000000000000000000000 01 %s 00 %s 00000001 00000002 00000000 00000003     eth0\n",
        b"00000000000000000000000000000000 00 %s 00 %s ffffffff 00000001 00000000 00200200       lo\n",
    )
) % ((NOWHERE6,) * 8)


def test_columns_are_put_into_the_order_of_counters() -> None:
    ((name, row),) = parse_proc_net_dev(HEADINGS + b"  eth0:" + NUMBERS + b"\n")
    assert name == "eth0"
    assert row == (2, 10, 18446744073709551615, 9, 3, 11, 4, 12)


def test_names_may_contain_a_colon_or_invalid_utf8() -> None:
    content = HEADINGS + b" eth0:1:" + NUMBERS + b"\n  \xff:" + NUMBERS + b"\n"
    assert [name for name, _ in parse_proc_net_dev(content)] == ["eth0:1", os.fsdecode(b"\xff")]


def test_empty_table_gives_no_interfaces() -> None:
    assert parse_proc_net_dev(HEADINGS) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        HEADINGS[:40],
        HEADINGS.replace(b"|bytes", b"|octets"),
        b"  eth0:" + NUMBERS,
        HEADINGS + b"eth0" + NUMBERS,
        HEADINGS + b":" + NUMBERS,
        HEADINGS + b"eth0:" + NUMBERS[:-3],
        HEADINGS + b"eth0:" + NUMBERS + b" 17",
        HEADINGS + b"eth0:" + NUMBERS.replace(b" 7 ", b" x "),
    ],
)
def test_unknown_headings_raise_parse_error(content: bytes) -> None:
    with pytest.raises(ParseError):
        parse_proc_net_dev(content)


def test_ipv4_default_routes_are_parsed() -> None:
    assert default_metrics(parse_routes(ROUTES)) == {"eth0": 50}
    assert parse_routes(b"") == []


def test_ipv4_routes_to_one_host_by_a_gateway_are_parsed() -> None:
    """Columns: interface, destination, gateway, flags, two counts, metric, mask."""

    def line(name: str, destination: str, mask: str, flags: int, gateway: str = "192.0.2.1") -> bytes:
        numbers = [
            f"{int.from_bytes(socket.inet_aton(each), sys.byteorder):08X}" for each in (destination, gateway, mask)
        ]
        return f"{name}\t{numbers[0]}\t{numbers[1]}\t{flags:04X}\t0\t0\t0\t{numbers[2]}\t0\t0\t0\n".encode()

    one = "255.255.255.255"
    rows = (
        line("eth0", "203.0.113.5", one, 0x7),
        line("eth1", "203.0.113.0", "255.255.255.0", 0x3),
        line("eth2", "192.0.2.7", one, 0x5),
        line("eth3", "169.254.169.254", one, 0x7),
        line("eth4", "203.0.113.5", one, 0x205),
    )
    assert pinned_interfaces(parse_routes(b"Iface\n" + b"".join(rows))) == {"eth0"}


def test_ipv6_default_routes_are_parsed() -> None:
    assert default_metrics(parse_routes6(ROUTES6)) == {"eth0": 0x400}
    assert parse_routes6(b"") == []


@pytest.mark.parametrize("line", [b"eth0", b"eth0 0 0 3 0 0 metric 0", b"eth0 x 0 3 0 0 0 0"])
def test_malformed_route_lines_are_skipped(line: bytes) -> None:
    with pytest.raises(ParseError):
        parse_routes(b"Iface\n" + line)
    with pytest.raises(ParseError):
        parse_routes6(line)


@pytest.mark.odd_rows
@pytest.mark.parametrize("parse", [parse_proc_net_dev, parse_routes, parse_routes6])
@given(data=st.data())
def test_random_bytes_raise_nothing_but_parse_error(parse: Callable[[bytes], object], data: st.DataObject) -> None:
    valid = data.draw(st.sampled_from([HEADINGS + b"  eth0:" + NUMBERS + b"\n", ROUTES, ROUTES6]))
    cut = data.draw(st.integers(0, len(valid)))
    content = valid[:cut] + data.draw(st.binary(max_size=30)) + valid[cut + data.draw(st.integers(0, 10)) :]
    with contextlib.suppress(ParseError):
        assert parse(content) is not None


@on_linux
class TestSource:
    def test_reads_again_from_the_file_it_keeps(self) -> None:
        source = ProcNetDevSource()
        try:
            before = source.sample()
            after = source.sample()
        finally:
            source.close()
        assert after.interfaces is before.interfaces
        assert after.boottime > before.boottime
        assert after.counter_bits == 64
        (loopback,) = [one for one in after.interfaces.values() if one.is_loopback]
        assert (loopback.name, loopback.kind) == ("lo", "loopback")

    def test_a_failed_read_is_a_collect_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        source = ProcNetDevSource()

        def fail(_fd: int, _size: int, _offset: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "pread", fail)
            with pytest.raises(CollectError, match="Input/output error"):
                source.sample()
        assert source.sample().counters
        source.close()

    def test_a_file_of_another_form_is_unsupported_and_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        closed: list[int] = []
        close = os.close

        def note_and_close(fd: int) -> None:
            closed.append(fd)
            close(fd)

        monkeypatch.setattr(os, "pread", lambda _fd, _size, offset: b"" if offset else b"gibberish")
        monkeypatch.setattr(os, "close", note_and_close)
        with pytest.raises(UnsupportedError, match="unknown headings"):
            ProcNetDevSource()
        assert len(closed) == 1

    def test_no_such_file_is_unsupported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_path: str, _flags: int) -> int:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")

        monkeypatch.setattr(os, "open", fail)
        with pytest.raises(UnsupportedError, match="No such file"):
            ProcNetDevSource()

    def test_interfaces_are_read_without_sysfs_except_mtu_and_speed(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(proc_net_dev, "Path", lambda *parts: tmp_path.joinpath(*(one.lstrip("/") for one in parts)))
        source = ProcNetDevSource()
        loopback = next(one for one in source.sample().interfaces.values() if one.name == "lo")
        source.close()
        assert loopback.is_loopback
        assert (loopback.kind, loopback.mtu, loopback.speed) == ("loopback", None, None)

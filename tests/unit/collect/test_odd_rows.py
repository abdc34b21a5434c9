"""In every parser of rows, a row that does not parse loses only that row."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect import disks, health, lsof, odd_rows, system
from netwatch_tray.collect.linux import network_manager, proc, proc_net_dev, proc_net_sockets, ss
from netwatch_tray.errors import ParseError

HEADINGS_OF_DEV = b"Inter-|   Receive       |  Transmit\n face |bytes packets errs|bytes packets errs\n"
NUMBERS = b": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
ADDRESS6 = b"fe80000000000000000000000000000a"
ROWS: dict[str, tuple[Callable[[bytes], object], bytes, list[bytes]]] = {
    # parser, headings, rows
    "ss": (
        ss.parse,
        b"",
        [
            b'tcp LISTEN 0 128 127.0.0.1:6102 0.0.0.0:* users:(("a\nb",pid=901,fd=3)) ino:31 sk:8 <->\n',
            b'tcp LISTEN 0 128 127.0.0.1:6103 0.0.0.0:* users:(("c",pid=902,fd=3)) ino:32 sk:9 <->\n',
            b"udp UNCONN 0 0 [::]:53 [::]:* ino:33 sk:a <->\n",
        ],
    ),
    "lsof": (
        lsof.parse,
        b"",
        [b"p801\nca\nf3\nd4711\nPTCP\nn192.0.2.5:1->192.0.2.6:2\n", b"p802\ncb\nf3\nd4712\nPUDP\nn[::1]:53\n"],
    ),
    "/proc/net/tcp": (
        lambda content: proc_net_sockets.parse(content, "TCP"),
        b"  sl  local_address rem_address\n",
        [
            b"0: 0100007F:0035 00000000:0000 0A 0:0 0:0 0 101 0 256732 1 0 100\n",
            b"1: 0100007F:DB22 0100007F:81BF 01 0:0 0:0 0 1000 0 256733 2 0 20\n",
        ],
    ),
    "mounts": (
        proc.parse_mounts,
        b"",
        [
            b"/dev/sda1 / ext4 rw 0 0\n",
            "/dev/sdb1 /media/a\u2028\x0c\x85b ext4 rw 0 0\n".encode(),
            b"/dev/sdc1 /media/\xff\\040\\134 ext4 rw 0 0\n",
        ],
    ),
    "/proc/diskstats": (
        lambda content: disks.parse_diskstats(content, {"sda", "sdb"}),
        b"",
        [b" 8 0 sda 1 0 2 0 3 0 4 0 0 0 0\n", b" 8 16 sdb 5 0 6 0 7 0 8 0 0 0 0\n"],
    ),
    "/proc/net/dev": (
        proc_net_dev.parse_proc_net_dev,
        HEADINGS_OF_DEV,
        [b" lo" + NUMBERS, b"eth0:1" + NUMBERS, b" \xff\xe2\x80\xa8" + NUMBERS],
    ),
    "/proc/net/route": (
        proc.parse_routes,
        b"Iface Destination\n",
        [b"eth0 00000000 00000000 0003 0 0 7 00000000 0 0 0\n", b"eth1 00000000 00000000 0003 0 0 9 00000000 0 0 0\n"],
    ),
    "/proc/net/ipv6_route": (
        proc.parse_routes6,
        b"",
        [b"%s 00 %s 00 %s 00000400 1 0 00000003 eth%d\n" % (b"0" * 32, b"0" * 32, ADDRESS6, n) for n in (0, 1)],
    ),
    "resolv.conf": (
        health.parse_resolv_conf,
        b"",
        [b"nameserver 192.0.2.1\n", b"nameserver fe80::1%eth0\n"],
    ),
    "/proc/stat": (
        system.parse_stat,
        b"",
        [b"cpu 1 2 3 4 5\n", b"cpu0 1 2 3 4 5\n", b"cpu1 1 2 3 4 5\n"],
    ),
    "meminfo": (
        system.parse_meminfo,
        b"",
        [b"MemTotal: 10 kB\n", b"MemAvailable: 5 kB\n", b"SwapTotal: 4 kB\n", b"SwapFree: 3 kB\n"],
    ),
    "os-release": (
        system.parse_os_release,
        b"",
        [b"NAME=x\n", b'PRETTY_NAME="Debian \\"x\\""\n', b"ID=debian\n"],
    ),
}
GARBAGE = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=30).map(str.encode),
    st.text("tcp udp:(\"'\\0123456789abcdef/%,=\t\r\x0b\x0c\x85\u2028", max_size=60).map(str.encode),
    st.integers(5000, 20_000).map(lambda length: b"9" * length),
).map(lambda garbage: garbage.replace(b"\n", b""))


def _means_something(name: str, garbage: bytes) -> bool:
    """Return whether a row changes the meaning of its neighbours, or is itself a valid row."""
    match name:
        case "ss":  # details of the row above follow after white space
            return garbage[:1].isspace()
        case "lsof":  # fields of the record before
            return garbage[:1] in {b"c", b"u", b"d", b"t", b"P", b"n", b"T", b"p", b"f"}
    return False


@pytest.mark.odd_rows
@pytest.mark.parametrize("name", ROWS)
@given(data=st.data())
def test_valid_rows_survive_any_garbage_between_them(name: str, data: st.DataObject) -> None:
    parse, headings, rows = ROWS[name]
    expected = parse(headings + b"".join(rows))
    place = data.draw(st.integers(0, len(rows)))
    garbage = data.draw(GARBAGE.filter(lambda each: not _means_something(name, each)))
    with_garbage = headings + b"".join([*rows[:place], garbage + b"\n", *rows[place:]])
    assert parse(with_garbage) == expected


@pytest.mark.parametrize("name", ROWS)
def test_every_valid_row_is_parsed(name: str) -> None:
    parse, headings, rows = ROWS[name]
    found = parse(headings + b"".join(rows))
    assert found
    if isinstance(found, list | dict) and name != "meminfo":
        assert len(found) == len(rows)


@pytest.mark.odd_rows
@pytest.mark.parametrize("name", ROWS)
@given(content=st.binary() | st.lists(st.text(max_size=20).map(str.encode)).map(b"\n".join))
def test_no_bytes_raise_anything_but_a_parse_error(name: str, content: bytes) -> None:
    parse, headings, _rows = ROWS[name]
    for each in (content, headings + content):
        with suppress(ParseError):
            parse(each)


def test_rows_that_are_left_out_are_counted_and_the_first_is_logged(expected_logs: list[str]) -> None:
    expected_logs.append(
        r"A row of /proc/self/mounts is not understood and left out, as all like it will be: b'\x1b[2J'."
    )
    for _ in range(3):
        assert len(proc.parse_mounts(b"\x1b[2J\n/dev/sda1 / ext4 rw 0 0\n")) == 1
    assert odd_rows.counts() == {"/proc/self/mounts": 3}
    (fault,) = odd_rows.faults()
    assert str(fault) == "Rows of /proc/self/mounts that cannot be read: 3. They were left out."


def test_format_without_any_valid_row_is_refused() -> None:
    with pytest.raises(ParseError, match="not understood"):
        ss.parse(b"tcp ESTAB 0 0 192.0.2.5%eth0:50000198.51.100.7:443\n")


# Rows that end early, and kernels that report less.


def test_only_the_short_row_of_ss_is_skipped(expected_logs: list[str]) -> None:
    expected_logs.append("A row of ss is not understood and left out")
    short = b'tcp ESTAB 0 0 users:(("a",pid=1,fd=3))\n', b"tcp ESTAB 0 0 192.0.2.5:1\n", b"tcp\n"
    whole = b"tcp ESTAB 0 0 192.0.2.5:1 192.0.2.6:443\n", b'udp UNCONN 0 0 [::]:53 [::]:* users:(("b",pid=2,fd=5))\n'
    found = ss.parse(b"".join((short[0], whole[0], short[1], short[2], whole[1])))
    assert [(each.protocol, each.local_port, each.process, each.pid) for each in found.values()] == [
        ("TCP", 1, None, None),
        ("UDP", 53, "b", 2),
    ]
    assert odd_rows.counts() == {"ss": 3}


@pytest.mark.parametrize(
    "row", [b" 8 16 sdb", b" 8 16 sdb 5 0 6 0", b" 8 16 sdb 5 0 6 0 7 0 x 0 0 0 0", b" 8 16 sdb 5 0 -6 0 7 0 8", b"x"]
)
def test_only_the_invalid_row_of_diskstats_is_skipped(row: bytes, expected_logs: list[str]) -> None:
    expected_logs.append("A row of /proc/diskstats is not understood and left out")
    content = row + b"\n" + ROWS["/proc/diskstats"][2][0]
    assert disks.parse_diskstats(content, {"sda", "sdb"}) == disks.Traffic(2 * 512, 4 * 512)
    assert odd_rows.counts() == {"/proc/diskstats": 1}


def test_available_memory_is_computed_without_the_kernels_estimate() -> None:
    old = b"MemTotal: 100 kB\nMemFree: 7 kB\nBuffers: 5 kB\nCached: 30 kB\nSwapTotal: 8 kB\nSwapFree: 6 kB\n"
    assert system.parse_meminfo(old) == system.Memory(100 << 10, 42 << 10, 8 << 10, 2 << 10)
    assert system.parse_meminfo(old + b"MemAvailable: 50 kB\n").available == 50 << 10
    assert system.parse_meminfo(b"MemTotal: 10 kB\nMemFree: 7 kB\nCached: 30 kB\n").available == 10 << 10
    with pytest.raises(ParseError, match="MemFree"):
        system.parse_meminfo(b"MemTotal: 10 kB\n")


# Newlines and the like in names.


def test_ss_lists_a_process_with_a_newline_in_its_name() -> None:
    rows = ROWS["ss"][2]
    odd, plain, _resolver = ss.parse(b"".join(rows)).values()
    assert (odd.local_port, odd.process, odd.pid, odd.inode) == (6102, "a\nb", 901, 31)
    assert (plain.local_port, plain.process) == (6103, "c")


@pytest.mark.odd_rows
@given(name=st.binary(min_size=1, max_size=15).filter(lambda name: b"\0" not in name))
def test_no_name_of_a_process_hides_or_forges_another_row(name: bytes) -> None:
    with_name = b'tcp LISTEN 0 5 127.0.0.1:1 0.0.0.0:* users:(("%s",pid=1,fd=3),("%s",pid=2,fd=3)) ino:31 sk:8 <->\n'
    honest = b'tcp LISTEN 0 5 127.0.0.1:2 0.0.0.0:* users:(("c",pid=3,fd=3)) ino:32 sk:9 <->\n'
    found = ss.parse(honest.replace(b"9 <", b"7 <") + with_name % (name, name) + honest)
    assert found["9"].local_port == 2
    assert found["7"].local_port == 2
    assert len(found) == 3
    (odd,) = (each for each in found.values() if each.local_port == 1)
    assert odd.inode in {31, None}


def test_lsof_name_cut_within_a_letter_ends_in_u_fffd() -> None:
    written = (
        rb"p801"
        b"\n"
        rb"c\xd0\x9c\xd0\xb5\xd1\x81\xd1\x81\xd0"
        b"\nf3\ntIPv4\nd4711\nPTCP\nn192.0.2.5:1->192.0.2.6:2\n"
    )
    (row,) = lsof.parse(written).values()
    assert row.process == "Месс\ufffd"


@pytest.mark.parametrize("odd", ["\u2028", "\x0c", "\x85", "\x1c", "\r", "\x0b"])
def test_mount_point_with_unicode_separators_affects_no_other_row(odd: str) -> None:
    found = proc.parse_mounts(f"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /media/a{odd}b ext4 rw 0 0\n".encode())
    assert [each.point for each in found] == ["/", f"/media/a{odd}b"]


def test_mount_point_that_is_not_utf8_can_still_be_opened() -> None:
    (found,) = proc.parse_mounts(b"/dev/sda1 /media/\xff\\011 ext4 rw 0 0\n")
    assert os.fsencode(found.point) == b"/media/\xff\t"


# Bytes of kernels before 4.19.

ESTABLISHED = b"tcp ESTAB 0 0 192.0.2.5:50000 198.51.100.7:443 uid:1000 ino:55 sk:7 <->\n\t ts sack rtt:0.9/0.1 %s\n"


@pytest.mark.parametrize(
    ("details", "received", "sent"),
    [
        (b"bytes_acked:5000001 bytes_received:4000 segs_out:90 segs_in:80 retrans:0/1", 4000, 5_000_000),
        (b"bytes_sent:1300 bytes_retrans:300 bytes_acked:1001 bytes_received:99 segs_out:9", 99, 1000),
        (b"segs_out:2 segs_in:1", 0, 0),  # nothing moved yet
        (b"bytes_acked:1 segs_out:2", 0, 0),
        (b"cwnd:10", None, None),  # Linux before 4.1 counts no bytes
    ],
)
def test_counters_that_ss_does_not_report_are_unknown_and_never_zero(
    details: bytes, received: int | None, sent: int | None
) -> None:
    (row,) = ss.parse(ESTABLISHED % details).values()
    assert (row.rx_bytes, row.tx_bytes) == (received, sent)


# Resolvers.


def test_first_dns_server_on_another_machine_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    content = (
        b"nameserver ::0%lo0\nnameserver 0.0.0.0\nnameserver ::ffff:127.0.0.1\nnameserver ::1\nnameserver 192.0.2.53\n"
    )
    monkeypatch.setattr(health, "_read", lambda _file: content)
    assert health.default_dns_server() == "192.0.2.53"


def test_ping_with_invalid_scope_returns_none() -> None:
    for scope in ("a\0b", "\ufffd", "9" * 5000, "x" * 300):
        assert health.ping(f"fe80::1%{scope}") is None


# NetworkManager.


@given(st.lists(st.binary(max_size=200), max_size=25))
def test_any_reply_of_the_bus_is_parsed_or_unknown(chunks: list[bytes]) -> None:
    waiting = list(chunks)
    assert network_manager.read_answer(lambda _most: waiting.pop(0) if waiting else b"", 2) is None


@pytest.mark.parametrize("serial", [2, 3])
def test_response_of_network_manager_is_parsed(serial: int) -> None:
    jeepney = pytest.importorskip("jeepney")
    call = jeepney.new_method_call(jeepney.DBusAddress("/", "a.b"), "Get")
    call.header.serial = 2
    answer = jeepney.new_method_return(call, "v", (("u", 4),)).serialise(serial=9)
    chunks = [answer[:30], answer[30:], b""]
    found = network_manager.read_answer(lambda _most: chunks.pop(0), serial)
    assert found == ((("u", 4),) if serial == 2 else None), "of another request"

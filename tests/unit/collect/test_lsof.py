"""lsof's output: as macOS and Linux write it, broken in every way, and from the real program."""

from __future__ import annotations

import os
import socket

import needs
import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect import lsof
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.errors import ParseError

MACOS = """\
p7850
cidentityservicesd
u501
f9
tIPv6
d0x4c5a1f
PTCP
n[fe80:1b::26fd:c41b:b5bc:ff7]:1024->[fe80:1b::91b5:8f5b:be19:6cf3]:1024
TST=ESTABLISHED
TQR=0
TQS=0
f12
tIPv4
d0x4c5a2f
PUDP
n*:*
p912
cGoogle\\x20Chrome\\x20He\\x3alper
u501
f30
tIPv4
d0x4c5a3f
PTCP
n192.168.3.37:56241->17.57.145.55:443
TST=CLOSE_WAIT
f31
tIPv4
PTCP
nno PCB, CANTSENDMORE, CANTRCVMORE
"""


def parsed(text: str) -> list[Socket]:
    return list(lsof.parse(text.encode()).values())


def test_lsof_output_of_macos_with_scopes_and_escapes_is_parsed() -> None:
    link_local, unbound, browser = parsed(MACOS)
    assert link_local.local_address == "fe80::26fd:c41b:b5bc:ff7%27"
    assert link_local.remote_address == "fe80::91b5:8f5b:be19:6cf3%27"
    assert (link_local.local_port, link_local.state, link_local.process) == (1024, "ESTABLISHED", "identityservicesd")
    assert (unbound.protocol, unbound.local_address, unbound.local_port, unbound.state) == ("UDP", "*", None, None)
    assert (browser.process, browser.pid, browser.uid) == ("Google Chrome He:lper", 912, 501)
    assert (browser.remote_address, browser.remote_port, browser.state) == ("17.57.145.55", 443, "CLOSE_WAIT")


def test_files_are_separated_in_output_without_f_lines() -> None:
    """lsof 4.95 writes them only on request. With only the last name of each process, all sockets but one would be
    missing."""
    text = "p1\ncsshd\ntIPv4\nPTCP\nn*:22\nTST=LISTEN\ntIPv6\nPTCP\nn[::1]:6010\nTST=LISTEN\nTQR=0\n"
    assert [(row.local_address, row.local_port, row.state) for row in parsed(text)] == [
        ("*", 22, "LISTEN"),
        ("::1", 6010, "LISTEN"),
    ]


def test_missing_fields_are_unknown_not_guessed() -> None:
    (row,) = parsed("p1\nf3\nPTCP\nn127.0.0.1:80\n")
    assert (row.process, row.uid, row.state, row.remote_address) == (None, None, None, None)
    assert parsed("p1\nf3\nn127.0.0.1:80\n") == []  # no protocol: not known to be TCP or UDP


def test_a_socket_shared_by_processes_is_listed_once() -> None:
    text = "p1\ncnginx\nf6\nd4711\nPTCP\nn*:80\nTST=LISTEN\np2\ncnginx\nf6\nd4711\nPTCP\nn*:80\nTST=LISTEN\n"
    assert [row.pid for row in parsed(text)] == [1]


def test_truncated_output_lists_complete_records_only() -> None:
    def without_state(row: Socket) -> tuple[object, ...]:  # it follows the name, so it may be cut off
        return row.local_address, row.local_port, row.remote_address, row.remote_port, row.pid, row.process

    whole = [without_state(row) for row in parsed(MACOS)]
    for length in range(len(MACOS)):
        listed = [without_state(row) for row in parsed(MACOS[:length])]
        assert listed == whole[: len(listed)]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("plain", "plain"),
        (r"Web\x20Content", "Web Content"),
        (r"back\\slash", "back\\slash"),
        (r"caf\xc3\xa9", "café"),
        (r"tab\tend", "tab\tend"),
        (r"bad\xff", "bad\ufffd"),
        (r"\xd0\x9c\xd0\xb5\xd1\x81\xd1\x81\xd0", "Месс\ufffd"),  # cut by the kernel within a letter
    ],
)
def test_escaped_names_are_decoded(written: str, name: str) -> None:
    assert lsof.unescaped(written) == name


@pytest.mark.parametrize(
    "text", ["f3\nPTCP\nn*:1\n", "p1\nPTCP\nn1.2.3:80\n", "p1\nPTCP\nn1.2.3.4:http\n", "px\nPTCP\nn*:1\n"]
)
def test_malformed_output_raises_parse_error(text: str) -> None:
    with pytest.raises(ParseError):
        parsed(text)


LINES = st.sampled_from([*MACOS.encode().split(b"\n"), b"n[::1", b"n:1->:2", b"p\xff", b"T", b"nfe80::1%:1"])


@pytest.mark.odd_rows
@given(st.one_of(st.binary(), st.lists(st.one_of(LINES, st.binary(max_size=8))).map(b"\n".join)))
def test_no_bytes_raise_anything_but_a_parse_error(written: bytes) -> None:
    try:
        rows = lsof.parse(written)
    except ParseError:
        return
    assert all(row.protocol in {"TCP", "UDP"} for row in rows.values())


def test_real_lsof_lists_own_sockets() -> None:
    needs.programs("lsof")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as peer,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(("::1", 0))
        source = lsof.LsofSource()
        ports = {each.getsockname()[1] for each in (server, client, peer, datagrams)}
        first = source.read()
        mine = {key: row for key, row in first.changed.items() if row.local_port in ports}
        assert {(row.protocol, row.state) for row in mine.values()} == {
            ("TCP", "LISTEN"),
            ("TCP", "ESTABLISHED"),
            ("UDP", None),
        }
        assert len(mine) == 4
        assert {row.pid for row in mine.values()} == {os.getpid()}
        gone = next(key for key, row in mine.items() if row.local_port == datagrams.getsockname()[1])
        datagrams.close()
        second = source.read()
        assert gone in second.removed
        assert not set(second.changed) & set(mine)

"""Names in TLS ClientHellos."""

from __future__ import annotations

import hellos
import pytest

from netwatch_tray.collect.names import tls
from netwatch_tray.errors import ParseError


def test_hello_in_one_segment_is_parsed() -> None:
    segment = hellos.records(hellos.client_hello(b"WWW.Example.org"))
    assert tls.Streams().take(1, segment) == ("www.example.org", False)


@pytest.mark.parametrize("cut", [1, 4, 5, 7, 9, 60, 1200])
def test_hello_in_two_segments_is_parsed(cut: int) -> None:
    streams = tls.Streams()
    data = hellos.records(hellos.client_hello(b"two.example"))
    assert streams.take(1, data[:cut]) is None
    assert streams.take(2, data) == ("two.example", False)
    assert streams.take(1, data[cut:]) == ("two.example", False)


def test_hello_in_several_records_is_parsed() -> None:
    data = hellos.records(hellos.client_hello(b"records.example"), size=100)
    assert tls.Streams().take(1, data) == ("records.example", False)


def test_data_after_the_hello_is_ignored() -> None:
    data = hellos.records(hellos.client_hello(b"early.example")) + b"\x14\3\3\0\1\1\x17\3\3\0\5early"
    assert tls.Streams().take(1, data) == ("early.example", False)


def test_encrypted_client_hello_is_reported() -> None:
    message = hellos.client_hello(b"provider.example", has_ech=True)
    assert tls.parse_hello(message) == ("provider.example", True)


def test_hello_without_a_server_name_has_no_name() -> None:
    assert tls.parse_hello(hellos.client_hello(None)) == (None, False)


def test_bytes_outside_host_names_are_escaped() -> None:
    assert tls.parse_hello(hellos.client_hello(b"a\x1b[2J\xff.example")).name == "a\\027[2j\\255.example"


@pytest.mark.parametrize(
    "segment",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\3\1\0\0",
        b"\x16\3\1\xff\xff" + bytes(50),
        hellos.records(b"\2" + hellos.client_hello(b"server.example")[1:]),
        hellos.records(b"\1\xff\xff\xff" + bytes(100)),
        hellos.records(hellos.client_hello(b"x" * 300)),
        hellos.records(hellos.client_hello(b"")),
    ],
)
def test_bytes_that_are_not_a_hello_are_refused(segment: bytes) -> None:
    streams = tls.Streams()
    with pytest.raises(ParseError):
        streams.take(1, segment)
    assert not streams._pending


def test_memory_for_incomplete_tls_hellos_is_bounded() -> None:
    streams = tls.Streams()
    half = hellos.records(hellos.client_hello(b"half.example"))[:700]
    for number in range(300):
        assert streams.take(number, half) is None
    assert len(streams._pending) == 128

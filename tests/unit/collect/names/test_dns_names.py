"""Names in DNS messages."""

from __future__ import annotations

import struct

import pytest
from dns_messages import ASKED, message, name, record

from netwatch_tray.collect.names import dns
from netwatch_tray.collect.names.dns import AAAA, CNAME, HTTPS, A, Address
from netwatch_tray.errors import ParseError


def test_query_is_parsed() -> None:
    assert dns.parse(message("WWW.Example.org", kind=AAAA, flags=0x0100)) == (False, "www.example.org", AAAA, 0, (), ())


def test_addresses_of_both_families_are_parsed() -> None:
    v6 = bytes.fromhex("20010db8000000000000000000000001")
    found = dns.parse(message("example.org", record(ASKED, A, b"\xc0\0\2\1", 30), record(ASKED, AAAA, v6)))
    assert found.is_response
    assert found.addresses == (Address("192.0.2.1", 30), Address("2001:db8::1", 60))


def test_nxdomain_response_is_parsed() -> None:
    found = dns.parse(message("nothing.example", flags=0x8183))
    assert (found.code, found.addresses) == (3, ())


def test_address_after_aliases_has_their_least_lifetime() -> None:
    found = dns.parse(
        message(
            "www.example.org",
            record(name("cdn.example.net"), CNAME, name("edge.example.com"), 20),
            record(ASKED, CNAME, name("cdn.example.net"), 300),
            record(name("edge.example.com"), A, b"\xc0\0\2\1", 60),
        )
    )
    assert (found.name, found.addresses) == ("www.example.org", (Address("192.0.2.1", 20),))


def test_records_of_unrelated_names_are_left_out() -> None:
    found = dns.parse(message("example.org", record(name("bank.example"), A, b"\xc0\0\2\1")))
    assert found.addresses == ()


def test_aliases_in_a_circle_end() -> None:
    found = dns.parse(
        message("a.example", record(ASKED, CNAME, name("b.example")), record(name("b.example"), CNAME, ASKED))
    )
    assert found.addresses == ()


def test_service_binding_has_addresses_and_public_name() -> None:
    config = b"\7\0\x20\0\4abcd\0\4\0\1\0\1\x00\x10provider.example\0\0"
    ech = struct.pack(">HHH", len(config) + 4, 0xFE0D, len(config)) + config
    parameters = b"".join(
        struct.pack(">HH", key, len(value)) + value
        for key, value in ((1, b"\2h3"), (4, b"\xc0\0\2\1\xc0\0\2\2"), (5, ech), (6, bytes(15) + b"\1"))
    )
    found = dns.parse(message("example.org", record(ASKED, HTTPS, b"\0\1\0" + parameters), kind=HTTPS))
    assert [each.address for each in found.addresses] == ["192.0.2.1", "192.0.2.2", "::1"]
    assert found.public_names == ("provider.example",)


def test_service_binding_in_alias_mode_is_followed() -> None:
    found = dns.parse(
        message(
            "example.org",
            record(ASKED, HTTPS, b"\0\0" + name("pool.example.net")),
            record(name("pool.example.net"), A, b"\xc0\0\2\1"),
        )
    )
    assert found.addresses == (Address("192.0.2.1", 60),)


def test_truncated_message_keeps_its_complete_records() -> None:
    whole = message("example.org", record(ASKED, A, b"\xc0\0\2\1"), record(ASKED, A, b"\xc0\0\2\2"))
    assert [each.address for each in dns.parse(whole[:-3]).addresses] == ["192.0.2.1"]


@pytest.mark.parametrize(
    "owner", [b"\xc0\xff", b"\xff\xff", b"\x40abc", b"\x3fabc"], ids=["forward", "far", "reserved", "cut"]
)
def test_record_with_a_malformed_owner_ends_the_list(owner: bytes) -> None:
    found = dns.parse(message("example.org", record(ASKED, A, b"\xc0\0\2\1"), record(owner, A, b"\xc0\0\2\2")))
    assert [each.address for each in found.addresses] == ["192.0.2.1"]


def test_circular_pointers_are_refused() -> None:
    with pytest.raises(ParseError):
        dns.parse(struct.pack(">6H", 7, 0, 1, 0, 0, 0) + b"\xc0\x0e\xc0\x0c\0\1\0\1")
    with pytest.raises(ParseError):
        dns.parse(struct.pack(">6H", 7, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1")


def test_name_of_many_labels_is_refused() -> None:
    with pytest.raises(ParseError):
        dns.parse(message(".".join(["abc"] * 70)))


@pytest.mark.parametrize("data", [b"", bytes(12), message("a.example")[:-1], b"\0" * 11])
def test_message_without_a_whole_question_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError):
        dns.parse(data)


def test_at_most_64_addresses_of_a_dns_response_are_read() -> None:
    answers = [record(ASKED, A, number.to_bytes(4, "big")) for number in range(1, 400)]
    assert len(dns.parse(message("example.org", *answers)).addresses) == 64

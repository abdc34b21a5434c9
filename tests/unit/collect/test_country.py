"""Countries from databases in MaxMind's format, made here by hand."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from netwatch_tray.collect.country import Countries

Value = str | tuple[int, int] | dict[str, "Value"] | list["Value"]
"""A number comes with its type."""
UINT16, UINT32, UINT64 = 5, 6, 9


def encoded(value: Value) -> bytes:
    """Return a field of the data section (MaxMind DB File Format 2.0)."""
    match value:
        case str():
            return _control(2, len(value)) + value.encode()
        case list():
            return _control(11, len(value)) + b"".join(map(encoded, value))
        case (kind, number):
            raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
            return _control(kind, len(raw)) + raw
        case _:
            return _control(7, len(value)) + b"".join(encoded(key) + encoded(each) for key, each in value.items())


def _control(kind: int, size: int) -> bytes:
    return bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])


def database(networks: dict[str, Value], kind: str = "Test-Country") -> bytes:
    """Return a database of IPv6 with records of 24 bits. `networks`: records by prefix; IPv4 is below ::/96."""
    nodes: list[list[int | str | None]] = [[None, None]]
    data, offsets = b"", {}
    for prefix, record in networks.items():
        address, _, length = prefix.partition("/")
        is_v4 = ":" not in address
        packed = bytes(12) + socket.inet_aton(address) if is_v4 else socket.inet_pton(socket.AF_INET6, address)
        bits = f"{int.from_bytes(packed, 'big'):0128b}"[: int(length) + (96 if is_v4 else 0)]
        offsets[prefix] = len(data)
        data += encoded(record)
        at = 0
        for bit in bits[:-1]:
            if nodes[at][int(bit)] is None:
                nodes.append([None, None])
                nodes[at][int(bit)] = len(nodes) - 1
            below = nodes[at][int(bit)]
            assert isinstance(below, int)
            at = below
        nodes[at][int(bits[-1])] = prefix

    def number(entry: int | str | None) -> bytes:
        if entry is None:
            entry = len(nodes)
        elif isinstance(entry, str):
            entry = len(nodes) + 16 + offsets[entry]
        return entry.to_bytes(3, "big")

    tree = b"".join(number(left) + number(right) for left, right in nodes)
    metadata: dict[str, Value] = {
        "binary_format_major_version": (UINT16, 2),
        "binary_format_minor_version": (UINT16, 0),
        "build_epoch": (UINT64, 1_793_491_200),
        "database_type": kind,
        "description": {"en": "Made by hand"},
        "ip_version": (UINT16, 6),
        "languages": ["en"],
        "node_count": (UINT32, len(nodes)),
        "record_size": (UINT16, 24),
    }
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + encoded(metadata)


@pytest.fixture
def _reader() -> None:
    pytest.importorskip("maxminddb", reason="the optional package maxminddb is not installed")


@pytest.mark.usefixtures("_reader")
def test_countries_of_ipv4_and_ipv6_addresses_are_found(tmp_path: Path) -> None:
    records: dict[str, Value] = {
        "203.0.113.0/24": {"country": {"iso_code": "SE"}},
        "2001:db8::/32": {"registered_country": {"iso_code": "nl"}},
        "198.51.100.0/24": {"country": "DE"},  # IPinfo
        "192.0.2.0/24": {"country": {"iso_code": "<b>"}},
        "192.0.3.0/24": ["SE"],
    }
    (tmp_path / "dbip-country-lite.mmdb").write_bytes(database(records, "DBIP-Country-Lite"))
    countries = Countries([tmp_path / "missing", tmp_path])
    assert countries.source == "DBIP-Country-Lite, 2026-11-01"
    found = {
        each: countries.of(each) for each in ("203.0.113.9", "2001:db8::1%2", "198.51.100.7", "192.0.2.1", "192.0.3.1")
    }
    assert list(found.values()) == ["SE", "NL", "DE", None, None]
    assert countries.of("203.0.114.1") is None
    countries.is_on = False
    assert countries.of("203.0.113.9") is None, "the user does not want it"
    countries.is_on = True
    assert countries.of("*") is None


@pytest.mark.usefixtures("_reader")
def test_unusable_database_is_skipped(tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs.append("is not a usable database of countries")
    (tmp_path / "GeoLite2-Country.mmdb").write_bytes(b"not a database")
    (tmp_path / "GeoLite2-City.mmdb").write_bytes(database({"203.0.113.0/24": {"country": {"iso_code": "SE"}}}))
    assert Countries([tmp_path]).of("203.0.113.9") == "SE"


@pytest.mark.usefixtures("_reader")
def test_damaged_file_yields_no_country(tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs.append("is not a usable database of countries")
    whole = database({"203.0.113.0/24": {"country": {"iso_code": "SE"}}})
    for at in range(0, len(whole), 7):
        damaged = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
        (tmp_path / "GeoLite2-Country.mmdb").write_bytes(damaged)
        assert Countries([tmp_path]).of("203.0.113.9") in {None, "SE"}


def test_without_a_database_no_country_is_known(tmp_path: Path) -> None:
    countries = Countries([tmp_path])
    assert countries.of("203.0.113.9") is None
    assert countries.source is None

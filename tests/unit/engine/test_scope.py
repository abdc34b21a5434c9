"""How far connections reach."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from netwatch_tray.engine.scope import Networks

OWN = Networks(
    [
        "127.0.0.1/8",
        "198.51.100.7/28",
        "10.8.0.2/32",
        "2001:db8:5::7/64",
        "fe80::1/64",
        "::1/128",
        "nonsense",
        "1.2.3.4/x",
    ]
)


@pytest.mark.parametrize(
    ("remote", "scope"),
    [
        ("127.0.0.1", "machine"),
        ("127.9.9.9", "machine"),
        ("::1", "machine"),
        ("198.51.100.7", "machine"),
        ("10.8.0.2", "machine"),
        ("fe80::1%2", "machine"),
        ("198.51.100.1", "local"),  # a network of public addresses at the interface
        ("2001:db8:5::ffff", "local"),
        ("192.168.77.1", "local"),  # private, behind a router
        ("172.31.0.9", "local"),
        ("169.254.3.4", "local"),
        ("fd00::5", "local"),
        ("fe80::9%3", "local"),
        ("224.0.0.251", "local"),
        ("255.255.255.255", "local"),
        ("ff02::fb", "local"),
        ("198.51.100.16", "internet"),
        ("172.32.0.1", "internet"),
        ("100.64.0.1", "internet"),
        ("2001:db8:6::1", "internet"),
        ("2606:4700::1", "internet"),
        ("*", None),
        ("", None),
    ],
)
def test_scope_follows_the_remote_address(remote: str, scope: str | None) -> None:
    assert OWN.scope(remote) == scope


def test_shared_addresses_are_local_for_a_machine_that_has_one() -> None:
    assert Networks(["100.101.102.103/32"]).scope("100.64.0.1") == "local"


def test_point_to_point_default_route_is_not_a_local_network() -> None:
    assert Networks(["203.0.113.1/0"]).scope("198.51.100.1") == "internet"


@given(strategies.lists(strategies.text(max_size=30)), strategies.text(max_size=50))
def test_any_text_as_remote_address_has_a_scope_or_none(addresses: list[str], remote: str) -> None:
    Networks(addresses).scope(remote)


def test_cached_addresses_are_bounded() -> None:
    networks = Networks([])
    for number in range(10_000):
        networks.scope(f"10.0.{number >> 8}.{number & 255}")
    assert len(networks._known) <= 4096

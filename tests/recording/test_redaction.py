"""A redacted recording contains nothing that identifies a machine or its users, and keeps relations recognizable."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect.process import Process
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine.apps import app_of
from netwatch_tray.model import Interface
from netwatch_tray.recording.redaction import Redaction

addresses = st.ip_addresses(v=4) | st.ip_addresses(v=6)

PRIVATE = [
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/8", "fd00::/8")
]


def redaction() -> Redaction:
    return Redaction(hides_addresses=True, hides_names=True)


def common_bits(one: str, other: str) -> int:
    """Return the length of the common prefix of two addresses of the same family."""
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    assert first.version == second.version
    return first.max_prefixlen - (int(first) ^ int(second)).bit_length()


@given(st.lists(addresses, unique=True, max_size=20))
def test_addresses_are_replaced_one_to_one(found: list[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> None:
    made = redaction()
    texts = [str(each) for each in found]
    replaced = [made.address(text) for text in texts]
    assert len(set(replaced)) == len(texts)
    assert replaced == [made.address(text) for text in texts]
    for before, after in zip(found, map(ipaddress.ip_address, replaced), strict=True):
        assert before.version == after.version
        assert (before.is_loopback, before.is_link_local, before.is_multicast, before.is_unspecified) == (
            after.is_loopback,
            after.is_link_local,
            after.is_multicast,
            after.is_unspecified,
        )
        assert [before in each for each in PRIVATE if each.version == before.version] == [
            after in each for each in PRIVATE if each.version == before.version
        ]


@given(st.ip_addresses(v=4))
def test_ipv4_mapped_address_is_replaced_like_its_ipv4_address(found: ipaddress.IPv4Address) -> None:
    made = redaction()
    replaced = ipaddress.IPv6Address(made.address(f"::ffff:{found}"))
    assert str(replaced.ipv4_mapped) == made.address(str(found))


@pytest.mark.parametrize(
    "network", ["192.168.1.0/24", "10.0.0.0/8", "8.8.8.0/24", "fd12:3456:789a::/64", "2a00:1450:4001:800::/64"]
)
def test_addresses_of_one_network_stay_in_one_network(network: str) -> None:
    made = redaction()
    found = ipaddress.ip_network(network)
    one, other = made.address(str(found[1])), made.address(str(found[200]))
    assert common_bits(one, other) == common_bits(str(found[1]), str(found[200]))
    assert common_bits(one, other) >= found.prefixlen


def test_replacements_differ_between_recordings() -> None:
    assert len({redaction().address("192.0.2.77") for _ in range(20)}) > 1
    assert len({redaction().address("8.8.8.8") for _ in range(20)}) > 10


@pytest.mark.parametrize("text", ["*", "127.0.0.1", "::1"])
def test_addresses_that_identify_nobody_are_kept(text: str) -> None:
    assert redaction().address(text) == text


def test_a_scope_is_the_replaced_interface() -> None:
    made = redaction()
    interface = made.interface(Interface(index=2, name="enx001122334455", kind="ethernet", addresses=("fe80::1/64",)))
    address, _, scope = made.address("fe80::1%enx001122334455").partition("%")
    assert scope == interface.name == "ethernet0"
    assert interface.addresses == (f"{address}/64",)


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/.-_@:\\ "), max_size=8).map("zq{}".format)
"""Of names: whatever stands between separators."""


@given(WORDS)
def test_every_word_of_a_name_is_replaced(word: str) -> None:
    made = redaction()
    process = made.process(
        Process(
            pid=5,
            name=word,
            executable=f"/home/{word}/bin/{word}",
            script=f"{word}.py",
            unit=rf"app-gnome-{word}\x2d{word}-77.scope",
            desktop_name=f"{word} {word}",
        )
    )
    socket = made.socket(Socket(protocol="TCP", local_address=f"fe80::1%{word}", local_port=1, process=word))
    interface = made.interface(Interface(index=1, name=word))
    assert process is not None
    texts = [process.name, process.executable, process.script, process.unit, process.desktop_name]
    texts += [socket.process, socket.local_address, interface.name, made.name(word), made.fault(f"{word} failed")]
    assert not [text for text in texts if text is None or word in text]


def test_processes_of_one_app_stay_one_app() -> None:
    made = redaction()

    def app(**facts: str) -> str:
        process = made.process(Process(pid=1, **facts))  # type: ignore[arg-type]  # texts only
        assert process is not None
        return app_of(process, lambda _: None).key

    firefox = {"name": "firefox", "executable": "/usr/lib/firefox/firefox"}
    assert app(**firefox) == app(**firefox | {"name": "Web Content"})
    assert app(**firefox) != app(name="curl", executable="/usr/bin/curl")
    assert app(name="python3", executable="/usr/bin/python3", script="a.py") != app(
        name="python3", executable="/usr/bin/python3", script="b.py"
    )
    assert app(name="nginx", unit="nginx.service").startswith("unit:")
    assert app(name="x", executable="/Applications/Some App.app/Contents/MacOS/x").startswith("bundle:")
    assert app(name="x", unit="app-flatpak-org.example.App-77.scope").startswith("flatpak:")
    assert app_of(made.process(Process(pid=1, name="tailscaled")), lambda _: None).is_tunnel_process  # type: ignore[arg-type]


def test_unhidden_addresses_and_names_are_kept() -> None:
    made = Redaction(hides_addresses=False, hides_names=False)
    interface = Interface(index=2, name="wlan0", addresses=("192.0.2.1/24", "fe80::1/64"))
    assert made.interface(interface) == interface
    assert made.address("fe80::1%wlan0") == "fe80::1%wlan0"
    assert made.key("192.0.2.1:1") == "192.0.2.1:1"
    assert made.name("/usr/bin/firefox") == "/usr/bin/firefox"
    assert made.fault("It broke.") == "It broke."

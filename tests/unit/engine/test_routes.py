"""Which connections cross an uplink."""

from __future__ import annotations

import pytest

from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine.routes import Routes
from netwatch_tray.engine.topology import decide
from netwatch_tray.model import Interface


def interface(index: int, name: str, kind: str, address: str, **more: int | None) -> Interface:
    return Interface(index=index, name=name, kind=kind, is_up=True, addresses=(address,), **more)  # type: ignore[arg-type]


INTERFACES = {
    1: Interface(index=1, name="lo", is_loopback=True, kind="loopback", is_up=True, addresses=("127.0.0.1/8",)),
    2: Interface(
        index=2,
        name="eth0",
        kind="ethernet",
        is_up=True,
        addresses=("192.0.2.7/24", "fe80::1/64"),
        default_metric=0,
    ),
    3: interface(3, "tun0", "tun", "10.8.0.2/24"),
    4: interface(4, "docker0", "bridge", "172.17.0.1/16"),
    5: interface(5, "br0", "bridge", "10.1.0.2/24", default_metric=10),
    6: Interface(index=6, name="eth1", kind="ethernet", is_up=True, master=5),
    7: interface(7, "wwan0", "cellular", "10.64.0.2/30", default_metric=20),
}


@pytest.mark.parametrize(
    ("local", "remote", "name", "crosses", "stays"),
    [
        ("192.0.2.7", "198.51.100.1", "eth0", True, False),
        ("192.0.2.7", "192.0.2.9", "eth0", True, True),
        ("192.0.2.7", "10.20.0.1", "eth0", True, True),  # private: the Internet does not route it
        ("fe80::1%2", "fe80::2%2", "eth0", True, True),
        ("10.8.0.2", "10.8.0.1", "tun0", True, False),  # through a tunnel, the uplink carries it, maybe far
        ("10.64.0.2", "10.64.0.1", "wwan0", True, False),
        ("172.17.0.1", "172.17.0.2", "docker0", False, True),
        ("10.1.0.2", "10.1.0.9", "br0", True, True),  # a bridge over an uplink
        ("127.0.0.1", "127.0.0.1", "lo", False, False),
        ("192.0.2.7", "192.0.2.7", "lo", False, False),
        ("10.8.0.2", "192.0.2.7", "lo", False, False),
        ("172.17.0.2", "198.51.100.1", None, True, False),  # of a container, by way of docker0
        ("172.17.0.2", "172.17.0.3", None, False, False),
        ("172.17.0.2", "172.17.0.1", "lo", False, False),
        ("203.0.113.5", "198.51.100.1", None, True, False),
        ("203.0.113.5", "192.0.2.9", None, True, False),  # which way is not known
    ],
)
def test_route_of_a_socket_follows_its_addresses(
    local: str, remote: str, name: str | None, crosses: bool, stays: bool
) -> None:
    routes = Routes(INTERFACES, decide(INTERFACES, {}))
    found = Socket(protocol="TCP", local_address=local, local_port=1, remote_address=remote, remote_port=2)
    route = routes.of(found)
    assert (route.interface, route.crosses_uplink, routes.stays_local(found, route)) == (name, crosses, stays)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("172.17.0.2", True),
        ("172.17.0.1", False),  # of this machine
        ("192.0.2.9", False),  # in the network of an uplink: it may be any host
        ("10.1.0.9", False),
        ("10.8.0.9", False),
        ("127.0.0.2", False),
        ("10.0.2.100", False),  # slirp4netns: no interface here leads there
        ("*", False),
    ],
)
def test_addresses_behind_an_inner_interface_are_inside(address: str, inside: bool) -> None:
    assert Routes(INTERFACES, decide(INTERFACES, {})).is_inside(address) == inside

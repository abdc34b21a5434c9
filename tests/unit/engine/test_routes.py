"""Which connections cross an uplink."""

from __future__ import annotations

import pytest

from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine.routes import Routes
from netwatch_tray.engine.topology import decide
from netwatch_tray.model import Interface


def interface(index: int, name: str, kind: str, address: str, **more: int | None) -> Interface:
    return Interface(index=index, name=name, kind=kind, is_up=True, addresses=(address,), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("local", "remote", "name", "crosses"),
    [
        ("192.0.2.7", "198.51.100.1", "eth0", True),
        ("fe80::1%2", "fe80::2%2", "eth0", True),
        ("10.8.0.2", "10.8.0.1", "tun0", True),  # through a tunnel, the uplink carries it
        ("172.17.0.1", "172.17.0.2", "docker0", False),
        ("10.1.0.2", "10.1.0.9", "br0", True),  # a bridge over an uplink
        ("127.0.0.1", "127.0.0.1", "lo", False),
        ("192.0.2.7", "192.0.2.7", "lo", False),
        ("10.8.0.2", "192.0.2.7", "lo", False),
        ("203.0.113.5", "198.51.100.1", None, True),
    ],
)
def test_which_way_bytes_take(local: str, remote: str, name: str | None, crosses: bool) -> None:
    interfaces = {
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
    }
    routes = Routes(interfaces, decide(interfaces, {}))
    found = Socket(protocol="TCP", local_address=local, local_port=1, remote_address=remote, remote_port=2)
    assert routes.of(found) == (name, crosses)

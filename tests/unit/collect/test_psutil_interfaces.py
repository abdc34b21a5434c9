"""The portable source: psutil's answers turned into samples, whatever the system."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from netwatch_tray import clock
from netwatch_tray.collect.portable.psutil_interfaces import PsutilSource, addresses
from netwatch_tray.errors import CollectError, UnsupportedError
from netwatch_tray.model import Interface


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace psutil by that of a Mac, whose values the test can change."""
    machine = SimpleNamespace(
        counters={
            "lo0": SimpleNamespace(
                bytes_sent=2, bytes_recv=1, packets_sent=4, packets_recv=3, errin=5, errout=6, dropin=7, dropout=8
            ),
            "en0": SimpleNamespace(
                bytes_sent=12,
                bytes_recv=11,
                packets_sent=14,
                packets_recv=13,
                errin=15,
                errout=16,
                dropin=17,
                dropout=0,
            ),
        },
        states={
            "lo0": SimpleNamespace(mtu=16384, speed=0, flags="up,loopback,running,multicast"),
            "en0": SimpleNamespace(mtu=1500, speed=1000, flags="up,broadcast,multicast"),
        },
        addresses={
            "en0": [
                SimpleNamespace(family=socket.AF_INET, address="192.0.2.24", netmask="255.255.254.0"),
                SimpleNamespace(family=socket.AF_INET6, address="fe80::1%en0", netmask="ffff:ffff:ffff:ffff::"),
                SimpleNamespace(family=socket.AF_INET6, address="2001:db8::1", netmask=None),
                SimpleNamespace(family=psutil.AF_LINK, address="02:00:00:00:00:01", netmask=None),
            ]
        },
        indexes={"lo0": 1, "en0": 11},
        now=100.0,
    )

    def if_nametoindex(name: str) -> Any:
        if name not in machine.indexes:
            raise OSError(6, "Device not configured")
        return machine.indexes[name]

    monkeypatch.setattr(psutil, "net_io_counters", lambda **_: machine.counters)
    monkeypatch.setattr(psutil, "net_if_stats", lambda: machine.states)
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: machine.addresses)
    monkeypatch.setattr(socket, "if_nametoindex", if_nametoindex)
    monkeypatch.setattr(clock, "boottime", lambda: machine.now)
    return machine


def test_sample_has_counters_states_and_addresses(machine: SimpleNamespace) -> None:
    source = PsutilSource(32)
    sample = source.sample()
    source.close()
    assert sample.boottime == machine.now
    assert sample.counter_bits == 32
    assert sample.counters == {1: (3, 4, 1, 2, 5, 6, 7, 8), 11: (13, 14, 11, 12, 15, 16, 17, 0)}
    assert sample.interfaces == {
        1: Interface(index=1, name="lo0", is_up=True, is_loopback=True, kind="loopback", mtu=16384),
        11: Interface(
            index=11,
            name="en0",
            mtu=1500,
            speed=1_000_000_000,
            addresses=("192.0.2.24/23", "fe80::1/64", "2001:db8::1"),
        ),
    }


def test_the_interfaces_are_the_same_object_until_something_changed(machine: SimpleNamespace) -> None:
    source = PsutilSource(64)
    before = source.sample().interfaces
    machine.states["en0"].flags = "up,running"
    machine.now += 9
    assert source.sample().interfaces is before
    machine.now += 2
    assert source.sample().interfaces[11].is_up
    del machine.counters["lo0"]
    assert source.sample().interfaces.keys() == {11}


def test_psutil_interface_without_an_index_is_left_out_until_it_has_one(machine: SimpleNamespace) -> None:
    source = PsutilSource(64)
    del machine.indexes["en0"]
    machine.now += 11
    assert source.sample().counters.keys() == {1}
    machine.indexes["en0"] = 12
    assert source.sample().counters.keys() == {1, 12}


def test_interface_without_state_and_addresses_is_reported(machine: SimpleNamespace) -> None:
    del machine.states["en0"]
    machine.addresses.clear()
    assert PsutilSource(64).sample().interfaces[11] == Interface(index=11, name="en0")


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), psutil.AccessDenied()])
@pytest.mark.parametrize("function", ["net_io_counters", "net_if_stats"])
@pytest.mark.usefixtures("machine")
def test_failing_psutil_raises_unsupported_or_collect_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, function: str
) -> None:
    def refuse(**_: bool) -> None:
        raise error

    source = PsutilSource(64)
    monkeypatch.setattr(psutil, function, refuse)
    source._facts._due = 0
    with pytest.raises(CollectError, match="next tick"):
        source.sample()
    with pytest.raises(UnsupportedError):
        PsutilSource(64)


def test_addresses_of_this_machine_include_the_loopback() -> None:
    assert any("127.0.0.1/8" in found for found in addresses().values())

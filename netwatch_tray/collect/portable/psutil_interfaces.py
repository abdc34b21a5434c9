"""Counters, states and addresses of interfaces by psutil: the last choice on every system."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

import psutil

from netwatch_tray import clock
from netwatch_tray.collect.portable.interface_facts import InterfaceFacts
from netwatch_tray.errors import CollectError, Message, UnsupportedError, message
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import Interface, Sample
from netwatch_tray.text import from_os


class PsutilSource:
    """Source of interface counters from psutil.net_io_counters. It has no default routes, and recognises only the
    loopback interface by kind."""

    name = "psutil"
    note: Message | None = message(
        "This source reports no default routes, so all interfaces that are up make the total."
    )

    def __init__(self, counter_bits: int) -> None:
        """`counter_bits`: number of bits after which this system's byte counters start again at 0."""
        self._counter_bits = counter_bits
        self._facts = InterfaceFacts()
        try:
            self.sample()
        except CollectError as error:
            raise UnsupportedError(error.message) from error

    def sample(self) -> Sample:
        try:
            # With nowrap psutil would add up what it takes for wraps. The rate engine distinguishes wraps from resets.
            found = psutil.net_io_counters(pernic=True, nowrap=False)
            now = clock.boottime()
            self._facts.update(now, tuple(found), lambda: _read_interfaces(found))
        except (OSError, psutil.Error, UnicodeError) as error:  # UnicodeError: psutil rejects names that are not UTF-8
            raise CollectError(
                "psutil could not read the interfaces ({error}); the next tick tries again.", error=error
            ) from error
        index_of = self._facts.index_of
        counters = {
            index_of[name]: (
                row.packets_recv,
                row.packets_sent,
                row.bytes_recv,
                row.bytes_sent,
                row.errin,
                row.errout,
                row.dropin,
                row.dropout,
            )
            for name, row in found.items()
            if name in index_of
        }
        return Sample(now, counters, self._facts.interfaces, self._counter_bits)

    def close(self) -> None:
        """Do nothing; no descriptor is kept open."""


def addresses() -> Mapping[str, tuple[str, ...]]:
    """Return all IP addresses by interface name, as `192.0.2.24/24`. Raise OSError and psutil.Error."""
    return {
        name: tuple(
            f"{found.address.partition('%')[0]}{_prefix(found.family, found.netmask)}"
            for found in rows
            if found.family in (socket.AF_INET, socket.AF_INET6)
        )
        for name, rows in psutil.net_if_addrs().items()
    }


def _prefix(family: int, netmask: str | None) -> str:
    if netmask is None:
        return ""
    return f"/{int.from_bytes(socket.inet_pton(family, netmask)).bit_count()}"


def _read_interfaces(names: Iterable[str]) -> list[tuple[str, Interface]]:
    states, addresses_of = psutil.net_if_stats(), addresses()
    interfaces: list[tuple[str, Interface]] = []
    for name in names:
        state = states.get(name)
        try:
            index = socket.if_nametoindex(name)
        except OSError:  # removed since its counters were read
            continue
        flags = set(state.flags.split(",")) if state else set[str]()
        is_loopback = "loopback" in flags
        found = Interface(
            index=index,
            name=from_os(name),
            is_up=flags >= {"up", "running"},
            is_loopback=is_loopback,
            kind=InterfaceKind.LOOPBACK if is_loopback else InterfaceKind.OTHER,
            mtu=state.mtu or None if state else None,
            speed=state.speed * 1_000_000 or None if state else None,
            addresses=addresses_of.get(name, ()),
        )
        interfaces.append((name, found))
    return interfaces

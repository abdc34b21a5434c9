"""Series of recorded bytes: the total, interfaces, apps, and the connections of tunnels themselves."""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

from netwatch_tray.engine.apps import AppName
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import InterfaceTick

SeriesKind = Literal["total", "interface", "app", "carrier", "lan"]
"""`carrier`: the connections of a tunnel itself, whose bytes are already counted for other apps, so that no sum
includes them. `lan`: traffic known to have stayed in the local network, a part of the total."""

_PASSING_KINDS = frozenset({InterfaceKind.VETH, InterfaceKind.NETKIT})
"""Kinds of container ends, whose names are random, so that nobody looks them up after a month."""


class Series(NamedTuple):
    """An interface, an app or a sum whose bytes are recorded."""

    kind: SeriesKind
    key: str
    """Identifies it among those of its kind, from boot to boot."""
    name: str
    is_lasting: bool = True
    """Whether the series is kept for longer than minutes are, and is in the day ledgers."""

    @classmethod
    @functools.lru_cache(maxsize=128)
    def of_app(cls, app: AppName) -> Series:
        return cls("carrier" if app.is_tunnel_process else "app", storable(app.key), storable(app.name))

    @classmethod
    def of_interface(cls, tick: InterfaceTick) -> Series:
        """Identify an interface by name and kind: an index means nothing after a reboot."""
        return cls.of_interface_key(storable(f"{tick.name}/{tick.kind}"))

    @classmethod
    def of_interface_key(cls, key: str) -> Series:
        """Identify an interface by name and kind, which are separated by the last slash of `key`."""
        name, _, kind = key.rpartition("/")
        return cls("interface", key, name, kind not in _PASSING_KINDS)

    @staticmethod
    def kind_of_interface_key(key: str) -> str:
        return key.rpartition("/")[2]


TOTAL = Series("total", "total", "Total")
LAN = Series("lan", "lan", "Local network")


def storable(text: str) -> str:
    """Escape what UTF-8 and SQLite cannot hold (surrogates, NULs); different texts stay different."""
    if text.isascii():
        return text.replace("\0", "\\x00")
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")

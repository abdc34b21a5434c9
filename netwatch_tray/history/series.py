"""The series of the history: what bytes are recorded for, such as the total, each interface and each app."""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

from netwatch_tray.engine.apps import AppName
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import InterfaceTick

SeriesKind = Literal["total", "interface", "app", "carrier", "lan"]
"""Kinds of series. `carrier`: the program of a tunnel. Its bytes are those that other apps sent through the tunnel, so
no sum includes them. `lan`: traffic known to have stayed in the local network, a part of the total."""

_PASSING_KINDS = frozenset({InterfaceKind.VETH, InterfaceKind.NETKIT})
"""Kinds of interfaces that lead to containers. Their names are random, so their values are kept only as long as minutes
are, except of uplinks: where this machine is a container itself, they lead out."""


class Series(NamedTuple):
    """What bytes are recorded for: the total, an interface, an app, or traffic in the local network."""

    kind: SeriesKind
    key: str
    """Identifies the series among those of its kind, in all runs of the program."""
    name: str
    is_lasting: bool = True
    """Whether values of hours and sums of days are kept. If not, only those of the last month are."""

    @classmethod
    @functools.lru_cache(maxsize=128)
    def of_app(cls, app: AppName) -> Series:
        return cls("carrier" if app.is_tunnel_process else "app", storable(app.key), storable(app.name))

    @classmethod
    def of_interface(cls, tick: InterfaceTick) -> Series:
        """Return the series of an interface. Its key consists of name and kind, because the index may change at a
        reboot."""
        return cls.of_interface_key(storable(f"{tick.name}/{tick.kind}"))

    @classmethod
    def of_interface_key(cls, key: str) -> Series:
        """Return the series of an interface from its stored key: name and kind, separated by the last slash."""
        name, _, kind = key.rpartition("/")
        return cls("interface", key, name, kind not in _PASSING_KINDS)

    @staticmethod
    def kind_of_interface_key(key: str) -> str:
        return key.rpartition("/")[2]


TOTAL = Series("total", "total", "Total")
LAN = Series("lan", "lan", "Local network")


def storable(text: str) -> str:
    """Return a text that SQLite can store: lone surrogates and NUL characters are escaped with a backslash."""
    if text.isascii():
        return text.replace("\0", "\\x00")
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")

"""What NetworkManager reports about the network: whether it is metered, and what the user calls it.

`org.freedesktop.NetworkManager`: property `Metered` (NMMetered), method `GetDeviceByIpIface`, and the active connection
of a device; see its D-Bus API.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from netwatch_tray.dbus.connection import BUS, BUS_PATH, FAILURES, connect, limit, places, system_address
from netwatch_tray.dbus.marshalling import marshal
from netwatch_tray.dbus.messages import NO_AUTO_START, RETURN, call, messages
from netwatch_tray.errors import ParseError

Found = TypeVar("Found")

_PATIENCE = 2.0
"""Seconds to wait until the bus has accepted the connection, and then again for all responses together."""
_MOST_READS = 20
"""Most reads from the bus until the response arrives. Two short messages of the bus itself come before it."""
_MOST_NAME = 255
"""Characters after which a name is cut. The name of a Wi-Fi network has at most 32 bytes; the user may
type any other."""
_NAME = "org.freedesktop.NetworkManager"
_PATH = "/org/freedesktop/NetworkManager"
_METERED = {1: True, 2: False, 3: True, 4: False}
"""Whether the network is metered, by the value of NMMetered: yes, no, guessed yes, guessed no. The value for unknown is
left out."""


class Connection(NamedTuple):
    """A connection profile of NetworkManager."""

    identity: str
    """UUID of the profile, which stays when the profile is renamed."""
    name: str
    """Name of the profile: for Wi-Fi that of the network, unless the user chose another one."""


def is_metered() -> bool | None:
    """Return whether NetworkManager reports the network as metered; None if it does not respond or does not know. Waits
    some seconds at most."""

    def metered(bus: _Bus) -> bool | None:
        match bus.value(_PATH, _NAME, "Metered"):
            case int(found):
                return _METERED.get(found)
        return None

    return _asked(metered)


def connection_of(interface: str) -> Connection | None:
    """Return the connection profile that is active on an interface; None if NetworkManager does not respond or does not
    manage the interface. Waits some seconds at most.

    A VPN has a profile of its own, either without an interface or on the tunnel's; the interface below it keeps its own
    profile.
    """

    def connection(bus: _Bus) -> Connection | None:
        device = bus.device(interface)
        active = device and bus.value(device, f"{_NAME}.Device", "ActiveConnection")
        if not isinstance(active, str):
            return None
        name, identity = (bus.value(active, f"{_NAME}.Connection.Active", each) for each in ("Id", "Uuid"))
        # One that another program set up is named like its interface, and has another UUID after each start.
        if isinstance(name, str) and isinstance(identity, str) and name not in ("", interface):
            return Connection(identity, name[:_MOST_NAME])
        return None

    return _asked(connection)


class _Bus:
    """Sends requests to NetworkManager over D-Bus, and waits for each response. Its methods raise OSError and
    ValueError."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + _PATIENCE
        self._serials = itertools.count(1)
        self._before = call(BUS, BUS_PATH, BUS, "Hello", "", b"", flags=0, serial=next(self._serials))
        """What is sent before the first request, together with it."""

    def value(self, path: str, interface: str, name: str) -> object:
        """Return the value of a D-Bus property; None if the object has no such property."""
        match self._call(path, "org.freedesktop.DBus.Properties", "Get", "ss", (interface, name)):
            case ((str(_signature), value),):
                return value
        return None  # an error: usually no service has that name

    def device(self, interface: str) -> str | None:
        """Return the object path of the device of an interface, or `None` if NetworkManager has none."""
        match self._call(_PATH, _NAME, "GetDeviceByIpIface", "s", (interface,)):
            case (str(path),):
                return path
        return None

    def _call(self, path: str, interface: str, member: str, signature: str, body: tuple[str, ...]) -> object:
        serial, arguments = next(self._serials), marshal(signature, body)
        request = call(_NAME, path, interface, member, signature, arguments, flags=NO_AUTO_START, serial=serial)
        limit(self._connection, self._deadline)
        self._connection.sendall(self._before + request)
        self._before = bytearray()
        return read_answer(self._receive, serial)

    def _receive(self, most: int) -> bytes:
        limit(self._connection, self._deadline)
        return self._connection.recv(most)


def _asked(request: Callable[[_Bus], Found | None]) -> Found | None:
    """Call `request` with a connection to the system bus, and return its result. None if there is no bus, or a response
    is late or malformed."""
    for place in places(system_address()):
        try:
            with connect(place, time.monotonic() + _PATIENCE) as connection:
                return request(_Bus(connection))
        except FAILURES:
            continue
    return None


def read_answer(receive: Callable[[int], bytes], serial: int) -> object:
    """Read from the bus until the response to request number `serial`, and return its content; None if that is
    malformed or an error.

    `receive`: returns the next bytes of the connection, empty at its end. Its exceptions are passed on.
    """
    buffer = bytearray()
    for _ in range(_MOST_READS):
        received = receive(4096)
        if not received:
            break
        buffer += received
        try:
            for _number, answer in messages(buffer):
                if answer.reply_serial == serial:
                    return answer.body if answer.kind == RETURN else None
        except ParseError:
            break
    return None

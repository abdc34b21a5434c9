"""What NetworkManager reports about the network: whether it is metered, and what the user calls it.

`org.freedesktop.NetworkManager`: property `Metered` (NMMetered), method `GetDeviceByIpIface`, and the active connection
of a device; see its D-Bus API.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from jeepney import Message

Found = TypeVar("Found")

_PATIENCE = 2.0
"""Seconds to wait until the bus accepts the connection, and then again for all responses together."""
_MOST_READS = 20
"""Most reads from the bus until the response arrives. Two short messages of the bus itself come before it."""
_MOST_NAME = 255
"""Characters after which a name is cut. The name of a Wi-Fi network has at most 32 bytes; the user may
type any other."""
_NAME = "org.freedesktop.NetworkManager"
_PATH = "/org/freedesktop/NetworkManager"
_NOT_A_MESSAGE = (ValueError, LookupError, TypeError, AssertionError, struct.error, RecursionError)
"""Exceptions of jeepney's parser on malformed bytes."""
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

    def __init__(self, connection: socket.socket, greeting: bytes) -> None:
        """`greeting`: bytes of the bus's Hello call, serial number 1, which are sent before the first request."""
        self._connection = connection
        self._deadline = time.monotonic() + _PATIENCE
        self._before = greeting
        self._serial = 1

    def value(self, path: str, interface: str, name: str) -> object:
        """Return the value of a D-Bus property; None if the object has no such property."""
        from jeepney import DBusAddress, Properties  # noqa: PLC0415  once an hour

        match self._call(Properties(DBusAddress(path, _NAME, interface)).get(name)):
            case ((str(_signature), value),):
                return value
        return None  # an error: usually no service has that name

    def device(self, interface: str) -> str | None:
        """Return the object path of the device of an interface, or `None` if NetworkManager has none."""
        from jeepney import DBusAddress, new_method_call  # noqa: PLC0415  as above

        match self._call(new_method_call(DBusAddress(_PATH, _NAME, _NAME), "GetDeviceByIpIface", "s", (interface,))):
            case (str(path),):
                return path
        return None

    def _call(self, question: Message) -> object:
        from jeepney import MessageFlag  # noqa: PLC0415  as above

        question.header.flags |= MessageFlag.no_auto_start
        self._serial += 1
        self._connection.settimeout(self._left())
        self._connection.sendall(self._before + question.serialise(serial=self._serial))
        self._before = b""
        return read_answer(self._receive, self._serial)

    def _receive(self, most: int) -> bytes:
        self._connection.settimeout(self._left())
        return self._connection.recv(most)

    def _left(self) -> float:
        """Return the seconds left until the deadline of all requests. Raise TimeoutError after it."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no response in time")
        return left


def _asked(request: Callable[[_Bus], Found | None]) -> Found | None:
    """Call `request` with a connection to the system bus, and return its result. None if there is no bus, or a response
    is late or malformed."""
    try:
        from jeepney.bus import get_bus  # noqa: PLC0415  as above
        from jeepney.bus_messages import message_bus  # noqa: PLC0415
        from jeepney.io.blocking import prep_socket  # noqa: PLC0415
    except ImportError:  # it is installed on Linux only
        return None
    try:
        # Not jeepney's own connection: it waits without end for a bus that accepts it and then sends nothing.
        with prep_socket(get_bus("SYSTEM"), timeout=_PATIENCE) as connection:
            return request(_Bus(connection, message_bus.Hello().serialise(serial=1)))
    except (OSError, ValueError, RuntimeError):  # no bus, no access, no response in time, or an unknown transport
        return None


def read_answer(receive: Callable[[int], bytes], serial: int) -> object:
    """Read from the bus until the response to request number `serial`, and return its content; None if that is
    malformed or an error.

    `receive`: returns the next bytes of the connection, empty at its end. Its exceptions are passed on.
    """
    from jeepney import HeaderFields, MessageType, Parser  # noqa: PLC0415  as above

    parser = Parser()
    for _ in range(_MOST_READS):
        received = receive(4096)
        if not received:
            break
        parser.add_data(received)
        try:
            while (answer := parser.get_next_message()) is not None:
                if answer.header.fields.get(HeaderFields.reply_serial) == serial:
                    return answer.body if answer.header.message_type is MessageType.method_return else None
        except _NOT_A_MESSAGE:
            break
    return None

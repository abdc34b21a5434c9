"""Whether the network is metered, as NetworkManager reports it.

`org.freedesktop.NetworkManager`, property `Metered`: NMMetered of its D-Bus API.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_PATIENCE = 2.0
"""Seconds for the bus to let us in, and for each answer."""
_MOST_READS = 20
"""Until the answer has come: before it there are two short messages of the bus."""
_SERIAL = 2
"""Of the question."""
_NOT_A_MESSAGE = (ValueError, LookupError, TypeError, AssertionError, struct.error, RecursionError)
"""What jeepney's parser raises on bytes that are no message."""
_METERED = {1: True, 2: False, 3: True, 4: False}
"""Yes, no, and the same guessed."""


def is_metered() -> bool | None:
    """Return whether NetworkManager reports the network as metered, or `None` if it does not respond. Waits some
    seconds at most."""
    try:
        from jeepney import DBusAddress, MessageFlag, Properties  # noqa: PLC0415  once an hour
        from jeepney.bus import get_bus  # noqa: PLC0415
        from jeepney.bus_messages import message_bus  # noqa: PLC0415
        from jeepney.io.blocking import prep_socket  # noqa: PLC0415
    except ImportError:  # it is installed on Linux only
        return None
    name = "org.freedesktop.NetworkManager"
    question = Properties(DBusAddress("/org/freedesktop/NetworkManager", name, name)).get("Metered")
    question.header.flags |= MessageFlag.no_auto_start
    try:
        # Not jeepney's own connection: it waits without end for a bus that accepts it and then sends nothing.
        with prep_socket(get_bus("SYSTEM"), timeout=_PATIENCE) as bus:
            bus.settimeout(_PATIENCE)
            bus.sendall(message_bus.Hello().serialise(serial=1) + question.serialise(serial=_SERIAL))
            return read_answer(bus.recv)
    except (OSError, ValueError, RuntimeError):  # no bus, no access, no answer in time, no way to it that is known
        return None


def read_answer(receive: Callable[[int], bytes]) -> bool | None:
    """Parse the response of NetworkManager; return `None` if it is malformed or NetworkManager does not know.

    `receive`: returns the next bytes of the connection, empty at its end. Its exceptions are passed on.
    """
    from jeepney import HeaderFields, Parser  # noqa: PLC0415  as above

    parser = Parser()
    for _ in range(_MOST_READS):
        received = receive(4096)
        if not received:
            break
        parser.add_data(received)
        try:
            while (answer := parser.get_next_message()) is not None:
                if answer.header.fields.get(HeaderFields.reply_serial) == _SERIAL:
                    return _metered(answer.body)
        except _NOT_A_MESSAGE:
            break
    return None


def _metered(body: object) -> bool | None:
    match body:
        case (("u", int(metered)),):
            return _METERED.get(metered)
    return None  # an error: usually no service has that name

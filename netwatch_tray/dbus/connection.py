"""Connections to a D-Bus bus (D-Bus Specification, "Server Addresses" and "Authentication Protocol")."""

from __future__ import annotations

import os
import socket
import time
import urllib.parse
from collections.abc import Iterator

from netwatch_tray.errors import ParseError

BUS = "org.freedesktop.DBus"
BUS_PATH = "/org/freedesktop/DBus"

FAILURES = (OSError, ValueError, ParseError)
"""Exceptions of `connect`. ValueError: a path with a zero byte."""
_LONGEST_ANSWER = 8192
"""Longest line of the authentication protocol, in bytes; the specification has none above 100."""


def session_address() -> str:
    """Return the D-Bus address of the session bus. Nothing may be listening there."""
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    return address or f"unix:path={os.environ.get('XDG_RUNTIME_DIR') or f'/run/user/{os.getuid()}'}/bus"


def system_address() -> str:
    """Return the D-Bus address of the system bus. Nothing may be listening there."""
    return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or "unix:path=/var/run/dbus/system_bus_socket"


def connect(place: bytes, deadline: float) -> socket.socket:
    """Return an authenticated socket, connected to one of `places`. The first call on it must be Hello. Raise one of
    FAILURES. `deadline`: on the monotonic clock."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        limit(connection, deadline)
        connection.connect(place)
        _authenticate(connection, deadline)
    except FAILURES:
        connection.close()
        raise
    return connection


def limit(connection: socket.socket, deadline: float) -> None:
    """Let operations on the socket block until the deadline only. Raise TimeoutError if it has passed."""
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("no answer in time")
    connection.settimeout(remaining)


def _authenticate(connection: socket.socket, deadline: float) -> None:
    """Authenticate by the mechanism EXTERNAL: the bus gets the user of this process from the kernel (D-Bus
    Specification, "Authentication Protocol")."""
    user = str(os.geteuid()).encode().hex()
    connection.sendall(f"\0AUTH EXTERNAL {user}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n"):
        limit(connection, deadline)
        data = connection.recv(1024)
        if not data:
            raise ConnectionError("closed by the bus")
        answer += data
        if len(answer) > _LONGEST_ANSWER:
            raise ParseError("no line of the authentication protocol")
    if not answer.startswith(b"OK ") or answer.count(b"\n") != 1:
        raise ConnectionError(f"refused by the bus: {answer!r}")
    connection.sendall(b"BEGIN\r\n")


def places(address: str) -> Iterator[bytes]:
    """Yield the paths of the Unix sockets in a D-Bus address, in the form that connect(2) takes. Other transports are
    left out (D-Bus Specification, "Server Addresses")."""
    for each in address.split(";"):
        transport, _, rest = each.partition(":")
        options = dict(option.partition("=")[::2] for option in rest.split(","))
        if transport == "unix" and "abstract" in options:
            yield b"\0" + urllib.parse.unquote_to_bytes(os.fsencode(options["abstract"]))
        elif transport == "unix" and "path" in options:
            yield urllib.parse.unquote_to_bytes(os.fsencode(options["path"]))

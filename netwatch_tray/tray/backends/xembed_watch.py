"""Watch whether the X server has an XEmbed tray (the older kind), at the cost of one idle socket.

Such a tray owns the selection _NET_SYSTEM_TRAY_S0 and announces it to the root window when it takes it (System Tray
Protocol Specification, freedesktop.org). When the tray exits, the window that owned the selection is destroyed. This
needs five requests of the X Window System Protocol, version 11; a library would cost the resident agent megabytes.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
from pathlib import Path

from netwatch_tray.engine.scheduler import READ, Scheduler
from netwatch_tray.errors import ParseError, TrayUnavailableError

_PATIENCE = 0.5
"""Seconds to wait for the X server, which is on the same machine."""

_INTERN_ATOM, _CHANGE_WINDOW_ATTRIBUTES, _GET_SELECTION_OWNER = 16, 2, 23
_EVENT_MASK, _STRUCTURE_NOTIFY = 0x800, 0x20000
_ERROR, _REPLY, _DESTROY_NOTIFY, _CLIENT_MESSAGE = 0, 1, 17, 33
_SENT = 0x80
"""Bit in the type of an event that marks it as sent by another client instead of the X server."""
_PACKET = 32
"""Length in bytes of every event, every error, and every reply to the requests used here."""

_COOKIE = b"MIT-MAGIC-COOKIE-1"
_FAMILY_LOCAL, _FAMILY_WILD = 256, 65535


class XEmbedWatch:
    """Watches for an XEmbed tray over one connection to the X server that DISPLAY names, if that is on this machine.
    Use it in the scheduler's thread only.

    The constructor raises TrayUnavailableError if there is no such X server.
    """

    def __init__(self, scheduler: Scheduler, environment: dict[str, str] | None = None) -> None:
        self._scheduler = scheduler
        self._owner = 0
        """ID of the tray's window; 0 if there is no tray."""
        self._received = bytearray()
        self._socket: socket.socket | None = None
        environment = dict(os.environ) if environment is None else environment
        try:
            connection = _connect(environment)
        except (OSError, ParseError) as error:
            raise TrayUnavailableError("the X server does not report trays ({error})", error=error) from error
        try:
            root = _greet(connection, environment)
            self._manager = _ask(connection, _intern_atom(b"MANAGER"))
            self._selection = _ask(connection, _intern_atom(b"_NET_SYSTEM_TRAY_S0"))
            connection.sendall(
                _notify(root)
            )  # before the request, so that a tray that appears between the two is noticed
            self._owner = _ask(connection, self._owner_request())
        except (OSError, ParseError) as error:
            connection.close()
            raise TrayUnavailableError("the X server does not report trays ({error})", error=error) from error
        connection.setblocking(False)
        self._socket = connection
        scheduler.watch(connection.fileno(), READ, self._read)
        self._follow_owner()

    @property
    def has_tray(self) -> bool:
        return bool(self._owner)

    def ask(self) -> None:
        """Request the owner of the selection from the X server. `has_tray` changes when the reply arrives."""
        self._send(self._owner_request())

    def close(self) -> None:
        """Disconnect; `has_tray` is False from then on. Also called when the X server has closed the connection."""
        self._owner = 0
        if self._socket is not None:
            self._scheduler.unwatch(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _send(self, request: bytes) -> None:
        if self._socket is not None:
            try:
                self._socket.send(request)
            except OSError:
                self.close()

    def _follow_owner(self) -> None:
        if self._owner:
            self._send(_notify(self._owner))

    def _owner_request(self) -> bytes:
        return struct.pack("<BxHI", _GET_SELECTION_OWNER, 2, self._selection)

    def _read(self, _events: int) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._received += data
        while len(self._received) >= _PACKET:
            packet = bytes(self._received[:_PACKET])
            del self._received[:_PACKET]
            self._hear(packet)

    def _hear(self, packet: bytes) -> None:
        kind = packet[0] & ~_SENT
        if kind == _REPLY:
            self._owner = _number(packet)
            self._follow_owner()
        elif kind == _DESTROY_NOTIFY:
            (destroyed,) = struct.unpack_from("<I", packet, 8)
            if destroyed == self._owner:
                self._owner = 0
                self.ask()  # another tray may have taken over
        elif kind == _ERROR:  # the window that was to be watched is destroyed already
            self._owner = 0
            self.ask()
        elif kind == _CLIENT_MESSAGE:
            (message,) = struct.unpack_from("<I", packet, 8)
            (selection,) = struct.unpack_from("<I", packet, 16)
            if (message, selection) == (self._manager, self._selection):
                self.ask()


def has_display(environment: dict[str, str]) -> bool:
    """Return whether the X server of DISPLAY accepts connections."""
    try:
        _connect(environment).close()
    except (OSError, ParseError):
        return False
    return True


def _connect(environment: dict[str, str]) -> socket.socket:
    number = _display(environment)
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108  where X servers listen
    failure: OSError | None = None
    for place in (path, f"\0{path}"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(place)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure or ConnectionError(path)


def _display(environment: dict[str, str]) -> int:
    name = environment.get("DISPLAY", "")
    if found := re.fullmatch(r"(?:unix)?:(\d{1,5})(?:\.\d+)?", name):
        return int(found[1])
    raise ParseError(f"DISPLAY names none of this machine: {name!r}")


def _greet(connection: socket.socket, environment: dict[str, str]) -> int:
    """Send the connection setup. Return the ID of the root window. Raise ParseError if the X server refuses or its
    reply is malformed."""
    name, cookie = _authority(environment)
    head = struct.pack("<cxHHHHxx", b"l", 11, 0, len(name), len(cookie))
    connection.sendall(head + _padded(name) + _padded(cookie))
    status, length = struct.unpack("<B5xH", _receive(connection, 8))
    body = _receive(connection, 4 * length)
    if status != 1:
        raise ParseError(f"refused: {body.rstrip(bytes(1)).decode(errors='replace')}")
    try:
        vendor, formats = struct.unpack_from("<H3xB", body, 16)
        (root,) = struct.unpack_from("<I", body, 32 + (vendor + 3) // 4 * 4 + 8 * formats)
    except struct.error as error:
        raise ParseError(f"a greeting of {len(body)} bytes") from error
    return int(root)


def _authority(environment: dict[str, str]) -> tuple[bytes, bytes]:
    """Return name and data of the authorisation for this display from the Xauthority file (Xau(3)); both empty if there
    is none."""
    file = Path(environment.get("XAUTHORITY") or Path(environment.get("HOME", "/")) / ".Xauthority")
    wanted = str(_display(environment)).encode()
    with contextlib.suppress(OSError):
        for family, number, name, data in _entries(file.read_bytes()):
            if family in (_FAMILY_LOCAL, _FAMILY_WILD) and number in (wanted, b"") and name == _COOKIE:
                return name, data
    return b"", b""


def _entries(content: bytes) -> list[tuple[int, bytes, bytes, bytes]]:
    """Return the complete entries of an Xauthority file: address family, display number, name and data of each."""
    entries, at = [], 0
    with contextlib.suppress(struct.error):
        while at < len(content):
            (family,) = struct.unpack_from(">H", content, at)
            at += 2
            fields = []
            for _ in range(4):
                (length,) = struct.unpack_from(">H", content, at)
                fields.append(content[at + 2 : at + 2 + length])
                at += 2 + length
            _address, number, name, data = fields
            entries.append((family, number, name, data))
    return entries


def _notify(window: int) -> bytes:
    """Return the X request that selects events of a window: its destruction, and messages that clients send to it. New
    trays announce themselves by such a message to the root window."""
    return struct.pack("<BxHIII", _CHANGE_WINDOW_ATTRIBUTES, 4, window, _EVENT_MASK, _STRUCTURE_NOTIFY)


def _ask(connection: socket.socket, request: bytes) -> int:
    """Send an X request. Return the 32-bit number that its reply carries."""
    connection.sendall(request)
    while True:
        packet = _receive(connection, _PACKET)
        if packet[0] == 0:
            raise ParseError(f"error {packet[1]} of the X server")
        if packet[0] == _REPLY:
            return _number(packet)


def _number(packet: bytes) -> int:
    return int(struct.unpack_from("<I", packet, 8)[0])


def _intern_atom(name: bytes) -> bytes:
    padded = _padded(name)
    return struct.pack("<BxHHxx", _INTERN_ATOM, 2 + len(padded) // 4, len(name)) + padded


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise ConnectionError("closed by the X server")
        data += more
    return data

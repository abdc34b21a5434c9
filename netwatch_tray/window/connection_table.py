"""The columns of the connection table."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QColor, QFontMetrics

from netwatch_tray.model import Connection, endpoint
from netwatch_tray.units import UNKNOWN
from netwatch_tray.window.table import Cell, Column
from netwatch_tray.window.theme import text_width

translate = QCoreApplication.translate


class Row(NamedTuple):
    """A connection, and whether it is gone already: it stays to be seen for a moment."""

    connection: Connection
    closed: bool = False


def columns() -> list[Column[Row]]:
    return [
        Column(
            title=translate("Connections", "App"),
            text=lambda row: row.connection.process or UNKNOWN,
            order=lambda row: row.connection.process and row.connection.process.casefold(),
            draw=_draw_app,
            tooltip=lambda row: None if row.connection.process else _unknown_owner(),
            widest="systemd-resolved",
            least="firefox-bin",
            stretch=2,
        ),
        Column(
            title=translate("Connections", "Pid"),
            text=lambda row: UNKNOWN if row.connection.pid is None else str(row.connection.pid),
            order=lambda row: row.connection.pid,
            draw=_draw_pid,
            tooltip=lambda row: _unknown_owner() if row.connection.pid is None else None,
            widest="4194304",
            numeric=True,
            goes=2,
        ),
        Column(
            title=translate("Connections", "Proto"),
            text=lambda row: row.connection.protocol,
            order=lambda row: row.connection.protocol,
            widest="TCP",
            goes=3,
        ),
        Column(
            title=translate("Connections", "Local"),
            text=lambda row: row.connection.local,
            order=lambda row: _address_order(row.connection.local_address, row.connection.local_port),
            draw=lambda cell, row: _draw_endpoint(cell, row, row.connection.local_address, row.connection.local_port),
            widest="255.255.255.255:65535",
            stretch=2,
            goes=1,
        ),
        Column(
            title=translate("Connections", "Remote"),
            text=_remote,
            order=lambda row: (
                row.connection.remote_address
                and _address_order(row.connection.remote_address, row.connection.remote_port)
            ),
            draw=_draw_remote,
            widest="[2001:db8:1234:5678::1]:65535",
            least="255.255.255.255:65535",
            stretch=3,
        ),
        Column(
            title=translate("Connections", "State"),
            text=_state,
            order=lambda row: row.connection.state and _state(row),
            draw=lambda cell, row: cell.text(_state(row), _tone(cell, row, cell.tokens.ink2)),
            tooltip=lambda row: translate("Connections", "UDP has no states") if row.connection.state is None else None,
            widest="Established",
            stretch=1,
        ),
    ]


def is_listening(connection: Connection) -> bool:
    return connection.state == "LISTEN"


def _remote(row: Row) -> str:
    return row.connection.remote or translate("Connections", "any")


def _state(row: Row) -> str:
    if row.closed:
        return translate("Connections", "Closed")
    state = row.connection.state
    if state is None:
        return "" if row.connection.protocol == "UDP" else UNKNOWN
    return translate("Connections", "Listening") if state == "LISTEN" else state.replace("_", " ").capitalize()


def _unknown_owner() -> str:
    return translate(
        "Connections", "The program is not known: the socket belongs to another user, or its process has ended."
    )


def _tone(cell: Cell, row: Row, colour: QColor) -> QColor:
    return cell.tokens.ink3 if row.closed else colour


def _draw_app(cell: Cell, row: Row) -> None:
    process = row.connection.process
    cell.text(process or UNKNOWN, _tone(cell, row, cell.tokens.ink) if process else cell.tokens.ink3)


def _draw_pid(cell: Cell, row: Row) -> None:
    pid = row.connection.pid
    colour = cell.tokens.ink3 if pid is None else _tone(cell, row, cell.tokens.ink2)
    cell.text(UNKNOWN if pid is None else str(pid), colour, align=Qt.AlignmentFlag.AlignRight)


def _draw_remote(cell: Cell, row: Row) -> None:
    address = row.connection.remote_address
    if address is None:
        cell.text(_remote(row), cell.tokens.ink3)
    else:
        _draw_endpoint(cell, row, address, row.connection.remote_port)


def _draw_endpoint(cell: Cell, row: Row, address: str, port: int | None) -> None:
    """Where there is no room the host loses its middle; the port stays whole."""
    whole = endpoint(address, port)
    font = cell.theme.fonts.base
    if text_width(font, whole) > cell.box.width():
        host, colon, rest = whole.rpartition(":")
        room = cell.box.width() - text_width(font, colon + rest)
        whole = QFontMetrics(font).elidedText(host, Qt.TextElideMode.ElideMiddle, room) + colon + rest
    cell.text(whole, _tone(cell, row, cell.tokens.ink))


def _address_order(address: str, port: int | None) -> tuple[bool, str, int]:
    """IPv4 before IPv6 and by number, then the port."""
    version_6 = ":" in address
    padded = address if version_6 else ".".join(part.zfill(3) for part in address.split("."))
    return (version_6, padded, -1 if port is None else port)

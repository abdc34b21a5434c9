"""The columns of the connection table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from PySide6.QtCore import QCoreApplication, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen

from netwatch_tray import units
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection, endpoint
from netwatch_tray.text import printable
from netwatch_tray.units import DOWN, UNKNOWN, UP, Units
from netwatch_tray.window.pages.connections.rows import ConnectionRow, Group, Line, is_listening
from netwatch_tray.window.table.column import Cell, Column
from netwatch_tray.window.table.rate_cell import draw_bar, draw_rate, rate_column
from netwatch_tray.window.widgets.formatting import duration, rtt
from netwatch_tray.window.widgets.theme import GAP, MARGIN, text_width
from netwatch_tray.wording import owner

translate = QCoreApplication.translate

CHEVRON_WIDTH = 16
"""Width in dip of the mark (chevron) before a group, which folds and unfolds it by a click."""
_COUNT_GAP = 10


class ConnectionContext(NamedTuple):
    """What the cells of all rows need for drawing, in addition to their own row."""

    units: Units
    now: float
    """Current Unix time."""
    most_rx: float
    """The highest download rate of all connections, bytes/s, to which the bars are relative."""
    most_tx: float
    has_hosts: bool = False
    """Whether the host of any connection has a name."""
    has_countries: bool = False
    app_names: Mapping[str, str] = {}
    """Names of apps as the Apps page shows them, by key."""


def owner_name(connection: Connection, context: ConnectionContext) -> str | None:
    """Return the name of the app as the Apps page shows it, else of the process or user, or None if the owner is
    unknown."""
    name = owner(connection)
    return name if connection.app_name is None else context.app_names.get(connection.app or "", name)


def connection_columns(context: Callable[[], ConnectionContext]) -> list[Column[Line]]:
    """Return the columns of the connection table. `context`: returns the current context, called for each cell."""
    return [
        _column(
            id="app",
            title=translate("Connections", "App"),
            text=lambda row: owner_name(row.connection, context()) or UNKNOWN,
            order=lambda row: (owner_name(row.connection, context()) or "").casefold() or None,
            draw=lambda cell, row: _draw_app(cell, row, owner_name(row.connection, context())),
            tooltip=lambda row: _explain_owner(row.connection),
            group_text=lambda group: f"{group.name} ({group.connections})",
            group_order=_group_name,
            widest="systemd-resolved.service",
            least="thunderbird-bin",
            stretch=2,
        ),
        _column(
            id="pid",
            title=translate("Connections", "PID"),
            text=lambda row: UNKNOWN if row.connection.pid is None else str(row.connection.pid),
            order=lambda row: row.connection.pid,
            draw=_draw_pid,
            tooltip=lambda row: _unknown_owner(row.connection) if row.connection.pid is None else None,
            widest="4194304",
            numeric=True,
            drop_order=2,
        ),
        _column(
            id="protocol",
            title=translate("Connections", "Protocol"),
            text=lambda row: row.connection.transport,
            order=lambda row: row.connection.transport,
            widest="QUIC",
            drop_order=5,
        ),
        _column(
            id="host",
            title=translate("Connections", "Host"),
            text=lambda row: row.connection.host or UNKNOWN,
            order=lambda row: row.connection.host,
            draw=lambda cell, row: _draw_host(cell, row, has_countries=context().has_countries),
            tooltip=lambda row: host_in_words(row.connection),
            widest="subdomain.of.a.provider.example",
            least="subdomain.example",
            stretch=3,
            offered=lambda: context().has_hosts,
        ),
        _column(
            id="local",
            title=translate("Connections", "Local"),
            text=lambda row: row.connection.local,
            order=lambda row: _address_order(row.connection.local_address, row.connection.local_port),
            draw=lambda cell, row: _draw_endpoint(cell, row, row.connection.local_address, row.connection.local_port),
            widest="255.255.255.255:65535",
            least="198.51.100.77:22000",
            stretch=2,
            drop_order=1,
            offered=lambda: not context().has_hosts,
        ),
        _column(
            id="remote",
            title=translate("Connections", "Remote"),
            text=_remote,
            order=lambda row: (
                row.connection.remote_address
                and _address_order(row.connection.remote_address, row.connection.remote_port)
            ),
            draw=_draw_remote,
            widest="255.255.255.255:65535",
            least="198.51.100.77:22000",
            stretch=3,
        ),
        _column(
            id="state",
            title=translate("Connections", "State"),
            text=state_in_words,
            order=lambda row: row.connection.state and state_in_words(row),
            draw=lambda cell, row: cell.text(state_in_words(row), _tone(cell, row, cell.tokens.ink2)),
            tooltip=lambda row: translate("Connections", "UDP has no states") if row.connection.state is None else None,
            widest="Established",
            stretch=1,
        ),
        _rate_column("rx_rate", DOWN, context),
        _rate_column("tx_rate", UP, context),
        _column(
            id="rtt",
            title=translate("Connections", "RTT"),
            text=lambda row: rtt(row.connection.rtt_s),
            order=lambda row: row.connection.rtt_s,
            tooltip=lambda _row: translate("Connections", "Round trip: how long an answer takes on the way"),
            widest="0000 ms",
            numeric=True,
            drop_order=4,
        ),
        _column(
            id="age",
            title=translate("Connections", "Age"),
            text=lambda row: _age(row, context().now),
            order=lambda row: None if row.connection.since is None else -row.connection.since,
            tooltip=lambda row: (
                translate("Connections", "Opened before NetWatch started to measure")
                if row.connection.since is None
                else None
            ),
            widest="00 min",
            numeric=True,
            drop_order=3,
        ),
    ]


def origin_in_words(connection: Connection) -> str:
    """Return a text about the source of the host's name (DNS, TLS …), and when the name was seen."""
    words = {
        "TLS": translate("Connections", "TLS greeting"),
        "QUIC": translate("Connections", "QUIC greeting"),
        "DNS": translate("Connections", "DNS response"),
        "hosts": "/etc/hosts",
    }
    origin = words.get(connection.host_origin or "", connection.host_origin or UNKNOWN)
    if connection.host_at is None:
        return origin
    return f"{origin}, {datetime.fromtimestamp(connection.host_at).astimezone():%H:%M:%S}"


def host_in_words(connection: Connection) -> str | None:
    """Return a text with the name of the host, its source and how certain it is; None if the host has no name."""
    if connection.host is None:
        return None
    origin = translate("Connections", "Name from: {origin}").format(origin=origin_in_words(connection))
    sentences = [connection.host, origin]
    if connection.host_is_providers:
        sentences.append(translate("Connections", "This is the name of the provider; the real one is encrypted."))
    elif connection.host_is_providers is None and connection.host_origin in {"TLS", "QUIC"}:
        sentences.append(
            translate("Connections", "Part of the greeting is encrypted; this may be the name of the provider alone.")
        )
    return "\n".join(sentences)


def scope_in_words(connection: Connection) -> str:
    return {
        "machine": translate("Connections", "This computer"),
        "local": translate("Connections", "Local network"),
        "internet": translate("Connections", "Internet"),
    }.get(connection.scope or "", UNKNOWN)


def state_in_words(row: ConnectionRow) -> str:
    if row.closed:
        return translate("Connections", "Closed")
    state = row.connection.state
    if state is None:
        return "" if row.connection.protocol == "UDP" else UNKNOWN
    return translate("Connections", "Listening") if state == TcpState.LISTEN else state.replace("_", " ").capitalize()


def why_no_rate(connection: Connection) -> str:
    if connection.protocol == "UDP" and connection.remote_address is None:
        return translate("Connections", "The bytes of UDP are counted for each peer, where the helper is set up")
    if connection.protocol == "UDP":
        return translate("Connections", "The system does not count the bytes of a UDP socket")
    if is_listening(connection):
        return translate("Connections", "A listening socket carries nothing itself")
    return translate("Connections", "Not known at this moment")


def _column(
    *,
    text: Callable[[ConnectionRow], str],
    order: Callable[[ConnectionRow], Any],
    draw: Callable[[Cell, ConnectionRow], None] | None = None,
    tooltip: Callable[[ConnectionRow], str | None] | None = None,
    group_text: Callable[[Group], str] | None = None,
    group_order: Callable[[Group], Any] | None = None,
    numeric: bool = False,
    **more: Any,
) -> Column[Line]:
    """Return a column whose text, sort key, drawing and tooltip are given by functions of a connection's row, and for
    group headings by `group_text` and `group_order`. `more`: other arguments of Column."""

    def text_of(line: Line) -> str:
        if isinstance(line, ConnectionRow):
            return text(line)
        return group_text(line) if group_text else ""

    def order_of(line: Line) -> Any:
        if isinstance(line, ConnectionRow):
            return order(line)
        # Groups without a value in this column are sorted by name.
        return group_order(line) if group_order else _group_name(line)

    def draw_line(cell: Cell, line: Line) -> None:
        if isinstance(line, Group):
            _draw_group(cell, line)
        elif draw:
            draw(cell, line)
        else:
            align = Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
            words = text(line)
            cell.text(words, cell.tokens.ink3 if words == UNKNOWN else _tone(cell, line, cell.tokens.ink2), align=align)

    def tooltip_of(line: Line) -> str | None:
        if isinstance(line, Group):
            return f"{line.name}\n{units.both_rates(line.rx_rate, line.tx_rate)}"
        return tooltip(line) if tooltip else None

    return Column(text=text_of, order=order_of, draw=draw_line, tooltip=tooltip_of, numeric=numeric, **more)


def _rate_column(
    column_id: Literal["rx_rate", "tx_rate"], arrow: str, context: Callable[[], ConnectionContext]
) -> Column[Line]:
    receives = column_id == "rx_rate"

    def rate_of(line: Line) -> float | None:
        measured = line if isinstance(line, Group) else line.connection
        return measured.rx_rate if receives else measured.tx_rate

    def draw(cell: Cell, line: Line) -> None:
        now, rate = context(), rate_of(line)
        if isinstance(line, Group):
            draw_rate(cell, rate, now.units)
            return
        if line.closed:
            cell.text(UNKNOWN, cell.tokens.ink3, align=Qt.AlignmentFlag.AlignRight)
            return
        draw_rate(cell, rate, now.units, strong=False)
        if rate:
            colour = cell.tokens.down if receives else cell.tokens.up
            draw_bar(cell, rate, now.most_rx if receives else now.most_tx, colour)

    def tooltip(line: Line) -> str | None:
        if isinstance(line, ConnectionRow) and rate_of(line) is None:
            return why_no_rate(line.connection)
        return None

    return rate_column(column_id, arrow, rate_of, lambda: context().units, draw=draw, order=rate_of, tooltip=tooltip)


def _group_name(group: Group) -> str:
    return group.name.casefold()


def _age(row: ConnectionRow, now: float) -> str:
    since = row.connection.since
    return UNKNOWN if since is None else duration(now - since)


def _remote(row: ConnectionRow) -> str:
    return row.connection.remote or UNKNOWN


def _explain_owner(connection: Connection) -> str:
    if connection.process is None:
        return _unknown_owner(connection)
    return translate("Connections", "Process: {name}").format(name=connection.process)


def _unknown_owner(connection: Connection) -> str:
    if connection.user is not None or connection.unit is not None:
        return translate(
            "Connections",
            "It belongs to another user, whose programs may not be read. Its rates are measured all the same.",
        )
    return translate(
        "Connections", "The program is not known: its process has exited, or the system does not report it."
    )


def _tone(cell: Cell, row: ConnectionRow, colour: QColor) -> QColor:
    return cell.tokens.ink3 if row.closed else colour


def _draw_group(cell: Cell, group: Group) -> None:
    """Draw the part of a group's heading that is within this cell: the heading runs across all columns before the
    rates."""
    painter, fonts, tokens = cell.painter, cell.theme.fonts, cell.tokens
    right_to_left = cell.right_to_left
    painter.save()
    painter.setClipRect(cell.box.adjusted(-MARGIN, 0, MARGIN, 0))
    row = cell.row.adjusted(MARGIN, 0, -MARGIN, 0)
    middle = row.center().y()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(tokens.ink2, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    x = row.right() - 5 if right_to_left else row.left() + 5
    ahead = -1 if right_to_left else 1
    if group.folded:
        painter.drawPolyline(
            [QPoint(x - 2 * ahead, middle - 4), QPoint(x + 2 * ahead, middle), QPoint(x - 2 * ahead, middle + 4)]
        )
    else:
        painter.drawPolyline([QPoint(x - 4, middle - 2), QPoint(x, middle + 2), QPoint(x + 4, middle - 2)])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setFont(fonts.strong)
    painter.setPen(tokens.ink)
    name = QFontMetrics(fonts.strong).elidedText(printable(group.name), Qt.TextElideMode.ElideRight, row.width() // 3)
    width = text_width(fonts.strong, name)
    box = QRect(row.left() + CHEVRON_WIDTH + GAP // 2, row.top(), width, row.height())
    one, many = translate("Connections", "1 connection"), translate("Connections", "{count} connections")
    count = one if group.connections == 1 else many.format(count=group.connections)
    counted = QRect(box.right() + _COUNT_GAP, row.top(), text_width(fonts.small, count), row.height())
    for text, place, font, colour in (
        (name, box, fonts.strong, tokens.ink),
        (count, counted, fonts.small, tokens.ink3),
    ):
        painter.setFont(font)
        painter.setPen(colour)
        mirrored = QRect(cell.row.right() - place.right(), place.top(), place.width(), place.height())
        painter.drawText(mirrored if right_to_left else place, Qt.AlignmentFlag.AlignVCenter, text)
    painter.restore()


def _draw_app(cell: Cell, row: ConnectionRow, name: str | None) -> None:
    box = QRect(cell.box)
    if row.group is not None:
        box.setLeft(box.left() + CHEVRON_WIDTH + GAP // 2)
    if name is None:
        cell.text(UNKNOWN, cell.tokens.ink3, box=box)
    elif row.connection.process is not None:
        cell.text(name, _tone(cell, row, cell.tokens.ink), box=box)
    else:
        cell.text(name, _tone(cell, row, cell.tokens.ink2), box=box, elide=Qt.TextElideMode.ElideMiddle)


def _draw_pid(cell: Cell, row: ConnectionRow) -> None:
    pid = row.connection.pid
    colour = cell.tokens.ink3 if pid is None else _tone(cell, row, cell.tokens.ink2)
    cell.text(UNKNOWN if pid is None else str(pid), colour, align=Qt.AlignmentFlag.AlignRight)


def _draw_host(cell: Cell, row: ConnectionRow, *, has_countries: bool) -> None:
    """Draw name, source of the name, and country, each at its own position in the cell. `has_countries`: whether any
    connection has a country, so that there is a position for it."""
    fonts, tokens = cell.theme.fonts, cell.tokens
    it = row.connection
    box = QRect(cell.box)
    slots: list[tuple[str, int]] = [(it.host_origin or "", text_width(fonts.small, "QUIC"))]
    if has_countries:
        slots.append((it.country or "", text_width(fonts.small, "WW")))
    for text, width in reversed(slots):
        place = QRect(box)
        if cell.right_to_left:
            place.setRight(place.left() + width)
            box.setLeft(place.right() + GAP)
        else:
            place.setLeft(place.right() - width)
            box.setRight(place.left() - GAP)
        cell.text(text, tokens.ink3, fonts.small, box=place)
    if it.host is None:
        cell.text(UNKNOWN, tokens.ink3, box=box)
    else:
        cell.text(printable(it.host), _tone(cell, row, tokens.ink), box=box, elide=Qt.TextElideMode.ElideMiddle)


def _draw_remote(cell: Cell, row: ConnectionRow) -> None:
    address = row.connection.remote_address
    if address is None:
        cell.text(_remote(row), cell.tokens.ink3)
    else:
        colour = cell.tokens.ink if row.connection.host is None else cell.tokens.ink2
        _draw_endpoint(cell, row, address, row.connection.remote_port, colour)


def _draw_endpoint(
    cell: Cell, row: ConnectionRow, address: str, port: int | None, colour: QColor | None = None
) -> None:
    """Draw address and port. If there is no room, elide the address in the middle, never the port."""
    whole = endpoint(address, port)
    font = cell.theme.fonts.base
    if cell.theme.metrics(font).width(whole) > cell.width:
        host, colon, rest = whole.rpartition(":")
        room = cell.width - text_width(font, colon + rest)
        whole = QFontMetrics(font).elidedText(host, Qt.TextElideMode.ElideMiddle, room) + colon + rest
    cell.text(whole, _tone(cell, row, colour or cell.tokens.ink))


def _address_order(address: str, port: int | None) -> tuple[bool, str, int]:
    """Return a sort key: IPv4 addresses by number, then IPv6, then by port."""
    version_6 = ":" in address
    padded = address if version_6 else ".".join(part.zfill(3) for part in address.split("."))
    return (version_6, padded, -1 if port is None else port)

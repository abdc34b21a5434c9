"""The subcommands `connections` (open connections) and `apps` (traffic by app)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from netwatch_tray.cli import record
from netwatch_tray.cli.looking import Look, look, looks
from netwatch_tray.cli.session import (
    DONE,
    Fit,
    print_csv,
    print_json,
    print_table,
    terminal_size,
    usable_settings,
    whole_number,
)
from netwatch_tray.kinds import TcpState
from netwatch_tray.language import translate

if TYPE_CHECKING:
    from netwatch_tray.feed.protocol import AppsMessage
    from netwatch_tray.model import App, Connection
    from netwatch_tray.units import Units

_RESOLVE_TIMEOUT = 3.0
_STAYS = Fit()
_TEXT = Fit(least=12)


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "connections", example="netwatch-tray connections --resolve", help="who is connected, with measured rates"
    )
    parser.add_argument("--listening", action="store_true", help="show listening sockets instead")
    parser.add_argument("--all", action="store_true", help="also list connections in TIME_WAIT, which have ended")
    parser.add_argument("--resolve", action="store_true", help="look up the names of remote addresses in DNS")
    _add_choice(parser, tuple(_CONNECTION_ORDERS))
    _add_formats(parser)
    parser.set_defaults(run=_connections)

    parser = subcommands.add_parser("apps", example="netwatch-tray apps --hosts", help="which app moves how much")
    _add_choice(parser, tuple(_APP_ORDERS))
    formats = _add_formats(parser)
    formats.add_argument("--hosts", action="store_true", help="with the hosts that each app is connected to now")
    parser.set_defaults(run=_apps)


def _add_choice(parser: argparse.ArgumentParser, orders: Sequence[str]) -> None:
    parser.add_argument("--sort", choices=orders, default=orders[0], help="order of the rows (default: %(default)s)")
    parser.add_argument("--top", type=whole_number(1, 10**6), metavar="N", help="only the first N")
    parser.add_argument("--app", metavar="NAME", help="only apps with this text in their name")


def _add_formats(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="one JSON document")
    formats.add_argument("--csv", action="store_true", help="comma-separated values with a header row")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--watch", action="store_true", help="again every 2 seconds, until Ctrl-C")
    record.add_replay(source, is_live=False)
    return formats


def _connections(options: argparse.Namespace) -> int:
    return _show(options, _show_connections)


def _apps(options: argparse.Namespace) -> int:
    return _show(options, _show_apps)


def _show(options: argparse.Namespace, show: Callable[[Look, argparse.Namespace], None]) -> int:
    """Print connections or apps by calling `show`: once, or with `--watch` repeatedly. On a terminal each output
    replaces the previous one."""
    if not options.watch:
        show(look(options.replay), options)
        return DONE
    for each in looks():
        if terminal_size() is not None:
            print("\x1b[H\x1b[2J", end="")
        show(each, options)
        if terminal_size() is None and not options.json:
            print()
        sys.stdout.flush()
    return DONE


def _most(options: argparse.Namespace, below: int) -> int | None:
    """Return the greatest number of rows to print, or None for all: the value of `--top`, and with `--watch` on a
    terminal no more than fit on it.

    `below`: number of lines that follow the table.
    """
    size = terminal_size()
    if not options.watch or size is None or options.json or options.csv:
        most: int | None = options.top
        return most
    room = max(1, size.lines - below - 2)
    return room if options.top is None else min(room, options.top)


def _show_connections(found: Look, options: argparse.Namespace) -> None:
    rows = [
        row
        for row in found.connections
        if _is_listening(row) == options.listening
        and _is_wanted(options.app, row.app, (row.process, row.unit, row.user, _owner(row)))
    ]
    over = 0
    if not (options.all or options.json or options.csv):  # programs get everything
        before, rows = len(rows), [row for row in rows if row.state != TcpState.TIME_WAIT]
        over = before - len(rows)
    rows.sort(key=_CONNECTION_ORDERS[options.sort])
    rows = rows[: _most(options, 2 if over else 0)]
    names = _names(rows) if options.resolve else {}
    if options.json:
        print_json(rows)
    elif options.csv:
        fields = [field for field in _fields() if field != "key"]
        print_csv(fields, [[getattr(row, field) for field in fields] for row in rows])
    else:
        _print_connections(rows, names)
        if over:
            print(f"\n{_left_out(over)}")


def _left_out(count: int) -> str:
    if count == 1:
        return translate("Terminal", "1 connection in TIME_WAIT is over and left out; --all lists it.")
    text = translate("Terminal", "{count} connections in TIME_WAIT are over and left out; --all lists them.")
    return text.format(count=count)


def _print_connections(rows: Sequence[Connection], names: dict[str, str]) -> None:
    units, size = usable_settings().units, terminal_size()
    # A terminal shows host and address in one column unless it is wide.
    has_hosts = any(row.host for row in rows) and (size is None or size.columns >= 160)
    if has_hosts:
        ends = translate("Terminal", "HOST"), translate("Terminal", "ADDRESS")
    else:
        ends = translate("Terminal", "LOCAL"), translate("Terminal", "REMOTE")
    heads = ("APP", "PID", translate("Terminal", "PROTOCOL"), *ends, translate("Terminal", "STATE"), "↓", "↑", "RTT")
    cells = [_cells(row, units, names, has_hosts=has_hosts, is_narrow=size is not None) for row in rows]
    local = _STAYS if has_hosts else Fit(rank=9)
    fits = (_TEXT, Fit(rank=7), Fit(rank=6), local, Fit(least=20), Fit(rank=5), _STAYS, _STAYS, Fit(rank=8))
    print_table(heads, cells, "<><<<<>>>", fits)


def _is_wanted(name: str | None, app: str | None, names: Iterable[str | None]) -> bool:
    """Return whether the text `name`, which the user searches for, occurs in one of `names` or in the name that the
    desktop entry of `app` (an `App.key`) has. True if `name` is None."""
    if name is None or any(name.casefold() in each.casefold() for each in names if each):
        return True
    from netwatch_tray.desktop_entries import name_of

    return app is not None and name.casefold() in name_of(app).casefold()


def _owner(row: Connection) -> str | None:
    from netwatch_tray import wording

    return wording.owner(row)


def _place(row: Connection) -> tuple[object, ...]:
    """Return the default sort key of a connection: highest rate first; connections in TIME_WAIT and those without a
    known owner last."""
    rate, name = (row.rx_rate or 0) + (row.tx_rate or 0), _owner(row)
    return -rate, row.state == TcpState.TIME_WAIT, row.rx_rate is None, name is None, name or "", row.local


_CONNECTION_ORDERS: dict[str, Callable[[Connection], tuple[Any, ...]]] = {
    "rate": _place,
    "down": lambda row: (-(row.rx_rate or 0), _place(row)),
    "up": lambda row: (-(row.tx_rate or 0), _place(row)),
    "app": lambda row: ((_owner(row) or "\U0010ffff").casefold(), _place(row)),
    "remote": lambda row: ((row.host or row.remote or "").casefold(), _place(row)),
    "rtt": lambda row: (-(row.rtt_s or 0), _place(row)),
}
"""Functions that return the sort key of a connection, by the choices of `--sort`."""


def _fields() -> tuple[str, ...]:
    from netwatch_tray.model import Connection

    return Connection.__struct_fields__


def _is_listening(row: Connection) -> bool:
    """Return whether the socket is a TCP socket that listens, or a UDP socket without a peer."""
    return row.state == TcpState.LISTEN or (row.state is None and row.remote_port is None)


def _cells(
    row: Connection, in_units: Units, names: dict[str, str], *, has_hosts: bool, is_narrow: bool
) -> Sequence[str]:
    """Return the table cells of a connection.

    `has_hosts`: show name and address of the remote end instead of the local and the remote address. `is_narrow`: show
    the remote end's name instead of its address, if the name is known.
    """
    from netwatch_tray import units
    from netwatch_tray.model import endpoint

    remote = row.remote or "*"
    if row.remote_address in names:
        remote = endpoint(names[row.remote_address], row.remote_port)
    elif is_narrow and not has_hosts and row.host:
        remote = endpoint(row.host, row.remote_port)
    return (
        _owner(row) or units.UNKNOWN,
        units.UNKNOWN if row.pid is None else str(row.pid),
        row.transport,
        *((_host(row), remote) if has_hosts else (row.local, remote)),
        row.state or "",
        str(units.rate(row.rx_rate, in_units)),
        str(units.rate(row.tx_rate, in_units)),
        units.UNKNOWN if row.rtt_s is None else f"{row.rtt_s * 1000:.1f} ms",
    )


def _host(row: Connection) -> str:
    """Return the name of the remote host, where that name comes from, and the host's country if known."""
    from netwatch_tray.units import UNKNOWN

    if row.host is None:
        return UNKNOWN
    origin = str(row.host_origin)
    if row.host_is_providers:
        origin = translate("Terminal", "{origin}, provider").format(origin=origin)
    return f"{row.host} ({origin}{f', {row.country}' if row.country else ''})"


def _names(rows: Sequence[Connection]) -> dict[str, str]:
    from netwatch_tray.collect.reverse_dns import NameResolver

    addresses = {row.remote_address for row in rows if row.remote_address not in (None, "*")}
    return NameResolver().resolve(filter(None, addresses), _RESOLVE_TIMEOUT)


_APP_ORDERS: dict[str, Callable[[App], tuple[Any, ...]]] = {
    "rate": lambda app: (-(app.rx_rate or 0) - (app.tx_rate or 0), -app.rx_bytes - app.tx_bytes),
    "down": lambda app: (-(app.rx_rate or 0), -app.rx_bytes),
    "up": lambda app: (-(app.tx_rate or 0), -app.tx_bytes),
    "received": lambda app: (-app.rx_bytes,),
    "sent": lambda app: (-app.tx_bytes,),
    "name": lambda app: (app.name.casefold(),),
}
"""Functions that return the sort key of an app, by the choices of `--sort`."""


def _show_apps(found: Look, options: argparse.Namespace) -> None:
    from netwatch_tray import wording

    connections, message = found
    has_sums = bool(message.interval_s) and not (options.app or options.top)
    apps = [app for app in message.apps if _is_wanted(options.app, app.key, (app.name, wording.app_name(app.name)))]
    apps.sort(key=_APP_ORDERS[options.sort])
    apps = apps[: _most(options, 3 if has_sums else 0)]
    if options.json:
        import msgspec

        print_json(msgspec.structs.replace(message, apps=tuple(apps)))
    elif options.csv:
        fields = message.apps[0].__struct_fields__ if message.apps else ()
        print_csv(fields, [[getattr(app, field) for field in fields] for app in apps])
    else:
        _print_apps(apps, connections if options.hosts else (), message, has_sums=has_sums)


def _print_apps(
    apps: Sequence[App], connections: Sequence[Connection], message: AppsMessage, *, has_sums: bool
) -> None:
    from netwatch_tray import units

    chosen = usable_settings().units
    rows = []
    for app in apps:
        rows.append(_app_cells(app, chosen))
        rows += _host_cells([row for row in connections if row.app == app.key], chosen)
    heads = (
        "APP",
        translate("Terminal", "PROCESSES"),
        translate("Terminal", "CONNECTIONS"),
        "↓",
        "↑",
        translate("Terminal", "RECEIVED"),
        translate("Terminal", "SENT"),
    )
    fits = (_TEXT, Fit(rank=2), Fit(rank=1), _STAYS, _STAYS, _STAYS, _STAYS)
    print_table(heads, rows, "<>>>>>>", fits)
    if has_sums:
        down, up = (_sum_line(message, way, chosen) for way in (0, 1))
        print(f"\n{units.DOWN} {down}\n{units.UP} {up}")


def _app_cells(app: App, in_units: Units) -> tuple[str, ...]:
    from netwatch_tray import units, wording

    return (
        wording.app_name(app.name),
        str(app.processes),
        str(app.connections),
        str(units.rate(app.rx_rate, in_units)),
        str(units.rate(app.tx_rate, in_units)),
        str(units.size(app.rx_bytes, in_units)),
        str(units.size(app.tx_bytes, in_units)),
    )


def _host_cells(connections: Sequence[Connection], in_units: Units) -> list[tuple[str, ...]]:
    """Return one row of cells for each host, or for each address without a name: the number of its open connections,
    their rates and bytes. The host with the most bytes is first."""
    from netwatch_tray import units

    by_host: dict[str, list[Connection]] = {}
    for row in connections:
        if row.remote_address is not None:
            by_host.setdefault(row.host or row.remote_address, []).append(row)

    def amount(host: str) -> int:
        return sum((row.rx_bytes or 0) + (row.tx_bytes or 0) for row in by_host[host])

    found: list[tuple[str, ...]] = []
    for host in sorted(by_host, key=lambda host: (-amount(host), host)):
        rows = by_host[host]
        rates = (_sum(row.rx_rate for row in rows), _sum(row.tx_rate for row in rows))
        sizes = (_sum(row.rx_bytes for row in rows), _sum(row.tx_bytes for row in rows))
        found.append(
            (
                f"  {host}",
                "",
                str(len(rows)),
                *(str(units.rate(rate, in_units)) for rate in rates),
                *(str(units.size(None if size is None else int(size), in_units)) for size in sizes),
            )
        )
    return found


def _sum(values: Iterable[float | None]) -> float | None:
    """Return the sum of the known values, or `None` if none is known."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _sum_line(message: AppsMessage, way: int, in_units: Units) -> str:
    from netwatch_tray import units

    uplink, tcp, udp, other = (
        units.rate(pair[way] / (message.interval_s or 1), in_units)
        for pair in (message.uplink, message.tcp, message.udp or (0, 0), message.other)
    )
    if message.udp is None:
        text = translate("Terminal", "total {total} = TCP by app {tcp} + UDP, QUIC and other {other}")
        return text.format(total=uplink, tcp=tcp, other=other)
    text = translate(
        "Terminal", "total {total} = TCP by app {tcp} + UDP and QUIC by app {udp} + headers and other {other}"
    )
    return text.format(total=uplink, tcp=tcp, udp=udp, other=other)

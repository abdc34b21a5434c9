"""Who is connected, and which app moves how much: `connections` and `apps`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from netwatch_tray.cli import record
from netwatch_tray.cli.session import DONE, connect, print_csv, print_json, print_table, usable_settings
from netwatch_tray.errors import AgentUnreachableError, NetWatchError
from netwatch_tray.language import translate
from netwatch_tray.model import TcpState

if TYPE_CHECKING:
    from netwatch_tray.feed.protocol import AppsMessage
    from netwatch_tray.model import App, Connection
    from netwatch_tray.units import Units

_PATIENCE = 20.0
"""Seconds for the agent's next reading; a tool like lsof may take some of them."""
_BETWEEN_READINGS = 1.0
_RESOLVE_TIMEOUT = 3.0


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser("connections", help="who is connected, with measured rates")
    parser.add_argument("--listening", action="store_true", help="show listening sockets instead")
    parser.add_argument("--resolve", action="store_true", help="ask DNS for the names of remote addresses")
    _add_formats(parser)
    parser.set_defaults(run=_connections)

    parser = subcommands.add_parser("apps", help="which app moves how much")
    formats = _add_formats(parser)
    formats.add_argument("--hosts", action="store_true", help="with the hosts that each app is connected to now")
    parser.set_defaults(run=_apps)


def _add_formats(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="one JSON document")
    formats.add_argument("--csv", action="store_true", help="comma-separated values with a header row")
    record.add_replay(parser, is_live=False)
    return formats


def _connections(options: argparse.Namespace) -> int:
    rows = [row for row in _look(options.replay)[0] if _is_listening(row) == options.listening]
    rows.sort(key=_place)
    names = _names(rows) if options.resolve else {}
    if options.json:
        print_json(rows)
    elif options.csv:
        fields = [field for field in _fields() if field != "key"]
        print_csv(fields, [[getattr(row, field) for field in fields] for row in rows])
    else:
        units = usable_settings().units
        has_hosts = any(row.host for row in rows)
        if has_hosts:
            ends = translate("Terminal", "HOST"), translate("Terminal", "ADDRESS")
        else:
            ends = translate("Terminal", "LOCAL"), translate("Terminal", "REMOTE")
        state = translate("Terminal", "STATE")
        heads = ("APP", "PID", translate("Terminal", "PROTOCOL"), *ends, state, "↓", "↑", "RTT")
        print_table(heads, [_cells(row, units, names, has_hosts=has_hosts) for row in rows], "<><<<<>>>")
    return DONE


def _place(row: Connection) -> tuple[object, ...]:
    """What moves is first; what is over, or of nobody who is known, is last."""
    rate = (row.rx_rate or 0) + (row.tx_rate or 0)
    name = row.process or row.unit or row.user
    return -rate, row.state == TcpState.TIME_WAIT, row.rx_rate is None, name is None, name or "", row.local


def _fields() -> tuple[str, ...]:
    from netwatch_tray.model import Connection

    return Connection.__struct_fields__


def _is_listening(row: Connection) -> bool:
    """A TCP socket that listens, or a UDP socket without a peer: both wait for anybody."""
    return row.state == TcpState.LISTEN or (row.state is None and row.remote_port is None)


def _cells(row: Connection, in_units: Units, names: dict[str, str], *, has_hosts: bool) -> Sequence[str]:
    """`has_hosts`: name and address of the remote end instead of both ends."""
    from netwatch_tray import units
    from netwatch_tray.model import endpoint

    remote = row.remote or "*"
    if row.remote_address in names:
        remote = endpoint(names[row.remote_address], row.remote_port)
    return (
        row.process
        or row.unit
        or (translate("Terminal", "user {name}").format(name=row.user) if row.user else units.UNKNOWN),
        units.UNKNOWN if row.pid is None else str(row.pid),
        "QUIC" if row.host_origin == "QUIC" else row.protocol,
        *((_host(row), remote) if has_hosts else (row.local, remote)),
        row.state or "",
        str(units.rate(row.rx_rate, in_units)),
        str(units.rate(row.tx_rate, in_units)),
        units.UNKNOWN if row.rtt_s is None else f"{row.rtt_s * 1000:.1f} ms",
    )


def _host(row: Connection) -> str:
    """The name with its origin, and the country where it is known."""
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


def _apps(options: argparse.Namespace) -> int:
    connections, message = _look(options.replay)
    apps = sorted(
        message.apps, key=lambda app: (-(app.rx_rate or 0) - (app.tx_rate or 0), -app.rx_bytes - app.tx_bytes)
    )
    if options.json:
        print_json(message)
        return DONE
    if options.csv:
        fields = message.apps[0].__struct_fields__ if message.apps else ()
        print_csv(fields, [[getattr(app, field) for field in fields] for app in apps])
        return DONE

    from netwatch_tray import units

    chosen = usable_settings().units
    rows = []
    for app in apps:
        rows.append(_app_cells(app, chosen))
        if options.hosts:
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
    print_table(heads, rows, "<>>>>>>")
    if message.interval_s:
        down, up = (_sum_line(message, way, chosen) for way in (0, 1))
        print(f"\n{units.DOWN} {down}\n{units.UP} {up}")
    return DONE


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
    """Return a row for each host, or address without a name, with what is open now; the greatest amount first."""
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
    """Return the sum of those that are known; `None`: none is."""
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


def _look(recording: Path | None) -> tuple[list[Connection], AppsMessage]:
    """Return what the agent has measured since it started; without an agent, what two readings of our own show.

    `recording`: instead, what the end of this file shows.
    """
    if recording is not None:
        return _replay(recording)
    try:
        return _ask_agent()
    except AgentUnreachableError:
        return _read_twice()


def _ask_agent() -> tuple[list[Connection], AppsMessage]:
    from netwatch_tray.feed.protocol import AppsMessage, ConnectionsMessage, Subscribe

    client, _hello = connect()
    client.send(Subscribe(frozenset({"connections", "apps"})))
    rows: list[Connection] | None = None
    apps = None
    deadline = time.monotonic() + _PATIENCE
    while (rows is None or apps is None) and time.monotonic() < deadline:
        for message in client.wait(deadline - time.monotonic()):
            if isinstance(message, ConnectionsMessage):
                if message.fault:
                    raise NetWatchError(message.fault)
                if message.reset:
                    rows = list(message.added)
            elif isinstance(message, AppsMessage):
                apps = message
    client.close()
    if rows is None or apps is None:
        raise NetWatchError("The agent did not send its connections in time. Try again.")
    return rows, apps


def _replay(recording: Path) -> tuple[list[Connection], AppsMessage]:
    from netwatch_tray.feed.protocol import AppsMessage
    from netwatch_tray.recording.replay import Replay

    source = Replay(recording, keeps_time=True)
    with closing(source):
        *_, (_tick, observation) = record.replay(source)
        source.connections()  # raises UnsupportedError where there were none
    return list(observation.table.rows()), AppsMessage.of(observation)


def _read_twice() -> tuple[list[Connection], AppsMessage]:
    from netwatch_tray.collect.connections import open_source
    from netwatch_tray.collect.interfaces import open_interfaces
    from netwatch_tray.engine.monitor import Monitor
    from netwatch_tray.engine.observation import Observation
    from netwatch_tray.feed.protocol import AppsMessage

    interfaces = open_interfaces().source
    monitor = Monitor(interfaces, _BETWEEN_READINGS, usable_settings().total)
    observation = Observation(monitor)
    with closing(interfaces), closing(open_source()) as sockets:
        for is_last in (False, True):
            tick = monitor.tick()
            if tick is not None:
                observation.count(tick)
            observation.take(sockets.read(), is_monotonic=sockets.is_monotonic, is_last=is_last)
            if not is_last:
                while observation.table.search(0.1):
                    pass
                time.sleep(_BETWEEN_READINGS)
    return list(observation.table.rows()), AppsMessage.of(observation)

"""The subcommands `watch` (live rates) and `status` (state of the agent)."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from netwatch_tray.cli import record
from netwatch_tray.cli.session import (
    DONE,
    ask_status,
    complain,
    connect,
    feed_socket,
    print_json,
    print_pairs,
    usable_settings,
    whole_number,
)
from netwatch_tray.errors import AgentUnreachableError, Message, NetWatchError
from netwatch_tray.language import said, translate
from netwatch_tray.text import printable

if TYPE_CHECKING:
    from netwatch_tray.feed.client import FeedClient
    from netwatch_tray.feed.protocol import Status
    from netwatch_tray.model import InterfaceTick, Tick, Total
    from netwatch_tray.settings import Settings
    from netwatch_tray.tray.bars import BarFormat
    from netwatch_tray.units import Units


_INTERVAL = 1.0
"""Seconds between lines."""
_LOOK_EVERY = 2.0
"""Seconds between attempts to connect to an agent, while this process measures by itself."""
_SILENCE = 5.0
"""Seconds without a message of the agent after which `watch` reports it."""


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "watch",
        example="netwatch-tray watch --format waybar",
        help="show live rates, with or without a running agent: on a terminal a screen, else a line a second",
    )
    parser.add_argument("--once", action="store_true", help="print one line of real rates and end")
    parser.add_argument("--count", type=whole_number(1, 10**9), metavar="N", help="end after N lines")
    parser.add_argument("--interval", type=_interval, metavar="S", help="print lines, S seconds apart (default: 1)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line")
    form.add_argument(
        "--format",
        choices=("text", "waybar", "i3bar", "polybar"),
        dest="bar",
        help="one line for a bar that shows what a program prints, always of the same width",
    )
    record.add_replay(parser)
    parser.set_defaults(run=_watch)

    parser = subcommands.add_parser(
        "status", example="netwatch-tray status --json", help="what the running agent is doing, and what it costs"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=_status)


def _interval(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.1 <= (seconds := float(text)) <= 3600:
            return seconds
    problem = translate("Terminal", "must be a number of seconds from 0.1 to 3600, not {text!r}")
    raise argparse.ArgumentTypeError(problem.format(text=text))


def _watch(options: argparse.Namespace) -> int:
    prints = options.once or options.count or options.interval or options.json or options.bar or options.replay
    if not prints and has_screen():
        return show_screen()
    return watch(
        interval=options.interval or _INTERVAL,
        count=1 if options.once else options.count,
        form="json" if options.json else options.bar,
        # Programs that want the counters may want those of the first sample as well, though it has no rates.
        skips_first=options.once or (options.count and not options.json),
        ticks=None if options.replay is None else record.replayed_ticks(options.replay, options.speed),
    )


def has_screen() -> bool:
    """Return whether stdin, stdout and stderr are a terminal that can show the full-screen program, which uses all
    three."""
    return (
        all(stream is not None and stream.isatty() for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__))
        and os.environ.get("TERM", "dumb") != "dumb"
    )


def show_screen() -> int:
    """Show the full-screen program until the user quits."""
    from netwatch_tray import paths
    from netwatch_tray.cli.own_feed import OwnFeed
    from netwatch_tray.feed.client import FeedClient
    from netwatch_tray.tui import app, look

    settings = usable_settings()
    return app.run(
        settings,
        look.examine(),
        connect=lambda: FeedClient(feed_socket()),
        measure=lambda: OwnFeed(settings),
        history=paths.history_file(),
    )


def watch(
    *,
    interval: float = _INTERVAL,
    count: int | None = None,
    form: BarFormat | Literal["json"] | None = None,
    skips_first: bool = False,
    ticks: Iterator[Tick] | None = None,
) -> int:
    """Print a line for each tick: `count` lines, or without end if it is None.

    `form`: the output format; None prints text for people. `skips_first`: do not print the first tick while it has no
    rates. `ticks`: by default those of the agent, or of this machine.
    """
    settings = usable_settings()
    write = _print_document if form == "json" else _bar_writer(form, settings) if form else _line_writer(settings.units)
    ticks = ticks or _ticks(interval, settings.total)
    first = next(ticks)
    if not (skips_first and first.interval_s is None):
        ticks = itertools.chain([first], ticks)
    for tick in itertools.islice(ticks, count):
        write(tick)
    return DONE


def _ticks(interval: float, total: Mapping[str, bool]) -> Iterator[Tick]:
    """Yield the ticks of a running agent if it measures at this interval; otherwise measure in this process. `total`:
    which interfaces the user counts in the total (True) or leaves out (False), by name."""
    client = _agent_of(interval)
    while True:
        if client is not None:
            with contextlib.suppress(AgentUnreachableError), contextlib.closing(client):
                yield from _agents_ticks(client)
            complain(translate("Terminal", "The agent ended. Measuring without it until it runs again."))
        client, looked = None, time.monotonic()
        with contextlib.closing(_own_ticks(interval, total)) as own:
            for tick in own:
                yield tick
                if time.monotonic() - looked >= _LOOK_EVERY:
                    with contextlib.suppress(NetWatchError):  # an agent that hangs is ignored
                        client = _agent_of(interval)
                    if client is not None:
                        break
                    looked = time.monotonic()


def _agent_of(interval: float) -> FeedClient | None:
    """Return a connection to an agent that measures at this interval, or None if there is none. Raise NetWatchError if
    an agent does not respond."""
    try:
        client, hello = connect()
    except AgentUnreachableError:
        return None
    if hello.interval_s == interval:
        return client
    client.close()
    return None


def _agents_ticks(client: FeedClient) -> Iterator[Tick]:
    """Yield the ticks of the agent. Raise AgentUnreachableError when the agent exits."""
    from netwatch_tray.feed.protocol import Subscribe, TickMessage

    client.send(Subscribe(frozenset({"interfaces"})))
    is_late = False
    while True:
        messages = client.wait(_SILENCE)
        if not messages and not is_late:
            silent = translate("Terminal", "The agent has sent nothing for {seconds:.0f} s. Still waiting.")
            complain(silent.format(seconds=_SILENCE))
        is_late = not messages
        for message in messages:
            if isinstance(message, TickMessage):
                yield message.tick


def _own_ticks(interval: float, total: Mapping[str, bool]) -> Generator[Tick]:
    from netwatch_tray.collect.interfaces import open_interfaces
    from netwatch_tray.engine.monitor import Monitor

    source = open_interfaces().source
    monitor = Monitor(source, interval, total)
    due = time.monotonic()
    try:
        while True:
            tick = monitor.tick()
            if tick is not None:
                yield tick
            if monitor.fault:
                complain(said(monitor.fault))
            now = time.monotonic()
            # A deadline that was missed (the program was stopped, the machine is busy) is skipped, not made up for.
            due = due + interval if due + interval / 2 > now else now + interval
            time.sleep(max(0.0, due - now))
    finally:
        source.close()


def _print_document(tick: Tick) -> None:
    """Print a tick as one line of JSON. Reasons are code names, which are the same in all versions and languages."""
    import msgspec

    document = msgspec.to_builtins(tick)
    measured: list[tuple[Tick | Total | InterfaceTick, dict[str, object]]] = [
        (tick, document),
        (tick.total, document["total"]),
        *zip(tick.interfaces, document["interfaces"], strict=True),
    ]
    for each, values in measured:
        values["gap"] = each.gap and each.gap.label
    print_json(document)


def _line_writer(in_units: Units) -> Callable[[Tick], None]:
    """Return a function that prints a tick as a line of text. It keeps the positions of the columns from
    line to line."""
    from netwatch_tray import units, wording

    download, upload = units.SteadyRate(in_units), units.SteadyRate(in_units)

    def write(tick: Tick) -> None:
        local = tick.at.astimezone().strftime("%H:%M:%S")
        down, up = download.write(tick.total.rx_rate), upload.write(tick.total.tx_rate)
        about = printable(wording.counted(tick))
        print(f"{local}  {units.DOWN} {down}  {units.UP} {up}  {about}", flush=True)

    return write


def _bar_writer(kind: BarFormat, settings: Settings) -> Callable[[Tick], None]:
    from netwatch_tray.tray.bars import Bar

    bar = Bar(kind, settings)
    if bar.head:
        print(bar.head, flush=True)
    return lambda tick: print(bar.line(tick), flush=True)


def _english(status: Status) -> dict[str, object]:
    """Return the fields of the status for `--json`; its messages become English sentences."""
    import msgspec

    found = msgspec.structs.asdict(status)
    for name, value in found.items():
        if isinstance(value, Message):
            found[name] = str(value)
    return {"type": "status", **found, "faults": [str(fault) for fault in status.faults]}


def _status(options: argparse.Namespace) -> int:
    status = ask_status()
    if options.json:
        print_json(_english(status))
        return DONE

    from netwatch_tray import units

    running = max(status.uptime_s, 1.0)
    print_pairs(
        {
            translate("Terminal", "agent"): translate("Terminal", "running, process {pid}, version {version}").format(
                pid=status.pid, version=status.version
            ),
            translate("Terminal", "for"): f"{status.uptime_s:.0f} s",
            translate("Terminal", "costs"): translate(
                "Terminal", "{share:.2%} of one processor, {memory} of memory (PSS)"
            ).format(share=status.cpu_s / running, memory=units.size(status.pss_bytes)),
            translate("Terminal", "interfaces"): status.interfaces,
            translate("Terminal", "connections"): said(status.connections),
            **({translate("Terminal", "helper"): said(status.helper)} if status.helper else {}),
            translate("Terminal", "tray"): said(status.tray),
            **({translate("Terminal", "upload"): said(status.upload)} if status.upload else {}),
            **({translate("Terminal", "metrics"): said(status.metrics)} if status.metrics else {}),
            **({"OpenTelemetry": said(status.otlp)} if status.otlp else {}),
            translate("Terminal", "clients"): str(status.clients),
            **({translate("Terminal", "settings"): said(status.settings_fault)} if status.settings_fault else {}),
            **({translate("Terminal", "fault"): " ".join(map(said, status.faults))} if status.faults else {}),
        }
    )
    return DONE

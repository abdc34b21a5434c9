"""What happens now: `watch` and `status`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from netwatch_tray.cli.session import DONE, ask_status, connect, load_settings, print_json, print_pairs
from netwatch_tray.errors import AgentUnreachableError

if TYPE_CHECKING:
    from netwatch_tray.model import Tick
    from netwatch_tray.units import Units


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("watch", help="print live rates, with or without a running agent")
    verb.add_argument("--once", action="store_true", help="print one line of real rates and end")
    verb.add_argument("--count", type=_positive_integer, metavar="N", help="end after N lines")
    verb.add_argument("--interval", type=_interval, default=1.0, metavar="S", help="seconds between lines (default: 1)")
    verb.add_argument("--json", action="store_true", help="one JSON object a line")
    verb.set_defaults(verb=_watch)

    verb = verbs.add_parser("status", help="what the running agent is doing, and what it costs")
    verb.add_argument("--json", action="store_true", help="one JSON object")
    verb.set_defaults(verb=_status)


def _positive_integer(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _interval(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("must be between 0.1 and 3600 seconds")
    return seconds


def _watch(options: argparse.Namespace) -> int:
    return watch(interval=options.interval, count=options.count, once=options.once, as_json=options.json)


def watch(*, interval: float, count: int | None, once: bool, as_json: bool) -> int:
    """Prints a line for each tick."""
    units = load_settings().units
    left = 1 if once else count
    for tick in _ticks(interval):
        if once and tick.total.rx_rate is None and tick.interval_s is None:
            continue  # the first sample has no rates: the second is the one asked for
        if as_json:
            print_json(tick)
        else:
            print(_line(tick, units), flush=True)
        if left is not None:
            left -= 1
            if not left:
                break
    return DONE


def _ticks(interval: float) -> Iterator[Tick]:
    """The agent's ticks when one runs and measures this often; else our own."""
    try:
        client, hello = connect()
    except AgentUnreachableError:
        yield from _own_ticks(interval)
        return
    if hello.interval_s != interval:
        client.close()
        yield from _own_ticks(interval)
        return

    from netwatch_tray.feed.protocol import Subscribe, TickMessage

    client.send(Subscribe(frozenset({"interfaces"})))
    while True:
        for message in client.wait(10 * interval):
            if isinstance(message, TickMessage):
                yield message.tick


def _own_ticks(interval: float) -> Iterator[Tick]:
    from netwatch_tray.collect.interfaces import open_interfaces
    from netwatch_tray.engine.monitor import Monitor

    source = open_interfaces().source
    monitor = Monitor(source, interval, load_settings().total)
    due = time.monotonic()
    try:
        while True:
            yield monitor.tick()
            if monitor.fault:
                print(f"netwatch-tray: {monitor.fault}", file=sys.stderr)
            due = max(due + interval, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        source.close()


def _line(tick: Tick, in_units: Units) -> str:
    from netwatch_tray import units

    down, up = (units.rate(rate, in_units).padded() for rate in (tick.total.rx_rate, tick.total.tx_rate))
    local = tick.at.astimezone().strftime("%H:%M:%S")
    return f"{local}  {units.DOWN} {down}  {units.UP} {up}  {tick.gap or ' + '.join(tick.total.uplinks)}".rstrip()


def _status(options: argparse.Namespace) -> int:
    status = ask_status()
    if options.json:
        print_json(status)
        return DONE

    from netwatch_tray import units

    running = max(status.uptime_s, 1.0)
    print_pairs(
        {
            "agent": f"running, process {status.pid}, version {status.version}",
            "for": f"{status.uptime_s:.0f} s",
            "costs": f"{status.cpu_s / running:.2%} of one processor, {units.size(status.rss_bytes)} of memory",
            "interfaces": status.interfaces,
            "connections": status.connections,
            "tray": status.tray,
            "clients": str(status.clients),
            **({"fault": "; ".join(status.faults)} if status.faults else {}),
        }
    )
    return DONE

"""The terminal's side: one command, a verb for each purpose, nothing imported before its verb is called.

Exit codes: 0 done, 1 something is wrong (said on stderr), 2 usage, 3 no agent is running.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import netwatch_tray
from netwatch_tray.errors import AgentUnreachableError, AlreadyRunningError, NetWatchError

if TYPE_CHECKING:
    from netwatch_tray.feed.client import FeedClient
    from netwatch_tray.feed.protocol import Hello, Status
    from netwatch_tray.model import Tick
    from netwatch_tray.selftest import Verdict
    from netwatch_tray.settings import Settings
    from netwatch_tray.units import Units

DONE, WRONG, USAGE, NO_AGENT = 0, 1, 2, 3

_ANSWER_TIMEOUT = 5.0
"""Seconds for the agent to answer a command."""
_QUIT_TIMEOUT = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    verb: Callable[[argparse.Namespace], int] = options.verb
    try:
        return verb(options)
    except AgentUnreachableError as error:
        print(error, file=sys.stderr)
        return NO_AGENT
    except NetWatchError as error:
        print(f"netwatch-tray: {error}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:  # `netwatch-tray watch | head -1`: the reader has what it wanted
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  the interpreter flushes it at its very end
        return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="netwatch-tray",
        description="Live network rates in the tray. Without a verb: start it; a second start opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"netwatch-tray {netwatch_tray.__version__}")
    parser.set_defaults(verb=_start)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")

    window = verbs.add_parser("window", help="open the window (and start the program first, if it is not running)")
    window.set_defaults(verb=_window)

    agent = verbs.add_parser("agent", help="run the resident part in the foreground")
    agent.add_argument("--headless", action="store_true", help="without a tray icon")
    agent.set_defaults(verb=_agent)

    watch = verbs.add_parser("watch", help="print live rates, with or without a running agent")
    watch.add_argument("--once", action="store_true", help="print one line of real rates and end")
    watch.add_argument("--count", type=_positive_integer, metavar="N", help="end after N lines")
    watch.add_argument(
        "--interval", type=_interval, default=1.0, metavar="S", help="seconds between lines (default: 1)"
    )
    watch.add_argument("--json", action="store_true", help="one JSON object a line")
    watch.set_defaults(verb=_watch)

    status = verbs.add_parser("status", help="what the running agent is doing, and what it costs")
    status.add_argument("--json", action="store_true", help="one JSON object")
    status.set_defaults(verb=_status)

    doctor = verbs.add_parser("doctor", help="what was found on this system, which way was chosen, and why")
    doctor.add_argument("--json", action="store_true", help="one JSON object")
    doctor.set_defaults(verb=_doctor)

    selftest = verbs.add_parser("selftest", help="move known amounts over the loopback and compare what is counted")
    selftest.add_argument("--json", action="store_true", help="one JSON document")
    selftest.set_defaults(verb=_selftest)

    leave = verbs.add_parser("quit", help="end the running program")
    leave.set_defaults(verb=_quit)
    return parser


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


def _start(options: argparse.Namespace) -> int:
    if not has_display():
        print(
            "No display here, so no tray and no window; live rates until Ctrl-C:",
            file=sys.stderr,
        )
        options.once, options.count, options.interval, options.json = False, None, 1.0, False
        return _watch(options)
    try:
        return _run_agent(headless=False)
    except AlreadyRunningError:
        _command("open-window")
        return DONE


def _agent(options: argparse.Namespace) -> int:
    return _run_agent(headless=options.headless)


def _run_agent(*, headless: bool) -> int:
    from netwatch_tray.agent.agent import Agent

    Agent(_settings(), headless=headless).run()
    return DONE


def _window(_options: argparse.Namespace) -> int:
    from netwatch_tray import paths
    from netwatch_tray.window.application import run

    try:
        _connect()[0].close()
    except AgentUnreachableError:
        _start_agent()
    return run(paths.feed_socket())


def _start_agent() -> None:
    """Starts the agent beside this process; the window waits for it as it would for one that restarts."""
    import subprocess

    command = [sys.executable, "-m", "netwatch_tray", "agent"]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def _watch(options: argparse.Namespace) -> int:
    import msgspec

    units = _settings().units
    left = 1 if options.once else options.count
    for tick in _ticks(options.interval):
        if options.once and tick.total.rx_rate is None and tick.interval_s is None:
            continue  # the first sample has no rates: the second is the one asked for
        line = msgspec.json.encode(tick).decode() if options.json else _tick_line(tick, units)
        print(line, flush=True)
        if left is not None:
            left -= 1
            if not left:
                break
    return DONE


def _ticks(interval: float) -> Iterator[Tick]:
    """The agent's ticks when one runs and measures this often; else our own."""
    try:
        client, hello = _connect()
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
    monitor = Monitor(source, interval, _settings().total)
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


def _tick_line(tick: Tick, in_units: Units) -> str:
    from netwatch_tray import units

    down, up = (units.rate(rate, in_units).padded() for rate in (tick.total.rx_rate, tick.total.tx_rate))
    local = tick.at.astimezone().strftime("%H:%M:%S")
    return f"{local}  {units.DOWN} {down}  {units.UP} {up}  {tick.gap or ' + '.join(tick.total.uplinks)}".rstrip()


def _status(options: argparse.Namespace) -> int:
    status = _ask_status()
    if options.json:
        _print_json(status)
        return DONE

    from netwatch_tray import units

    running = max(status.uptime_s, 1.0)
    _print_pairs(
        {
            "agent": f"running, process {status.pid}, version {status.version}",
            "for": f"{status.uptime_s:.0f} s",
            "costs": f"{status.cpu_s / running:.2%} of one processor, {units.size(status.rss_bytes)} of memory",
            "interfaces": status.interfaces,
            "tray": status.tray,
            "clients": str(status.clients),
            **({"fault": "; ".join(status.faults)} if status.faults else {}),
        }
    )
    return DONE


def _doctor(options: argparse.Namespace) -> int:
    from netwatch_tray import paths
    from netwatch_tray.collect.interfaces import open_interfaces
    from netwatch_tray.engine.monitor import Monitor
    from netwatch_tray.errors import TrayUnavailableError
    from netwatch_tray.model import as_tree
    from netwatch_tray.tray.backends import choose

    opened = open_interfaces()
    chosen = {}
    try:
        chosen = _settings().total
        settings = f"{paths.settings_file()}: fine"
    except NetWatchError as error:
        settings = str(error)
    interfaces = Monitor(opened.source, 1.0, chosen).tick().interfaces
    opened.source.close()
    try:
        status = _ask_status()
        agent = f"running, process {status.pid}; tray: {status.tray}"
    except AgentUnreachableError:
        agent = "not running"
    try:
        tray = f"{choose().name}, because {choose().why}"
    except TrayUnavailableError as error:
        tray = str(error)
    report = {
        "program": f"netwatch-tray {netwatch_tray.__version__}, Python {sys.version.split()[0]}, {sys.platform}",
        "agent": agent,
        "settings": settings,
        "feed": str(paths.feed_socket()),
        "tray": tray,
        "counters": "; ".join(f"{name}: {state}" for name, state in opened.report),
        **({"note": opened.source.note} if opened.source.note else {}),
        **{f"{'  ' * (depth + 1)}{each.name}": f"{each.role}, {each.why}" for depth, each in as_tree(interfaces)},
    }
    if options.json:
        _print_json({key.strip(): value for key, value in report.items()})
    else:
        _print_pairs(report)
    return DONE


def _selftest(options: argparse.Namespace) -> int:
    from netwatch_tray import selftest

    verdicts = selftest.run()
    if options.json:
        _print_json([verdict._asdict() for verdict in verdicts])
    else:
        _print_verdicts(verdicts)
    return DONE if all(verdict.is_right for verdict in verdicts) else WRONG


def _print_verdicts(verdicts: list[Verdict]) -> None:
    """A row for each amount, a column for each source."""
    names = list(dict.fromkeys(verdict.who for verdict in verdicts))
    rows: dict[str, dict[str, Verdict]] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.what, {})[verdict.who] = verdict
    for number, name in enumerate(names, 1):
        print(f"[{number}] {name}")
    width = max(map(len, rows))
    heads = "".join(f"{f'[{number}]':>13}" for number in range(1, len(names) + 1))
    print(f"\n{'moved':{width}}{'expected':>13}{heads}")
    for what, row in rows.items():
        expected = next(iter(row.values())).expected
        print(f"{what:{width}}{expected:>13}{''.join(f'{_found(row.get(name)):>13}' for name in names)}")
    wrong = sum(not verdict.is_right for verdict in verdicts)
    print(f"\n{wrong} WRONG (marked !)" if wrong else "\nEvery source counted what was moved, to the byte.")


def _found(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    found = "–" if verdict.found is None else str(verdict.found)
    return found if verdict.is_right else f"! {found}"


def _quit(_options: argparse.Namespace) -> int:
    client = _command("quit")
    deadline = time.monotonic() + _QUIT_TIMEOUT
    try:
        while time.monotonic() < deadline:
            client.wait(deadline - time.monotonic())
    except AgentUnreachableError:
        return DONE
    raise NetWatchError(f"The agent was asked to quit, but is still there after {_QUIT_TIMEOUT:.0f} s.")


def _command(name: str) -> FeedClient:
    from netwatch_tray.feed.protocol import Command

    client, _hello = _connect()
    client.send(Command(name))  # type: ignore[arg-type]  # the callers' literals are the protocol's
    return client


def _ask_status() -> Status:
    from netwatch_tray.feed.protocol import Status

    client = _command("status")
    for message in client.wait(_ANSWER_TIMEOUT):
        if isinstance(message, Status):
            return message
    raise NetWatchError("The agent does not answer.")


def _connect() -> tuple[FeedClient, Hello]:
    from netwatch_tray import paths
    from netwatch_tray.feed.client import FeedClient
    from netwatch_tray.feed.protocol import Hello

    client = FeedClient(paths.feed_socket())
    for message in client.wait(_ANSWER_TIMEOUT):
        if isinstance(message, Hello):
            return client, message
    raise NetWatchError("The agent is running, but does not answer. End it and start it again.")


def _settings() -> Settings:
    from netwatch_tray import paths, settings

    return settings.load(paths.settings_file())


def has_display() -> bool:
    """Whether windows can be shown: always on macOS, elsewhere when a display server is named."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _print_json(document: object) -> None:
    import msgspec

    print(msgspec.json.encode(document).decode())


def _print_pairs(pairs: dict[str, str]) -> None:
    width = max(map(len, pairs))
    for name, value in pairs.items():
        print(f"{name:{width}}  {value}")

"""The subcommand `record`, which makes recordings, and the option `--replay` of other subcommands."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netwatch_tray.cli.session import DONE, complain
from netwatch_tray.errors import CollectError, NetWatchError, UnsupportedError
from netwatch_tray.language import translate

if TYPE_CHECKING:
    from netwatch_tray.collect.sockets import ConnectionSource
    from netwatch_tray.collect.sources import Sources
    from netwatch_tray.engine.observation import Observation
    from netwatch_tray.model import Tick
    from netwatch_tray.recording.recorder import Recorder
    from netwatch_tray.recording.replay import Replay
    from netwatch_tray.settings import Settings

PERIOD = 1.0
"""Seconds between readings of the interfaces."""
CONNECTIONS_EVERY = 2
"""Number of readings of the interfaces for each reading of the sockets."""
_SEARCH_SLICE = 0.05
"""Seconds that one step of the search for the owners of sockets may take."""
_MAX_SEARCHES = 4
"""Greatest number of such steps after one reading. An unfinished search continues after the next reading."""
_PAUSE_AFTER_MESSAGES = 0.25
"""Seconds to wait after the kernel's messages about closed sockets were read, before they are read again."""
_FLUSH_EVERY = 10
"""Number of readings after which the recording is flushed to the operating system."""
_UNITS = {"s": 1, "m": 60, "h": 3600}


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "record",
        example="netwatch-tray record report.rec.gz --for 10m",
        help="record what is measured to a file that can be replayed, for bug reports",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a new file; compressed if its name ends in .gz")
    parser.add_argument(
        "--for", dest="seconds", type=_duration, default=600.0, metavar="TIME", help="90s, 10m or 2h (default: 10m)"
    )
    parser.add_argument("--with-addresses", action="store_true", help="keep addresses instead of replacing them")
    parser.add_argument("--with-names", action="store_true", help="keep names of apps, users, units and interfaces")
    parser.set_defaults(run=_record)


def add_replay(parser: argparse._ActionsContainer, *, is_live: bool = True) -> None:
    """Add the option `--replay` and, where a replay has a speed, `--speed`."""
    parser.add_argument("--replay", type=Path, metavar="FILE", help="of a recording instead of this machine")
    if is_live:
        parser.add_argument(
            "--speed", type=_speed, default=1.0, metavar="N", help="recorded seconds per second (default: 1)"
        )


def _duration(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([smh])", text)
    if found is None or not int(found[1]):
        problem = translate("Terminal", "must be a time such as 90s, 10m or 2h, not {text!r}")
        raise argparse.ArgumentTypeError(problem.format(text=text))
    return float(int(found[1]) * _UNITS[found[2]])


def _speed(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.1 <= (speed := float(text)) <= 1000:
            return speed
    problem = translate("Terminal", "must be a number from 0.1 to 1000, not {text!r}")
    raise argparse.ArgumentTypeError(problem.format(text=text))


def _record(options: argparse.Namespace) -> int:
    import threading

    from netwatch_tray.recording.format import MAX_BYTES
    from netwatch_tray.recording.recorder import Recorder

    about = {
        (False, False): translate("Terminal", "addresses and names are replaced"),
        (True, False): translate("Terminal", "names are replaced"),
        (False, True): translate("Terminal", "addresses are replaced"),
        (True, True): translate("Terminal", "it contains all addresses and names"),
    }[options.with_addresses, options.with_names]
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup(1) ignores SIGHUP
            signal.signal(number, lambda *_: stopped.set())
    recorder = Recorder(options.file, hides_addresses=not options.with_addresses, hides_names=not options.with_names)
    with contextlib.closing(recorder):
        begin = translate("Terminal", "Recording to {file} for {seconds:.0f} s; {about}. Ctrl-C ends it earlier.")
        print(begin.format(file=options.file, seconds=options.seconds, about=about), flush=True)
        end = time.monotonic() + options.seconds
        for _ in record(recorder):
            if stopped.is_set() or time.monotonic() >= end:
                break
            if recorder.size > MAX_BYTES:
                full = translate("Terminal", "The recording has reached its greatest size, {size} MiB.")
                complain(full.format(size=MAX_BYTES >> 20))
                break
    print(translate("Terminal", "Replay it with: netwatch-tray window --replay {file}").format(file=options.file))
    return DONE


def record(recorder: Recorder) -> Iterator[tuple[Tick | None, Observation]]:
    """Measure without end while `recorder` records it. Yield what `measure` yields; a replay of the recording yields
    the same."""
    for number, step in enumerate(measure(recorder, {})):
        yield step
        if number % _FLUSH_EVERY == 0:
            recorder.flush()


def measure(sources: Sources, chosen: Mapping[str, bool]) -> Iterator[tuple[Tick | None, Observation]]:
    """Measure without end. After each reading of the interfaces, yield its tick (None while there is none yet) and the
    sums over the sockets. One reading in CONNECTIONS_EVERY also reads the sockets.

    `chosen`: names of interfaces that the user counts in the total (True) or leaves out (False).
    """
    connections = _connections(sources)
    due = time.monotonic()
    reads = (number % CONNECTIONS_EVERY == 0 for number in itertools.count())
    for step in _steps(sources, connections, reads, chosen):
        yield step
        due = max(due + PERIOD, time.monotonic())
        _wait(connections, due)


def measure_here(settings: Settings) -> Iterator[tuple[Tick | None, Observation]]:
    """Measure this machine with the user's settings. Yields what `measure` yields."""
    from netwatch_tray.collect.sources import Sources

    sources = Sources()
    sources.countries().is_on = settings.countries
    return measure(sources, settings.total)


def replay(source: Replay) -> Iterator[tuple[Tick | None, Observation]]:
    """Yield for each step of a recording what `measure` yields, without waiting between the steps."""

    def reads() -> Iterator[bool]:
        while True:
            yield source.has_reading

    steps = _steps(source, _connections(source), reads(), {})
    while not source.has_ended:
        yield next(steps)


def _steps(
    sources: Sources, connections: ConnectionSource | None, reads: Iterator[bool], chosen: Mapping[str, bool]
) -> Iterator[tuple[Tick | None, Observation]]:
    """Yield for each reading of the interfaces what `measure` yields, without waiting. `reads` yields once for each of
    them: whether the sockets are read as well."""
    from netwatch_tray.engine.monitor import Monitor
    from netwatch_tray.engine.observation import Observation

    monitor = Monitor(sources.interfaces().source, PERIOD, chosen)
    observation = Observation(monitor, sources)
    while True:
        tick = monitor.tick()
        if tick is not None:
            observation.count(tick)
        if next(reads) and connections is not None:
            with contextlib.suppress(CollectError):  # a recording holds it as well
                sample = connections.read()
                observation.take(sample, is_monotonic=connections.is_monotonic, with_tick=tick is not None)
        for _ in range(_MAX_SEARCHES):
            if not observation.table.search(_SEARCH_SLICE):
                break
        yield tick, observation


def _connections(sources: Sources) -> ConnectionSource | None:
    try:
        return sources.connections()
    except UnsupportedError:
        return None


def replayed_ticks(file: Path, speed: float) -> Iterator[Tick]:
    """Yield the ticks of a recording, `speed` times as fast as they were recorded. Raise NetWatchError if the file is
    not a valid recording."""
    from netwatch_tray.recording.replay import Replay

    with contextlib.closing(Replay(file, keeps_time=True)) as source:
        for tick, _ in replay(source):
            if tick is not None:
                yield tick
                # A gap, in which the machine may have slept for hours, is not waited for.
                time.sleep(PERIOD / speed)


def _wait(connections: ConnectionSource | None, until: float) -> None:
    """Wait until a time of the monotonic clock. Meanwhile read the kernel's messages about closed sockets, because the
    kernel queues only about 330 of them."""
    import select

    while (left := until - time.monotonic()) > 0:
        if connections is None or connections.descriptor is None:
            time.sleep(left)
        elif select.select([connections.descriptor], [], [], left)[0]:
            with contextlib.suppress(CollectError):
                connections.catch_up()
            time.sleep(min(left, _PAUSE_AFTER_MESSAGES))


@contextlib.contextmanager
def private_home() -> Iterator[str]:
    """Use a new directory for all files of this process and its children. It is removed afterwards."""
    import shutil
    import tempfile

    from netwatch_tray import paths

    directory = os.environ[paths.HOME] = tempfile.mkdtemp(prefix="netwatch-replay-")
    try:
        yield directory
    finally:
        del os.environ[paths.HOME]
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def replaying_agent(file: Path, speed: float) -> Iterator[None]:
    """Run an agent that replays a recording, while the `with` block runs. Agent and this process use a temporary
    directory for all their files. Raise NetWatchError if the recording cannot be replayed."""
    import subprocess

    from netwatch_tray import launch, paths
    from netwatch_tray.recording.replay import Replay

    Replay(file).close()  # whatever is wrong with it is reported here
    command = launch.command("agent", "--headless", "--replay", str(file), "--speed", str(speed))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as agent:
        line = agent.stdout.readline() if agent.stdout else ""
        variable, _, directory = line.strip().partition("=")
        try:
            if variable != paths.HOME:
                raise NetWatchError("The agent could not replay the recording.")
            os.environ[paths.HOME] = directory
            yield
        finally:
            os.environ.pop(paths.HOME, None)
            agent.terminate()

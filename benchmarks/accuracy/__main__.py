"""The scoreboard: known bytes between network namespaces, counted by this program and by others at the same time.

Prints one row a figure, and writes docs/accuracy.md with `--write`. Needs root. Programs that are not installed are
left out. `--only` runs the scenarios named.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks._harness import report
from benchmarks.accuracy import table
from benchmarks.accuracy.amounts import Seen, judge
from benchmarks.accuracy.observers import Observer
from benchmarks.accuracy.ours import Ours, OursWithHelper
from benchmarks.accuracy.peers import NOT_RUN, PEERS
from benchmarks.accuracy.processes import ROOT, until
from benchmarks.accuracy.scenarios import SCENARIOS, Scenario, Stage
from benchmarks.accuracy.world import World

_LEAST, _STILL, _MOST = 7.0, 6.0, 30.0
"""Seconds to wait after the traffic: at least, while our numbers do not change, at most."""


def play(scenario: Scenario, tools: Sequence[type[Observer]]) -> table.Played:
    """Run a scenario in its own namespaces while all tools measure it."""
    with tempfile.TemporaryDirectory(prefix="nwt-score-", dir="/tmp") as made, ExitStack() as stack:
        directory = Path(made)
        directory.chmod(0o755)
        world = World(directory, has_ipv6=scenario.has_ipv6)
        stack.callback(world.close)
        stage = Stage(world)
        scenario.prepare(stage)
        # Not recorded: what the preparation moved.
        moved_before = {app.name: app.moved for app in stage.apps}
        observers = []
        for number, tool in enumerate(tools):
            observer = tool(world, directory / f"tool{number}")
            stack.callback(observer.close)
            observers.append(observer)
        for each in observers:
            try:
                until(each.is_ready, f"{each.name} is ready")
            except TimeoutError as error:
                raise RuntimeError("\n".join([str(error), *(process.said() for process in each.processes)])) from None
        world.await_silence()
        for uplink in world.uplinks:
            world.record(uplink.replace("uplink", "peer"))
        before = [each.read_first() for each in observers]
        if world.has_moved:
            raise RuntimeError("Something other than the scenario's traffic passed.")
        stage.observers = [process for each in observers for process in each.processes]
        for process in stage.observers:
            process.begin_measuring()
        scenario.run(stage)
        _settle([each for each in observers if isinstance(each, Ours)])
        truth = world.truth(moved_before)
        results, costs = {}, {}
        for observer, old in zip(observers, before, strict=True):
            results[observer.name] = judge(truth, observer.unit, observer.app_unit, old, observer.read())
            costs[observer.name] = observer.cost()
        return table.Played(scenario, truth, tuple(world.differences(moved_before)), results, costs)


def _settle(ours: Sequence[Observer]) -> None:
    """Wait until the numbers of this program no longer change; other tools show theirs at once."""
    began = since = time.monotonic()
    seen: list[Seen] = []
    while (now := time.monotonic()) < began + _MOST:
        if seen != (seen := [each.read() for each in ours]):
            since = now
        if now > began + _LEAST and now > since + _STILL:
            return
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line: a JSON list of name, value, unit")
    parser.add_argument("--write", action="store_true", help="write docs/accuracy.md")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="scenarios")
    options = parser.parse_args()
    if sys.platform != "linux" or os.geteuid() != 0:
        sys.exit("The scoreboard needs Linux and root: it makes network namespaces.")
    every: tuple[type[Observer], ...] = (Ours, OursWithHelper, *PEERS)
    missing = {tool: tool.missing() for tool in every}
    tools = [tool for tool, reason in missing.items() if reason is None]
    chosen = [each for each in SCENARIOS if not options.only or each.name in options.only]
    began, load_before = time.monotonic(), os.getloadavg()[0]
    played = []
    for number, scenario in enumerate(chosen, 1):
        print(f"{number}/{len(chosen)} {scenario.name}", end="", file=sys.stderr, flush=True)
        try:
            played.append(play(scenario, tools))
        except (RuntimeError, TimeoutError) as error:  # a machine that was too busy for a moment
            print(f" {error}; once more", end="", file=sys.stderr, flush=True)
            played.append(play(scenario, tools))
        print(table.in_short(played[-1]), file=sys.stderr, flush=True)
    board = table.Board(
        played=played,
        tools=[table.Tool(tool.name, tool.version(), tool.about) for tool in tools],
        left_out={tool.name: reason for tool, reason in missing.items() if reason is not None},
        minutes=(time.monotonic() - began) / 60,
        loads=(load_before, os.getloadavg()[0]),
        machine=f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}, {platform.machine()}",
        date=dt.datetime.now(dt.UTC).date().isoformat(),
    )
    if options.write:
        (ROOT / "docs" / "accuracy.md").write_text(table.document(board, NOT_RUN))
    report(table.rows(board), options)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()

"""The detectors over real sources in a network namespace, as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from networks import inside

_DEADLINE = 120.0
"""Seconds. Only a failing test waits that long."""

WATCH = """
import json, select, sys, time
from datetime import date
import msgspec
from netwatch_tray import clock
from netwatch_tray.collect.sources import Sources
from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.upload import Usual
from netwatch_tray.engine.detectors.watch import Detectors
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.observation import Observation
from netwatch_tray.settings import Events

class OneMegabyte(dict):
    def get(self, app, default=None):
        return Usual(median=1_000_000, busy=1_000_000, greatest=1_000_000, days=28)

def show(found):
    for each in found:
        shown = {"kind": each.kind.label, **{name: getattr(each, name) for name in ("app", "host", "goes_on")}}
        print(json.dumps(shown | msgspec.to_builtins(each.evidence)), flush=True)

def moment():
    return Moment(time.time(), clock.boottime())

sources = Sources()
monitor = Monitor(sources.interfaces().source, 0.5, {})
observation, connections, refusals = Observation(monitor, sources), sources.connections(), sources.refusals()
client = None
if len(sys.argv) > 1:
    from netwatch_tray.collect.helper_client import HelperClient
    client = HelperClient(sys.argv[1])
    client.read(20)
detectors = Detectors(Events())
minutes, is_ready = 0, False
while True:
    until = time.monotonic() + 0.5
    while (left := until - time.monotonic()) > 0:
        for each in select.select([sys.stdin, connections.descriptor], [], [], left)[0]:
            if each is not sys.stdin:
                connections.catch_up()
                continue
            word = sys.stdin.readline().strip()
            if word == "":
                sys.exit()
            if word == "minute":
                minutes += 1
                show(detectors.refused(refusals.read(), Moment(time.time(), 60.0 * minutes)))
            elif word == "know":
                show(detectors.know([]))
            elif word == "compare":
                detectors.compare_with(date.today(), OneMegabyte(), {})
            print(json.dumps({"done": word}), flush=True)
    tick = monitor.tick()
    reading = None if client is None else client.read(5)
    if reading is not None:
        observation.take_reading(reading)
        show(detectors.reading(reading, observation, moment()))
    changes = observation.take(connections.read(), is_monotonic=True)
    while observation.table.search(0.01):
        pass
    show(detectors.sockets(changes, observation.table, moment()))
    if tick is not None:
        observation.count(tick)
        show(detectors.tick(tick, observation.take_moved(), monitor.interfaces, moment()))
    if not is_ready and tick is not None:
        is_ready = True
        print(json.dumps({"done": "ready"}), flush=True)
"""
"""Path of the helper's socket, if any. Reads every half second, and obeys the words that it reads."""


class Watching:
    """A process with detectors, which collects their findings."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()
        self._await("ready")

    @property
    def found(self) -> list[dict[str, Any]]:
        """Return the findings so far."""
        return [each for each in self._lines if "kind" in each]

    def say(self, word: str) -> None:
        """Send a command. `minute`: read the kernel's counters, as if a minute had passed. `know`: the history has no
        apps. `compare`: every app usually sends 1 MB a day."""
        done = sum(each == {"done": word} for each in self._lines)
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        self._await(word, done + 1)

    def wait_for(self, kind: str) -> dict[str, Any]:
        """Return the first finding of a kind."""
        deadline = time.monotonic() + _DEADLINE
        while not (found := [each for each in self.found if each["kind"] == kind]):
            assert time.monotonic() < deadline, f"only {self.found}"
            assert self._process.poll() is None
            time.sleep(0.1)
        return found[0]

    def settle(self, seconds: float = 2.0) -> list[dict[str, Any]]:
        """Return all findings that are occurrences of their own, after some more readings."""
        time.sleep(seconds)
        self.say("settled")
        return [each for each in self.found if not each["goes_on"]]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()

    def _await(self, word: str, count: int = 1) -> None:
        deadline = time.monotonic() + _DEADLINE
        while sum(each == {"done": word} for each in self._lines) < count:
            assert self._process.poll() is None, "the detectors ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _collect(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(json.loads(line))


@contextmanager
def watching(namespace: str, command: list[str] | None = None) -> Iterator[Watching]:
    """Run the detectors in a namespace. `command`: by default as root, without a helper."""
    command = command or [sys.executable, "-c", WATCH]
    process = subprocess.Popen([*inside(namespace), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    watched = None
    try:
        watched = Watching(process)
        yield watched
    finally:
        if watched is not None:
            watched.close()
        else:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


SCAN = """
import socket, sys, time
for port in range(int(sys.argv[2]), int(sys.argv[2]) + int(sys.argv[3])):
    with socket.socket() as probe:
        probe.settimeout(2)
        probe.connect_ex((sys.argv[1], port))
    time.sleep(0.02)
"""
"""Address, first port, count: tries to connect to each port, 50 a second."""

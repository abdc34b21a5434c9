"""A simulated machine: tests set counters, clocks and boots, and ticks are made by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from netwatch_tray.collect.interface_source import InterfaceSource
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.rates import Interval, RateTracker
from netwatch_tray.errors import Message
from netwatch_tray.history.boot import Boot
from netwatch_tray.history.writer import HistoryWriter
from netwatch_tray.model import GapReason, Interface, Sample, Tick
from netwatch_tray.settings import DataPlan, History

START = 1_767_225_600.0
"""2026-01-01 00:00 UTC."""


@dataclass
class Machine(InterfaceSource):
    """A machine with interfaces by index: [name, kind, is an uplink, rx, tx]."""

    wall: float = START
    boottime: float = 1000.0
    uptime: float = 1000.0
    boot: int = 1
    interfaces: dict[int, list[Any]] = field(default_factory=lambda: {2: ["eth0", "ethernet", True, 0, 0]})
    next_index: int = 10
    name: str = "simulated"
    note: Message | None = None

    def __post_init__(self) -> None:
        self.start_agent()

    def start_agent(self) -> None:
        """Begin a new run of the program."""
        self.monitor = Monitor(self, 1.0, {})
        self.monitor._tracker = _Tracker(self)  # with the clock of the machine that stops in sleep

    def carry(self, index: int, rx: int, tx: int) -> None:
        if index in self.interfaces:
            self.interfaces[index][3] += rx
            self.interfaces[index][4] += tx

    def sample(self) -> Sample:
        rows = {
            index: (rx // 1000, tx // 1000, rx, tx, 0, 0, 0, 0)
            for index, (_name, _kind, _uplink, rx, tx) in self.interfaces.items()
        }
        known: Mapping[int, Interface] = {
            index: Interface(
                index=index, name=name, kind=kind, is_up=True, default_metric=100 if uplink else None, speed=10**9
            )
            for index, (name, kind, uplink, _rx, _tx) in self.interfaces.items()
        }
        return Sample(self.boottime, rows, known, 64)

    def close(self) -> None: ...

    def wait(self, seconds: float = 1.0) -> None:
        self.wall += seconds
        self.boottime += seconds
        self.uptime += seconds

    def sleep(self, seconds: float) -> None:
        self.wall += seconds
        self.boottime += seconds

    def reboot(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += 1
        self.boottime = self.uptime = 20.0
        for interface in self.interfaces.values():
            interface[3] = interface[4] = 0

    def tick(self) -> Tick:
        tick = self.monitor.tick()
        assert tick is not None
        return msgspec.structs.replace(tick, at=datetime.fromtimestamp(self.wall, UTC))

    def which_boot(self) -> Boot:
        return Boot(f"boot-{self.boot}", self.boottime, self.wall)

    def writer(self, file: Path, plan: DataPlan | None = None, kept: History | None = None) -> HistoryWriter:
        return HistoryWriter(
            file,
            kept or History(),
            plan or DataPlan(),
            boot=self.which_boot,
            boottime=lambda: self.boottime,
        )


class _Tracker(RateTracker):
    def __init__(self, machine: Machine) -> None:
        super().__init__(1.0)
        self._machine = machine

    def update(
        self,
        sample: Sample,
        uptime: float | None = None,  # noqa: ARG002
        gap: GapReason | None = None,
        *,
        is_last: bool = False,
    ) -> Interval | None:
        return super().update(sample, self._machine.uptime, gap, is_last=is_last)

"""Base class of the tools of the scoreboard; `ours` and `peers` have a class for each."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from benchmarks.accuracy.amounts import Seen, Unit
from benchmarks.accuracy.processes import Cost, Measured, Running
from benchmarks.accuracy.world import World


class Observer(ABC):
    """A tool that measures the traffic of a scenario (in a `world.World`)."""

    name: ClassVar[str]
    program: ClassVar[str] = ""
    """Name of the program that must be installed."""
    unit: ClassVar[Unit] = Unit.FRAMES
    app_unit: ClassVar[Unit] = Unit.PAYLOAD
    about: ClassVar[str]
    """Text for the table: how the tool was run, and what it does not show by design."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world, self.directory = world, directory
        directory.mkdir()
        self._stack = ExitStack()
        self.processes: list[Measured] = []
        """All processes of the tool."""
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise

    @classmethod
    def missing(cls) -> str | None:
        """Return why the tool cannot run on this machine, or `None` if it can."""
        return None if shutil.which(cls.program) else f"{cls.program} is not installed"

    @classmethod
    @abstractmethod
    def version(cls) -> str: ...

    @abstractmethod
    def _start(self) -> None: ...

    @abstractmethod
    def is_ready(self) -> bool: ...

    @abstractmethod
    def read(self) -> Seen: ...

    def read_first(self) -> Seen:
        """Return what the tool shows before the traffic. Nothing may pass the wires meanwhile."""
        return self.read()

    @property
    def measured(self) -> Iterable[Measured]:
        """Return the processes whose cost counts as the tool's."""
        return self.processes[:1]

    def cost(self) -> Cost:
        costs = [each.cost() for each in self.measured]
        return Cost(
            sum(each.cpu_ms for each in costs),
            max(each.elapsed_s for each in costs),
            sum(each.pss_mb for each in costs),
        )

    def run(self, *command: str, name: str = "output", environment: dict[str, str] | None = None) -> Running:
        """Start a process in the network namespace `near`."""
        made = Running(command, self.directory, name, namespace=self.world.near, environment=environment or {})
        self._stack.callback(made.close)
        self.processes.append(made)
        return made

    def close(self) -> None:
        self._stack.close()

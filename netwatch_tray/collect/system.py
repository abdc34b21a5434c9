"""Processor, memory, load and properties of the machine: from /proc on Linux (proc(5)), by psutil elsewhere."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from netwatch_tray.collect import kernel_file
from netwatch_tray.collect.odd_rows import parsed
from netwatch_tray.errors import CollectError, ParseError, UnsupportedError
from netwatch_tray.text import decoded, from_os

_MOST_DIGITS = 20
"""Most digits of a number in /proc/meminfo that are parsed. Its KiB fit into 64 bits."""
_MEMORY_FIELDS = frozenset((b"MemTotal", b"MemFree", b"MemAvailable", b"Buffers", b"Cached", b"SwapTotal", b"SwapFree"))
"""Names of the lines of /proc/meminfo that are used; it has about fifty."""
_PRETTY_NAME = re.compile(r"""PRETTY_NAME=(["']?)(.*)\1$""")
_SHELL_ESCAPE = re.compile(r"\\(.)")


class CpuTimes(NamedTuple):
    """Processor times since boot, all in the same unit."""

    busy: float
    total: float


class Memory(NamedTuple):
    """Sizes in bytes."""

    total: int
    available: int
    swap_total: int
    swap_used: int

    @property
    def used(self) -> int:
        return self.total - self.available


class SystemSample(NamedTuple):
    cpu_pct: float | None
    """CPU use since the previous sample, 0 to 100; `None` in the first sample."""
    cpu_per_core: tuple[float, ...] | None
    memory: Memory
    load: tuple[float, float, float]
    """Load averages of the last 1, 5 and 15 minutes."""


class Machine(NamedTuple):
    """Properties of the machine that do not change while the program runs."""

    os: str
    kernel: str
    cpu_model: str | None
    cpu_cores: int | None
    memory_bytes: int | None


class SystemReadings(Protocol):
    def cpu(self) -> Sequence[CpuTimes]: ...
    def memory(self) -> Memory: ...


class SystemSource:
    """Source of samples of processor, memory and load. CPU use is that since the previous sample, so `sample` returns
    at once."""

    def __init__(self, readings: SystemReadings | None = None) -> None:
        """`readings`: reads the raw numbers; by default from this system."""
        self._readings = readings or open_readings()
        self._before: Sequence[CpuTimes] = ()

    def sample(self) -> SystemSample:
        """Return a sample. Raise CollectError if the numbers cannot be read."""
        before, self._before = self._before, self._readings.cpu()
        shares = usage(before, self._before)
        try:
            load = os.getloadavg()
        except OSError as error:
            raise CollectError("The load is not known.") from error
        return SystemSample(shares[0] if shares else None, shares[1:] or None, self._readings.memory(), load)


def open_readings() -> SystemReadings:
    """Return the object that reads the raw numbers of this system."""
    return ProcReadings() if sys.platform == "linux" else _PsutilReadings()


def usage(before: Sequence[CpuTimes], now: Sequence[CpuTimes]) -> tuple[float, ...]:
    """Return the CPU use between two readings in percent: of all processors together, then of each. Empty if the
    processors changed or no time elapsed."""
    if len(before) != len(now):  # a processor was added or removed
        return ()
    shares = []
    for old, new in zip(before, now, strict=True):
        elapsed = new.total - old.total
        if elapsed <= 0:
            return ()
        shares.append(round(100 * min(1.0, max(0.0, (new.busy - old.busy) / elapsed)), 1))
    return tuple(shares)


class ProcReadings:
    """Reads the raw numbers from /proc on Linux."""

    def __init__(self, root: str = "/proc") -> None:
        self._root = root

    def cpu(self) -> Sequence[CpuTimes]:
        return parse_stat(self._read("stat"))

    def memory(self) -> Memory:
        return parse_meminfo(self._read("meminfo"))

    def _read(self, name: str) -> bytes:
        try:
            return kernel_file.read(f"{self._root}/{name}")
        except OSError as error:
            raise CollectError("{root} cannot be read: {reason}.", root=f"{self._root}/{name}", reason=error) from error


class _PsutilReadings:
    def cpu(self) -> Sequence[CpuTimes]:
        import psutil  # noqa: PLC0415  4 MB, for systems without /proc

        cores = [CpuTimes(sum(times) - times.idle, sum(times)) for times in psutil.cpu_times(percpu=True)]
        return [CpuTimes(sum(core.busy for core in cores), sum(core.total for core in cores)), *cores]

    def memory(self) -> Memory:
        import psutil  # noqa: PLC0415  as above

        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return Memory(memory.total, memory.available, swap.total, swap.used)


def parse_stat(content: bytes) -> Sequence[CpuTimes]:
    """Return the times in the `cpu` lines of /proc/stat: first of all processors together, then of each. Raise
    ParseError if there are none.

    Waiting for a disk counts as idle. Guest time is not added, because user and nice contain it.
    """
    lines = [line for line in content.split(b"\n") if line.startswith(b"cpu")]
    found = dict(parsed("/proc/stat", lines, _cpu_times))
    if b"cpu" not in found:
        raise ParseError("/proc/stat has no line for all processors together.")
    return [found.pop(b"cpu"), *found.values()]


def _cpu_times(line: bytes) -> tuple[bytes, CpuTimes]:
    name, *words = line.split()
    ticks = [int(word) for word in words[:8]]
    if len(ticks) < 4 or min(ticks) < 0:
        raise ValueError(line)
    total = sum(ticks)
    return name, CpuTimes(total - sum(ticks[3:5]), total)


def parse_meminfo(content: bytes) -> Memory:
    """Parse /proc/meminfo. Raise ParseError if a needed line is missing.

    Before Linux 3.14 the kernel does not report the available memory. It is then the free memory plus that of cached
    files.
    """
    fields: dict[bytes, int] = {}
    for line in content.split(b"\n"):
        name, _, rest = line.partition(b":")
        if name not in _MEMORY_FIELDS:
            continue
        number = rest.split()[:1]
        if number and number[0].isdigit() and len(number[0]) < _MOST_DIGITS:
            fields[name] = int(number[0]) * 1024
    try:
        total, swap = fields[b"MemTotal"], fields.get(b"SwapTotal", 0)
        available = fields.get(b"MemAvailable")
        if available is None:
            available = fields[b"MemFree"] + fields.get(b"Buffers", 0) + fields.get(b"Cached", 0)
        return Memory(total, min(total, available), swap, max(0, swap - fields.get(b"SwapFree", 0)))
    except KeyError as error:
        raise ParseError(f"/proc/meminfo has no {error.args[0].decode()}.") from error


def parse_cpu_model(content: bytes) -> str | None:
    """Return the name of the first processor model in /proc/cpuinfo; None if it has none, as on ARM."""
    for line in content.split(b"\n"):
        name, _, value = line.partition(b":")
        if name.strip() == b"model name":
            return decoded(value).strip() or None
    return None


def machine() -> Machine:
    """Read the properties of this machine; unknown ones are `None`."""
    names = os.uname()
    if sys.platform == "linux":
        try:
            model = parse_cpu_model(Path("/proc/cpuinfo").read_bytes())
        except OSError:
            model = None
        system = _distribution() or names.sysname
    else:
        model = _mac_sysctl("machdep.cpu.brand_string")
        # platform.mac_ver() is 16.0 on macOS 26 for a Python that was built with an older SDK.
        system = f"macOS {_mac_sysctl('kern.osproductversion') or platform.mac_ver()[0]}"
    try:
        memory = open_readings().memory().total
    except CollectError:
        memory = None
    return Machine(from_os(system), from_os(names.release), model, os.cpu_count(), memory)


def _distribution() -> str | None:
    for file in ("/etc/os-release", "/usr/lib/os-release"):
        with contextlib.suppress(OSError):
            return parse_os_release(Path(file).read_bytes())
    return None


def parse_os_release(content: bytes) -> str | None:
    """Return PRETTY_NAME of os-release(5), or `None` if it has none. Later assignments win, as in a shell."""
    found = None
    for line in content.split(b"\n"):
        assignment = _PRETTY_NAME.match(decoded(line).strip())
        if assignment is not None:
            found = _SHELL_ESCAPE.sub(r"\1", assignment[2])
    return found or None


def _mac_sysctl(name: str) -> str | None:
    from netwatch_tray.collect import tools  # noqa: PLC0415  where the kernel has no file for it

    try:
        named = tools.output([tools.find("sysctl"), "-n", name], timeout=2)
    except (CollectError, UnsupportedError):
        return None
    return decoded(named).strip() or None


def hostname() -> str:
    """Return the current host name, which another network may change."""
    return from_os(os.uname().nodename) or "unnamed"

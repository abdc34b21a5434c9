"""Runs processes in a network namespace with their output in a file, measures what they use, and ends them."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
_CLONE_NEWNET = 0x40000000
_PATIENCE = 60.0


def inside(namespace: str) -> list[str]:
    """Return the words to put before a command so that it runs in the namespace."""
    return ["nsenter", f"--net=/run/netns/{namespace}"]


@contextmanager
def within(namespace: str) -> Iterator[None]:
    """Within the block, sockets that this thread creates are in the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as back, Path(f"/run/netns/{namespace}").open() as target:
        if libc.setns(target.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            if libc.setns(back.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")


def run(*command: str, namespace: str | None = None) -> str:
    """Return what a command prints. Raise CalledProcessError with what it printed to stderr."""
    done = subprocess.run(
        [*(inside(namespace) if namespace else []), *command],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=_PATIENCE,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def until(is_met: Callable[[], object], what: str, patience: float = _PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not is_met():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.1)


@functools.cache
def python_of_users() -> list[str]:
    """Return a Python with the packages of this one that every user can run; a checkout may be in root's home."""
    packages = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for program in (sys.executable, f"{sys.base_exec_prefix}/bin/{version}", f"/usr/bin/{version}"):
        command = ["env", "-C", "/", f"PYTHONPATH={packages}", "PYTHONDONTWRITEBYTECODE=1", program]
        check = [*AS_NOBODY, *command, "-c", "import msgspec, netwatch_tray.cli"]
        if subprocess.run(check, capture_output=True, check=False).returncode == 0:
            return command
    raise RuntimeError(f"A {version} that every user can run is needed, as is a checkout that every user can read.")


class Cost(NamedTuple):
    """What processes have used in some time: CPU time and memory."""

    cpu_ms: float = 0.0
    elapsed_s: float = 0.0
    pss_mb: float = 0.0
    """Memory (PSS) in MB, the highest of all readings."""

    def plus(self, other: Cost) -> Cost:
        return Cost(self.cpu_ms + other.cpu_ms, self.elapsed_s + other.elapsed_s, max(self.pss_mb, other.pss_mb))


def family_of(pid: int) -> list[int]:
    """Return a PID and the PIDs of all its descendants."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _cpu_ms(pid: int) -> float:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6
    except (OSError, IndexError):
        return 0.0


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


class Measured:
    """A process that was started elsewhere, with all its descendants, whose use of CPU and memory is measured."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._began, self._cpu_before = time.monotonic(), 0.0

    def said(self) -> str:
        """Return what the process wrote to stderr."""
        return ""

    def signal(self, number: int) -> None:
        for pid in family_of(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def begin_measuring(self) -> None:
        self._began = time.monotonic()
        self._cpu_before = sum(map(_cpu_ms, family_of(self.pid)))

    def cost(self) -> Cost:
        """Return what the processes used since `begin_measuring`."""
        pids = family_of(self.pid)
        spent = sum(map(_cpu_ms, pids)) - self._cpu_before
        return Cost(max(0.0, spent), time.monotonic() - self._began, sum(map(_pss_mb, pids)))


class Running(Measured):
    """A process whose output goes to files. `close` ends only what was started here."""

    def __init__(
        self,
        command: Iterable[str],
        directory: Path,
        name: str,
        *,
        namespace: str | None = None,
        environment: Mapping[str, str] = {},
    ) -> None:
        self.output = directory / f"{name}.out"
        self.errors = directory / f"{name}.err"
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [*(inside(namespace) if namespace else []), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
                env={**os.environ, **environment},
            )
        super().__init__(self._process.pid)

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def said(self) -> str:
        return self.errors.read_text(errors="replace")

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def lines(self) -> list[str]:
        """Return the printed lines, without an incomplete last one."""
        return self.text().split("\n")[:-1]

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

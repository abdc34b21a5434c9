"""What people install: its size, and what the frozen agent costs beside the same agent run from source.

Builds the .deb first (a minute and a half). Both agents run in a real panel (xfce4-panel, private X server and session
bus), each in a session of its own. `start` is the CPU time of the process until its icon is registered, of all its
threads, the loader's included; the median of STARTS, after one that warms the disk's cache. Memory is PSS as it is when
no other Python runs: this benchmark is one, and would halve the size of the interpreter that it shares with its child.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks._harness import HERE, Row, options, report
from benchmarks.agent import Usage

sys.path.insert(0, str(HERE.parent / "tests"))

from desktop import Session
from networks import Wire, wire

ROOT = HERE.parent
FOLDER = ROOT / "dist" / "netwatch-tray"
STARTS = 5
SETTLE = 5
"""Seconds after the icon is there, in which the first ticks are made."""


class Cost(NamedTuple):
    start_cpu_ms: float
    pss_mb: float


def cost(program: Sequence[str], network: Wire) -> Cost:
    """Return the cost of one start in a panel."""
    with Session(netns=network.near) as desktop:
        desktop.start_host("xfce")
        pid = desktop.spawn("agent", program)
        desktop.wait_for(desktop.items, 20, "the icon registers")
        start = Usage.of(pid).cpu_ns / 1e6
        time.sleep(SETTLE)
        return Cost(start, alone_mb(pid))


def alone_mb(pid: int) -> float:
    """Return the PSS with every page of the files of Python and of the program counted whole (proc_pid_smaps(5))."""
    own = tuple(f"{place}/" for place in (FOLDER, sys.prefix, sys.base_prefix))
    kibibytes = 0
    counted = "Pss:"
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head, *rest = line.split(maxsplit=5)
        if "-" in head:
            counted = "Rss:" if len(rest) == 5 and rest[4].startswith(own) else "Pss:"
        elif head == counted:
            kibibytes += int(rest[0])
    return kibibytes / 1000


def middle(program: Sequence[str], network: Wire) -> Cost:
    costs = [cost(program, network) for _ in range(1 + STARTS)][1:]
    return Cost(*(statistics.median(figures) for figures in zip(*costs, strict=True)))


def main() -> None:
    chosen = options(__doc__)
    subprocess.run([ROOT / "dev", "package", "deb"], check=True, stdout=sys.stderr)
    subprocess.run([sys.executable, "-m", "compileall", "-q", ROOT / "netwatch_tray"], check=True)
    (deb,) = (ROOT / "dist").glob("netwatch-tray_*.deb")
    folder = sum(file.lstat().st_size for file in FOLDER.rglob("*") if not file.is_dir())
    with wire() as network:
        frozen = middle([str(FOLDER / "netwatch-tray")], network)
        source = middle([sys.executable, "-m", "netwatch_tray"], network)
    report(
        [
            Row("package.folder_mb", folder / 1e6, "MB"),
            Row("package.deb_mb", deb.stat().st_size / 1e6, "MB"),
            Row("package.start_cpu_ms", frozen.start_cpu_ms, "ms"),
            Row("package.source_start_cpu_ms", source.start_cpu_ms, "ms"),
            Row("package.pss_mb", frozen.pss_mb, "MB"),
            Row("package.source_pss_mb", source.pss_mb, "MB"),
            Row("package.pss_more_mb", frozen.pss_mb - source.pss_mb, "MB"),
        ],
        chosen,
    )


if __name__ == "__main__":
    main()

"""What metrics for Prometheus add to the resident agent.

Two headless agents side by side in one namespace with changing traffic, one with metrics off, one that is scraped each
15 s. The rows are differences to the first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks._harness import HERE, Row, options, report
from benchmarks.agent import PROGRAM, SECONDS, Usage, pss_mb, traffic

sys.path.insert(0, str(HERE.parent / "tests"))

from networks import NEAR, Wire, inside, wire

from netwatch_tray import settings_writer
from netwatch_tray.settings import Metrics, Settings

INTERVAL = 15
PORT = 9464
SETTLE = 40
"""Seconds after which the first scrapes have loaded everything."""
SCRAPER = """
import sys, time, urllib.request
while True:
    with urllib.request.urlopen(sys.argv[1], timeout=10) as response:
        assert b"netwatch_interface_receive_bytes_total" in response.read()
    time.sleep(float(sys.argv[2]))
"""


@contextmanager
def agent(namespace: str, home: Path, metrics: Metrics) -> Iterator[int]:
    """Run an agent; yield its PID."""
    home.mkdir(mode=0o700)
    names = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")}
    settings_writer.change(home / "netwatch-tray" / "settings.toml", lambda _before: Settings(metrics=metrics))
    (home / "netwatch-tray").chmod(0o700)
    process = subprocess.Popen([*inside(namespace), *PROGRAM, "agent", "--headless"], env={**os.environ, **names})
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def scraper(network: Wire) -> Iterator[subprocess.Popen[str]]:
    process = network.python(network.far, SCRAPER, f"http://{NEAR}:{PORT}/metrics", str(INTERVAL))
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    chosen = options(__doc__)
    subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / "netwatch_tray"], check=True)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        network = stack.enter_context(wire())
        stack.enter_context(traffic(network))
        pids = [
            stack.enter_context(agent(network.near, directory / name, metrics))
            for name, metrics in (("off", Metrics()), ("on", Metrics(on=True, address="0.0.0.0", port=PORT)))  # noqa: S104  of the namespace
        ]
        time.sleep(5)
        scrapes = stack.enter_context(scraper(network))
        time.sleep(SETTLE)
        before = [Usage.of(pid) for pid in pids]
        time.sleep(SECONDS)
        after = [Usage.of(pid) for pid in pids]
        if scrapes.poll() is not None:
            sys.exit("bench: the agent did not serve what it should")
        off, on = (
            (later.cpu_ns - earlier.cpu_ns) / 1e6 * 60 / SECONDS for earlier, later in zip(before, after, strict=True)
        )
        off_mb, on_mb = (pss_mb(pid) for pid in pids)
    report(
        [Row("metrics.cpu_ms_per_min", on - off, "ms/min"), Row("metrics.pss_mb", on_mb - off_mb, "MB")],
        chosen,
    )


if __name__ == "__main__":
    main()

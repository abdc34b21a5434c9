"""What uploading adds to the resident agent: TLS to a server on the loopback, a snapshot and a request each 15 s.

Three headless agents side by side in one namespace with changing traffic: one that sends nothing, one at the level
`rates`, one at the level `connections`, which sends everything and probes gateway and DNS server. CPU time as in
`agent`. The rows are differences to the first. For memory it is all that came to the address space: PSS would come out
too well, because the agents and the server share the TLS library.
"""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks._harness import HERE, Row, options, report
from benchmarks.agent import PROGRAM, measure, traffic

sys.path.insert(0, str(HERE.parent / "tests"))
sys.path.insert(0, str(HERE.parent / "tests" / "cloud"))

from ingest_server import KEY, IngestServer
from networks import inside, wire

from netwatch_tray import settings_writer
from netwatch_tray.settings import Settings, Upload

INTERVAL = 15
SETTLE = 75
"""Seconds until the first minute is in the history and several snapshots were sent, so that everything is loaded."""


def certificate(directory: Path) -> ssl.SSLContext:
    """Make a self-signed certificate for 127.0.0.1; return a context of a server with it."""
    files = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


@contextmanager
def agent(namespace: str, home: Path, settings: Settings, trusted: Path) -> Iterator[int]:
    """Run an agent; yield its PID."""
    home.mkdir(mode=0o700)
    names = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")}
    settings_writer.change(home / "netwatch-tray" / "settings.toml", lambda _before: settings)
    (home / "netwatch-tray").chmod(0o700)
    process = subprocess.Popen(
        [*inside(namespace), *PROGRAM, "agent", "--headless"],
        env={**os.environ, **names, "SSL_CERT_FILE": str(trusted), "NETWATCH_API_KEY": KEY},
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def resident_mb(pid: int) -> float:
    (kilobytes,) = re.findall(r"(?m)^Rss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text())
    return int(kilobytes) / 1000


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("bench: the agents did not send what they should")
        time.sleep(0.1)


class Cost(NamedTuple):
    cpu: float
    """CPU time, ms per minute."""
    wakeups: float
    """Voluntary context switches of its threads, per second."""
    resident_mb: float


def costs(pids: Sequence[int], have_sent: Callable[[], bool]) -> list[Cost]:
    """Return the cost of each agent over the same SECONDS, after everything is loaded and the first
    requests were sent."""
    time.sleep(SETTLE)
    wait_for(have_sent, 30)
    found = measure(*((pid,) for pid in pids))
    return [Cost(*each, resident_mb(pid)) for each, pid in zip(found, pids, strict=True)]


def main() -> None:
    chosen = options(__doc__)
    subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / "netwatch_tray"], check=True)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tls = certificate(directory)
        network = stack.enter_context(wire())
        server = stack.enter_context(IngestServer(tls=tls, namespace=network.near))
        stack.enter_context(traffic(network))
        pids = [
            stack.enter_context(
                agent(network.near, directory / name, Settings(upload=upload), directory / "certificate.pem")
            )
            for name, upload in (
                ("off", Upload()),
                ("rates", Upload(on=True, endpoint=server.url, interval=INTERVAL)),
                ("all", Upload(on=True, endpoint=server.url, interval=INTERVAL, level="connections")),
            )
        ]
        off, rates, everything = costs(pids, lambda: len(server.requests) >= 4)
        if server.complaints:
            sys.exit(f"bench: {server.complaints[0]}")
    report(
        [
            Row("upload.cpu_ms_per_min", everything.cpu - off.cpu, "ms/min"),
            Row("upload.pss_mb", everything.resident_mb - off.resident_mb, "MB"),
            Row("upload.wakeups_per_s", everything.wakeups - off.wakeups, "1/s"),
            Row("upload.rates_cpu_ms_per_min", rates.cpu - off.cpu, "ms/min"),
            Row("upload.rates_pss_mb", rates.resident_mb - off.resident_mb, "MB"),
        ],
        chosen,
    )


if __name__ == "__main__":
    main()

"""What the export to an OpenTelemetry collector adds to the resident agent: TLS on the loopback, a request each 15 s.

Headless agents side by side in one namespace with changing traffic: one that sends nothing, one at the level `events`,
which sends everything and probes gateway and DNS server, and one that also uploads snapshots, at the level
`connections`. The rows are differences to the first, measured as in `upload`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks._harness import HERE, Row, options, report
from benchmarks.agent import traffic
from benchmarks.upload import INTERVAL, agent, certificate, costs

sys.path.insert(0, str(HERE.parent / "tests"))
sys.path.insert(0, str(HERE.parent / "tests" / "cloud"))

from ingest_server import IngestServer
from networks import wire
from otlp_collector import Collector

from netwatch_tray.settings import Otlp, Settings, Upload


def main() -> None:
    chosen = options(__doc__)
    subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / "netwatch_tray"], check=True)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tls = certificate(directory)
        network = stack.enter_context(wire())
        collector = stack.enter_context(Collector(tls=tls, namespace=network.near))
        server = stack.enter_context(IngestServer(tls=tls, namespace=network.near))
        stack.enter_context(traffic(network))
        otlp = Otlp(on=True, endpoint=collector.url, interval=INTERVAL, level="events")
        upload = Upload(on=True, endpoint=server.url, interval=INTERVAL, level="connections")
        pids = [
            stack.enter_context(agent(network.near, directory / name, settings, directory / "certificate.pem"))
            for name, settings in (
                ("off", Settings()),
                ("all", Settings(otlp=otlp)),
                ("both", Settings(otlp=otlp, upload=upload)),
            )
        ]
        off, everything, both = costs(pids, lambda: len(collector.metrics) >= 4 and len(server.requests) >= 2)
        if complaints := [*collector.complaints, *server.complaints]:
            sys.exit(f"bench: {complaints[0]}")
    report(
        [
            Row("otlp.cpu_ms_per_min", everything.cpu - off.cpu, "ms/min"),
            Row("otlp.pss_mb", everything.resident_mb - off.resident_mb, "MB"),
            Row("otlp.with_upload_cpu_ms_per_min", both.cpu - off.cpu, "ms/min"),
            Row("otlp.with_upload_pss_mb", both.resident_mb - off.resident_mb, "MB"),
        ],
        chosen,
    )


if __name__ == "__main__":
    main()

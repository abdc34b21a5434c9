"""Make `files/sample.rec.gz` anew: a download, an upload, and 7 s without measurements. Needs root."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from networks import FAR, NEAR6, PACED_SENDER, RECEIVER, inside, wire  # noqa: E402  found by the path above

FILE = HERE / "files" / "sample.rec.gz"
SECONDS = 25


def main() -> None:
    FILE.unlink(missing_ok=True)
    with wire() as network:
        command = [*inside(network.near), sys.executable, "-m", "netwatch_tray", "record", str(FILE)]
        recorder = subprocess.Popen([*command, "--for", f"{SECONDS}s"])
        download = network.python(network.far, PACED_SENDER, FAR, "8080", "500000", "12")
        upload = network.python(network.near, PACED_SENDER, NEAR6, "8081", "40000", "8")
        for sender in (download, upload):
            assert sender.stdout is not None
            sender.stdout.readline()
        receivers = [network.python(network.near, RECEIVER, FAR, "8080")]
        time.sleep(5)
        receivers.append(network.python(network.far, RECEIVER, NEAR6, "8081"))
        time.sleep(9)
        recorder.send_signal(signal.SIGSTOP)
        time.sleep(7)
        recorder.send_signal(signal.SIGCONT)
        for process in (download, upload, *receivers):
            process.communicate(timeout=60)
            assert process.returncode == 0
        assert recorder.wait(60) == 0


if __name__ == "__main__":
    main()

"""The icon for half an hour with ten updates a second, each of them visible: memory must not grow.

`--seconds 60` for a shorter one. In a private session with a real xfce4-panel; PSS after a minute of warming up (a
tenth of a shorter run) against PSS at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from benchmarks._harness import HERE, Row, report
from benchmarks.agent import pss_mb

sys.path.insert(0, str(HERE.parent / "tests"))

from desktop import Session

PERIOD = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line: a JSON list of name, value, unit")
    parser.add_argument("--seconds", type=float, default=1800.0)
    chosen = parser.parse_args()
    program = [sys.executable, str(HERE.parent / "tests" / "tray" / "bare_agent.py"), "--period", str(PERIOD)]
    with Session() as desktop:
        desktop.start_host("xfce")
        pid = desktop.spawn("agent", program, {"PYTHONPATH": os.pathsep.join([str(HERE.parent), *sys.path])})
        desktop.wait_for(desktop.items, 20, "the icon registers")
        warm = min(60.0, chosen.seconds / 10)
        time.sleep(warm)
        before = pss_mb(pid)
        time.sleep(chosen.seconds - warm)
        after = pss_mb(pid)
        desktop.stop("agent")
    report(
        [
            Row("soak.pss_mb", after, "MB"),
            Row("soak.growth_mb", after - before, "MB"),
            Row("soak.updates", (chosen.seconds - warm) / PERIOD, ""),
        ],
        chosen,
    )


if __name__ == "__main__":
    main()

"""The smallest program with our tray icon: a tick each period with rates that change, or that do not.

Prints what is asked of it: `open`, `quit`. Used by the tests as a process of its own, and to measure what it costs.
"""

from __future__ import annotations

import argparse
import logging
import signal
from datetime import UTC, datetime

from surroundings import no_actions

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.model import InterfaceTick, Tick, Total, Why, WhyCode
from netwatch_tray.settings import Settings
from netwatch_tray.tray import open_tray


def tick(rx_rate: float | None, tx_rate: float | None, names: tuple[str, ...] = ("eth0", "wlan0")) -> Tick:
    """Return a tick of a machine whose first interface carries all traffic."""
    interfaces = tuple(
        InterfaceTick(
            index=index + 2,
            name=name,
            is_up=True,
            is_uplink=index == 0,
            why=Why(WhyCode.DEFAULT_ROUTE),
            rx_bytes=0,
            tx_bytes=0,
            rx_packets=0,
            tx_packets=0,
            rx_errors=0,
            tx_errors=0,
            rx_drops=0,
            tx_drops=0,
            rx_rate=rx_rate if index == 0 else 0.0,
            tx_rate=tx_rate if index == 0 else 0.0,
        )
        for index, name in enumerate(names)
    )
    total = Total(rx_rate=rx_rate, tx_rate=tx_rate, uplinks=names[:1])
    return Tick(at=datetime.now(UTC), interval_s=1.0, gap=None, total=total, interfaces=interfaces)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--period", type=float, default=0.2)
    parser.add_argument("--constant", action="store_true")
    parser.add_argument("--no-tray", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    scheduler = Scheduler()

    def finish() -> None:
        print("quit", flush=True)
        scheduler.stop()

    actions = no_actions(open_window=lambda: print("open", flush=True), quit=finish)
    tray = None if options.no_tray else open_tray(scheduler, actions, Settings())
    count = 0

    def advance() -> None:
        nonlocal count
        count += not options.constant
        now = tick(1e4 * 7 ** (count % 4) + count, 500.0 * 11 ** (count % 3) + count)
        if tray is not None:
            tray.show(now)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: scheduler.stop())
    scheduler.every(options.period, advance)
    scheduler.run()
    if tray is not None:
        tray.close()
    scheduler.close()


if __name__ == "__main__":
    main()

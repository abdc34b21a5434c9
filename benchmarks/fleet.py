"""How many hosts one key can carry: simulated on a virtual clock, against the cloud server's limit of requests.

For each number of hosts behind a key: the delay from measurement to delivery (median and 95 %), requests that the
server accepted and refused each minute, and the minutes until an outage of an hour is made up for.
"""

from __future__ import annotations

import sys

from benchmarks._harness import HERE, Row, options, report

sys.path.insert(0, str(HERE.parent / "tests"))
sys.path.insert(0, str(HERE.parent / "tests" / "cloud"))

from fleet_simulation import Fleet

HOUR = 3600.0
FLEETS = ((2, 15.0), (5, 15.0), (10, 15.0), (50, 15.0), (100, 15.0), (50, 60.0), (100, 60.0), (200, 60.0), (400, 60.0))
"""Hosts behind one key, and seconds between snapshots."""


def rows(hosts: int, interval: float) -> list[Row]:
    fleet = Fleet(hosts, interval=interval)
    server = fleet.server
    fleet.run(HOUR)
    fleet.take_delays()
    before = server.accepted, server.refused
    fleet.run(2 * HOUR)
    delays = fleet.take_delays()
    accepted, refused = server.accepted - before[0], server.refused - before[1]
    usual = fleet.pending
    server.is_down = True
    fleet.run(HOUR)
    server.is_down = False
    back = fleet.clock.now
    while fleet.pending > max(hosts, 1.2 * usual) and fleet.clock.now - back < 12 * HOUR:
        fleet.run(60)
    name = f"fleet.{hosts}_hosts_{interval:.0f}_s"
    return [
        Row(f"{name}.delay", delays[len(delays) // 2], "s"),
        Row(f"{name}.delay_95", delays[len(delays) * 95 // 100], "s"),
        Row(f"{name}.accepted", accepted / 120, "1/min", more_is_better=True),
        Row(f"{name}.refused", refused / 120, "1/min"),
        Row(f"{name}.recovery", (fleet.clock.now - back) / 60, "min"),
    ]


def main() -> None:
    chosen = options(__doc__)
    report([row for fleet in FLEETS for row in rows(*fleet)], chosen)


if __name__ == "__main__":
    main()

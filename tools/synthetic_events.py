"""The events of the machine that does not exist; see synthetic."""

from __future__ import annotations

from collections.abc import Sequence

from netwatch_tray.event import (
    Beacon,
    DnsTunnel,
    Event,
    Evidence,
    GatewaySilent,
    NewApp,
    NewListener,
    NotMeasured,
    Offline,
    PlanUsed,
    PortScan,
    SentMuch,
    Severity,
    TotalMoved,
)
from netwatch_tray.model import GapReason

_MINUTE, _DAY = 60.0, 86400.0


def synthetic_events(now: float) -> tuple[Event, ...]:
    """Return the events until a Unix time, oldest first."""
    alert, notice, record = Severity.ALERT, Severity.NOTICE, Severity.RECORD
    found: Sequence[tuple[float, Severity, Evidence, dict[str, object]]] = (
        (5 * _DAY + 400 * _MINUTE, notice, NewApp(program="/usr/bin/flatpak"), {"app_name": "Flatpak"}),
        (3 * _DAY, alert, _scan(41, answered=(22,)), {"host": "192.0.2.91", "is_seen": True}),
        (2 * _DAY + 90 * _MINUTE, notice, NewListener(protocol="TCP", address="*", port=5432),
         {"app_name": "postgresql.service"}),
        (_DAY + 340 * _MINUTE, record, NotMeasured(reason=GapReason.NOT_RUNNING, seconds=4.0), {}),
        (_DAY - 106 * _MINUTE, notice, TotalMoved(before=("eth0",), after=("wlan0",)), {}),
        (_DAY - 107 * _MINUTE, notice, GatewaySilent(address="192.0.2.1", seconds=40.0, until=now - _DAY), {}),
        (_DAY - 300 * _MINUTE, notice, NewApp(program="/usr/games/steam"),
         {"app_name": "Steam", "host": "cdn.example"}),
        (_DAY - 500 * _MINUTE, alert,
         PlanUsed(percent=80, used=320 * 10**9, cap=400 * 10**9, since="2026-11-01", until="2026-11-30", days_left=5),
         {"is_seen": True}),
        (312 * _MINUTE, notice, NewListener(protocol="TCP", address="*", port=22000, before=("127.0.0.1",)),
         {"app_name": "Syncthing"}),
        (167 * _MINUTE, alert,
         DnsTunnel(queries=312, labels=298, length=41.0, entropy=3.9, seconds=300.0, rule_labels=100, rule_length=30.0,
                   rule_entropy=3.5, rule_seconds=300.0),
         {"app_name": "curl", "host": "t1.tunnel.example", "pid": 9310}),
        (134 * _MINUTE, notice,
         Beacon(period=60.0, times=41, deviation=0.8, variation=0.01, size=1200, rule_times=6, rule_variation=0.1),
         {"app_name": "Signal", "host": "push.example"}),
        (25 * _MINUTE, notice, Offline(until=now - 25 * _MINUTE, interfaces=("wlan0",)), {"first": 34 * _MINUTE}),
        (22 * _MINUTE, alert, _scan(214, answered=(22, 22000)), {"host": "192.0.2.77"}),
        (3 * _MINUTE, alert,
         SentMuch(sent=6_420_000_000, usual=1_180_000_000, greatest=2_050_000_000, days=28, rule_times=4.0,
                  rule_least=100_000_000),
         {"app_name": "Syncthing", "host": "nas.example", "count": 3, "first": 320 * _MINUTE}),
    )  # fmt: skip
    return tuple(_event(number, now, *each) for number, each in enumerate(found, 1))


def _scan(ports: int, answered: tuple[int, ...]) -> PortScan:
    return PortScan(
        inbound=True, ports=ports, hosts=1, seconds=32.0, answered=answered, is_local=True, rule_count=20,
        rule_seconds=30.0,
    )  # fmt: skip


def _event(
    number: int, now: float, ago: float, severity: Severity, evidence: Evidence, more: dict[str, object]
) -> Event:
    first = more.pop("first", ago)
    if "app_name" in more:
        name = str(more["app_name"])
        more["app"] = f"unit:{name}" if name.endswith(".service") else f"executable:/usr/bin/{name.lower()}"
    return Event(
        id=number, first=now - float(str(first)), last=now - ago, severity=severity, key=f"{number}", evidence=evidence,
        **more,  # type: ignore[arg-type]  # spelled out above
    )  # fmt: skip

"""Events for tests of the window."""

from __future__ import annotations

import time
from itertools import count

from netwatch_tray.event import (
    Beacon,
    Event,
    Evidence,
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

SENT_MUCH = SentMuch(sent=4 * 10**9, usual=720 * 10**6, greatest=10**9, days=28, rule_times=4.0, rule_least=10**8)
SCAN = PortScan(
    inbound=True, ports=214, hosts=1, seconds=32.0, answered=(22,), is_local=True, rule_count=20, rule_seconds=30.0
)
BEACON = Beacon(period=60.0, times=41, deviation=0.8, variation=0.01, size=1200, rule_times=6, rule_variation=0.1)
PLAN = PlanUsed(percent=80, used=8 * 10**9, cap=10**10, since="2026-11-01", until="2026-11-30", days_left=5)
NEW_APP = NewApp(program="/usr/games/steam")
PORT = NewListener(protocol="TCP", address="*", port=22000)
OFFLINE = Offline(until=1e9, interfaces=("wlan0",))
MOVED = TotalMoved(before=("eth0",), after=("wlan0",))
RESTARTED = NotMeasured(reason=GapReason.NOT_RUNNING, seconds=4.0)
KINDS: tuple[Evidence, ...] = (SENT_MUCH, SCAN, BEACON, PLAN, NEW_APP, PORT, OFFLINE, MOVED, RESTARTED)

_ids = count(1)


def happened(
    evidence: Evidence,
    severity: Severity = Severity.NOTICE,
    *,
    ago: float = 60.0,
    app: str | None = None,
    **more: object,
) -> Event:
    """Return an event; `app` is the name of the app."""
    at = time.time() - ago
    values: dict[str, object] = {"id": next(_ids), "first": at, "last": at, "key": "key"}
    if app is not None:
        values |= {"app": f"path:/usr/bin/{app.lower()}", "app_name": app}
    return Event(severity=severity, evidence=evidence, **(values | more))  # type: ignore[arg-type]  # spelled out above


def alert(evidence: Evidence, **more: object) -> Event:
    return happened(evidence, Severity.ALERT, **more)  # type: ignore[arg-type]  # see above

"""Alerts and counts of DNS as the servers take them: four categories, each alert once, no names of hosts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest
from msgspec import UNSET

from netwatch_tray.cloud import privacy, wire
from netwatch_tray.cloud.alerts import alert
from netwatch_tray.cloud.builder import Readings, SnapshotBuilder
from netwatch_tray.engine.detectors.questions import DnsCounts
from netwatch_tray.event import (
    Beacon,
    DnsTunnel,
    Event,
    Evidence,
    HeldRate,
    Offline,
    PortScan,
    SentMuch,
    Severity,
    TotalMoved,
)
from netwatch_tray.model import Tick, Total
from netwatch_tray.settings import Upload, UploadLevel

SECRET = bytes(range(16))
AT = 1_790_000_000.25
SENT: dict[str, Evidence] = {
    "port_scan": PortScan(inbound=True, ports=214, hosts=1, seconds=32.0, rule_count=20, rule_seconds=30.0),
    "beaconing": Beacon(period=60.0, times=41, deviation=0.4, variation=0.01, rule_times=6, rule_variation=0.1),
    "dns_tunnel": DnsTunnel(
        queries=312, labels=300, length=41.0, entropy=4.1, seconds=300.0, rule_labels=50, rule_length=16.0,
        rule_entropy=3.5, rule_seconds=300.0,
    ),
    "bandwidth": SentMuch(sent=4_200_000_000, usual=7, greatest=9, days=28, rule_times=4, rule_least=5),
}  # fmt: skip


def make(evidence: Evidence, host: str | None = None, app: str | None = "curl") -> Event:
    return Event(
        id=1, first=AT, last=AT, severity=Severity.ALERT, key="", evidence=evidence, app="x", app_name=app, host=host
    )


@pytest.mark.parametrize("category", SENT)
def test_alert_has_a_category_of_the_servers_and_the_time_of_the_event(category: str) -> None:
    found = alert(make(SENT[category]), Upload(), SECRET)
    assert found is not None
    assert found.category == category
    assert found.timestamp == found.time == "2026-09-21T14:13:20.250000Z"
    assert found.severity == ("critical" if category == "port_scan" else "warning")


def test_both_rules_of_uploads_and_both_directions_of_scans_are_sent() -> None:
    held = HeldRate(rate=2e6, seconds=600.0, rule_rate=1e6, rule_seconds=600.0)
    sweep = PortScan(inbound=False, ports=1, hosts=40, seconds=9.0, port=22, rule_count=20, rule_seconds=30.0)
    assert [found.category for each in (held, sweep) if (found := alert(make(each), Upload(), SECRET))] == [
        "bandwidth",
        "port_scan",
    ]


def test_events_without_a_server_category_are_not_sent() -> None:
    for evidence in (Offline(), TotalMoved(before=("a",), after=("b",))):
        assert alert(make(evidence), Upload(), SECRET) is None


@pytest.mark.parametrize("category", SENT)
@pytest.mark.parametrize("host", ["secret.example.org", "192.0.2.77", "2001:db8::77", None])
def test_host_names_are_never_sent_and_addresses_and_apps_can_be_hidden(category: str, host: str | None) -> None:
    event = make(SENT[category], host, "secret-app")
    shown = msgspec.json.encode(alert(event, Upload(), SECRET)).decode()
    assert "secret.example.org" not in shown
    assert ("secret-app" in shown) is (category != "port_scan")
    hidden = msgspec.json.encode(alert(event, Upload(hide_names=True, hide_addresses=True), SECRET)).decode()
    for secret in ("secret", "192.0.2.77", "2001:db8"):
        assert secret not in hidden


def snapshots(*readings: Readings, alerts: int = 1) -> list[wire.Snapshot]:
    builder = SnapshotBuilder(all_interfaces=False, facts=lambda _pid: None)
    found = alert(make(SENT["beaconing"]), Upload(), SECRET)
    assert found is not None
    for _ in range(alerts):
        builder.add_alert(found)
    total = Total(rx_rate=None, tx_rate=None, uplinks=())
    tick = Tick(at=datetime.fromtimestamp(AT, UTC), interval_s=1.0, gap=None, total=total, interfaces=())
    return [builder.build(tick, each, 1.0) for each in readings]


def test_an_alert_is_in_one_snapshot_only() -> None:
    first, second = snapshots(Readings(), Readings())
    assert isinstance(first.alerts, tuple)
    assert len(first.alerts) == 1
    assert second.alerts is UNSET
    assert wire.decode(wire.encode(first)) == first


def test_a_flood_of_alerts_is_bounded() -> None:
    (found,) = snapshots(Readings(), alerts=1000)
    assert isinstance(found.alerts, tuple)
    assert len(found.alerts) == 20


def test_dns_is_sent_as_counts_and_buckets_without_names() -> None:
    counts = DnsCounts(queries=9, responses=8, nxdomain=1, latencies=(1, 2, 3, 0, 0, 0, 1, 1))
    with_counts, without = snapshots(Readings(dns=counts), Readings())
    assert with_counts.dns_analytics == wire.DnsAnalytics(
        total_queries=9, total_responses=8, nxdomain_count=1, latency_buckets=(1, 2, 3, 0, 0, 0, 1, 1), top_domains=()
    )
    assert without.dns_analytics is UNSET
    assert wire.decode(wire.encode(with_counts)) == with_counts


@pytest.mark.parametrize("level", get_args(UploadLevel))
def test_alerts_and_dns_counts_are_sent_at_level_events_only(level: UploadLevel) -> None:
    counts = DnsCounts(queries=9, responses=8, nxdomain=1, latencies=(1, 2, 3, 0, 0, 0, 1, 1))
    (whole,) = snapshots(Readings(dns=counts))
    found = privacy.limited(whole, level, SECRET, hide_addresses=False, hide_names=False)
    assert (found.alerts is UNSET) is (found.dns_analytics is UNSET) is (level != "events")

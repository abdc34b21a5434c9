"""Writes the Grafana dashboard of a fleet: python packaging/fleet/dashboard.py

The JSON beside it is what Grafana reads; a test compares the two, and another runs each query against Prometheus.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("grafana") / "netwatch.json"

_SOURCE = {"type": "prometheus", "uid": "${source}"}
_HOSTS = 'instance=~"$instance"'
_RATE = "[$__rate_interval]"
_WIDTH = 24
"""Number of columns of Grafana's grid, in which panels are placed."""


class Query(NamedTuple):
    expression: str
    legend: str = "{{instance}}"


class Panel(NamedTuple):
    title: str
    queries: tuple[Query, ...]
    unit: str
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    description: str = ""
    is_instant: bool = False
    """Whether the panel shows the current value, not a curve over time."""
    most: float | None = None
    """Upper end of the axis; None: chosen by Grafana."""
    alarms_from: float | None = None
    """Value from which on the panel is red; None: never."""


def _total(metric: str, by: str = "instance") -> str:
    """Return the PromQL query for the rate of a counter, summed by the label `by`."""
    return f"sum by ({by}) (rate({metric}{{{_HOSTS}}}{_RATE}))"


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Fleet",
        (
            Panel(
                "Hosts",
                (Query(f"count(count by (instance) (netwatch_interface_receive_bytes_total{{{_HOSTS}}}))", "hosts"),),
                "none",
                "stat",
                4,
                4,
                "Hosts with present numbers.",
                is_instant=True,
            ),
            Panel(
                "Silent",
                (Query('count(up{job="netwatch"} == 0) or vector(0)', "silent"),),
                "none",
                "stat",
                4,
                4,
                "Hosts of hosts.yml that do not answer.",
                is_instant=True,
                alarms_from=1,
            ),
            Panel(
                "Download",
                (Query(f"sum(rate(netwatch_interface_receive_bytes_total{{{_HOSTS}}}{_RATE}))", "download"),),
                "Bps",
                "stat",
                4,
                4,
                "Of all hosts together.",
                is_instant=True,
            ),
            Panel(
                "Upload",
                (Query(f"sum(rate(netwatch_interface_transmit_bytes_total{{{_HOSTS}}}{_RATE}))", "upload"),),
                "Bps",
                "stat",
                4,
                4,
                "Of all hosts together.",
                is_instant=True,
            ),
            Panel(
                "Alerts",
                (Query(f"sum(increase(netwatch_alerts_total{{{_HOSTS}}}[$__range]))", "alerts"),),
                "none",
                "stat",
                8,
                4,
                "In the range of the dashboard, of hosts that are scraped.",
                is_instant=True,
                alarms_from=1,
            ),
        ),
    ),
    (
        "Network",
        (
            Panel("Download by host", (Query(_total("netwatch_interface_receive_bytes_total")),), "Bps"),
            Panel("Upload by host", (Query(_total("netwatch_interface_transmit_bytes_total")),), "Bps"),
            Panel(
                "Interfaces",
                (
                    Query(
                        _total("netwatch_interface_receive_bytes_total", "instance, interface"),
                        "{{instance}} {{interface}} ↓",
                    ),
                    Query(
                        f"-{_total('netwatch_interface_transmit_bytes_total', 'instance, interface')}",
                        "{{instance}} {{interface}} ↑",
                    ),
                ),
                "Bps",
                description="Interfaces that make the total: received above, sent below.",
            ),
            Panel(
                "Errors and drops",
                tuple(
                    Query(_total(f"netwatch_interface_{way}_{what}_total"), f"{{{{instance}}}} {way} {what}")
                    for what in ("errors", "drops")
                    for way in ("receive", "transmit")
                ),
                "pps",
            ),
            Panel(
                "TCP connections",
                (Query(f'sum by (instance) (netwatch_tcp_connections{{{_HOSTS},state="established"}})'),),
                "none",
                description="Established.",
            ),
            Panel(
                "TCP connections that are closing",
                (
                    Query(
                        f'sum by (instance, state) (netwatch_tcp_connections{{{_HOSTS},state=~".*_wait"}})',
                        "{{instance}} {{state}}",
                    ),
                ),
                "none",
            ),
            Panel(
                "Round trip",
                (Query(f"netwatch_link_rtt_seconds{{{_HOSTS}}}", "{{instance}} {{target}}"),),
                "s",
                description="To gateway and DNS server, of hosts with health = true.",
            ),
            Panel(
                "Loss",
                (Query(f"netwatch_link_loss_ratio{{{_HOSTS}}}", "{{instance}} {{target}}"),),
                "percentunit",
                most=1,
            ),
        ),
    ),
    (
        "Events",
        (
            Panel(
                "Events by kind",
                (Query(f"sum by (kind) (increase(netwatch_events_total{{{_HOSTS}}}[$__range]))", "{{kind}}"),),
                "none",
                "bargauge",
                description="In the range of the dashboard.",
                is_instant=True,
            ),
            Panel(
                "Alerts by host and kind",
                (
                    Query(
                        f"sum by (instance, kind) (increase(netwatch_alerts_total{{{_HOSTS}}}{_RATE}))",
                        "{{instance}} {{kind}}",
                    ),
                ),
                "none",
            ),
        ),
    ),
    (
        "Hosts",
        (
            Panel("Processor", (Query(f"netwatch_cpu_busy_ratio{{{_HOSTS}}}"),), "percentunit", most=1),
            Panel("Load, mean over a minute", (Query(f"netwatch_load1{{{_HOSTS}}}"),), "none"),
            Panel(
                "Memory in use",
                (Query(f"1 - netwatch_memory_available_bytes{{{_HOSTS}}} / netwatch_memory_size_bytes{{{_HOSTS}}}"),),
                "percentunit",
                most=1,
            ),
            Panel(
                "Disks",
                (
                    Query(_total("netwatch_disk_read_bytes_total"), "{{instance}} read"),
                    Query(f"-{_total('netwatch_disk_written_bytes_total')}", "{{instance}} written"),
                ),
                "Bps",
                description="Read above, written below.",
            ),
            Panel(
                "File systems",
                (
                    Query(
                        f"netwatch_filesystem_used_bytes{{{_HOSTS}}} / (netwatch_filesystem_used_bytes{{{_HOSTS}}} "
                        f"+ netwatch_filesystem_available_bytes{{{_HOSTS}}})",
                        "{{instance}} {{mountpoint}}",
                    ),
                ),
                "percentunit",
                "bargauge",
                is_instant=True,
                most=1,
                alarms_from=0.95,
            ),
            Panel(
                "Processor time of the agent",
                (Query(f'rate(process_cpu_seconds_total{{job="netwatch",{_HOSTS}}}{_RATE})'),),
                "percentunit",
                description="What NetWatch Tray itself uses, of one processor.",
            ),
        ),
    ),
)


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    steps = [{"color": "green", "value": None}]
    if panel.alarms_from is not None:
        steps.append({"color": "red", "value": panel.alarms_from})  # type: ignore[dict-item]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.most is not None:
        defaults |= {"min": 0, "max": panel.most}
    if panel.kind == "timeseries":
        # A missing sample is a gap, so nothing is drawn across it.
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": False}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend,
                "instant": panel.is_instant,
                "range": not panel.is_instant,
            }
            for place, query in enumerate(panel.queries)
        ],
    }


def dashboard() -> dict[str, Any]:
    """Return the dashboard in Grafana's JSON."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        place = {"x": 0, "y": y, "w": _WIDTH, "h": 1}
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        )
        y, x = y + 1, 0
        for panel in row:
            if x + panel.width > _WIDTH:
                x, y = 0, y + panel.height
            panels.append(_panel(panel, len(panels) + 1, x, y))
            x += panel.width
        y += row[-1].height
    instances = "label_values(netwatch_interface_receive_bytes_total, instance)"
    return {
        "uid": "netwatch-fleet",
        "title": "NetWatch fleet",
        "tags": ["netwatch"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"},
                {
                    "name": "instance", "label": "Host", "type": "query", "datasource": _SOURCE, "query": instances,
                    "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "allValue": ".*",
                    "current": {"text": "All", "value": "$__all"},
                },
            ]
        },
        "panels": panels,
    }  # fmt: skip


def text() -> str:
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

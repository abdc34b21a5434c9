"""Writes a snapshot in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netwatch_tray.cloud.wire import HealthMetric, Snapshot


class Metric(NamedTuple):
    """One metric family, in base units by convention: bytes, seconds, ratios."""

    name: str
    kind: str
    """`counter` or `gauge`."""
    help: str
    samples: tuple[tuple[dict[str, str], float], ...]
    """Labels and value."""


def render(snapshot: Snapshot) -> str:
    """Return the exposition. Unknown values are omitted, because a missing sample is a gap and a 0 would be wrong."""
    lines = []
    for metric in families(snapshot):
        if metric.samples:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            lines += [f"{metric.name}{_labels(labels)} {value!r}" for labels, value in metric.samples]
    return "\n".join(lines) + "\n"


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield every number except those of processes and connections, whose names would create unlimited series."""
    for direction, word in (("rx", "receive"), ("tx", "transmit")):
        for field, help_text in (
            ("bytes", "Bytes since boot."),
            ("packets", "Packets since boot."),
            ("errors", "Packets with errors since boot."),
            ("drops", "Packets dropped since boot."),
        ):
            yield Metric(
                f"netwatch_interface_{word}_{field}_total",
                "counter",
                help_text,
                tuple(
                    ({"interface": each.name}, getattr(each, f"{direction}_{field}")) for each in snapshot.interfaces
                ),
            )
        yield Metric(
            f"netwatch_interface_{word}_bytes_per_second",
            "gauge",
            "Rate of the last seconds.",
            tuple(
                ({"interface": each.name}, rate)
                for each in snapshot.interfaces
                if isinstance(rate := getattr(each, f"{direction}_rate"), float)
            ),
        )
    yield _one("netwatch_connections_established", "Established TCP connections.", snapshot.connection_count)
    yield Metric(
        "netwatch_connections_closing",
        "gauge",
        "TCP connections that are waiting to be closed.",
        _known(({"state": "time_wait"}, snapshot.tcp_time_wait), ({"state": "close_wait"}, snapshot.tcp_close_wait)),
    )
    if snapshot.system is not None:
        found = snapshot.system
        busy = None if found.cpu_usage_pct is None else found.cpu_usage_pct / 100
        yield _one("netwatch_cpu_busy_ratio", "Share of all processors, in the last seconds.", busy)
        yield _one("netwatch_memory_total_bytes", "Memory.", found.memory_total_bytes)
        yield _one("netwatch_memory_used_bytes", "Memory that is not available.", found.memory_used_bytes)
        yield _one("netwatch_memory_available_bytes", "Memory that programs can have.", found.memory_available_bytes)
        yield _one("netwatch_swap_used_bytes", "Swap in use.", found.swap_used_bytes)
        yield _one("netwatch_load1", "Mean load over one minute.", found.load_avg_1m)
    for field in ("total", "used", "available"):
        yield Metric(
            f"netwatch_filesystem_{field}_bytes",
            "gauge",
            f"Of the file system, {field}.",
            tuple(
                ({"mountpoint": each.mount_point, "device": each.device}, getattr(each, f"{field}_bytes"))
                for each in snapshot.disk_usage or ()
            ),
        )
    if snapshot.disk_io is not None:
        for name, value in (("read", snapshot.disk_io.read_bytes), ("written", snapshot.disk_io.write_bytes)):
            yield Metric(f"netwatch_disk_{name}_bytes_total", "counter", "All disks, since boot.", (({}, value),))
    yield from _health(snapshot.health or HealthMetric())


def _health(found: HealthMetric) -> Iterator[Metric]:
    gateway, dns = {"target": "gateway"}, {"target": "dns"}
    yield Metric(
        "netwatch_link_rtt_seconds",
        "gauge",
        "Mean round trip.",
        _known((gateway, _thousandth(found.gateway_rtt_ms)), (dns, _thousandth(found.dns_rtt_ms))),
    )
    yield Metric(
        "netwatch_link_loss_ratio",
        "gauge",
        "Share of probes without an answer.",
        _known((gateway, _hundredth(found.gateway_loss_pct)), (dns, _hundredth(found.dns_loss_pct))),
    )


def _one(name: str, help_text: str, value: float | None) -> Metric:
    return Metric(name, "gauge", help_text, _known(({}, value)))


def _known(*samples: tuple[dict[str, str], float | None]) -> tuple[tuple[dict[str, str], float], ...]:
    return tuple((labels, value) for labels, value in samples if value is not None)


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1000


def _hundredth(value: float | None) -> float | None:
    return None if value is None else value / 100


def _labels(labels: dict[str, str]) -> str:
    return f"{{{','.join(_label(*each) for each in labels.items())}}}" if labels else ""


def _label(name: str, value: str) -> str:
    escapes: Iterable[tuple[str, str]] = (("\\", "\\\\"), ("\n", "\\n"), ('"', '\\"'))
    for letter, escape in escapes:
        value = value.replace(letter, escape)
    return f'{name}="{value}"'

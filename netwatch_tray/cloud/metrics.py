"""Writes the numbers of this machine in the text format of Prometheus
(https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import netwatch_tray
from netwatch_tray.cloud import wire
from netwatch_tray.collect.disks import Traffic as DiskTraffic, Usage
from netwatch_tray.collect.health import Health
from netwatch_tray.collect.system import SystemSample
from netwatch_tray.event import KINDS, EventKind
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import InterfaceTick


class Reading(NamedTuple):
    """The numbers to serve, read at one moment. None if unknown, or not measured by this process."""

    interfaces: tuple[InterfaceTick, ...] = ()
    """The interfaces whose numbers are served."""
    states: Mapping[TcpState, int] | None = None
    """Number of TCP connections by state."""
    system: SystemSample | None = None
    health: Health | None = None
    usages: tuple[Usage, ...] | None = None
    """Space of each file system; None if the names of file systems may not be served."""
    traffic: DiskTraffic | None = None
    events: Mapping[EventKind, int] | None = None
    """Number of events that have begun since metrics are served, by kind."""
    alerts: Mapping[EventKind, int] | None = None


class Metric(NamedTuple):
    """One metric family of Prometheus. Its values are in base units: bytes, seconds, ratios."""

    name: str
    kind: str
    """`counter` or `gauge`, as Prometheus defines them."""
    help: str
    samples: Iterable[tuple[dict[str, str], float | None]]
    """Labels and value of each sample."""


def render(reading: Reading) -> str:
    """Return the whole text to serve. Unknown values are left out: Prometheus shows a missing sample as a gap, and 0
    would be wrong."""
    lines = []
    for metric in _families(reading):
        samples: dict[str, float] = {}
        for labels, value in metric.samples:
            if value is not None:
                # A second sample of the same labels would have the server refuse all of them: two interfaces whose
                # names were not UTF-8 may be written the same.
                samples.setdefault(_labels(labels), value)
        if samples:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            lines += [f"{metric.name}{labels} {value!r}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


def _families(reading: Reading) -> Iterator[Metric]:
    """Yield all metrics. There are none of single processes and connections, because each of their names would be a new
    series."""
    version = {"version": netwatch_tray.__version__}
    yield Metric("netwatch_build_info", "gauge", "NetWatch Tray, by its version; always 1.", [(version, 1)])
    yield _one("process_cpu_seconds_total", "counter", "Processor time of the program.", time.process_time())
    yield from _of_interfaces(reading.interfaces)
    if reading.states is not None:
        yield Metric(
            "netwatch_tcp_connections",
            "gauge",
            "TCP sockets by state.",
            [({"state": state.lower()}, reading.states.get(state, 0)) for state in TcpState],
        )
    if reading.system is not None:
        yield from _of_system(reading.system)
    for name, text, field in (
        ("size", "Size of the file system.", "total"),
        ("used", "Used by files.", "used"),
        ("available", "Available to users other than root.", "available"),
    ):
        yield Metric(
            f"netwatch_filesystem_{name}_bytes",
            "gauge",
            text,
            [
                ({"mountpoint": each.point, "device": each.device}, getattr(each, field))
                for each in reading.usages or ()
            ],
        )
    if reading.traffic is not None:
        for name, value in (("read", reading.traffic.read), ("written", reading.traffic.written)):
            yield _one(f"netwatch_disk_{name}_bytes_total", "counter", "All disks, since boot.", value)
    if reading.health is not None:
        yield from _of_health(reading.health)
    for name, text, counts in (
        ("events", "Events that began, by kind.", reading.events),
        ("alerts", "Events that became an alert and are not muted, by kind.", reading.alerts),
    ):
        if counts is not None:
            # Each kind from the start: an increase is known only of a series that was there before it.
            of_kinds = [({"kind": label}, counts.get(kind, 0)) for label, kind in KINDS.items()]
            yield Metric(f"netwatch_{name}_total", "counter", text, of_kinds)


def _of_interfaces(interfaces: tuple[InterfaceTick, ...]) -> Iterator[Metric]:
    yield Metric(
        "netwatch_interface_info",
        "gauge",
        "Kind of the interface, and what it is for this computer; always 1.",
        [({"interface": each.name, "kind": each.kind, "role": each.role.value}, 1) for each in interfaces],
    )
    yield Metric(
        "netwatch_interface_up",
        "gauge",
        "Whether the interface is up and has a carrier.",
        [({"interface": each.name}, int(each.is_up)) for each in interfaces],
    )
    yield Metric(
        "netwatch_interface_speed_bytes_per_second",
        "gauge",
        "Speed of the link, where it is known.",
        [({"interface": each.name}, each.speed / 8) for each in interfaces if each.speed],
    )
    for direction, word in (("rx", "receive"), ("tx", "transmit")):
        for field, text in (
            ("bytes", "Bytes since boot."),
            ("packets", "Packets since boot."),
            ("errors", "Packets with errors since boot."),
            ("drops", "Packets dropped since boot."),
        ):
            yield Metric(
                f"netwatch_interface_{word}_{field}_total",
                "counter",
                text,
                [({"interface": each.name}, getattr(each, f"{direction}_{field}")) for each in interfaces],
            )


def _of_system(found: SystemSample) -> Iterator[Metric]:
    busy = None if found.cpu_pct is None else found.cpu_pct / 100
    memory = found.memory
    for name, text, value in (
        ("cpu_busy_ratio", "Share of all processors that was busy since the reading before.", busy),
        ("memory_size_bytes", "Memory.", memory.total),
        ("memory_available_bytes", "Memory that programs can have.", memory.available),
        ("swap_size_bytes", "Swap.", memory.swap_total),
        ("swap_used_bytes", "Swap in use.", memory.swap_used),
        ("load1", "Mean load over one minute.", found.load[0]),
        ("load5", "Mean load over five minutes.", found.load[1]),
        ("load15", "Mean load over fifteen minutes.", found.load[2]),
    ):
        yield _one(f"netwatch_{name}", "gauge", text, value)


def _of_health(found: Health) -> Iterator[Metric]:
    targets = [({"target": name}, each) for name, each in (("gateway", found.gateway), ("dns", found.dns)) if each]
    for name, text, field in (
        ("rtt_seconds", "Mean round trip.", "rtt_s"),
        ("loss_ratio", "Share of probes without an answer.", "loss"),
    ):
        yield Metric(
            f"netwatch_link_{name}", "gauge", text, [(labels, getattr(each, field)) for labels, each in targets]
        )


def _one(name: str, kind: str, text: str, value: float | None) -> Metric:
    return Metric(name, kind, text, [({}, value)])


def _labels(labels: dict[str, str]) -> str:
    return f"{{{','.join(_label(*each) for each in labels.items())}}}" if labels else ""


def _label(name: str, value: str) -> str:
    value = wire.text(value)
    escapes: Iterable[tuple[str, str]] = (("\\", "\\\\"), ("\n", "\\n"), ('"', '\\"'))
    for letter, escape in escapes:
        value = value.replace(letter, escape)
    return f'{name}="{value}"'

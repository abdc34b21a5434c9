"""Which hosts count as scanning this machine."""

from __future__ import annotations

from collections.abc import Iterable

from netwatch_tray.collect.helper_readings import Refusal
from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.scan import PORTS, WINDOW_S, PortScanWatch, Refused
from netwatch_tray.event import Finding, PortScan
from netwatch_tray.model import Scope


def take(
    watch: PortScanWatch, at: float, ports: Iterable[int], source: str = "192.0.2.77", scope: Scope | None = "local"
) -> list[Finding]:
    refused = Refused([(Refusal(source, 40000, port), scope) for port in ports])
    return list(watch.take(refused, Moment(1.7e9 + at, at)))


def evidence(finding: Finding) -> PortScan:
    assert isinstance(finding.evidence, PortScan)
    return finding.evidence


def test_many_ports_are_one_finding_with_updated_evidence() -> None:
    watch = PortScanWatch()
    assert take(watch, 5, range(1, PORTS)) == []
    (first,) = take(watch, 10, range(PORTS, 30))
    assert (evidence(first).inbound, evidence(first).ports, evidence(first).is_local) == (True, 29, True)
    assert (first.host, first.goes_on) == ("192.0.2.77", False)
    assert take(watch, 15, range(30, 50)) == []
    (more,) = take(watch, 20, range(50, 101))
    assert (evidence(more).ports, more.goes_on) == (100, True)
    assert take(watch, 25, range(101, 120)) == []
    assert watch.has_source
    (last,) = take(watch, 60, [])
    assert (evidence(last).ports, evidence(last).seconds, last.goes_on) == (119, 20.0, True)
    assert not watch.has_source


def test_slow_tries_and_few_ports_raise_no_finding() -> None:
    watch = PortScanWatch()
    pause = WINDOW_S / (PORTS - 2)
    assert [each for port in range(200) for each in take(watch, port * pause, [port + 1])] == []
    assert [each for at in range(500) for each in take(watch, 1e4 + at, range(1, PORTS))] == []


def test_many_sources_with_one_port_each_raise_no_finding() -> None:
    watch = PortScanWatch()
    assert [each for host in range(250) for each in take(watch, 5, [host + 1], f"192.0.2.{host}")] == []


def test_connections_of_this_machine_to_itself_raise_no_finding() -> None:
    assert take(PortScanWatch(), 5, range(1, 500), "127.0.0.1", "machine") == []


def test_each_source_has_its_finding_and_a_repeated_scan_continues_it() -> None:
    watch = PortScanWatch()
    assert len(take(watch, 5, range(1, 50))) == 1
    assert len(take(watch, 5, range(1, 50), "198.51.100.1", "internet")) == 1
    take(watch, 200, [])
    (again,) = take(watch, 210, range(1, 50))
    assert again.goes_on
    take(watch, 3600, [])
    (later,) = take(watch, 3700, range(1, 50))
    assert not later.goes_on

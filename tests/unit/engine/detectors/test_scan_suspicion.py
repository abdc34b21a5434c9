"""Which changes of the kernel's counters are suspected to be a scan."""

from __future__ import annotations

from netwatch_tray.collect.sockets import RefusalCounts
from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.suspicion import REFUSED, ScanSuspicion
from netwatch_tray.event import Finding, ScanSuspected


class Counters:
    """Sends the detector the kernel's counters once a minute."""

    def __init__(self) -> None:
        self.watch = ScanSuspicion()
        self.counts = RefusalCounts(5000, 4000, 300, 200)
        self.boottime = 0.0
        self.minute()

    def minute(
        self, resets: int = 0, explained: int = 0, datagrams: int = 0, unreachables: int = 0, after: float = 60.0
    ) -> list[Finding]:
        more = (resets, explained, datagrams, unreachables)
        self.counts = RefusalCounts(*(then + now for then, now in zip(self.counts, more, strict=True)))
        self.boottime += after
        return list(self.watch.take(self.counts, Moment(1.7e9 + self.boottime, self.boottime)))


def test_resets_of_a_scan_are_suspected_once() -> None:
    kernel = Counters()
    assert kernel.minute(resets=5) == []
    (finding,) = kernel.minute(resets=100)
    assert finding.evidence == ScanSuspected(
        resets=105, unreachables=0, seconds=120.0, rule_count=REFUSED, rule_seconds=120.0
    )
    assert kernel.minute(resets=100) == []


def test_scan_on_the_boundary_of_two_minutes_is_seen() -> None:
    kernel = Counters()
    kernel.minute()
    assert kernel.minute(resets=REFUSED // 2) == []
    assert len(kernel.minute(resets=REFUSED // 2)) == 1


def test_resets_of_own_connections_raise_no_finding() -> None:
    kernel = Counters()
    kernel.minute()
    for _ in range(10):
        assert kernel.minute(resets=500, explained=480) == []


def test_datagrams_to_closed_ports_of_few_hosts_are_suspected() -> None:
    kernel = Counters()
    kernel.minute()
    (finding,) = kernel.minute(datagrams=100, unreachables=20)
    assert isinstance(finding.evidence, ScanSuspected)
    assert finding.evidence.unreachables == 100


def test_late_datagrams_of_many_hosts_raise_no_finding() -> None:
    kernel = Counters()
    kernel.minute()
    for _ in range(10):
        assert kernel.minute(datagrams=2000, unreachables=1900) == []


def test_time_that_was_not_observed_does_not_count() -> None:
    kernel = Counters()
    assert kernel.minute(resets=1000, after=8 * 3600) == []
    assert kernel.minute(resets=5) == []


def test_reset_counters_raise_no_finding() -> None:
    kernel = Counters()
    kernel.counts = RefusalCounts(0, 0, 0, 0)
    assert kernel.minute(resets=5) == []

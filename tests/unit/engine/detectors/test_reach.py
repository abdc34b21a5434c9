"""When gateway and DNS server are silent."""

from __future__ import annotations

from netwatch_tray.collect.health import Health, Reachability
from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.reach import ReachWatch
from netwatch_tray.event import DnsServerSilent, Finding, GatewaySilent

GATEWAY, DNS = "192.0.2.1", "192.0.2.53"


class Probes:
    """Sends the detector a probe each half minute."""

    def __init__(self) -> None:
        self.watch = ReachWatch()
        self.at = 0.0

    def probe(
        self,
        gateway: float | None = 0.001,
        dns: float | None = 0.01,
        *,
        at: str = GATEWAY,
        dns_loss: float | None = None,
        after: float = 30,
    ) -> list[Finding]:
        self.at += after
        health = Health(Reachability(at, gateway, None), Reachability(DNS, dns, 0.0 if dns is not None else dns_loss))
        return list(self.watch.take(health, Moment(1.7e9 + self.at, self.at)))


def test_silent_gateway_is_one_finding_until_it_responds() -> None:
    probes = Probes()
    assert probes.probe() == []
    assert probes.probe(None) == []
    (silent,) = probes.probe(None)
    assert silent.evidence == GatewaySilent(address=GATEWAY, seconds=30.0)
    assert (silent.host, silent.since) == (GATEWAY, 1.7e9 + 60)
    assert probes.probe(None) == []
    (back,) = probes.probe()
    assert back.evidence == GatewaySilent(address=GATEWAY, seconds=90.0, until=1.7e9 + 150)
    assert back.goes_on
    assert probes.probe() == []


def test_one_missed_probe_and_an_always_silent_gateway_raise_no_finding() -> None:
    probes = Probes()
    for _ in range(10):
        assert probes.probe(None) == []
    probes.probe()
    for _ in range(10):
        assert probes.probe(None) == []
        assert probes.probe() == []


def test_further_probe_after_a_change_of_uplinks_does_not_count() -> None:
    probes = Probes()
    probes.probe()
    assert probes.probe(None) == []
    assert probes.probe(None, after=3) == []
    (silent,) = probes.probe(None)
    assert silent.evidence == GatewaySilent(address=GATEWAY, seconds=33.0)


def test_dns_server_counts_only_where_there_is_a_route() -> None:
    probes = Probes()
    probes.probe()
    for _ in range(5):
        assert probes.probe(dns=None) == []
    found = [each for _ in range(3) for each in probes.probe(dns=None, dns_loss=1.0)]
    assert [each.evidence for each in found] == [DnsServerSilent(address=DNS, seconds=30.0)]


def test_another_network_ends_the_event() -> None:
    probes = Probes()
    probes.probe()
    probes.probe(None)
    probes.probe(None)
    (ended,) = probes.probe(None, at="198.51.100.1")
    assert ended.goes_on
    assert ended.host == GATEWAY
    for _ in range(5):
        assert probes.probe(None, at="198.51.100.1") == []

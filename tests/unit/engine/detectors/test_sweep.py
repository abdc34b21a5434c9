"""An app that tries one port on many hosts."""

from __future__ import annotations

import msgspec
from test_beacon import APP, ended
from test_new_app import connected

from netwatch_tray.engine.detectors import Moment, SocketsSeen
from netwatch_tray.engine.detectors.sweep import HOSTS, WINDOW_S, SweepWatch
from netwatch_tray.event import Finding, PortScan
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection, Traffic


def trying(host: int, port: int = 22, retransmits: int = 1) -> Connection:
    return msgspec.structs.replace(
        connected(APP.key),
        remote_address=f"198.51.100.{host}",
        remote_port=port,
        state=TcpState.SYN_SENT,
        retransmits=retransmits,
    )


def take(watch: SweepWatch, at: float, *rows: Connection) -> list[Finding]:
    return list(watch.take(SocketsSeen(rows, (), lambda _key: "agent"), Moment(1.7e9 + at, at)))


def test_many_hosts_without_an_answer_are_reported_once() -> None:
    watch = SweepWatch()
    findings = [each for host in range(60) for each in take(watch, host / 4, trying(host))]
    (finding,) = findings
    evidence = finding.evidence
    assert isinstance(evidence, PortScan)
    assert (evidence.inbound, evidence.port, evidence.hosts, finding.app) == (False, 22, HOSTS, APP.key)


def test_connections_that_end_without_traffic_count_as_failed() -> None:
    watch = SweepWatch()
    ends = [
        msgspec.structs.replace(ended(5.0, f"198.51.100.{host}", port=445), moved=Traffic()) for host in range(HOSTS)
    ]
    assert len(list(watch.take(SocketsSeen((), ends, lambda _key: None), Moment(1.7e9, 5.0)))) == 1


def test_answered_and_web_connections_do_not_count() -> None:
    watch = SweepWatch()
    assert take(watch, 1.0, *(trying(host, retransmits=0) for host in range(60))) == []
    assert take(watch, 1.0, *(trying(host, 443) for host in range(60))) == []
    ends = [ended(5.0, f"198.51.100.{host}", port=22) for host in range(60)]
    assert list(watch.take(SocketsSeen((), ends, lambda _key: None), Moment(1.7e9, 5.0))) == []


def test_slow_tries_and_different_ports_raise_no_finding() -> None:
    watch = SweepWatch()
    pause = WINDOW_S / (HOSTS - 2)
    assert [each for host in range(100) for each in take(watch, host * pause, trying(host))] == []
    assert take(watch, 1e4, *(trying(host, 1000 + host) for host in range(60))) == []

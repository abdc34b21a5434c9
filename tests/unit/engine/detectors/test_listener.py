"""Which ports are reported as new."""

from __future__ import annotations

from netwatch_tray.engine.apps import SEARCHING_KEY
from netwatch_tray.engine.detectors import Moment, SocketsSeen
from netwatch_tray.engine.detectors.listener import ListenerWatch
from netwatch_tray.event import Finding, NewListener
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection

NOW = Moment(1.7e9, 100.0)
APP = "executable:/usr/bin/syncthing"


def listening(
    address: str = "*",
    port: int = 22000,
    app: str = APP,
    *,
    since: float | None = 1.7e9,
    state: TcpState = TcpState.LISTEN,
) -> Connection:
    return Connection(
        key=f"{address} {port}",
        protocol="TCP",
        local_address=address,
        local_port=port,
        remote_address=None,
        remote_port=None,
        state=state,
        pid=7,
        process="syncthing",
        app=app,
        since=since,
    )


def found(watch: ListenerWatch, *rows: Connection) -> list[Finding]:
    return list(watch.take(SocketsSeen(rows, (), {APP: "Syncthing"}.get), NOW))


def test_new_port_beyond_loopback_is_reported_once() -> None:
    watch = ListenerWatch()
    (new,) = found(watch, listening(), listening("*", 22000))
    assert new.evidence == NewListener(protocol="TCP", address="*", port=22000)
    assert (new.app, new.app_name, new.pid) == (APP, "Syncthing", 7)
    assert found(watch, listening(), listening("192.0.2.1")) == []


def test_listeners_of_the_first_reading_are_not_new() -> None:
    watch = ListenerWatch()
    assert found(watch, listening(since=None)) == []
    assert found(watch, listening()) == []  # restarted


def test_loopback_listener_is_reported_only_once_it_binds_wider() -> None:
    watch = ListenerWatch()
    assert found(watch, listening("127.0.0.1"), listening("::1"), listening("127.0.0.1")) == []
    (new,) = found(watch, listening())
    assert isinstance(new.evidence, NewListener)
    assert new.evidence.before == ("127.0.0.1", "::1")


def test_finding_waits_while_the_owner_is_searched_for() -> None:
    watch = ListenerWatch()
    assert found(watch, listening(app=SEARCHING_KEY)) == []
    assert len(found(watch, listening())) == 1


def test_ephemeral_ports_of_one_app_are_one_finding() -> None:
    watch = ListenerWatch()
    assert len(found(watch, listening(port=41000))) == 1
    assert found(watch, listening(port=52222)) == []
    assert len(found(watch, listening(port=8000))) == 1


def test_only_listening_sockets_are_reported_each_app_separately() -> None:
    watch = ListenerWatch()
    assert found(watch, listening(state=TcpState.ESTABLISHED)) == []
    assert len(found(watch, listening(), listening(app="unit:sshd.service"))) == 2

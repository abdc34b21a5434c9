"""Which apps are new on the network."""

from __future__ import annotations

from test_beacon import ended

from netwatch_tray.engine.apps import OTHERS_KEY, SEARCHING_KEY, UNSEEN_KEY, AppName
from netwatch_tray.engine.detectors import Moment, SocketsSeen
from netwatch_tray.engine.detectors.new_app import NewAppWatch
from netwatch_tray.engine.entries import Ended
from netwatch_tray.event import Finding, NewApp
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Connection, Scope

NOW = Moment(1.7e9, 100.0)
APP = "executable:/usr/games/steam"


def connected(app: str = APP, *, pid: int | None = 7, scope: Scope = "internet", host: str | None = None) -> Connection:
    return Connection(
        key=app,
        protocol="TCP",
        local_address="192.0.2.1",
        local_port=50000,
        remote_address="198.51.100.7",
        remote_port=443,
        state=TcpState.ESTABLISHED,
        pid=pid,
        process="steam",
        app=app,
        scope=scope,
        host=host,
    )


def found(watch: NewAppWatch, *rows: Connection, ends: tuple[Ended, ...] = ()) -> list[Finding]:
    return list(watch.take(SocketsSeen(rows, ends, lambda _key: "steam"), NOW))


def knowing(*apps: str) -> NewAppWatch:
    watch = NewAppWatch()
    assert watch.know(apps) == []
    return watch


def test_app_that_the_history_lacks_is_reported_once() -> None:
    watch = knowing("executable:/usr/bin/curl")
    assert found(watch, connected("executable:/usr/bin/curl")) == []
    (new,) = found(watch, connected(host="cdn.example"), connected())
    assert new.evidence == NewApp(program="/usr/games/steam", remote="198.51.100.7", port=443)
    assert (new.app, new.app_name, new.host, new.pid) == (APP, "steam", "cdn.example", 7)
    assert found(watch, connected()) == []


def test_short_connection_is_enough() -> None:
    app = AppName("executable:/usr/bin/new", "new")
    assert len(found(knowing(), ends=(ended(100.0, app=app),))) == 1
    assert found(knowing(), ends=(ended(100.0, app=app, is_own=True),)) == []
    assert found(knowing(), ends=(ended(100.0, app=app, crosses_uplink=False),)) == []


def test_apps_are_judged_once_the_history_is_read() -> None:
    watch = NewAppWatch()
    assert found(watch, connected(), connected("executable:/usr/bin/curl")) == []
    (new,) = watch.know(["executable:/usr/bin/curl"])
    assert new.app == APP
    assert found(watch, connected()) == []


def test_traffic_within_the_machine_raises_no_finding() -> None:
    assert found(knowing(), connected(scope="machine")) == []


def test_keys_that_are_not_apps_raise_no_finding() -> None:
    for app in (OTHERS_KEY, SEARCHING_KEY, UNSEEN_KEY, "user:ann", "unit:docker 0123456789ab", "unit:run-r1.scope"):
        assert found(knowing(), connected(app)) == []
    assert found(knowing(), connected("desktop:presumed", pid=None)) == []
    assert len(found(knowing(), connected("unit:cups.service", pid=None))) == 1

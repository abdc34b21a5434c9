from __future__ import annotations

import json
import os
from typing import Any

import pytest

from netwatch_tray import cells, desktop_entries
from netwatch_tray.cli import connections, main, session
from netwatch_tray.cli.looking import Look
from netwatch_tray.feed.protocol import AppsMessage
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import App, Connection


def row(
    number: int, process: str, rate: float = 0.0, state: TcpState = TcpState.ESTABLISHED, **more: Any
) -> Connection:
    values: dict[str, Any] = {
        "remote_address": f"203.0.113.{number}", "remote_port": 443, "rx_rate": rate, "tx_rate": 1.0, "rtt_s": 0.02
    }  # fmt: skip
    return Connection(
        key=str(number), protocol="TCP", local_address="192.0.2.24", local_port=40_000 + number, state=state,
        pid=1000 + number, process=process, app=process, **{**values, **more},
    )  # fmt: skip


def app(name: str, rate: float, received: int) -> App:
    return App(
        key=name, name=name, processes=1, connections=2, rx_bytes=received, tx_bytes=1, rx_rate=rate, tx_rate=1.0,
        local_rx_bytes=0, local_tx_bytes=0,
    )  # fmt: skip


ROWS = [
    row(1, "browser", 5e6, host="host.of.a.long.name.example.org", host_origin="TLS"),
    row(2, "sync", 9e6),
    row(3, "字" * 30, 1e3),
    *(row(number, "", 0.0, TcpState.TIME_WAIT) for number in range(10, 120)),
]
APPS = (app("browser", 5e6, 10), app("sync", 9e6, 5), app("字" * 30, 1e3, 99))


@pytest.fixture(autouse=True)
def there(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(connections, "look", lambda _recording: Look([*ROWS], AppsMessage(apps=APPS, interval_s=2.0)))


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main([*words]) == 0
    return capsys.readouterr().out.splitlines()


def be_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    size = os.terminal_size((width, 24))
    for module in (session, connections):
        monkeypatch.setattr(module, "terminal_size", lambda: size)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
@pytest.mark.parametrize("command", ["connections", "apps"])
def test_tables_fit_the_terminal(
    command: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be_terminal(monkeypatch, width)
    lines = printed(capsys, command)
    table = lines[: lines.index("")]
    assert len(table) == 4
    for line in table:
        assert cells.width(line) <= max(width, 60 if command == "connections" else 70), line
    if width >= 80:
        assert all(cells.width(line) <= width for line in table)


def test_least_important_columns_are_left_out_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def heads(width: int) -> list[str]:
        be_terminal(monkeypatch, width)
        return printed(capsys, "connections")[0].split()

    assert heads(200) == "APP PID PROTOCOL HOST ADDRESS STATE ↓ ↑ RTT".split()
    assert heads(80) == "APP PROTOCOL REMOTE STATE ↓ ↑".split()
    assert heads(60) == "APP REMOTE ↓ ↑".split()


def test_a_pipe_gets_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    first, *_ = printed(capsys, "connections")
    assert first.split() == "APP PID PROTOCOL HOST ADDRESS STATE ↓ ↑ RTT".split()


def test_connections_in_time_wait_are_only_counted_unless_requested(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "connections")
    assert not any("TIME_WAIT" in line for line in lines[:-1])
    assert lines[-1] == "110 connections in TIME_WAIT are over and left out; --all lists them."
    assert sum("TIME_WAIT" in line for line in printed(capsys, "connections", "--all")) == 110
    assert len(json.loads(printed(capsys, "connections", "--json")[0])) == len(ROWS)


def test_one_connection_in_time_wait_is_counted_in_the_singular() -> None:
    assert connections._left_out(1) == "1 connection in TIME_WAIT is over and left out; --all lists it."


def test_options_filter_and_sort_connections_and_apps(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desktop_entries, "name_of", lambda key: "Backups of Ada" if key == "sync" else "")

    def names(*words: str) -> list[str]:
        return [str(each["process"]) for each in json.loads(printed(capsys, "connections", "--json", *words)[0])]

    assert names("--top", "2") == ["sync", "browser"]
    assert names("--top", "2", "--sort", "app") == ["browser", "sync"]
    assert names("--app", "SYN") == ["sync"]
    assert names("--app", "backups") == ["sync"], "by its desktop entry"

    def apps(*words: str) -> list[str]:
        return [str(each["name"]) for each in json.loads(printed(capsys, "apps", "--json", *words)[0])["apps"]]

    assert apps() == ["sync", "browser", "字" * 30]
    assert apps("--sort", "received", "--top", "1") == ["字" * 30]
    assert apps("--app", "brow") == ["browser"]
    assert apps("--app", "backups") == ["sync"]


def test_watch_prints_as_many_rows_as_fit_until_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [row(number, f"p{number}", float(number)) for number in range(100)]

    def looks() -> Any:
        yield Look(many, AppsMessage(apps=APPS, interval_s=2.0))
        yield Look(many[:1], AppsMessage(apps=APPS, interval_s=2.0))
        raise KeyboardInterrupt

    monkeypatch.setattr(connections, "looks", looks)
    be_terminal(monkeypatch, 80)
    assert main(["connections", "--watch"]) == 0
    first, second = capsys.readouterr().out.split("\x1b[H\x1b[2J")[1:]
    assert len(first.splitlines()) == 23
    assert len(second.splitlines()) == 2

"""Exports and usage add up to the deltas of the counters."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from machine import START, Machine

from netwatch_tray.cli import main, session, usage
from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.model import Traffic


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a history of two hours with 1000 bytes in one second of each minute, and an hour of sleep between them
    that carried 5 bytes."""
    for name in ("STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    machine = Machine(wall=START - 2.5)  # so that a minute's last tick is in it
    file = tmp_path / "netwatch-tray" / "history.sqlite3"
    writer = machine.writer(file)
    writer.record([machine.tick()])
    browser = {"executable:/usr/bin/browser": (AppName("executable:/usr/bin/browser", "browser"), Traffic(700, 30))}
    for hour in range(2):
        for _ in range(60):
            machine.carry(2, 1000, 50)
            measurements = []
            for _ in range(12):
                machine.wait(5)
                measurements.append(machine.tick())
            apps = AppInterval(elapsed_s=10.0, apps=browser, processes={}, local=Traffic())
            writer.record([*measurements[:-1], (measurements[-1].at, apps), measurements[-1]])
        if not hour:
            machine.carry(2, 5, 5)
            machine.sleep(3600)
            writer.record([machine.tick()])
    writer.close()
    return file


RANGE = ("--from", "2026-01-01", "--to", "2026-01-01")


def exported(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, str]]:
    assert main(["export", *RANGE, *options]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


@pytest.mark.parametrize("step", ["10s", "minute", "hour", "day"])
def test_every_step_adds_up_to_the_same_bytes(history: Path, capsys: pytest.CaptureFixture[str], step: str) -> None:
    assert history.exists()
    rows = exported(capsys, "--step", step)
    assert sum(int(row["rx_bytes"]) for row in rows) == 120 * 1000 + 5
    assert sum(int(row["tx_bytes"]) for row in rows) == 120 * 50 + 5
    assert sum(float(row["measured_s"]) for row in rows) == pytest.approx(7200, abs=1)


def test_hourly_rows_have_start_length_peaks_and_gap_reason(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history.exists()
    rows = exported(capsys, "--interfaces")
    assert [(row["start"], row["name"], row["rx_bytes"], row["note"]) for row in rows] == [
        ("2026-01-01T00:00:00+00:00", "eth0", "60000", ""),
        ("2026-01-01T02:00:00+00:00", "eth0", "60000", ""),
        ("2026-01-01T00:59:57+00:00", "eth0", "5", "asleep"),
    ]
    assert rows[0]["rx_peak_bytes_s"] == "200"
    assert datetime.fromisoformat(rows[0]["start"]) == datetime.fromtimestamp(START, UTC)


def test_apps_are_exported_as_json(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history.exists()
    rows = exported(capsys, "--apps", "--name", "browser")
    assert [(row["name"], row["rx_bytes"]) for row in rows] == [("browser", "42000"), ("browser", "42000")]
    assert main(["export", *RANGE, "--apps", "--step", "day", "--json"]) == 0
    days = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(day["start"], day["seconds"], day["name"], day["rx_bytes"], day["note"]) for day in days] == [
        ("2026-01-01", 86400, "browser", 84_000, None),
        ("2026-01-01", 86400, "While NetWatch was not measuring", 5, "unmeasured"),
        ("2026-01-01", 86400, "Not of any app", 36_000, "other"),
    ]


@pytest.mark.parametrize("step", ["minute", "hour", "day"])
def test_apps_and_remainder_add_up_to_the_total(history: Path, capsys: pytest.CaptureFixture[str], step: str) -> None:
    assert history.exists()
    rows = exported(capsys, "--apps", "--step", step)
    assert sum(int(row["rx_bytes"]) for row in rows) == 120 * 1000 + 5
    assert sum(int(row["tx_bytes"]) for row in rows) == 120 * 50 + 5
    by_name: dict[str, int] = {}
    for row in rows:
        by_name[row["name"]] = by_name.get(row["name"], 0) + int(row["rx_bytes"])
    assert by_name == {"browser": 84_000, "Not of any app": 36_000, "While NetWatch was not measuring": 5}


def test_usage_of_apps_adds_up_to_the_total(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history.exists()
    assert main(["usage", "--apps", *RANGE, "--json"]) == 0
    rows = {row["kind"]: (row["name"], row["rx"], row["tx"]) for row in json.loads(capsys.readouterr().out)}
    assert rows == {
        "app": ("browser", 84_000, 3_600),
        "unmeasured": ("While NetWatch was not measuring", 5, 5),
        "other": ("Not of any app", 36_000, 2_400),
    }
    assert main(["usage", "--apps", *RANGE]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:3] == ["total", "120", "kB"]


def test_usage_of_networks_has_readable_names(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history.exists()
    assert main(["usage", "--networks", "--to", "2026-01-01"]) == 0
    assert "ethernet" in capsys.readouterr().out


def test_usage_has_a_sum_where_there_are_several_rows(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def table(*options: str) -> list[str]:
        assert main(["usage", *options]) == 0
        return capsys.readouterr().out.splitlines()

    assert history.exists()
    assert table(*RANGE) == [
        "Usage per day, 2026-01-01 to 2026-01-01",
        "                 ↓        ↑    BOTH  IN GAPS",
        "2026-01-01  120 kB  6.00 kB  126 kB     10 B",
    ]
    assert "total" not in table(*RANGE, "--interfaces")[-1]
    assert table("--from", "2025-01-01", "--to", "2025-01-31") == [
        "Nothing was recorded between 2025-01-01 and 2025-01-31."
    ]
    assert table("--by", "year", "--to", "2025-01-31") == ["Nothing was recorded up to 2025-01-31."]


def test_usage_has_bars_on_a_terminal(
    history: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert history.exists()
    for module in (session, usage):
        monkeypatch.setattr(module, "terminal_size", lambda: os.terminal_size((80, 24)))
    monkeypatch.setattr(session, "bar", lambda share, most: "=" * round(share * most))
    monkeypatch.setattr(usage, "bar", session.bar)
    assert main(["usage", "--apps", *RANGE]) == 0
    title, heads, *rows, total = capsys.readouterr().out.splitlines()
    assert title == "Usage per app, 2026-01-01 to 2026-01-01"
    assert heads.split() == "↓ ↑ BOTH IN GAPS".split()
    assert [row.count("=") for row in rows] == [24, 0, 11]
    assert "=" not in total


def test_damaged_history_is_reported_with_what_still_works(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history.write_bytes(b"no database" * 1000)
    for subcommand in ("usage", "export"):
        assert main([subcommand]) == 1
        errors = capsys.readouterr().err
        assert f"{history} is damaged" in errors
        assert "Live rates still work." in errors


def test_missing_history_and_unknown_names_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["export"]) == 1
    assert "There is no history yet" in capsys.readouterr().err

"""Imports from vnStat, in all its layouts: repeated imports count once."""

from __future__ import annotations

import contextlib
import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from machine import Machine

from netwatch_tray.cli import main
from netwatch_tray.errors import HistoryError
from netwatch_tray.history import vnstat
from netwatch_tray.history.imports import Import, ImportedAmount, Span, add_imports, amounts, counted_in_total
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.usage import Days

NEVER = date(2100, 1, 1)
TODAY = date(2026, 1, 1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def on(first: date) -> dict[str, dict[str, int]]:
    return {"date": {"year": first.year, "month": first.month, "day": first.day}}


FIRST_LAYOUT = {
    "vnstatversion": "1.18",
    "jsonversion": "1",
    "interfaces": [
        {
            "id": "eth0",
            "nick": "home",
            "created": on(day("2017-11-27")),
            "updated": {**on(day("2018-03-20")), "time": {"hour": 15, "minutes": 20}},
            "traffic": {
                "total": {"rx": 99, "tx": 11},
                "days": [{"id": 0, **on(day("2018-03-20")), "rx": 3, "tx": 1}],
                "months": [{"id": 0, "date": {"year": 2018, "month": 3}, "rx": 50, "tx": 5}],
                "tops": [{"id": 0, **on(day("2018-01-01")), "time": {"hour": 1, "minutes": 2}, "rx": 7, "tx": 7}],
                "hours": [{"id": 15, **on(day("2018-03-20")), "rx": 1, "tx": 1}],
            },
        }
    ],
}

SECOND_LAYOUT = {
    "vnstatversion": "2.10",
    "jsonversion": "2",
    "interfaces": [
        {
            "name": "wlan0",
            "alias": "",
            "created": {**on(day("2024-01-01")), "timestamp": 1704067200},
            "updated": {**on(day("2025-12-30")), "time": {"hour": 1, "minute": 5}, "timestamp": 1767056700},
            "traffic": {
                "total": {"rx": 10_000, "tx": 1_000},
                "fiveminute": [],
                "hour": [],
                "day": [
                    {"id": 7, **on(day("2025-12-29")), "timestamp": 1766966400, "rx": 100, "tx": 10},
                    {"id": 8, **on(day("2025-12-30")), "timestamp": 1767052800, "rx": 200, "tx": 20},
                ],
                "month": [
                    {"id": 1, "date": {"year": 2025, "month": 11}, "timestamp": 1, "rx": 1_000, "tx": 100},
                    {"id": 2, "date": {"year": 2025, "month": 12}, "timestamp": 1, "rx": 700, "tx": 70},
                ],
                "year": [{"id": 1, "date": {"year": 2024}, "timestamp": 1, "rx": 5_000, "tx": 500}],
                "top": [{"id": 1, **on(day("2024-02-02")), "timestamp": 1, "rx": 900, "tx": 90}],
            },
        },
        {"name": "tun0", "alias": "", "traffic": {"total": {"rx": 0, "tx": 0}, "month": [
            {"id": 3, "date": {"year": 2025, "month": 11}, "rx": 900, "tx": 90}
        ]}},
    ],
}  # fmt: skip


def test_amounts_of_vnstat_json_version_1_are_in_kib() -> None:
    assert vnstat.parse(json.dumps(FIRST_LAYOUT).encode(), TODAY).imports == [
        Import("eth0", "day", day("2018-03-20"), 3 * 1024, 1024),
        Import("eth0", "month", day("2018-03-01"), 50 * 1024, 5 * 1024),
    ]


def test_amounts_of_vnstat_json_version_2_are_in_bytes() -> None:
    assert vnstat.parse(json.dumps(SECOND_LAYOUT).encode(), TODAY).imports == [
        Import("wlan0", "day", day("2025-12-29"), 100, 10),
        Import("wlan0", "day", day("2025-12-30"), 200, 20),
        Import("wlan0", "month", day("2025-11-01"), 1_000, 100),
        Import("wlan0", "month", day("2025-12-01"), 700, 70),
        Import("wlan0", "year", day("2024-01-01"), 5_000, 500),
        Import("tun0", "month", day("2025-11-01"), 900, 90),
    ]


def with_day(row: str) -> bytes:
    return b'{"jsonversion": "2", "interfaces": [{"traffic": {"day": [%s]}}]}' % row.encode()


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "not what"),
        (b"Error: Unable to open database", "not what"),
        (b'{"jsonversion": "3", "interfaces": []}', "format '3'"),
        (with_day('{"date": {"year": 1}, "rx": -1, "tx": 0}'), "No row of this export is valid"),
        (with_day('{"date": {"year": 2025, "month": 2, "day": 30}, "rx": 1, "tx": 0}'), "no such day"),
        (with_day('{"date": {"year": 9999, "month": 2, "day": 3}, "rx": 1, "tx": 0}'), "not between 1970 and tomorrow"),
    ],
)
def test_document_that_is_not_an_export_is_refused(document: bytes, why: str) -> None:
    with pytest.raises(HistoryError, match=why):
        vnstat.parse(document, TODAY)


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.sampled_from(["1", "2"]))
keys = st.sampled_from(["jsonversion", "interfaces", "traffic", "day", "date", "year", "rx", "tx", "name"])
documents = st.recursive(leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner)))


@given(st.binary(max_size=100))
def test_arbitrary_bytes_as_vnstat_export_are_refused(data: bytes) -> None:
    with contextlib.suppress(HistoryError):
        vnstat.parse(data, TODAY)
    with pytest.raises(HistoryError):
        vnstat.parse(b'{"jsonversion": "2\xff", "interfaces": []}', TODAY)


@given(documents)
def test_any_json_document_is_imported_or_raises_history_error(document: object) -> None:
    with contextlib.suppress(HistoryError):
        vnstat.parse(json.dumps(document).encode(), TODAY)


def test_superfluous_comma_of_vnstat_1_13_is_accepted() -> None:
    text = json.dumps(FIRST_LAYOUT)
    extra = text.replace('"hours": [', '"hours": [,')
    assert extra != text
    assert vnstat.parse(extra.encode(), TODAY) == vnstat.parse(text.encode(), TODAY)


def test_only_the_implausible_row_of_an_export_is_dropped() -> None:
    rows = [
        {**on(day("2025-01-01")), "rx": 8 << 60, "tx": 0},
        {**on(day("2025-01-02")), "rx": 5, "tx": 6},
        {"date": {"year": 2025, "month": 13, "day": 1}, "rx": 1, "tx": 1},
        {**on(day("2026-01-03")), "rx": 1, "tx": 1},
        {**on(day("1969-12-31")), "rx": 1, "tx": 1},
        {**on(day("2025-01-04")), "rx": -1, "tx": 1},
        {**on(day("2025-01-05")), "rx": "many", "tx": 1},
        "no row",
        {**on(day("2026-01-02")), "rx": 7, "tx": 8},
    ]
    document = {"jsonversion": "2", "interfaces": [{"name": "eth0", "traffic": {"day": rows}}]}
    found = vnstat.parse(json.dumps(document).encode(), TODAY)
    assert found.imports == [
        Import("eth0", "day", day("2025-01-02"), 5, 6),
        Import("eth0", "day", day("2026-01-02"), 7, 8),
    ]
    assert len(found.refused) == 7
    assert all(each.startswith("eth0, day ") for each in found.refused)


def test_imported_year_of_petabytes_is_plausible() -> None:
    year = {"date": {"year": 2024}, "rx": 12 * 10**15, "tx": 3 * 10**15}
    document = {"jsonversion": "2", "interfaces": [{"name": "eth0", "traffic": {"year": [year]}}]}
    assert vnstat.parse(json.dumps(document).encode(), TODAY).imports == [
        Import("eth0", "year", day("2024-01-01"), 12 * 10**15, 3 * 10**15)
    ]


def test_a_day_in_two_rows_is_added_up_and_reported(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"id": number, **on(day("2015-07-30")), "rx": rx, "tx": rx} for number, rx in enumerate((100, 300))]
    document = {"jsonversion": "1", "interfaces": [{"id": "wlan0", "traffic": {"days": rows}}]}
    export = tmp_path / "vnstat.json"
    export.write_text(json.dumps(document))
    for _ in range(2):
        assert main(["import", str(export)]) == 0
        out, _err = capsys.readouterr()
        assert "wlan0: days: 1, months and years: 0; counted" in out
        assert "there already: 1. They were added up." in out
        assert ("2015-07-30", 400 * 1024, 800 * 1024) in totals(history)


def test_refused_rows_have_their_reasons(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history.exists()
    rows = [{**on(day("2025-01-02")), "rx": 5, "tx": 6}, {**on(day("2025-01-01")), "rx": 8 << 60, "tx": 0}]
    export = tmp_path / "vnstat.json"
    export.write_text(json.dumps({"jsonversion": "2", "interfaces": [{"name": "wlan0", "traffic": {"day": rows}}]}))
    assert main(["import", str(export)]) == 0
    out, err = capsys.readouterr()
    assert "wlan0: days: 1" in out
    assert "Rows that cannot be right were left out: 1" in err
    assert "more than 400 Gbit/s" in err


def test_imported_month_leaves_out_bytes_of_imported_days() -> None:
    imports = vnstat.parse(json.dumps(SECOND_LAYOUT).encode(), TODAY).imports
    assert [amount for amount in amounts(imports, NEVER) if amount.name == "wlan0"] == [
        ImportedAmount("wlan0", Days(day("2024-01-01"), day("2024-12-31")), 5_000, 500),
        ImportedAmount("wlan0", Days(day("2025-11-01"), day("2025-11-30")), 1_000, 100),
        ImportedAmount("wlan0", Days(day("2025-12-01"), day("2025-12-31")), 400, 40),
        ImportedAmount("wlan0", Days(day("2025-12-29"), day("2025-12-29")), 100, 10),
        ImportedAmount("wlan0", Days(day("2025-12-30"), day("2025-12-30")), 200, 20),
    ]


@given(st.dictionaries(st.integers(0, 800), st.integers(0, 10**12)), st.sets(st.sampled_from(["month", "year"])))
def test_bytes_in_days_months_and_years_count_once(by_day: dict[int, int], longer: set[str]) -> None:
    imports = []
    spans: tuple[tuple[Span, int], ...] = (("day", 10), ("month", 7), ("year", 4))
    for span, cut in spans:
        sums: dict[date, int] = {}
        for number, rx in by_day.items():
            when = day("2023-05-05") + timedelta(days=number)
            first = day((when.isoformat()[:cut] + "-01-01")[:10])
            sums[first] = sums.get(first, 0) + rx
        if span == "day" or span in longer:
            imports += [Import("eth0", span, first, rx, 0) for first, rx in sums.items()]
    assert sum(amount.rx for amount in amounts(imports, NEVER)) == sum(by_day.values())


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a history in which wlan0 makes the total, and whose first day is the last one of vnStat."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "netwatch-tray" / "history.sqlite3"
    machine = Machine(wall=1767096000.0, interfaces={3: ["wlan0", "wifi", True, 0, 0]})  # 2025-12-30, 12 o'clock UTC
    writer = machine.writer(file)
    writer.record([machine.tick()])
    machine.carry(3, 77, 0)
    machine.wait()
    writer.close([machine.tick()])
    return file


def totals(file: Path) -> list[tuple[str, int, int]]:
    reader = HistoryReader(file)
    try:
        by_day = reader.days("total", None, date.min, date.max)
        undated = reader.undated("total", None, date.min, date.max)
        by_name = reader.by_name("total", date.min, date.max)
    finally:
        reader.close()
    found = [(when.isoformat(), used.rx, used.imported) for when, used in by_day.items()]
    found += [(days.first.isoformat(), used.rx, used.imported) for days, used in undated]
    assert [used.rx for used in by_name.values()] == [sum(rx for _, rx, _ in found)]
    return found


def test_recorded_days_and_repeated_imports_count_once(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = history.with_name("vnstat.json")
    export.write_text(json.dumps(SECOND_LAYOUT))
    expected = [
        ("2025-12-29", 100, 110),
        ("2025-12-30", 77, 0),
        ("2024-01-01", 5_000, 5_500),
        ("2025-11-01", 1_000, 1_100),
    ]
    for _ in range(2):
        assert main(["import", str(export)]) == 0
        assert totals(history) == expected, "the rest of the month may be of own days, so it does not count"
    said = capsys.readouterr().out
    assert "wlan0: days: 2, months and years: 3; counted in the total." in said
    assert "tun0: days: 0, months and years: 1; not in the total" in said
    assert main(["import", "--total", "tun0", str(export)]) == 0
    assert ("2025-11-01", 900, 990) in totals(history)


def test_imported_amounts_are_marked_in_usage(
    history: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    add_imports(history, vnstat.parse(json.dumps(SECOND_LAYOUT).encode(), TODAY).imports, counted_in_total(history))
    assert main(["usage", "--by", "month", "--json"]) == 0
    months = {row["name"]: (row["rx"], row["imported"]) for row in json.loads(capsys.readouterr().out)}
    assert months == {"2025-11-01": (1_000, 1_100), "2025-12-01": (177, 110)}
    assert main(["usage", "--by", "month"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("total       1.18 kB "), "1000 + 177"
    assert main(["export", "--interfaces", "--step", "day", "--from", "2024-01-01", "--to", "2025-12-30"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("start,seconds,name,rx_bytes,tx_bytes,")
    assert "2025-12-29,86400,wlan0,100,10,,,0.0,imported" in lines
    assert "2025-11-01,2592000,tun0,900,90,,,0.0,imported" in lines
    assert main(["export", "--step", "day", "--from", "2024-01-01", "--to", "2025-12-30"]) == 0
    in_total = [line.split(",") for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(line[0], int(line[3])) for line in in_total] == [(when, rx) for when, rx, _ in totals(history)]
    assert {line[2] for line in in_total} == {"Total"}
    assert main(["history", "delete", "--from", "2025-12-01", "--to", "2025-12-30", "--yes"]) == 0
    assert capsys.readouterr().out == "Days deleted: 2\n"
    assert main(["history", "delete", "--from", "2025-11-01", "--to", "2025-11-30", "--yes"]) == 0
    assert capsys.readouterr().out == "Days deleted: 30\n"


def test_import_without_a_history_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    export = tmp_path / "vnstat.json"
    export.write_text(json.dumps(FIRST_LAYOUT))
    assert main(["import", str(export)]) == 1
    assert "start the program" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_import_works_while_the_agent_records(history: Path) -> None:
    machine = Machine(wall=1767099600.0, interfaces={3: ["wlan0", "wifi", True, 77, 0]})
    machine.boottime = 4600.0
    machine.start_agent()
    writer = machine.writer(history)
    writer.record([machine.tick()])
    add_imports(history, vnstat.parse(json.dumps(SECOND_LAYOUT).encode(), TODAY).imports, {"wlan0"})
    machine.carry(3, 23, 0)
    machine.wait()
    writer.record([machine.tick()])
    assert writer.fault is None
    writer.close()
    assert ("2025-12-30", 100, 0) in totals(history)

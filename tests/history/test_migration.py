"""Files of every earlier version of the format are migrated with all they hold."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from netwatch_tray.errors import HistoryError
from netwatch_tray.history import damaged_file, schema
from netwatch_tray.history.codes import LOST, NETWORK_KINDS, SERIES_KINDS
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.series import SeriesKind
from netwatch_tray.history.store import Store
from netwatch_tray.model import GapReason

FILES = Path(__file__).parent / "files"
PAGE = 4096
REASONS = [
    GapReason.ASLEEP,
    GapReason.NOT_RUNNING,
    GapReason.REMOVED,
    GapReason.PAUSED,
    GapReason.UNREADABLE,
    GapReason.RESET,
    GapReason.JUMPED,
    GapReason.NOT_WRITTEN,
    GapReason.CLOCK_SET_FORWARD,
    GapReason.CLOCK_SET_BACK,
    GapReason.SOURCE_CHANGED,
    GapReason.INTERRUPTED,
    GapReason.RESUMED,
    GapReason.UNKNOWN,
]
"""In version-2, in the order of their start; see files/make_version_2.py."""
EACH_REASON = range(1, 12)
"""Bytes that the last eleven of these gaps carried of the total."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a history as version 2 wrote it."""
    file = tmp_path / "history.sqlite3"
    file.write_bytes(gzip.decompress((FILES / "version-2.sqlite3.gz").read_bytes()))
    return file


def rows_of(file: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def test_gap_reasons_become_codes(file: Path) -> None:
    Store(file).close()
    assert rows_of(file, "SELECT reason, typeof(reason) FROM gap ORDER BY id") == [
        (int(reason), "integer") for reason in REASONS
    ]
    with contextlib.closing(HistoryReader(file)) as reader:
        assert [gap.reason for gap in reader.gaps(0, 1e12)] == REASONS
        carried = [gap.rx for gap in reader.carried("total", None, 0, 1e12)]
        assert carried[-len(EACH_REASON) :] == list(EACH_REASON)
        assert reader.lost == 0


def test_kinds_of_series_and_networks_become_codes(file: Path) -> None:
    Store(file).close()
    kinds = [SERIES_KINDS[kind] for kind in ("interface", "interface", "total", "app", "carrier")]
    assert rows_of(file, "SELECT kind FROM series ORDER BY id") == [(kind,) for kind in (*kinds, LOST)]
    with contextlib.closing(HistoryReader(file)) as reader:
        networks = sorted((use.kind, use.number, use.is_metered) for use in reader.by_network(date.min, date.max))
    assert networks == [
        ("cellular", 1, False),
        ("ethernet", 1, None),
        ("gretap", 1, False),
        ("offline", 1, True),
        ("wifi", 1, False),
        ("wifi", 2, True),
        ("wireguard", 1, True),
    ]


@pytest.mark.parametrize(
    ("kind", "names"),
    [("total", ["Total"]), ("interface", ["eth0", "wg0"]), ("app", ["browser"]), ("carrier", ["tunnel"])],
)
def test_migration_keeps_every_amount(file: Path, kind: SeriesKind, names: list[str]) -> None:
    before = rows_of(file, "SELECT day, data FROM usage ORDER BY day, network"), rows_of(file, "SELECT * FROM chunk")
    Store(file).close()
    assert before == (
        rows_of(file, "SELECT day, data FROM usage ORDER BY day, network"),
        rows_of(file, "SELECT * FROM chunk"),
    )
    with contextlib.closing(HistoryReader(file)) as reader:
        assert sorted(reader.by_name(kind, date(2026, 1, 1), date.max)) == names
        used = reader.bytes_between(kind, None, 0, 1 << 40)
        days = reader.days(kind, None, date(2026, 1, 1), date.max).values()
        assert used.both == sum(day.both for day in days) > 0


def test_migration_keeps_the_inode_and_the_file_opens_again(file: Path) -> None:
    with pytest.raises(HistoryError, match="older version"):
        HistoryReader(file)
    inode = file.stat().st_ino
    for _ in range(2):
        Store(file).close()
        assert rows_of(file, "PRAGMA user_version") == [(schema.VERSION,)]
        assert rows_of(file, "PRAGMA integrity_check") == [("ok",)]
    assert file.stat().st_ino == inode


def test_migrated_tables_begin_on_the_same_pages_as_in_a_new_file(file: Path, tmp_path: Path) -> None:
    Store(file).close()
    Store(tmp_path / "new.sqlite3").close()
    query = "SELECT name, rootpage FROM sqlite_master ORDER BY name"
    assert rows_of(file, query) == rows_of(tmp_path / "new.sqlite3", query)


@pytest.mark.parametrize("is_migrated", [True, False])
def test_salvaged_file_without_its_first_page_keeps_names_and_gap_reasons(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_migrated: bool
) -> None:
    monkeypatch.setattr(damaged_file.shutil, "which", lambda _name: None)
    if is_migrated:
        Store(file).close()
    (tmp_path / "history.damaged-20260101-000000.sqlite3").write_bytes(bytes(PAGE) + file.read_bytes()[PAGE:])
    file.unlink()
    store = Store(file)
    note = store.restore()
    store.close()
    assert note is not None
    assert "carried over (days: 8" in str(note)
    with contextlib.closing(HistoryReader(file)) as reader:
        assert [gap.reason for gap in reader.gaps(0, 1e12)] == REASONS
        assert reader.names("interface") == ["eth0", "wg0"]
        assert len(reader.by_network(date.min, date.max)) == 7


def test_migrations_of_released_versions_are_unchanged(file: Path, tmp_path: Path) -> None:
    schema.first_page(tmp_path / "new.sqlite3", 2)
    query = "SELECT name, sql, rootpage FROM sqlite_master WHERE name != 'once' ORDER BY name"
    assert rows_of(file, query) == rows_of(tmp_path / "new.sqlite3", query)


def test_each_kind_of_series_and_network_has_its_own_code() -> None:
    for codes in (SERIES_KINDS, NETWORK_KINDS):
        assert len(set(codes.values())) == len(codes)
    assert LOST not in SERIES_KINDS.values()


def file_that_gets_a_table(directory: Path, version: int, added: str) -> Path:
    """Bring a file of this version up to date: it gets the table, empty, and keeps all rows. Return the file."""
    file = directory / "history.sqlite3"
    file.write_bytes(gzip.decompress((FILES / f"version-{version}.sqlite3.gz").read_bytes()))
    assert rows_of(file, "PRAGMA user_version") == [(version,)]
    tables = [name for (name,) in rows_of(file, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert added not in tables
    queries = [f"SELECT * FROM {table}" for table in tables]  # noqa: S608  our own names
    before = [rows_of(file, query) for query in queries]
    Store(file).close()
    assert before == [rows_of(file, query) for query in queries]
    assert rows_of(file, f"SELECT * FROM {added}") == []  # noqa: S608  our own names
    return file


def test_a_file_of_version_3_gets_a_table_of_events_and_keeps_the_rest(tmp_path: Path) -> None:
    file = file_that_gets_a_table(tmp_path, 3, "event")
    with contextlib.closing(HistoryReader(file)) as reader:
        assert reader.events(0, 1e12) == []


def test_a_file_of_version_4_gets_a_table_of_network_names_and_keeps_the_rest(tmp_path: Path) -> None:
    file = file_that_gets_a_table(tmp_path, 4, "network_name")
    with contextlib.closing(HistoryReader(file)) as reader:
        (event,) = reader.events(0, 1e12)
        assert event.key == "line"
        named = reader.by_network(date.min, date.max, with_names=True)
        assert {use.name for use in named} == {None}
        assert named == reader.by_network(date.min, date.max)

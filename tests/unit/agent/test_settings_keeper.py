"""The settings in use while their file changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from netwatch_tray import paths
from netwatch_tray.agent.settings_keeper import SettingsKeeper
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message
from netwatch_tray.settings import Settings
from netwatch_tray.units import Units


class Kept:
    """A keeper, and the messages that it reported."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.applied: list[tuple[Settings, Settings]] = []
        self.complaints: list[str] = []
        self.keeper = SettingsKeeper(scheduler, lambda *both: self.applied.append(both), self._complain)

    def _complain(self, key: str, _heading: Message, text: Message) -> None:
        self.complaints.append(f"{key}: {text}")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(paths.HOME, str(tmp_path))
    file = paths.settings_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[units]\nbits = true\n[upload]\non = true\n")
    return file


@pytest.fixture
def kept(file: Path) -> Iterator[Kept]:
    scheduler = Scheduler()
    kept = Kept(scheduler)
    assert file.exists()
    yield kept
    kept.keeper.close()
    scheduler.close()


def test_unchanged_file_is_not_applied_again(kept: Kept) -> None:
    kept.keeper.check()
    assert kept.applied == []
    assert kept.keeper.current.units.bits


def test_changed_file_is_applied_with_previous_and_new_settings(kept: Kept, file: Path) -> None:
    file.write_text("[units]\nbits = false\n")
    kept.keeper.check()
    ((before, now),) = kept.applied
    assert (before.units.bits, now.units.bits) == (True, False)
    assert kept.keeper.current is now


def test_faulty_file_keeps_the_settings_but_stops_uploading(kept: Kept, file: Path) -> None:
    file.write_text("health = 'never'\n[upload]\non = true\n")
    kept.keeper.check()
    ((before, now),) = kept.applied
    assert now.units == before.units == Units(bits=True)
    assert (before.upload.on, now.upload.on) == (True, False)
    (complaint,) = kept.complaints
    assert "health must be true or false. The previous settings stay in use." in complaint


def test_fixed_file_has_no_fault(kept: Kept, file: Path) -> None:
    file.write_text("health = 'never'\n")
    kept.keeper.reload()
    assert kept.keeper.fault
    file.write_text("[units]\nbits = false\n")
    kept.keeper.reload()
    assert kept.keeper.fault is None
    assert len(kept.complaints) == 1

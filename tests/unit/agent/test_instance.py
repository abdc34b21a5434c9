from __future__ import annotations

import os
from pathlib import Path

import pytest

from netwatch_tray.agent.instance import Instance
from netwatch_tray.errors import AlreadyRunningError, NetWatchError


def instance(directory: Path, runtime: str = "run") -> Instance:
    (directory / runtime).mkdir(exist_ok=True)
    return Instance(directory / "state", lambda: directory / runtime / "lock")


def test_either_lock_refuses_a_second_agent(tmp_path: Path) -> None:
    first = instance(tmp_path)
    with pytest.raises(AlreadyRunningError):
        instance(tmp_path)
    with pytest.raises(AlreadyRunningError):
        instance(tmp_path, "elsewhere")
    (tmp_path / "state").rename(tmp_path / "away")
    with pytest.raises(AlreadyRunningError):
        instance(tmp_path)
    first.close()
    assert list((tmp_path / "run").iterdir()) == []
    (tmp_path / "state").rmdir()
    (tmp_path / "away").rename(tmp_path / "state")
    instance(tmp_path).close()


def test_a_refused_start_leaves_no_lock_and_no_descriptor(tmp_path: Path) -> None:
    opened = len(list(Path("/dev/fd").iterdir()))
    first = instance(tmp_path)
    for _ in range(3):
        with pytest.raises(AlreadyRunningError):
            instance(tmp_path)
    first.check()
    first.close()
    assert len(list(Path("/dev/fd").iterdir())) == opened


def test_removed_locks_are_taken_again(tmp_path: Path) -> None:
    first = instance(tmp_path)
    (tmp_path / "run" / "lock").unlink()
    (tmp_path / "state").rmdir()
    first.check()
    with pytest.raises(AlreadyRunningError):
        instance(tmp_path)
    first.close()


def test_closing_keeps_the_lock_file_of_another_agent(tmp_path: Path) -> None:
    first = instance(tmp_path)
    (tmp_path / "run" / "lock").unlink()
    (tmp_path / "state").rmdir()
    second = instance(tmp_path)
    with pytest.raises(AlreadyRunningError):
        first.check()
    first.close()
    assert (tmp_path / "run" / "lock").exists()
    with pytest.raises(AlreadyRunningError):
        instance(tmp_path)
    second.close()


def test_missing_state_directory_does_not_stop_the_start(tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs.append("cannot be locked (Not a directory)")
    (tmp_path / "state").touch()
    first = instance(tmp_path)
    first.check()
    with pytest.raises(AlreadyRunningError):
        instance(tmp_path)
    first.close()


@pytest.mark.parametrize("kind", ["directory", "link", "no parent"])
def test_a_lock_that_cannot_be_opened_is_reported(tmp_path: Path, kind: str) -> None:
    (tmp_path / "run").mkdir()
    lock = tmp_path / "run" / "lock"
    if kind == "directory":
        lock.mkdir()
    elif kind == "link":
        lock.symlink_to("/etc/hostname")
    else:
        lock = tmp_path / "none" / "lock"
    opened = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(NetWatchError, match=f"The agent cannot lock {lock}: .* Free some space there, or set"):
        Instance(tmp_path / "state", lambda: lock)
    assert len(list(Path("/dev/fd").iterdir())) == opened
    assert os.path.lexists(lock) is (kind != "no parent")

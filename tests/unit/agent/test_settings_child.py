"""Settings chosen in the agent's menu, written by a real child into a real file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netwatch_tray import paths, settings
from netwatch_tray.agent.settings_child import SettingsChild
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message
from netwatch_tray.settings import Settings
from netwatch_tray.units import Units

HAND_WRITTEN = "# mine\n[units]\nbinary = true # always\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = paths.settings_file()
    file.parent.mkdir(parents=True)
    file.write_text(HAND_WRITTEN)
    return file


def run(act: Callable[[SettingsChild], object], until: Callable[[list[Message | None]], bool]) -> list[Message | None]:
    """Call `act`, and return what the child reported once `until` holds."""
    scheduler = Scheduler()
    reported: list[Message | None] = []

    def done(fault: Message | None) -> None:
        reported.append(fault)
        if until(reported):
            scheduler.stop()

    child = SettingsChild(scheduler, done)

    def start() -> None:
        act(child)

    scheduler.call_soon(start)
    scheduler.after(60, scheduler.stop)
    scheduler.run()
    child.close()
    scheduler.close()
    return reported


def test_choice_is_in_the_file_when_done_is_called(file: Path) -> None:
    changes = settings.changes(Settings(), Settings(units=Units(bits=True)))
    assert run(lambda child: child.write(changes), bool) == [None]
    assert settings.load(file).units == Units(bits=True, binary=True)
    assert file.read_text() == HAND_WRITTEN + "bits = true\n"


def test_choices_made_meanwhile_share_the_next_child(file: Path) -> None:
    def choose(child: SettingsChild) -> None:
        for number in range(100):
            child.write({"total": {f"eth{number}": number % 2 == 0}, "health": number % 2 == 0})

    assert run(choose, lambda reported: len(reported) == 2) == [None, None]
    found = settings.load(file)
    assert found.total == {f"eth{number}": number % 2 == 0 for number in range(100)}
    assert not found.health


def test_faulty_file_is_reported_and_left_unchanged(file: Path) -> None:
    file.write_text("[unitz]\n")
    (fault,) = run(lambda child: child.write({"health": True}), bool)
    assert str(fault) == f"Fault in the settings file {file}: unitz is not a setting (did you mean units?)."
    assert file.read_text() == "[unitz]\n"


def test_invalid_settings_are_refused_and_the_file_is_unchanged(file: Path) -> None:
    (fault,) = run(lambda child: child.write({"upload": {"interval": 1}}), bool)
    assert str(fault).startswith("These settings cannot be saved: ")
    assert file.read_text() == HAND_WRITTEN


def test_a_child_that_cannot_start_is_reported(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwatch_tray.launch.command", lambda *_: ("/nonexistent/program",))
    (fault,) = run(lambda child: child.write({"health": True}), bool)
    assert "cannot be started: No such file or directory" in str(fault)
    assert file.read_text() == HAND_WRITTEN


@pytest.mark.parametrize("stdin", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_garbage_on_stdin_changes_nothing(file: Path, stdin: bytes) -> None:
    command = [sys.executable, "-m", "netwatch_tray", "--change-settings"]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60, env=dict(os.environ))
    assert done.returncode == 1
    assert done.stderr.startswith(b"netwatch-tray: The settings were not changed: ")
    assert b"Traceback" not in done.stderr
    assert file.read_text() == HAND_WRITTEN


def test_the_agent_never_imports_tomlkit() -> None:
    code = (
        "import sys, netwatch_tray.agent.agent, netwatch_tray.agent.settings_child, netwatch_tray.history.writer, "
        "netwatch_tray.cloud.upload_service; sys.exit('tomlkit' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0

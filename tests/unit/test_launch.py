"""Each form of the program starts itself again in its own way."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netwatch_tray import launch


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv(launch.WRAPPER, raising=False)
    file = tmp_path / "python3"
    monkeypatch.setattr(sys, "executable", str(file))
    return file


def test_checkout_starts_by_its_interpreter(interpreter: Path) -> None:
    assert launch.command("window") == (str(interpreter), "-m", "netwatch_tray", "window")


def test_wheel_starts_by_its_command(interpreter: Path) -> None:
    script = interpreter.with_name("netwatch-tray")
    script.touch()
    assert launch.command("status", "--json") == (str(script), "status", "--json")


def test_frozen_program_starts_itself(interpreter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert launch.command() == (str(interpreter),)


@pytest.mark.usefixtures("interpreter")
def test_wrapped_program_starts_by_its_wrapper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv(launch.WRAPPER, "/home/me/NetWatch Tray.AppImage")
    assert launch.command("agent") == ("/home/me/NetWatch Tray.AppImage", "agent")


@pytest.mark.parametrize("file", ["packaging/macos/launcher.c", "packaging/appimage/AppRun"])
def test_wrappers_are_marked_as_such(file: str) -> None:
    assert launch.WRAPPER in (Path(__file__).parents[2] / file).read_text("utf-8")

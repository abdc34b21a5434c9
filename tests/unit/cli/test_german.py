"""The terminal in German: nothing that a subcommand prints to the user is English."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwatch_tray import language, paths
from netwatch_tray.cli import main

COMMANDS = (
    "doctor",
    "selftest",
    "usage",
    "usage --interfaces",
    "usage --from 2020-01-01 --to 2020-01-02",
    "usage --from soon",
    "usage --from 2026-02-01 --to 2026-01-01",
    "watch --count 0",
    "watch --interval soon",
    "record file --for soon",
    "agent --speed fast",
    "helper --user nobody-of-this-name",
    "helper status",
    "upload status",
    "autostart status",
    "desktop status",
    "misspelt",
)
SAME = {"FILE", "StatusNotifierItem (D-Bus)"}
_DATA = re.compile(r"[\W\d_]*|.*/.*|rtnetlink RTM_\w+|sock_diag|lsof|psutil|\[.*|netwatch-tray\b.*")
"""Numbers, paths, names of sources, options and errors in brackets, and commands."""


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv(paths.HOME, str(tmp_path / "home"))
    yield
    language.use("en")


def printed(code: str, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What a subcommand prints on both streams."""
    monkeypatch.setenv("LANGUAGE", code)
    monkeypatch.setenv("LC_ALL", f"{code}_US.UTF-8")
    with contextlib.suppress(SystemExit):  # of argparse
        main(command.split())
    out, err = capsys.readouterr()
    return out + err


def cells(text: str) -> set[str]:
    """The columns of all lines, of which one is apart from the next by two blanks or a colon."""
    interfaces = {name for _index, name in socket.if_nameindex()}
    found = {cell.strip() for line in text.splitlines() for cell in re.split(r"\s{2,}|: ", line)}
    return {cell for cell in found - interfaces if not _DATA.fullmatch(cell)}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_cell_is_the_same_in_both_languages(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    english, german = (printed(code, command, monkeypatch, capsys) for code in ("en", "de"))
    assert cells(german)
    assert cells(english) & cells(german) - SAME == set()

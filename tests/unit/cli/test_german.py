"""The terminal in German: nothing that a subcommand prints to the user is English."""

from __future__ import annotations

import ast
import contextlib
import errno
import locale
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from statuses import status

from netwatch_tray import language, paths
from netwatch_tray.cli import live, main
from netwatch_tray.errors import message
from netwatch_tray.helper import probes, service

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
_DATA = re.compile(r"[\W\d_]*|\d+ s|.*/.*|rtnetlink RTM_\w+|sock_diag|lsof|psutil|\[.*|--\w.*|netwatch-tray\b.*")
"""Numbers, paths, names of sources, options and errors in brackets, and commands."""


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv(paths.HOME, str(tmp_path / "home"))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)  # its value would be the same in both languages
    yield
    language.use("en")
    # glibc keeps translations of its messages until the locale changes, whatever $LANGUAGE says since.
    before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C")
    locale.setlocale(locale.LC_ALL, before)


def printed(code: str, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a subcommand prints on both streams."""
    monkeypatch.setenv("LANGUAGE", code)
    monkeypatch.setenv("LC_ALL", f"{code}_US.UTF-8")
    with contextlib.suppress(SystemExit):  # of argparse
        main(command.split())
    out, err = capsys.readouterr()
    return out + err


def cells(text: str) -> set[str]:
    """Return the texts between two blanks or colons of all lines."""
    interfaces = {name for _index, name in socket.if_nameindex()}
    found = {cell.strip() for line in text.splitlines() for cell in re.split(r"\s{2,}|: ", line)}
    return {cell for cell in found - interfaces if not _DATA.fullmatch(cell)}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_table_cell_is_the_same_in_english_and_german(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    english, german = (printed(code, command, monkeypatch, capsys) for code in ("en", "de"))
    assert cells(german)
    assert cells(english) & cells(german) - SAME == set()


def test_no_label_of_status_is_the_same_in_english_and_german(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = status(
        connections=message("off"),
        helper=message("The helper is not set up."),
        upload=message("off"),
        settings_fault=message("off"),
        faults=(message("The helper does not answer."),),
    )
    monkeypatch.setattr(live, "ask_status", lambda: shown)
    english, german = (printed(code, "status", monkeypatch, capsys) for code in ("en", "de"))
    assert len(german.splitlines()) == len(english.splitlines()) == 11
    assert cells(english) & cells(german) - SAME == set()


def test_sentences_of_the_helper_are_translated() -> None:
    """It sends them in English, because it imports nothing that translates."""
    raised = {
        call.args[0].value
        for file in Path(probes.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "UnavailableError"
        if isinstance(call.args[0], ast.Constant)
    }
    refused = {probes._reason(OSError(number, "")) for number in (errno.EPERM, errno.ENOSYS)}
    language.use("de")
    for each in raised | refused | {service._NOT_ALLOWED, service._TOO_MANY}:
        assert language.translation("Messages", str(each)), each
    assert len(raised) == 2

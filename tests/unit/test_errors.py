"""Texts of expected failures."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from netwatch_tray.errors import CollectError, NetWatchError, message, reason_of


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.ENOENT, os.strerror(errno.ENOENT), "/a/file"), "No such file or directory"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "Permission denied"),
        (OSError("closed by the bus"), "closed by the bus"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("no number"), "no number"),
    ],
)
def test_errors_of_the_system_become_words_without_numbers(error: Exception, text: str) -> None:
    assert reason_of(error) == text
    assert str(message("It failed: {error}.", error=error)) == f"It failed: {text}."
    assert str(NetWatchError("It failed: {error}.", error=error)) == f"It failed: {text}."


def test_errors_of_this_program_stay_messages() -> None:
    found = message("It failed: {error}", error=CollectError("{name} is gone.", name="eth0"))
    assert found.values == {"error": message("{name} is gone.", name="eth0")}

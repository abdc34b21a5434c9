"""Subcommands in a child process."""

from __future__ import annotations

from windows import Opened, until

from netwatch_tray.window.data.cli_process import CliProcess


def test_a_command_that_cannot_start_fails(opened: Opened) -> None:
    verb = CliProcess(opened.window, lambda: ("/nonexistent/netwatch-tray",))
    said: list[str] = []
    verb.failed.connect(said.append)
    verb.run("snapshot")
    until(lambda: said, "it is said")
    assert not verb.is_running

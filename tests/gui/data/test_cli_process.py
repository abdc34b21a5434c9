"""Subcommands in a child process."""

from __future__ import annotations

from windows import Opened, until

from netwatch_tray.window.data.cli_process import CliProcess


def test_a_command_that_cannot_start_fails(opened: Opened) -> None:
    process = CliProcess(opened.window, lambda: ("/nonexistent/netwatch-tray",))
    said: list[str] = []
    process.failed.connect(said.append)
    process.run("snapshot")
    until(lambda: said, "the failure is reported")
    assert not process.is_running

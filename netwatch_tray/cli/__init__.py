"""The command line: one command with a subcommand for each purpose, whose module is loaded when it is called.

Exit codes: 0 done, 1 failed (the reason is on stderr), 2 usage, 3 no agent is running.
"""

from __future__ import annotations

import logging
import sys
from functools import partial
from typing import TYPE_CHECKING

from netwatch_tray import language, lean_imports, paths
from netwatch_tray.cli import ending, program
from netwatch_tray.errors import NetWatchError
from netwatch_tray.text import LogFormatter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_RESIDENT: dict[tuple[str, ...], Callable[[], int]] = {
    (): program.start,
    ("agent",): program.run_agent,
    ("agent", "--headless"): partial(program.run_agent, headless=True),
}
"""Command lines that start an agent, each with its function. They are compared as a whole instead of being parsed,
because argparse and the modules of the other subcommands would take 0.9 MB of the agent's memory."""

_CONTEXTS = ("Argparse", "EventWords", "Facts", "Messages", "Terminal", "Tray")
"""Contexts of the translation catalogue whose texts subcommands print."""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; return the exit code."""
    return ending.run(lambda: _run(arguments))


def _run(arguments: list[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    run_agent = _RESIDENT.get(tuple(words))
    if run_agent:
        import_msgspec()
    language.use(_chosen_language(), _CONTEXTS)
    if run_agent:
        _log_to_stderr()
        return run_agent()
    from netwatch_tray.cli import parser

    options = parser.parse(words)
    _log_to_stderr()
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def import_msgspec() -> None:
    """Import msgspec without typing_extensions, of which it needs only what `typing` has since Python 3.11, and which
    would take 0.9 MB of the agent's memory, with inspect that it loads."""
    with lean_imports.without("typing_extensions"):
        import msgspec  # noqa: F401


def _log_to_stderr() -> None:
    log = logging.StreamHandler()
    log.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log])


def _chosen_language() -> str:
    """Return the `language` of the settings file. If the file is missing or invalid return `auto`; the subcommand
    itself reports an invalid file."""
    file = paths.settings_file()
    try:
        if not file.exists():  # the usual case, and `settings` takes 10 ms
            return "auto"
        from netwatch_tray import settings

        return settings.read(file)[0].language
    except (OSError, NetWatchError):
        return "auto"

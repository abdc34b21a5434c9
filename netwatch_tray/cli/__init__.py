"""The terminal's side: one command with a subcommand for each purpose, whose module is loaded when it is called.

Exit codes: 0 done, 1 something is wrong (reported on stderr), 2 usage, 3 no agent is running.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import netwatch_tray
from netwatch_tray.cli import change_settings, ending, program, xembed
from netwatch_tray.text import LogFormatter

_SUBCOMMANDS = {
    "program": ("window", "agent", "quit"),
    "live": ("watch", "status"),
    "connections": ("connections", "apps"),
    "usage": ("usage",),
    "export": ("export", "import"),
    "record": ("record",),
    "diagnose": ("doctor", "selftest"),
    "mac_check": ("mac-check",),
    "autostart": ("autostart",),
    "desktop": ("desktop",),
    "helper": ("helper",),
    "upload": ("snapshot", "upload", "serve-metrics"),
}
"""By module of this package, in the order of the help text."""


class _Parser(argparse.ArgumentParser):
    """Finds the width of the terminal without shutil, which argparse loads with its decompressors for each option."""

    def __init__(self, **more: Any) -> None:
        super().__init__(formatter_class=lambda prog: argparse.HelpFormatter(prog, width=_columns() - 2), **more)


def _columns() -> int:
    """As shutil.get_terminal_size."""
    chosen = os.environ.get("COLUMNS", "")
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; return the exit code."""
    return ending.run(lambda: _run(arguments))


def _run(arguments: list[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser(words).parse_args(words)
    log = logging.StreamHandler()
    log.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log])
    verb: Callable[[argparse.Namespace], int] = options.verb
    return verb(options)


def _parser(words: Sequence[str] = ("--help",)) -> argparse.ArgumentParser:
    """Return a parser that knows at least the subcommand that `words` begin with: the agent, which comes without words
    or by name, would keep the modules of the others in memory."""
    parser = _Parser(
        prog="netwatch-tray",
        description="Live network rates in the tray. Without a verb: start it; a second start opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"netwatch-tray {netwatch_tray.__version__}")
    xembed.add_option(parser)
    change_settings.add_option(parser)
    parser.set_defaults(verb=program.start)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    first = words[0] if words else "agent"
    named = [module for module, names in _SUBCOMMANDS.items() if first in names]
    for module in named or _SUBCOMMANDS:
        importlib.import_module(f"netwatch_tray.cli.{module}").add_verbs(verbs)
    return parser

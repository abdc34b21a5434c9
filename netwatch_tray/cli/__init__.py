"""The terminal's side: one command, a verb for each purpose, nothing imported before its verb is called.

Exit codes: 0 done, 1 something is wrong (said on stderr), 2 usage, 3 no agent is running.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable

import netwatch_tray
from netwatch_tray.cli import (
    autostart,
    change_settings,
    connections,
    desktop,
    diagnose,
    ending,
    export,
    helper,
    live,
    mac_check,
    program,
    record,
    upload,
    usage,
    xembed,
)
from netwatch_tray.text import LogFormatter

_SUBCOMMANDS = (
    program,
    live,
    connections,
    usage,
    export,
    record,
    diagnose,
    mac_check,
    autostart,
    desktop,
    helper,
    upload,
)
"""In the order of the help text."""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; return the exit code."""
    return ending.run(lambda: _run(arguments))


def _run(arguments: list[str] | None) -> int:
    options = _parser().parse_args(arguments)
    log = logging.StreamHandler()
    log.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log])
    verb: Callable[[argparse.Namespace], int] = options.verb
    return verb(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="netwatch-tray",
        description="Live network rates in the tray. Without a verb: start it; a second start opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"netwatch-tray {netwatch_tray.__version__}")
    xembed.add_option(parser)
    change_settings.add_option(parser)
    parser.set_defaults(verb=program.start)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for module in _SUBCOMMANDS:
        module.add_verbs(verbs)
    return parser

"""Starting at login: `autostart on`, `off` and `status`."""

from __future__ import annotations

import argparse

from netwatch_tray.cli.session import DONE, WRONG
from netwatch_tray.language import translate


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "autostart",
        example="netwatch-tray autostart on",
        help="start at login: on, off, or whether it is on (exit code 1: off)",
    )
    parser.add_argument("what", choices=("on", "off", "status"), nargs="?", default="status")
    parser.set_defaults(run=_autostart)


def _autostart(options: argparse.Namespace) -> int:
    from netwatch_tray import autostart

    if options.what != "status":
        autostart.turn(on=options.what == "on")
    is_on = autostart.is_on()
    print(translate("Terminal", "on: {file}").format(file=autostart.file()) if is_on else translate("Terminal", "off"))
    return DONE if is_on or options.what == "off" else WRONG

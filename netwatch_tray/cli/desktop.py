"""`desktop install`, `remove` and `status`: the files that integrate the program into a Linux desktop."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from netwatch_tray.cli.session import DONE, WRONG
from netwatch_tray.errors import NetWatchError
from netwatch_tray.language import translate

if TYPE_CHECKING:
    from netwatch_tray.desktop_files import Found


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "desktop",
        example="netwatch-tray desktop install",
        help="menu entry and icons for pip and checkout: install, remove, or status (exit code 1: none)",
    )
    parser.add_argument("what", choices=("install", "remove", "status"), nargs="?", default="status")
    parser.set_defaults(run=_desktop)


def _desktop(options: argparse.Namespace) -> int:
    from netwatch_tray import desktop_files

    if sys.platform != "linux":
        raise NetWatchError("Menu entry and icons are installed by this command on Linux only.")
    match options.what:
        case "install":
            found = desktop_files.install()
        case "remove":
            removed = desktop_files.remove()
            found = desktop_files.find()
            if removed or not found.is_packaged:
                print(
                    translate("Terminal", "Menu entry and icons are removed.")
                    if removed
                    else translate("Terminal", "Nothing to remove.")
                )
                return DONE
        case _:
            found = desktop_files.find()
    print(in_words(found))
    for file in found.foreign:
        foreign = translate("Terminal", "Left as it is, because another program or you made it: {file}")
        print(foreign.format(file=file), file=sys.stderr)
    return DONE if found.place else WRONG


def in_words(found: Found) -> str:
    """Return where the menu entry and the icons are installed, or how to install them."""
    from netwatch_tray import desktop_files

    if found.place is None:
        return translate("Terminal", "not installed: no menu entry. Run: netwatch-tray desktop install")
    if found.is_packaged:
        return translate("Terminal", "installed by a package in {place}; nothing needs to be done").format(
            place=found.place
        )
    text = translate("Terminal", "installed in {place}, starts {command}")
    return text.format(place=found.place, command=desktop_files.exec_line(found.command))

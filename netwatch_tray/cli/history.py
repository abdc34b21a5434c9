"""Subcommands for the whole history: `history delete`, `backup`, `restore`, `merge`."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from netwatch_tray.cli.dates import add_days, chosen_days
from netwatch_tray.cli.session import DONE, WRONG
from netwatch_tray.language import mark, said, translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from netwatch_tray.errors import Message


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "history",
        example="netwatch-tray history backup netwatch-2026.sqlite3",
        help="delete days, back up, restore or merge the history",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    delete = actions.add_parser(
        "delete",
        example="netwatch-tray history delete --from 2026-11-01 --to 2026-11-07",
        help="delete what was recorded of some days, or everything",
    )
    add_days(
        delete,
        mark(
            "Terminal",
            "first day, such as 2026-01-31, today, yesterday or -7d (7 days ago); default: the first one recorded",
        ),
    )
    delete.add_argument("--all", action="store_true", help="everything, whatever the days")
    delete.add_argument("--network-names", action="store_true", help="only the names of networks; amounts stay")
    _add_yes(delete)
    delete.set_defaults(run=_delete)

    backup = actions.add_parser(
        "backup",
        example="netwatch-tray history backup netwatch-2026.sqlite3",
        help="write a copy to a file, also while the agent records",
    )
    backup.add_argument("file", type=Path, metavar="FILE")
    backup.set_defaults(run=_back_up)

    restore = actions.add_parser(
        "restore",
        example="netwatch-tray history restore netwatch-2026.sqlite3",
        help="replace the history by a backup",
    )
    restore.add_argument("file", type=Path, metavar="FILE")
    _add_yes(restore)
    restore.set_defaults(run=_restore)

    merge = actions.add_parser(
        "merge", example="netwatch-tray history merge laptop.sqlite3", help="add the history of another machine"
    )
    merge.add_argument("file", type=Path, metavar="FILE", help="its history, or a backup of it")
    merge.set_defaults(run=_merge)


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _delete(options: argparse.Namespace) -> int:
    from netwatch_tray import paths
    from netwatch_tray.history import keeping
    from netwatch_tray.history.host_days import HostDays
    from netwatch_tray.history.usage import midnight, midnight_after

    days = [day for day in (options.first, options.last) if day is not None]
    if options.network_names:
        return _delete_network_names(options, has_others=bool(days) or options.all)
    if bool(days) == options.all:
        options.parser.error(translate("Terminal", "either days (--from, --to) or --all is required"))
    first, last = (date.min, date.max) if options.all else chosen_days(options, None)
    question = translate("Terminal", "Delete everything that was recorded from {first} to {last}?")
    if options.all:
        question = translate("Terminal", "Delete the whole history?")
    if not _is_confirmed(question.format(first=first, last=last), yes=options.yes):
        return WRONG  # not confirmed
    count = keeping.delete_days(paths.history_file(), first, last)
    HostDays(paths.hosts_directory()).delete_between(midnight(first), midnight_after(last))
    print(translate("Terminal", "Days deleted: {count}").format(count=count))
    return DONE


def _delete_network_names(options: argparse.Namespace, *, has_others: bool) -> int:
    from netwatch_tray import paths
    from netwatch_tray.history import keeping

    if has_others:
        options.parser.error(translate("Terminal", "--network-names goes with neither days nor --all"))
    if not _is_confirmed(translate("Terminal", "Delete the names of all networks?"), yes=options.yes):
        return WRONG  # not confirmed
    count = keeping.delete_network_names(paths.history_file())
    print(translate("Terminal", "Names deleted: {count}").format(count=count))
    return DONE


def _back_up(options: argparse.Namespace) -> int:
    from netwatch_tray import paths, units
    from netwatch_tray.history import keeping

    size = keeping.back_up(paths.history_file(), options.file)
    text = translate("Terminal", "{size} saved in {file}")
    print(text.format(size=units.size(size), file=options.file))
    return DONE


def _restore(options: argparse.Namespace) -> int:
    from netwatch_tray.history import keeping

    question = translate("Terminal", "Replace the whole history by {file}?").format(file=options.file)
    if not _is_confirmed(question, yes=options.yes):
        return WRONG  # not confirmed
    return _take_over(keeping.restore, options.file)


def _merge(options: argparse.Namespace) -> int:
    from netwatch_tray.history import keeping

    return _take_over(keeping.merge, options.file)


def _take_over(action: Callable[[Path, Path], Message], source: Path) -> int:
    from netwatch_tray import paths

    print(said(action(paths.history_file(), source)))
    return DONE


def _is_confirmed(question: str, *, yes: bool) -> bool:
    """Ask the user once for confirmation. Without a terminal only `--yes` confirms."""
    if yes:
        return True
    if not sys.stdin.isatty():
        print(translate("Terminal", "Nothing was changed: add --yes to confirm."), file=sys.stderr)
        return False
    try:
        answer = input(f"{question} {translate('Terminal', '[y/N]')} ")
    except EOFError:  # Ctrl-D
        return False
    return answer.strip().lower() in ("y", "yes", "j", "ja")

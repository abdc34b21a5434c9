"""Days on the command line: `2026-01-31`, `today`, `yesterday` and `-7d`."""

from __future__ import annotations

import argparse
import re
from datetime import date, timedelta

from netwatch_tray.language import translate

_DAYS_AGO = re.compile(r"-[0-9]{1,6}d")


def day(text: str) -> date:
    """Return the local day that `text` names. An argparse `type`: raise ArgumentTypeError if it names none."""
    today = date.today()  # noqa: DTZ011  the user's own days
    try:
        if text == "today":
            return today
        if text == "yesterday":
            return today - timedelta(days=1)
        if _DAYS_AGO.fullmatch(text):
            return today - timedelta(days=int(text[1:-1]))
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        problem = translate("Terminal", "must be a day such as 2026-01-31, yesterday or -7d, not {text!r}")
        raise argparse.ArgumentTypeError(problem.format(text=text)) from None


def add_days(parser: argparse.ArgumentParser, about_first: str) -> None:
    """Add the options `--from` and `--to`, which `chosen_days` reads. `about_first`: help text of `--from`."""
    parser.add_argument("--from", dest="first", type=day, metavar="DAY", help=about_first)
    parser.add_argument("--to", dest="last", type=day, metavar="DAY", help="last day, inclusive; default: today")


def chosen_days(options: argparse.Namespace, default_days: int | None) -> tuple[date, date]:
    """Return the first and the last day that `--from` and `--to` choose, both included.

    Without `--from` these are `default_days` days up to the last one, or all days if `default_days` is None. Exit with
    code 2 if the first day is after the last.
    """
    last: date = options.last or date.today()  # noqa: DTZ011  the user's own days
    earliest = date.min if default_days is None else date.fromordinal(max(1, last.toordinal() - default_days + 1))
    first: date = options.first or earliest
    if first > last:
        problem = translate("Terminal", "--from {first} is after --to {last}")
        if options.last is None:
            problem = translate("Terminal", "--from {first} is after today")
        options.parser.error(problem.format(first=first, last=last))
    return first, last

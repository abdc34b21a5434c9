"""The subcommand `usage`: amounts by day, month, interface, app and network."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, cast

from netwatch_tray.cli.dates import add_days, chosen_days
from netwatch_tray.cli.session import (
    DONE,
    Fit,
    bar,
    complain,
    open_history,
    print_json,
    print_table,
    terminal_size,
    usable_settings,
)
from netwatch_tray.errors import HistoryError
from netwatch_tray.language import mark, translate
from netwatch_tray.text import closest, printable

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.history.results import NetworkUse, Used
    from netwatch_tray.history.series import SeriesKind
    from netwatch_tray.history.usage import Period
    from netwatch_tray.settings import Counts, Settings

_DEFAULT_DAYS = 30
_BAR = 24
"""Length in cells of the bar of the largest amount."""
NAMES_OF_REST = {
    "unmeasured": mark("Terminal", "While NetWatch was not measuring"),
    "other": mark("Terminal", "Not of any app"),
    "imported": mark("Terminal", "Imported, apps not known"),
}
"""Names of the bytes of the total that belong to no app, by cause. CSV and JSON have them in English."""


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "usage",
        example="netwatch-tray usage --apps --from -7d",
        help="how much was used: per day or month, interface, app or network",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--by", choices=("day", "week", "month", "billing", "year"), default="day", help="default: day")
    what.add_argument("--interfaces", action="store_true", help="per interface instead")
    what.add_argument("--apps", action="store_true", help="per app instead (TCP payload)")
    what.add_argument("--networks", action="store_true", help="per network instead")
    parser.add_argument("--network", metavar="NAME", help="in one network alone, by its name in --networks")
    add_days(
        parser,
        mark(
            "Terminal",
            "first day, such as 2026-01-31, today, yesterday or -7d (7 days ago); default: 30 days up to --to, "
            "with --by week, month, billing or year all days",
        ),
    )
    parser.add_argument(
        "--internet", action="store_true", help="without what is known to have stayed in the local network"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document, bytes")
    parser.set_defaults(run=_usage)


def _usage(options: argparse.Namespace) -> int:
    settings = usable_settings()
    if options.internet and (options.interfaces or options.apps or options.networks or options.network):
        options.parser.error(translate("Terminal", "--internet is about the total alone"))
    if options.network and options.networks:
        options.parser.error(translate("Terminal", "--network does not go with --networks"))
    first, last = chosen_days(options, _DEFAULT_DAYS if options.by == "day" else None)
    with open_history() as reader:
        network = options.network and network_called(reader, settings, options.network).key
        rows = list(_rows(reader, options, settings, first, last, network))
        remainder = _remainder(reader, first, last) if options.apps and not network else []
        is_unnamed = options.networks and settings.history.network_names and not _has_names(reader)
    if options.json:
        rows += [(NAMES_OF_REST[kind], used) for kind, used in remainder]
    elif options.apps:
        from netwatch_tray import wording

        rows = [(wording.app_name(name), used) for name, used in rows]
        rows += [(translate("Terminal", NAMES_OF_REST[kind]), used) for kind, used in remainder]
    if options.json:
        kinds = [kind for kind, _used in remainder]
        kinds = [*["app"] * (len(rows) - len(kinds)), *kinds]
        documents = [{"name": name, **used._asdict()} for name, used in rows]
        if options.apps:
            documents = [{**document, "kind": kind} for document, kind in zip(documents, kinds, strict=True)]
        print_json(documents)
    elif rows:
        print(_title(options, first, last))
        # Interfaces over each other carry the same bytes: their sum means nothing.
        _print(rows, settings, with_sum=not options.interfaces)
        if is_unnamed:
            complain(translate("Terminal", "No name is known yet: names of networks come from NetworkManager."))
    else:
        nothing = translate("Terminal", "Nothing was recorded up to {last}.")
        if first > date.min:
            nothing = translate("Terminal", "Nothing was recorded between {first} and {last}.")
        print(nothing.format(first=first, last=last))
    return DONE


def _rows(
    reader: HistoryReader,
    options: argparse.Namespace,
    settings: Settings,
    first: date,
    last: date,
    network: str | None,
) -> Iterable[tuple[str, Used]]:
    from netwatch_tray.history.results import NOTHING
    from netwatch_tray.history.usage import period_of

    with_names = settings.history.network_names
    if options.networks:
        networks = reader.by_network(first, last, with_names=with_names)
        return [(network_label(each, with_metered=True), each.used) for each in networks]
    if options.interfaces or options.apps:
        kind: SeriesKind = "interface" if options.interfaces else "app"
        return reader.by_name(kind, first, last, network=network, with_names=with_names).items()
    sums: dict[str, Used] = {}
    counts: Counts = "internet" if options.internet else "all"
    found = reader.days("total", None, first, last, counts=counts, network=network, with_names=with_names)
    for day, used in found.items():
        begin = period_of(day, cast("Period", options.by), settings.plan).first.isoformat()
        sums[begin] = sums.get(begin, NOTHING).plus(used)
    for span, used in reader.undated("total", None, first, last) if network is None else ():
        period, other = (period_of(day, cast("Period", options.by), settings.plan) for day in span)
        if period == other:  # otherwise it is unknown which of them it belongs to
            begin = period.first.isoformat()
            sums[begin] = sums.get(begin, NOTHING).plus(used)
    return sorted(sums.items())


def _remainder(reader: HistoryReader, first: date, last: date) -> list[tuple[str, Used]]:
    """Return the bytes of the total that belong to no app, by cause: `unmeasured`, `other` or `imported`. Causes
    without bytes are left out."""
    remainder = reader.remainder(first, last)._asdict()
    return [(kind, used) for kind, used in remainder.items() if used.both]


def _has_names(reader: HistoryReader) -> bool:
    return any(each.name for each in reader.networks(with_names=True))


def network_label(use: NetworkUse, *, with_metered: bool = False) -> str:
    """Return the label of a network: its name or, if it has none, its kind and number."""
    metered = ", metered" if with_metered and use.is_metered else ""
    number = f" {use.number}" if use.number > 1 else ""
    return f"{use.name or use.kind + number}{metered}"


def network_called(reader: HistoryReader, settings: Settings, name: str) -> NetworkUse:
    """Return the network whose `network_label` is `name`. Raise HistoryError if there is none."""
    found = reader.networks(with_names=settings.history.network_names)
    known = {printable(network_label(each)): each for each in reversed(found)}
    if (network := known.get(printable(name))) is not None:
        return network
    if (meant := closest(name, known)) is not None:
        raise HistoryError("The history has no network {name}. Did you mean {meant}?", name=name, meant=meant)
    raise HistoryError("The history has no network {name}. `usage --networks` lists them.", name=name)


def _title(options: argparse.Namespace, first: date, last: date) -> str:
    """Return the title of the table: what was used, and on which days."""
    what = next((name for name in ("interfaces", "apps", "networks") if getattr(options, name)), options.by)
    usage = _titles()[what]
    if options.network:
        usage = translate("Terminal", "{usage} in {network}").format(usage=usage, network=printable(options.network))
    if first == date.min:
        return translate("Terminal", "{usage}, all up to {last}").format(usage=usage, last=last)
    return translate("Terminal", "{usage}, {first} to {last}").format(usage=usage, first=first, last=last)


def _titles() -> dict[str, str]:
    return {
        "day": translate("Terminal", "Usage per day"),
        "week": translate("Terminal", "Usage per week, by its first day"),
        "month": translate("Terminal", "Usage per month, by its first day"),
        "billing": translate("Terminal", "Usage per billing month, by its first day"),
        "year": translate("Terminal", "Usage per year, by its first day"),
        "interfaces": translate("Terminal", "Usage per interface"),
        "apps": translate("Terminal", "Usage per app"),
        "networks": translate("Terminal", "Usage per network"),
    }


def _print(rows: Sequence[tuple[str, Used]], settings: Settings, *, with_sum: bool) -> None:
    """Print the table of amounts. The columns for gaps and imports are left out if all their values are 0. On a
    terminal, each row ends with a bar for received and sent bytes together."""
    from netwatch_tray import units
    from netwatch_tray.history.results import Used

    def size(amount: int) -> str:
        return str(units.size(amount, settings.units))

    greatest = max(used.both for _name, used in rows)
    shown = [*rows]
    if with_sum and len(rows) > 1:
        shown.append((translate("Terminal", "total"), reduce(Used.plus, (used for _name, used in rows))))
    columns: list[tuple[str, Callable[[Used], int], Fit]] = [
        (units.DOWN, lambda used: used.rx, Fit()),
        (units.UP, lambda used: used.tx, Fit()),
        (translate("Terminal", "BOTH"), lambda used: used.both, Fit()),
        (translate("Terminal", "IN GAPS"), lambda used: used.gap_rx + used.gap_tx, Fit(rank=2)),
        (translate("Terminal", "IMPORTED"), lambda used: used.imported, Fit(rank=1)),
    ]
    kept = columns[:3]
    kept += [column for column in columns[3:] if any(column[1](used) for _name, used in rows)]
    heads = ["", *(head for head, _amount, _fit in kept)]
    cells = [[name, *(size(amount(used)) for _head, amount, _fit in kept)] for name, used in shown]
    fits = [Fit(least=12), *(fit for _head, _amount, fit in kept)]
    if terminal_size() is not None and greatest:
        heads.append("")
        fits.append(Fit(rank=3))
        for at, row in enumerate(cells):
            row.append(bar(rows[at][1].both / greatest, _BAR) if at < len(rows) else "")
    print_table(heads, cells, "<" + ">" * len(kept) + "<" * (len(heads) - len(kept) - 1), fits)
